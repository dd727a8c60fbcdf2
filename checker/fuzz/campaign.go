package fuzz

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"pgregory.net/rapid"

	"aiocheck/traces"
)

// Config says what a campaign does.
type Config struct {
	// Open makes a target, one for each lane; also in place of one that failed.
	Open     func(ctx context.Context) (Target, error)
	Lanes    int
	Profile  *Profile
	Seed     uint64
	Programs int64         // how many to run, 0 if Duration says when to end
	Duration time.Duration // 0 if Programs says when to end
	Dir      string        // where findings and the corpus go; nothing is kept if it is empty
	Shrink   time.Duration // most time to shrink a finding
	Repeat   int           // runs by which a finding's rate is known; 0 leaves findings as they were met
	Stop     bool          // end with the first finding
	// Origin is how the target was made, for findings to be replayed.
	Origin json.RawMessage
	// Found is told of each new finding, once it is written and once it is
	// shrunk; Tell, now and then, of how far the campaign has come. Both by one
	// goroutine at a time; nil for nobody.
	Found func(folder string, f *Finding)
	Tell  func(Stats)
}

// Stats is how far a campaign has come, or what it came to.
type Stats struct {
	Programs   int64          `json:"programs"` // of this run and those that it resumed
	Before     int64          `json:"programs_before"`
	Requests   int64          `json:"requests"`
	Mutated    int64          `json:"mutated"` // of the programs of this run: changes of earlier ones
	Elapsed    time.Duration  `json:"elapsed_ns"`
	Running    time.Duration  `json:"running_ns"` // all lanes: programs on the target
	Judging    time.Duration  `json:"judging_ns"`
	Generating time.Duration  `json:"generating_ns"`
	Shrinking  time.Duration  `json:"shrinking_ns"`
	Findings   int            `json:"findings"` // folders
	Violations int64          `json:"violations"`
	Undecided  int64          `json:"undecided"` // programs whose judgement reached its limits
	Corpus     int            `json:"corpus"`
	Features   map[string]int `json:"features"`
	LastNew    int64          `json:"last_new"` // the program that showed something new last
	Lost       int            `json:"lost"`     // targets that were replaced
}

// plateauAfter is how many programs without anything new are a plateau: a
// thousand, and as many as it took until then.
const plateauAfter = 1000

// Plateau reports whether the campaign shows nothing new any more.
func (s *Stats) Plateau() bool { return s.Programs-s.LastNew >= max(plateauAfter, s.LastNew) }

// Rate is programs a second.
func (s *Stats) Rate() float64 {
	if s.Elapsed <= 0 {
		return 0
	}
	return float64(s.Programs-s.Before) / s.Elapsed.Seconds()
}

// What is in a campaign's directory.
const (
	dirFindings  = "findings"
	dirCorpus    = "corpus"
	fileCampaign = "campaign.json"
)

// resumed is what campaign.json says: where to go on.
type resumed struct {
	Seed     uint64 `json:"seed"`
	Programs int64  `json:"programs"`
	LastNew  int64  `json:"last_new"`
}

// campaign is a campaign that runs.
type campaign struct {
	Config
	mu        sync.Mutex
	stats     Stats
	next      int64 // number of the next program, from 0
	ends      time.Time
	start     time.Time
	corpus    *Corpus
	folders   map[string]*Listed // by key
	property  map[string]int     // folders by property
	generator sync.Map           // *rapid.Generator[*Draft] by abilities
	saved     time.Time
	stop      context.CancelFunc
	errs      []error
}

// Run runs a campaign until its end, or until ctx is cancelled, which is no
// error. Whatever was found until then is in the directory.
func Run(ctx context.Context, conf Config) (Stats, error) {
	c := &campaign{Config: conf, folders: map[string]*Listed{}, property: map[string]int{}, start: time.Now()}
	ctx, c.stop = context.WithCancel(ctx)
	defer c.stop()
	if err := c.open(); err != nil {
		return c.stats, err
	}
	c.ends = c.start.Add(conf.Duration)
	var lanes sync.WaitGroup
	for n := range max(1, conf.Lanes) {
		lanes.Go(func() { c.lane(ctx, n) })
	}
	lanes.Wait()
	_, err := c.corpus.Minimise()
	c.errs = append(c.errs, err, c.save())
	return c.told(), errors.Join(c.errs...)
}

// open reads what the directory has of earlier runs.
func (c *campaign) open() error {
	var err error
	if c.Dir == "" {
		c.corpus, err = OpenCorpus("")
		return err
	}
	if err := os.MkdirAll(filepath.Join(c.Dir, dirFindings), 0o755); err != nil {
		return fmt.Errorf("make the campaign's directory: %w", err)
	}
	var before resumed
	switch err := readJSON(filepath.Join(c.Dir, fileCampaign), &before); {
	case err == nil && before.Seed == c.Seed:
		c.next, c.stats.Programs, c.stats.Before, c.stats.LastNew = before.Programs, before.Programs, before.Programs, before.LastNew
	case err != nil && !errors.Is(err, os.ErrNotExist):
		return err
	}
	if c.corpus, err = OpenCorpus(filepath.Join(c.Dir, dirCorpus)); err != nil {
		return err
	}
	list, err := ReadFindings(c.Dir)
	if err != nil {
		return err
	}
	for i := range list {
		f := &list[i]
		c.folders[f.Key()] = f
		if f.Met != "" {
			c.folders[f.Property+": "+f.Met] = f
		}
		c.property[f.Property]++
	}
	_, err = c.corpus.Minimise()
	return err
}

// saveEvery is how much work a campaign that is killed does again.
const saveEvery = 2 * time.Second

// save writes where to go on.
func (c *campaign) save() error {
	c.saved = time.Now()
	if c.Dir == "" {
		return nil
	}
	return writeJSON(filepath.Join(c.Dir, fileCampaign), resumed{c.Seed, c.next, c.stats.LastNew})
}

// told completes the statistics.
func (c *campaign) told() Stats {
	s := c.stats
	s.Elapsed, s.Findings, s.Corpus, s.Features = time.Since(c.start), c.findings(), len(c.corpus.seeds), c.corpus.Counts()
	return s
}

// findings counts the folders, several of whose keys may lead to one.
func (c *campaign) findings() (n int) {
	for _, k := range c.property {
		n += k
	}
	return n
}

// take hands out the numbers of the next programs, none at the end.
func (c *campaign) take(n int) (first int64, count int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.Programs > 0 {
		n = int(min(int64(n), c.Programs-(c.next-c.stats.Before)))
	} else if !time.Now().Before(c.ends) {
		n = 0
	}
	first = c.next
	c.next += int64(max(0, n))
	return first, n
}

// maxFailures is how many targets in a row may fail to begin anything.
const maxFailures = 3

// lane runs programs on a target of its own, and on another when that fails.
func (c *campaign) lane(ctx context.Context, n int) {
	l := &lane{campaign: c}
	defer func() {
		if l.target != nil {
			c.fail(l.target.Close())
		}
	}()
	for failures := 0; ctx.Err() == nil; {
		if l.target == nil {
			var err error
			if l.target, err = c.Open(ctx); err != nil {
				if failures++; failures == maxFailures || ctx.Err() != nil || c.idle() {
					if ctx.Err() == nil {
						c.fail(fmt.Errorf("open the target: %w", err))
					}
					return
				}
				continue
			}
		}
		first, count := c.take(l.target.Batch())
		if count <= 0 {
			return
		}
		switch err := l.batch(ctx, first, count); {
		case err == nil:
			failures = 0
		case ctx.Err() != nil:
			return
		default:
			var broken *brokenTarget
			if failures++; failures == maxFailures || !errors.As(err, &broken) {
				c.fail(err)
				return
			}
			l.replace()
		}
	}
}

// idle reports whether nothing has run yet: the target is wrong, not broken.
func (c *campaign) idle() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stats.Programs == c.stats.Before
}

func (c *campaign) fail(err error) {
	if err == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.errs = append(c.errs, err)
}

// seedOf is the seed of a number in a campaign, for a use: splitmix64.
func seedOf(seed uint64, number int64, use uint64) uint64 {
	x := seed + (uint64(number)*4+use+1)*0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// What seeds are used for.
const (
	useTarget = iota
	useDraft
)

// fresh is the generator of new drafts for targets that are able to do so much.
func (c *campaign) fresh(able traces.Abilities) *rapid.Generator[*Draft] {
	if g, ok := c.generator.Load(able); ok {
		return g.(*rapid.Generator[*Draft])
	}
	g, _ := c.generator.LoadOrStore(able, Drafts(c.Profile, able))
	return g.(*rapid.Generator[*Draft])
}

// draft makes the draft of a number: a new one, or a change of those kept.
func (c *campaign) draft(number int64, able traces.Abilities) *Draft {
	seed := seedOf(c.Seed, number, useDraft)
	fresh := c.fresh(able)
	flags.RLock()
	defer flags.RUnlock()
	c.mu.Lock()
	seeds := c.corpus.seeds
	c.mu.Unlock()
	if len(seeds) > 0 && int(seed>>32%100) < c.Profile.Mutated {
		c.mu.Lock()
		c.stats.Mutated++
		c.mu.Unlock()
		return Mutants(seeds, fresh).Example(int(seed))
	}
	return fresh.Example(int(seed))
}
