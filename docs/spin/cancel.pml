/*
 * Early and late cancel, the same state machine as in
 * sim/explore/cancel_test.go, step by step: what is one step there is one
 * d_step or one atomic transition here. Numbers are those of
 * thread-aio.md 2.2 to 2.4.
 *
 * Requests are submitted side by side (S6, S7), workers take them in any order
 * (W1 to W15), each canceller cancels one request that it chooses (C3 to C7).
 */
#ifndef R
#define R 4 /* requests */
#endif
#ifndef W
#define W 2 /* workers */
#endif
#ifndef C
#define C 2 /* cancellers */
#endif

#define ABSENT   0
#define ARMED    1
#define QUEUED   2
#define STARTED  3
#define RUNNING  4
#define RETURNED 5
#define UNLINKED 6
#define POSTED   7

#define EARLY     1
#define LATE      2
#define CANCELLED 3

byte phase[R], kc[R];
bit interrupted[R];

byte place[W]; /* of a worker: the number of the step that it took last */
byte on[W];    /* the request that it executes */
bit sig[W];    /* a signal is pending */

byte at[C];     /* of a canceller: the number of the step that it took last */
byte target[C];
bit answer[C];  /* 1 is EINPROGRESS */

bit locked; /* the context lock, from C3 to C7; W8 waits for it */

#define LISTED(r) (phase[r] >= ARMED && phase[r] <= RETURNED && (kc[r] == EARLY || kc[r] == LATE))

active [R] proctype submitter()
{
end:	do
	:: d_step { phase[_pid] == ABSENT -> phase[_pid] = ARMED; kc[_pid] = EARLY } /* S6 */
	:: d_step { phase[_pid] == ARMED -> phase[_pid] = QUEUED }                   /* S7 */
	od
}

#define w (_pid - R)
#define r on[w]

#define TAKE(q) \
	:: d_step { place[w] == 0 && phase[q] == QUEUED -> place[w] = 1; on[w] = q; phase[q] = STARTED }

active [W] proctype worker()
{
end:	do
	TAKE(0)                                                                         /* W1 */
#if R > 1
	TAKE(1)
#endif
#if R > 2
	TAKE(2)
#endif
#if R > 3
	TAKE(3)
#endif
	:: d_step { place[w] == 1 -> place[w] = 2 }                                     /* W2 */
	:: d_step { place[w] == 2 && kc[r] == EARLY ->                                  /* W4a */
		place[w] = 4; phase[r] = RUNNING; kc[r] = LATE }
	:: d_step { place[w] == 2 && kc[r] != EARLY ->                                  /* W4b */
		place[w] = 6; phase[r] = RETURNED; interrupted[r] = 1 }
	:: d_step { place[w] == 4 && sig[w] ->                                          /* W5 */
		place[w] = 6; phase[r] = RETURNED; interrupted[r] = 1 }
	:: d_step { place[w] == 4 -> place[w] = 6; phase[r] = RETURNED }                /* W6 */
	:: d_step { place[w] == 6 && !locked -> place[w] = 8; phase[r] = UNLINKED }     /* W8 */
	:: d_step { place[w] == 8 ->                                                    /* W9 */
		assert(!interrupted[r] || kc[r] == CANCELLED);
		place[w] = 9; phase[r] = POSTED }
	:: d_step { place[w] == 9 -> place[w] = 14; sig[w] = 0 }                        /* W14 */
	:: d_step { place[w] == 14 -> assert(!sig[w]); place[w] = 0; on[w] = 0 }        /* W15 */
	od
}

#undef r
#define c (_pid - R - W)
#define t target[c]

#define FIND(q) \
	:: d_step { at[c] == 0 && !locked && LISTED(q) -> at[c] = 3; t = q; locked = 1 } \
	:: d_step { at[c] == 0 && !locked && !LISTED(q) -> at[c] = 7; t = q }

inline signal(q)
{
	if
	:: place[0] != 0 && on[0] == q -> sig[0] = 1
#if W > 1
	:: place[1] != 0 && on[1] == q -> sig[1] = 1
#endif
#if W > 2
	:: place[2] != 0 && on[2] == q -> sig[2] = 1
#endif
	:: else -> skip
	fi
}

active [C] proctype canceller()
{
end:	do
	FIND(0)                                                                         /* C3 */
#if R > 1
	FIND(1)
#endif
#if R > 2
	FIND(2)
#endif
#if R > 3
	FIND(3)
#endif
	:: d_step { at[c] == 3 && kc[t] == EARLY -> at[c] = 4; kc[t] = CANCELLED }      /* C5, was early */
	:: d_step { at[c] == 3 && kc[t] == LATE -> at[c] = 5; kc[t] = CANCELLED }       /* C5, was late */
	:: d_step { at[c] == 4 -> at[c] = 6 }                                           /* C6e */
	:: d_step { at[c] == 5 -> at[c] = 6; signal(t) }                                /* C6l */
	:: d_step { at[c] == 6 ->                                                       /* C7 */
		assert(!answer[c]); /* read, or Spin would leave it out of the state */
		at[c] = 7; answer[c] = 1; locked = 0 }
	od
}
