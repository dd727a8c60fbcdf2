// Package graph draws designs: the life of a request, which is the machine's
// state space projected on one request, and the part of the state space that a
// program reaches. Nothing is drawn by hand: every node is a state that was
// reached and every edge a step that was taken.
package graph
