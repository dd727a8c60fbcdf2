// Package compare explores designs side by side: each in every standard case,
// within bounds, and gives the table of designs against properties, with the
// shortest counterexample behind every violation. A result is a value that is
// rendered as text, Markdown, HTML or JSON.
package compare
