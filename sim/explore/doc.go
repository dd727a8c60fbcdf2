// Package explore visits every state of a model that anything with the
// interface Model describes, and says what it found: violated properties with
// a shortest path each, states in which nothing has to happen though a promise
// is pending, fair cycles in which one is never kept, and the outcomes of all
// behaviours.
//
// The search is breadth-first, level by level, so that the first path found to
// a state is a shortest one. States are kept packed, with the reference of the
// state that they were reached from, in shards by their hash; a path is made
// again from these references by asking the model for successors. A level is
// cut into rounds of a fixed size: in the first half of a round the workers
// expand states into outboxes, one per block of states and shard; in the second
// half each shard takes its outboxes in the order of the blocks. Which state a
// state is first reached from therefore depends neither on the number of
// workers nor on timing, and neither does anything in the result but its cost.
//
// No state is ever dropped without a word: when a limit is reached the search
// ends, and the result says how far it came.
package explore
