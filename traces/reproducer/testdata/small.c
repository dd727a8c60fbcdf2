// SPDX-License-Identifier: GPL-2.0
/*
 * A reproducer for a violation of no-lost-write: A write whose event
 * reports its bytes is what every later read returns until the next write.
 *
 * Seen:     the read by request 18 returned the data of the beginning at
 *           bytes 4096 to 8191, after request 17 had written them
 *
 * Expected: the data of request 17, or of a write that was running
 *
 * Found:    round 3 of run.aiot: Linux 6.1.192, seed 7
 *
 * Replay:   aiocheck verify --seed 7 --requests 2000
 *
 * Round 3 has 2 threads, 1 context and 3 requests, and ends by reaping all
 * events and destroying the contexts. The calls are in the functions of the
 * threads, in the middle of this file.
 *
 *	thread_0:
 *	 1. submit(c0, r17, 1): PWRITE 4096 bytes at 4096 of storage,
 *	    signals eventfd_1
 *	 2. get_events(c0, 1, 2, -1, 0): 1 to 2 events, however long it
 *	    takes
 *	 3. submit(c0, r18, 2): PREAD 4096 bytes at 4096 of storage;
 *	    FSYNC storage
 *	 4. get_events(c0, 2, 8, 5000000000, 0): 2 to 8 events, within
 *	    5s
 *	 5. destroy(c0) (when thread 1 has begun step 2)
 *	 6. destroy(c0)
 *
 *	thread_1:
 *	 1. cancel(c0, r18) (when thread 0 has begun step 3)
 *	 2. goes on (when thread 0 has begun step 4)
 *
 * Built and run by:
 *
 *	gcc -std=gnu11 -O2 -Wall -Wextra -Werror \
 *		-static -pthread -o reproducer reproducer.c
 *	./reproducer [ATTEMPTS [DIRECTORY]]
 *
 * It makes 1000 attempts if not told, as races need luck, and ends with the
 * first that violates something. Files are made in DIRECTORY, here if not
 * told, and removed. The output is KTAP; the exit code is that of a kernel
 * self-test: 0 all is well, 1 something is violated, 4 it cannot run here.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

/* Not every program needs every helper. */
#pragma GCC diagnostic ignored "-Wunused-function"

/* Exit codes of kernel self-tests (tools/testing/selftests/kselftest.h). */
enum { KSFT_PASS = 0, KSFT_FAIL = 1, KSFT_SKIP = 4 };

/* Seconds after which a missing event counts as lost, and a round that makes no step as hung. */
#ifndef PATIENCE
#define PATIENCE 10
#define HANG 30
#endif

/*
 * Operations and a feature of the ring that only thread-based AIO has. POLL
 * has been in <linux/aio_abi.h> since 4.18.
 */
enum {
	PREAD = 0, PWRITE = 1, FSYNC = 2, FDSYNC = 3, POLL = 5, PREADV = 7, PWRITEV = 8,
	OPENAT = 9, UNLINKAT = 10, READAHEAD = 12, RENAMEAT = 13,
	RING_COMPAT_THREADED = 2,
};

enum file_kind { STORAGE, PIPE, SOCKET, EVENTFD, DIRECTORY };
enum ending { DRAIN, DESTROY, EXIT, KILL };

struct file {
	enum file_kind kind;
	int nonblock;
	int pipe_size;		/* 0: as the kernel makes it */
};

struct request {
	const char *name;	/* in messages */
	unsigned int op, file;
	int eventfd;		/* file that is signalled; 0: none */
	long long offset;	/* of a POLL: the events that it waits for */
	unsigned int bytes, segments, skew;
	int context;		/* where it is submitted; -1: nowhere */
	int plain;		/* made by the thread itself, not by io_submit */
	int reuse;		/* has the iocb of request reuse - 1; 0: its own */
	unsigned int path, new_path;
	unsigned int flags, mode;
	int via;		/* 0: a descriptor, 1: the working directory, 2: the root */
};

struct path {
	unsigned int directory;	/* file */
	int kind;		/* 0: does not exist, 1: an empty file, 2: a FIFO */
	unsigned int mode, uid;
};

struct identity {
	unsigned int uid, umask, cwd, root, descriptors; /* cwd and root: file + 1; 0: as they are */
};

enum {
	ATTEMPTS = 1000,
	ROUNDS = 1, THREADS = 2, FILES = 2, CONTEXTS = 2, PATHS = 2, SEGMENTS = 2,
	REQUESTS = 3, REQUESTS_USED = 3,
	DIRECT = 1,	/* the storage is opened with O_DIRECT */
	LATE_EFFECTS = 1,	/* requests may be under way when their round is over */
	FIRST_FREE = 512,	/* descriptor */
};

static const long long STORAGE_BYTES = 8192;

/*
 * The program. A round is a process of its own, with contexts and files of
 * its own; the storage lasts.
 */

struct round {
	const char *name;
	int first, end;			/* requests */
	int threads_used, files_used, contexts_used, paths_used;
	void (*threads[THREADS])(void);
	int processors[THREADS];	/* to which each keeps: plus 1; 0: to none */
	struct file files[FILES];
	unsigned int slots[CONTEXTS];	/* nr_events of io_setup */
	struct path paths[PATHS];
	const struct identity *identity;
	enum ending ending;
};

static const struct round rounds[ROUNDS];

enum { storage = 0, eventfd_1 = 1, };	/* files, by their numbers in a round */
enum { c0, };	/* contexts */

enum {	/* requests, by their numbers in the run */
	r17, r18, r19,
};

static const struct request requests[REQUESTS] = {
	[r17] = { "r17 (PWRITE)", PWRITE, storage, .eventfd = eventfd_1, .offset = 4096, .bytes = 4096, .context = c0 },
	[r18] = { "r18 (PREAD)", PREAD, storage, .offset = 4096, .bytes = 4096, .context = c0 },
	[r19] = { "r19 (FSYNC)", FSYNC, storage, .context = c0 },
};

/* What is checked, by aiocheck's names; docs/properties.md says what they mean. */
static const char *const properties[] = {
	"no-lost-write",
	"fresh-reads",
	"no-thin-air",
	"data-in-place",
	"whole-sectors",
	"result-matches-effect",
	"cancelled-no-effect",
	"one-event",
	"no-event-for-rejected",
	"event-identity",
	"legal-result",
	"cancel-answer",
	"cancelled-ends",
	"request-ends",
	"submit-count",
	"event-count",
	"timeouts",
	"slots-conserved",
	"ring-never-overflows",
	"eventfd-count",
	"destroy-once",
	"destroy-waits",
	"exit-waits",
	"buffer-released",
	"destroy-returns",
	"waiter-woken",
};

enum { PROPERTIES = sizeof(properties) / sizeof(*properties) };

/*
 * What is seen, in memory that outlives the processes of the rounds.
 */

struct seen {
	atomic_int submitted;	/* 1: being submitted, 2: accepted, 3: refused */
	atomic_int cancelled;	/* -EINPROGRESS from io_cancel, or a call of it that has not returned */
	atomic_int told;	/* answers -EINPROGRESS */
	atomic_int events;
	atomic_int released;	/* since when nobody may write to its buffer any more */
	int dying;		/* at its event: somebody had begun to destroy its context */
	int copied;		/* what it read is in its copy */
	long res;
	unsigned long began, ended;	/* on the shared clock; 0: not seen */
};

enum { BY_EVENT = 1, BY_DESTROY, BY_EXIT, BEING_RELEASED };

struct context {
	aio_context_t id;
	unsigned int nr;	/* the ring holds one event fewer */
	atomic_int gate;	/* 0: the ring may be read, 1: somebody does, 2: it is being unmapped */
	atomic_int dying, gone;	/* an io_destroy has begun; has returned 0 */
	atomic_long begun, refused, accepted, reaped;	/* requests */
	atomic_long reaping, reapings;	/* reaping calls: under way, ever begun */
};

static struct shared {
	atomic_ulong clock;
	atomic_int ready, stepped, closed;	/* threads that got so far */
	atomic_int begun[THREADS];		/* steps that each has begun, from 1 */
	const char *_Atomic in[THREADS];	/* the call that it waits in, if it may be long */
	atomic_int threaded;			/* requests are executed by threads */
	atomic_int frozen;
	atomic_ulong signals[FILES], taken[FILES];	/* of eventfds: added, and read */
	struct context contexts[CONTEXTS];
	struct seen seen[REQUESTS];
	atomic_int failed[PROPERTIES];
	char said[PROPERTIES][400];
} *shared;

static const struct round *round_now;
static __thread int me;		/* number of the thread */

static unsigned long tick(void) { return atomic_fetch_add(&shared->clock, 1) + 1; }

/* violated notes the first violation of a property. */
static __attribute__((format(printf, 2, 3))) void violated(const char *property, const char *format, ...)
{
	va_list args;

	for (int i = 0; i < PROPERTIES; i++)
		if (!strcmp(properties[i], property) && !atomic_exchange(&shared->failed[i], 1)) {
			va_start(args, format);
			vsnprintf(shared->said[i], sizeof(shared->said[i]), format, args);
			va_end(args);
		}
}

/* result is what the kernel returned: libc moves errors to errno. */
static long result(long ret) { return ret < 0 ? -errno : ret; }

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

/* must ends the process if something fails that the test itself needs. */
static long must(long ret, const char *what)
{
	if (ret < 0) {
		printf("Bail out! %s: %s\n", what, strerror(errno));
		fflush(stdout);
		_exit(KSFT_FAIL);
	}
	return ret;
}

static int reads(const struct request *r) { return r->op == PREAD || r->op == PREADV; }
static int writes(const struct request *r) { return r->op == PWRITE || r->op == PWRITEV; }

/*
 * Buffers. Data is made of lines of 64 bytes, each of them four times the
 * same tag: the attempt, the request that wrote it (its number plus one; 0
 * for what is there at the beginning), and where it belongs.
 */

struct tag { uint32_t attempt, writer; uint64_t place; };
struct line { struct tag tags[4]; };

enum { UNREAD = 0xa5, RELEASED = 0xdb };	/* what fills a buffer before a read, and after its event */

static uint32_t attempt;
static unsigned char *buffers[REQUESTS], *copies[REQUESTS];

static void stamp(void *to, size_t bytes, uint32_t writer, uint64_t place)
{
	struct line *line = to;

	for (; bytes >= sizeof(*line); bytes -= sizeof(*line), place += sizeof(*line), line++)
		for (int i = 0; i < 4; i++)
			line->tags[i] = (struct tag){ attempt, writer, place };
}

static unsigned int buffer_bytes(const struct request *r)
{
	return r->op == READAHEAD ? 0 : r->bytes;
}

/* file_of is the file of request i in its round. */
static const struct file *file_of(int i)
{
	const struct round *r = rounds;

	while (i >= r->end)
		r++;
	return &r->files[requests[i].file];
}

static int on_storage(int i) { return file_of(i)->kind == STORAGE; }

static void map_buffers(void)
{
	size_t total = 4096;
	unsigned char *at;

	for (int i = 0; i < REQUESTS; i++)
		total += (requests[i].skew + buffer_bytes(&requests[i]) + 4095L) / 4096 * 4096;
	at = mmap(NULL, 2 * total, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	must(at == MAP_FAILED ? -1 : 0, "mmap");
	for (int i = 0; i < REQUESTS; i++) {
		buffers[i] = at + requests[i].skew;
		copies[i] = at + total;
		at += (requests[i].skew + buffer_bytes(&requests[i]) + 4095L) / 4096 * 4096;
	}
}

static void fill_buffers(void)
{
	for (int i = 0; i < REQUESTS_USED; i++) {
		if (writes(&requests[i]))
			stamp(buffers[i], buffer_bytes(&requests[i]), i + 1, on_storage(i) ? requests[i].offset : 0);
		else
			memset(buffers[i], UNREAD, buffer_bytes(&requests[i]));
	}
}

/* release keeps what a request has read, and fills its buffer with what nobody may change. */
static void release(int i, int by)
{
	struct seen *s = &shared->seen[i];
	int unreleased = 0;

	if (!atomic_compare_exchange_strong(&s->released, &unreleased, BEING_RELEASED))
		return;
	if (by == BY_EVENT && reads(&requests[i])) {
		memcpy(copies[i], buffers[i], buffer_bytes(&requests[i]));
		s->copied = 1;
	}
	memset(buffers[i], RELEASED, buffer_bytes(&requests[i]));
	atomic_store(&s->released, by);
}

/*
 * Files and iocbs of a round, in its process.
 */

static int storage_fd = -1;	/* descriptor */
static const char *directory;	/* where files and directories are made */
static int ends[FILES][2];	/* descriptors: of the reading and of the writing end */
static atomic_int end_closed[FILES][2];

static struct iocb iocbs[REQUESTS], *cb[REQUESTS];	/* cb: where a request's iocb really is */
static struct iovec_like { void *base; size_t bytes; } iovecs[SEGMENTS];

static void open_files(void)
{
	for (int f = 0; f < round_now->files_used; f++) {
		const struct file *d = &round_now->files[f];
		int *e = ends[f];

		e[0] = e[1] = storage_fd;
		if (d->kind == PIPE) {
			must(pipe2(e, O_CLOEXEC | (d->nonblock ? O_NONBLOCK : 0)), "pipe2");
			if (d->pipe_size)
				must(fcntl(e[0], F_SETPIPE_SZ, d->pipe_size), "F_SETPIPE_SZ");
		} else if (d->kind == SOCKET) {
			must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | (d->nonblock ? SOCK_NONBLOCK : 0), 0, e), "socketpair");
		} else if (d->kind == EVENTFD) {
			e[0] = e[1] = must(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd");
		}
	}
}

/* descriptor is what request i is on. */
static int descriptor(int i)
{
	const struct request *r = &requests[i];
	return ends[r->file][!(reads(r) || (r->op == POLL && (r->offset & POLLIN)))];
}

/* split gives each iovec a piece of the buffer that O_DIRECT takes if it takes the whole. */
static void split(int i, struct iovec_like *v)
{
	unsigned int bytes = requests[i].bytes, n = requests[i].segments, unit = 64;

	if (bytes % 4096 == 0 && bytes / 4096 >= n)
		unit = 4096;
	else if (bytes % 512 == 0 && bytes / 512 >= n)
		unit = 512;
	for (unsigned int k = 0; k < n; k++) {
		size_t from = (size_t)(bytes / unit) * k / n * unit, to = (size_t)(bytes / unit) * (k + 1) / n * unit;

		v[k] = (struct iovec_like){ buffers[i] + from, to - from };
	}
}

static uint64_t data_of(int i) { return (uint64_t)attempt << 32 | (i + 1); }

/* prepare writes what the iocbs of the round say. */
static void prepare(void)
{
	struct iovec_like *v = iovecs;

	for (int i = round_now->first; i < round_now->end; i++) {
		const struct request *r = &requests[i];
		struct iocb *io = &iocbs[i];

		*io = (struct iocb){ .aio_data = data_of(i), .aio_lio_opcode = r->op };
		cb[i] = r->reuse ? cb[r->reuse - 1] : io;
		io->aio_fildes = descriptor(i);
		if (r->op == POLL) {
			io->aio_buf = r->offset;
		} else if (r->op == PREADV || r->op == PWRITEV) {
			split(i, v);
			io->aio_buf = (uintptr_t)v;
			io->aio_nbytes = r->segments;
			io->aio_offset = r->offset;
			v += r->segments;
		} else if (reads(r) || writes(r) || r->op == READAHEAD) {
			io->aio_buf = r->op == READAHEAD ? 0 : (uintptr_t)buffers[i];
			io->aio_nbytes = r->bytes;
			io->aio_offset = r->offset;
		}
		if (r->eventfd) {
			io->aio_flags = IOCB_FLAG_RESFD;
			io->aio_resfd = ends[r->eventfd][0];
		}
	}
}

/*
 * The steps.
 */

/* begin says that the thread has begun its step n. */
static void begin(int n) { atomic_store(&shared->begun[me], n); }

/* meet waits until n threads have come here. */
static void meet(atomic_int *place, int n)
{
	atomic_fetch_add(place, 1);
	while (atomic_load(place) < n)
		sched_yield();
}

/* wait_for waits until a thread has begun its step n. */
static void wait_for(int thread, int n)
{
	for (int tries = 0; atomic_load(&shared->begun[thread]) < n; tries++)
		if (tries > 1000)
			sched_yield();
}

/* spin does nothing, so many times. */
static void spin(int turns)
{
	for (volatile int i = 0; i < turns; i++)
		;
}

/* refused_by_gone checks a call on a context that an io_destroy had ended before it began. */
static void refused_by_gone(int gone, const char *call, int c, long ret)
{
	if (gone && ret != -EINVAL)
		violated("destroy-once", "%s on context %d returned %ld after an io_destroy had returned 0", call, c, ret);
}

/* in_pool counts the requests that may need a thread of their own, for want of which io_submit may say -EAGAIN. */
static int in_pool(void)
{
	int n = 0;

	for (int i = round_now->first; i < round_now->end; i++)
		n += requests[i].op == OPENAT || (!on_storage(i) && file_of(i)->kind != DIRECTORY);
	return n;
}

static void submit(int context, int first, int n)
{
	struct context *c = &shared->contexts[context];
	struct iocb *list[n + 1];
	int gone = atomic_load(&c->gone);
	long reapings = atomic_load(&c->reapings), reaped = atomic_load(&c->reaped), refused = atomic_load(&c->refused), held, ret;

	for (int i = 0; i < n; i++) {
		struct seen *s = &shared->seen[first + i];

		list[i] = cb[first + i];
		*list[i] = iocbs[first + i];	/* if it is another request's, too */
		s->began = tick();
		atomic_store(&s->submitted, 1);
	}
	atomic_fetch_add(&c->begun, n);
	atomic_store(&shared->in[me], "io_submit");
	ret = result(syscall(SYS_io_submit, c->id, (long)n, list));
	atomic_store(&shared->in[me], NULL);
	/* In use is at most what was ever submitted without what was reaped or refused before. */
	held = atomic_load(&c->begun) - n - reaped - refused;
	for (int i = 0; i < n; i++)
		atomic_store(&shared->seen[first + i].submitted, i < ret ? 2 : 3);
	if (ret > 0)
		atomic_fetch_add(&c->accepted, ret);
	atomic_fetch_add(&c->refused, n - (ret > 0 ? ret : 0));

	refused_by_gone(gone, "io_submit", context, ret);
	if (ret > n || (ret == 0 && n > 0))
		violated("submit-count", "io_submit of %d requests from %s on returned %ld", n, n ? requests[first].name : "none", ret);
	if (ret == -EAGAIN && held < round_now->slots[context] && (!shared->threaded || in_pool() <= 32))
		violated("slots-conserved", "io_submit of %s said -EAGAIN: at most %ld of %u slots of context %d were in use",
			 requests[first].name, held, round_now->slots[context], context);
	held = atomic_load(&c->accepted) - atomic_load(&c->reaped);
	if (ret > 0 && !c->reaping && reapings == atomic_load(&c->reapings) && !c->dying && held > (long)c->nr - 1)
		violated("ring-never-overflows", "%ld requests are accepted and not reaped, the ring of context %d holds %u events", held, context, c->nr - 1);
}

static void cancel(int context, int i)
{
	const struct request *r = &requests[i];
	struct context *c = &shared->contexts[context];
	struct seen *s = &shared->seen[i];
	int gone = atomic_load(&c->gone), over = atomic_load(&s->events), ambiguous = 0;
	struct io_event unused;
	long ret;

	/* Without threads io_cancel goes by the address of the iocb alone. */
	for (int k = round_now->first; k < round_now->end && !shared->threaded; k++)
		if (k != i && cb[k] == cb[i]) {
			ambiguous = 1;
			atomic_fetch_add(&shared->seen[k].cancelled, 1);
		}
	atomic_fetch_add(&s->cancelled, 1);
	ret = result(syscall(SYS_io_cancel, c->id, cb[i], &unused));
	refused_by_gone(gone, "io_cancel", context, ret);
	if (ambiguous)
		return;
	if (ret != -EINPROGRESS)
		atomic_fetch_sub(&s->cancelled, 1);
	if (ret != -EINPROGRESS && ret != -EINVAL)
		violated("cancel-answer", "io_cancel of %s said %ld, neither -EINPROGRESS nor -EINVAL", r->name, ret);
	else if (ret == -EINPROGRESS && over)
		violated("cancel-answer", "io_cancel of %s said -EINPROGRESS though its event had been reaped", r->name);
	else if (ret == -EINPROGRESS && !atomic_load(&s->submitted))
		violated("cancel-answer", "io_cancel of %s said -EINPROGRESS though it had not been submitted", r->name);
	else if (ret == -EINPROGRESS && !shared->threaded && r->op != POLL)
		violated("cancel-answer", "io_cancel of %s said -EINPROGRESS, but only POLL can be cancelled here", r->name);
	else if (ret == -EINPROGRESS && r->context != context)
		violated("cancel-answer", "io_cancel of %s said -EINPROGRESS on another context than its own", r->name);
	else if (ret == -EINPROGRESS && atomic_fetch_add(&s->told, 1))
		violated("cancel-answer", "io_cancel of %s said -EINPROGRESS twice", r->name);
}

static int bit(const struct request *r, long res) { return (res & (r->offset | POLLERR | POLLHUP)) != 0; }

/* legal checks the result of request i by itself. */
static void legal(int i, long res)
{
	const struct request *r = &requests[i];
	struct seen *s = &shared->seen[i];
	int cancelled = s->cancelled || s->dying;

	if (res < -133)
		violated("legal-result", "%s ended with %ld, an error that is none of user space's", r->name, res);
	else if ((reads(r) || writes(r) || r->op == READAHEAD) && res > (long)r->bytes)
		violated("legal-result", "%s of %u bytes ended with %ld", r->name, r->bytes, res);
	else if ((r->op == FSYNC || r->op == FDSYNC || r->op == UNLINKAT || r->op == RENAMEAT) && res > 0)
		violated("legal-result", "%s ended with %ld", r->name, res);
	else if (r->op == POLL && res == (shared->threaded ? -EINTR : 0)) {
		if (!cancelled && !r->plain)
			violated("legal-result", "%s ended with %ld, as if it had been cancelled", r->name, res);
	} else if (r->op == POLL && (res <= 0 || !bit(r, res)))
		violated("legal-result", "%s ended with %#lx, which it did not wait for", r->name, res);
	else if (shared->threaded && !r->plain && res == -EINTR && !cancelled)
		violated("legal-result", "%s ended with -EINTR though nobody had cancelled it", r->name);
}

/* ended notes the event of a request. */
static void ended(int context, const struct io_event *e)
{
	int i = (int)(uint32_t)e->data - 1;
	struct seen *s;

	if (e->data >> 32 != attempt || i < round_now->first || i >= round_now->end || requests[i].plain || e->obj != (uintptr_t)cb[i]) {
		violated("event-identity", "an event with data %#llx and obj %#llx, which no request has", (unsigned long long)e->data, (unsigned long long)e->obj);
		return;
	}
	s = &shared->seen[i];
	if (atomic_fetch_add(&s->events, 1)) {
		violated("one-event", "%s has a second event: first %ld, then %lld", requests[i].name, s->res, (long long)e->res);
		return;
	}
	s->res = e->res;
	s->dying = shared->contexts[context].dying;
	s->ended = tick();
	legal(i, e->res);
	release(i, BY_EVENT);
}

/* get_events waits for ever if the timeout, in nanoseconds, is negative. */
static long get_events(int context, long min, long nr, long long timeout, int with_mask)
{
	struct context *c = &shared->contexts[context];
	struct timespec ts = { timeout / 1000000000, timeout % 1000000000 };
	struct io_event events[nr > 0 ? nr : 1];
	int gone = atomic_load(&c->gone);
	sigset_t mask;
	struct { sigset_t *mask; size_t bytes; } set = { &mask, 8 };
	double began = now(), took;
	long ret;

	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	atomic_fetch_add(&c->reapings, 1);
	atomic_fetch_add(&c->reaping, 1);
	atomic_store(&shared->in[me], "io_getevents");
	if (with_mask)
		ret = result(syscall(SYS_io_pgetevents, c->id, min, nr, events, timeout < 0 ? NULL : &ts, &set));
	else
		ret = result(syscall(SYS_io_getevents, c->id, min, nr, events, timeout < 0 ? NULL : &ts));
	atomic_store(&shared->in[me], NULL);
	took = now() - began;
	if (ret > 0)
		atomic_fetch_add(&c->reaped, ret);
	atomic_fetch_sub(&c->reaping, 1);

	refused_by_gone(gone, "io_getevents", context, ret);
	if (ret > nr)
		violated("event-count", "io_getevents of at most %ld events returned %ld", nr, ret);
	for (long i = 0; i < ret && i < nr; i++)
		ended(context, &events[i]);
	if (min < 0 || min > nr || ret >= min || ret < 0 || atomic_load(&c->dying))
		return ret;
	if (timeout < 0)
		violated("event-count", "io_getevents of at least %ld events returned %ld, without a timeout", min, ret);
	else if (took < timeout / 1e9 * 0.999)
		violated("timeouts", "io_getevents of at least %ld events returned %ld after %g s, its timeout is %g s", min, ret, took, timeout / 1e9);
	return ret;
}

static void destroy(int context)
{
	struct context *c = &shared->contexts[context];
	int gone = atomic_load(&c->gone), open;
	long ret;

	while (open = 0, !atomic_compare_exchange_weak(&c->gate, &open, 2) && open != 2)
		sched_yield();
	atomic_store(&c->dying, 1);
	atomic_store(&shared->in[me], "io_destroy");
	ret = result(syscall(SYS_io_destroy, c->id));
	atomic_store(&shared->in[me], NULL);
	refused_by_gone(gone, "io_destroy", context, ret);
	if (ret)
		return;
	if (atomic_exchange(&c->gone, 1))
		violated("destroy-once", "io_destroy of context %d returned 0 twice", context);
	for (int i = round_now->first; i < round_now->end; i++)
		if (requests[i].context == context)
			release(i, BY_DESTROY);
}

static void read_eventfd(int file)
{
	uint64_t value;

	if (read(ends[file][0], &value, sizeof(value)) == sizeof(value))
		atomic_fetch_add(&shared->taken[file], value);
}

/*
 * The program's threads.
 */

static void thread_0(void)
{
	begin(1);
	submit(c0, r17, 1);	/* PWRITE 4096 bytes at 4096 of storage, signals eventfd_1 */
	begin(2);
	get_events(c0, 1, 2, -1, 0);	/* 1 to 2 events, however long it takes */
	begin(3);
	submit(c0, r18, 2);	/* PREAD 4096 bytes at 4096 of storage; FSYNC storage */
	begin(4);
	get_events(c0, 2, 8, 5000000000, 0);	/* 2 to 8 events, within 5s */
	wait_for(1, 2);
	begin(5);
	destroy(c0);
	begin(6);
	destroy(c0);
}

static void thread_1(void)
{
	wait_for(0, 3);
	spin(200);
	begin(1);
	cancel(c0, r18);
	wait_for(0, 4);
	begin(2);
}

static const struct round rounds[ROUNDS] = {
	{
		.name = "round 3", .first = 0, .end = 3, .ending = DRAIN,
		.threads_used = 2, .files_used = 2, .contexts_used = 1, .paths_used = 0,
		.threads = { thread_0, thread_1, },
		.files = {
			[storage] = { STORAGE, .nonblock = 0 },
			[eventfd_1] = { EVENTFD, .nonblock = 0 },
		},
		.slots = { 4, },
	},
};

/*
 * The process of a round.
 */

static void setup(int context)
{
	struct context *c = &shared->contexts[context];
	struct ring { unsigned int id, nr, head, tail, magic, compat; } *ring;
	long ret = result(syscall(SYS_io_setup, round_now->slots[context], &c->id));

	if (ret) {
		printf("# io_setup(%u) returned %ld\n", round_now->slots[context], ret);
		atomic_store(&c->dying, 1);	/* nothing is promised */
		return;
	}
	ring = (void *)(uintptr_t)c->id;
	c->nr = ring->nr;
	if (ring->compat & RING_COMPAT_THREADED)
		shared->threaded = 1;
}

/* could_end reports whether nothing but a bug keeps request i from its event. */
static int could_end(int i)
{
	const struct request *r = &requests[i];
	struct pollfd p = { .fd = descriptor(i) };
	int kind = file_of(i)->kind, end = !(reads(r) || (r->op == POLL && (r->offset & POLLIN)));

	if (shared->seen[i].cancelled)
		return 1;
	if (kind == STORAGE)
		return 1;
	if (kind == DIRECTORY)
		return r->op != OPENAT || round_now->paths[r->path].kind != 2;
	if (atomic_load(&end_closed[r->file][end]))
		return 0;	/* it cannot be asked any more */
	p.events = r->op == POLL ? r->offset : writes(r) ? POLLOUT : POLLIN;
	return poll(&p, 1, 0) == 1 && (r->op != POLL || (p.revents & (r->offset | POLLERR | POLLHUP)));
}

/* drain waits for the events that are missing: a second, or PATIENCE of them in a row if nothing but a bug keeps them. */
static void drain(int context)
{
	struct context *c = &shared->contexts[context];

	for (int tries = 0; tries < PATIENCE && c->reaped < c->accepted; tries++) {
		long before = c->reaped;
		int ready[REQUESTS] = { 0 }, owed = 0;

		for (int i = round_now->first; i < round_now->end; i++)
			if (requests[i].context == context && shared->seen[i].submitted == 2 && !shared->seen[i].events)
				owed += ready[i] = could_end(i);
		get_events(context, 1, 64, 1000000000, 0);
		if (c->reaped > before)
			tries = -1;
		else if (!owed)
			break;
		for (int i = round_now->first; i < round_now->end && tries == PATIENCE - 1; i++) {
			if (!ready[i] || shared->seen[i].events || !could_end(i))
				continue;
			if (shared->seen[i].cancelled)
				violated("cancelled-ends", "io_cancel of %s said -EINPROGRESS, and after %d seconds it has no event", requests[i].name, PATIENCE);
			else
				violated("request-ends", "%s was accepted, nothing holds it back, and after %d seconds it has no event", requests[i].name, PATIENCE);
		}
	}
	get_events(context, 0, 64, 0, 0);
}

static void *run_thread(void *number)
{
	const struct round *r = round_now;
	int processor;

	me = (int)(intptr_t)number;
	processor = r->processors[me];
	if (processor) {
		cpu_set_t set;

		CPU_ZERO(&set);
		CPU_SET(processor - 1, &set);
		sched_setaffinity(0, sizeof(set), &set);	/* where there are fewer: to any */
	}
	meet(&shared->ready, r->threads_used);
	if (me == 0)
		for (int c = 0; c < r->contexts_used; c++)
			setup(c);
	if (me == 0)
		atomic_fetch_add(&shared->ready, 1);
	while (atomic_load(&shared->ready) <= r->threads_used)
		;

	r->threads[me]();

	meet(&shared->stepped, r->threads_used);
	for (int c = me; c < r->contexts_used; c += r->threads_used) {
		if (shared->contexts[c].gone)
			continue;
		if (r->ending == DRAIN)
			drain(c);
		destroy(c);
	}
	meet(&shared->closed, r->threads_used);
	return NULL;
}

/* count_signals compares what eventfds were signalled with the events. */
static void count_signals(void)
{
	for (int f = 1; f < round_now->files_used; f++) {
		unsigned long least = shared->signals[f], most = least;
		int read_by_requests = 0;

		if (round_now->files[f].kind != EVENTFD)
			continue;
		read_eventfd(f);
		for (int i = round_now->first; i < round_now->end; i++) {
			if (requests[i].eventfd == f) {
				least += shared->seen[i].events > 0;
				most += shared->seen[i].submitted == 2;
			}
			read_by_requests |= (int)requests[i].file == f;
		}
		if (!read_by_requests && (shared->taken[f] < least || shared->taken[f] > most))
			violated("eventfd-count", "eventfd %d was signalled %lu times, for %lu to %lu events and writes", f, shared->taken[f], least, most);
	}
}

/* run_round is the child. */
static void run_round(void)
{
	const struct round *r = round_now;
	pthread_t threads[THREADS];
	sigset_t all;

	umask(022);
	open_files();
	prepare();
	sigfillset(&all);
	sigdelset(&all, SIGSEGV);
	sigdelset(&all, SIGBUS);
	pthread_sigmask(SIG_SETMASK, &all, NULL);
	for (long t = 0; t < r->threads_used; t++)
		if (pthread_create(&threads[t], NULL, run_thread, (void *)(intptr_t)t))
			must(-1, "pthread_create");
	for (int t = 0; t < r->threads_used; t++)
		pthread_join(threads[t], NULL);
	if (r->ending == DRAIN)
		count_signals();
	fflush(stdout);
	_exit(0);
}

/*
 * What the parent makes of it.
 */

static void name_of(char *to, size_t size, uint32_t writer)
{
	if (writer)
		snprintf(to, size, "%s", requests[writer - 1].name);
	else
		snprintf(to, size, "the beginning");
}

/* wrote reports whether request i is known to have written the line at place. */
static int wrote(int i, uint64_t place)
{
	const struct request *r = &requests[i];
	const struct seen *s = &shared->seen[i];

	return writes(r) && on_storage(i) && s->submitted == 2 && s->events && s->res > 0 &&
	       place >= (uint64_t)r->offset && place + sizeof(struct line) <= (uint64_t)(r->offset + s->res);
}

/* may_be_writing reports whether request i may have written the line at place between two times. */
static int may_be_writing(int i, uint64_t place, unsigned long from, unsigned long to)
{
	const struct request *r = &requests[i];
	const struct seen *s = &shared->seen[i];

	return writes(r) && on_storage(i) && s->began && s->began < to && (!s->events || s->ended > from) &&
	       place >= (uint64_t)r->offset && place < (uint64_t)r->offset + r->bytes;
}

/*
 * check_line judges a line that was read from a place of the storage by a
 * read that began and ended at those times. who is the reader.
 */
static void check_line(const struct line *line, uint64_t place, unsigned long began, unsigned long read_ended, const char *who)
{
	const struct tag *t = &line->tags[0];
	char writer[64], later[64];
	const struct seen *s;

	for (int i = 1; i < 4; i++)
		if (memcmp(t, &line->tags[i], sizeof(*t))) {
			for (int k = 0; k < REQUESTS_USED; k++)
				if (may_be_writing(k, place, began, read_ended))
					return;
			violated("whole-sectors", "%s: the 64 bytes at %llu are a mixture, though nobody was writing there", who, (unsigned long long)place);
			return;
		}
	if (t->attempt != attempt || t->writer > REQUESTS_USED || (t->writer && !shared->seen[t->writer - 1].began)) {
		violated("no-thin-air", "%s: the 64 bytes at %llu begin with %08x %08x, which nobody has written", who, (unsigned long long)place, t->attempt, t->writer);
		return;
	}
	name_of(writer, sizeof(writer), t->writer);
	if (t->place != place) {
		violated("data-in-place", "%s: at %llu there is the data of %s for %llu", who, (unsigned long long)place, writer, (unsigned long long)t->place);
		return;
	}
	s = t->writer ? &shared->seen[t->writer - 1] : NULL;
	if (s && s->submitted == 3)
		violated("no-event-for-rejected", "%s: at %llu there is the data of %s, which io_submit has refused", who, (unsigned long long)place, writer);
	if (s && s->events && s->res == -EINTR)
		violated("cancelled-no-effect", "%s: at %llu there is the data of %s, which ended with -EINTR", who, (unsigned long long)place, writer);
	for (int i = 0; i < REQUESTS_USED; i++) {
		if (i + 1 == (int)t->writer || !wrote(i, place) || shared->seen[i].ended > began)
			continue;
		if (s && (!s->events || shared->seen[i].began < s->ended))
			continue;
		name_of(later, sizeof(later), i + 1);
		violated(read_ended == ~0ul ? "no-lost-write" : "fresh-reads", "%s: at %llu there is the data of %s, though %s wrote there later and had ended", who,
			 (unsigned long long)place, writer, later);
	}
}

/* check_storage reads everything back. */
static void check_storage(void)
{
	static unsigned char back[1 << 20] __attribute__((aligned(4096)));

	for (long long at = 0; at < STORAGE_BYTES; at += sizeof(back)) {
		size_t bytes = STORAGE_BYTES - at < (long long)sizeof(back) ? (size_t)(STORAGE_BYTES - at) : sizeof(back);

		if (pread(storage_fd, back, bytes, at) != (ssize_t)bytes) {
			printf("# read back: %s\n", strerror(errno));
			return;
		}
		for (size_t k = 0; k < bytes; k += sizeof(struct line))
			check_line((struct line *)(back + k), at + k, tick(), ~0ul, "read at the end");
	}
}

/* check_buffers looks at what requests have read, and at what nobody may have changed since. */
static void check_buffers(void)
{
	static const char *const rule[] = { [BY_EVENT] = "buffer-released", [BY_DESTROY] = "destroy-waits", [BY_EXIT] = "exit-waits" };

	for (int i = 0; i < REQUESTS_USED; i++) {
		const struct request *r = &requests[i];
		struct seen *s = &shared->seen[i];
		unsigned int done = s->res > 0 ? s->res : 0;

		for (unsigned int k = 0; s->released && k < buffer_bytes(r); k++)
			if (buffers[i][k] != RELEASED) {
				violated(rule[s->released], "byte %u of the buffer of %s was written to when nobody was allowed to any more", k, r->name);
				break;
			}
		if (!reads(r) || !s->copied || s->res % (int)sizeof(struct line))
			continue;
		for (unsigned int k = done; k < r->bytes; k++)
			if (copies[i][k] != UNREAD) {
				violated("result-matches-effect", "%s: its result is %ld, but byte %u of its buffer was written", r->name, s->res, k);
				break;
			}
		for (unsigned int k = 0; k + sizeof(struct line) <= done; k += sizeof(struct line)) {
			unsigned int left = 0;

			while (left < sizeof(struct line) && copies[i][k + left] == UNREAD)
				left++;
			if (left == sizeof(struct line)) {
				violated("result-matches-effect", "%s: its result is %ld, but byte %u of its buffer was left as it was", r->name, s->res, k);
				break;
			}
			if (on_storage(i))
				check_line((struct line *)(copies[i] + k), r->offset + k, s->began, s->ended, r->name);
		}
	}
}

/* check_requests judges what is known of each request in the end. */
static void check_requests(void)
{
	for (int i = 0; i < REQUESTS_USED; i++)
		if (shared->seen[i].submitted == 3 && shared->seen[i].events)
			violated("no-event-for-rejected", "%s has an event, but io_submit has refused it", requests[i].name);
}

static const int many = 50;	/* requests: of more only the unusual ones are printed */

/* tell prints what became of the requests. */
static void tell(void)
{
	static const char *const fate[] = { "never submitted", "io_submit has not returned", "accepted", "refused" };

	for (int i = 0; i < REQUESTS_USED; i++) {
		const struct seen *s = &shared->seen[i];

		if (REQUESTS_USED > many && !s->told && s->submitted != 1 && !(s->submitted == 2 && (!s->events || s->res < 0)))
			continue;
		printf("# %s: %s", requests[i].name, requests[i].plain && s->submitted == 2 ? "returned" : fate[s->submitted]);
		if (s->told)
			printf(", cancelled (-EINPROGRESS)");
		if (s->events)
			printf(", result %ld", s->res);
		else if (s->submitted == 2)
			printf(", no event seen");
		printf("\n");
	}
	if (REQUESTS_USED > many)
		printf("# the other requests were refused, not submitted, or have ended well\n");
}

/*
 * The parent.
 */


static long progress(void)
{
	long sum = shared->clock;

	for (int t = 0; t < THREADS; t++)
		sum += shared->begun[t];
	return sum + shared->stepped + shared->closed;
}

/* hung says where the threads of a round are. */
static void hung(const struct round *r)
{
	const char *property = "request-ends";
	char text[300] = "";

	for (int t = 0; t < r->threads_used; t++) {
		const char *in = shared->in[t];
		size_t used = strlen(text);

		if (in && !strcmp(in, "io_destroy"))
			property = "destroy-returns";
		snprintf(text + used, sizeof(text) - used, " thread %d, step %d%s%s;", t, shared->begun[t], in ? ", in " : "", in ? in : "");
	}
	if (!strcmp(property, "request-ends"))
		for (int c = 0; c < r->contexts_used; c++)
			if (shared->contexts[c].dying && shared->contexts[c].reaping)
				property = "waiter-woken";
	violated(property, "%s hangs:%s", r->name, text);
}

static int failures(void)
{
	int n = 0;

	for (int i = 0; i < PROPERTIES; i++)
		n += shared->failed[i];
	return n;
}

/* run makes a process for a round and waits for its end. It returns 0 if that never came. */
static int run(const struct round *r)
{
	int said[2], status = 0, told = 0, in_vain = 0;
	long before = -1;
	double since = now();
	pid_t child;

	memset(shared->contexts, 0, sizeof(shared->contexts));
	memset(shared->begun, 0, sizeof(shared->begun));
	memset(shared->signals, 0, sizeof(shared->signals));
	memset(shared->taken, 0, sizeof(shared->taken));
	shared->ready = shared->stepped = shared->closed = 0;
	round_now = r;
	must(pipe2(said, O_CLOEXEC), "pipe2");
	fflush(stdout);
	child = must(fork(), "fork");
	if (!child) {
		close(said[0]);
		run_round();
	}
	close(said[1]);
	for (;;) {
		struct pollfd p = { .fd = said[0], .events = POLLIN };
		char byte;
		pid_t gone;

		/* The pipe is closed when the process ends. */
		if (poll(&p, 1, 100) > 0 && read(said[0], &byte, 1) == 1)
			kill(child, SIGKILL);
		else if (p.revents)
			usleep(200);
		gone = waitpid(child, &status, WNOHANG);
		if (gone == child)
			break;
		if (progress() != before) {
			before = progress();
			since = now();
		} else if (now() - since > HANG) {
			if (told) {
				in_vain = 1;
				violated("destroy-returns", "the killed process of %s is not gone after %d seconds", r->name, HANG);
				break;
			}
			told = 1;
			since = now();
			hung(r);
			kill(child, SIGKILL);
		}
	}
	close(said[0]);
	if (!in_vain && WIFEXITED(status) && WEXITSTATUS(status))
		exit(WEXITSTATUS(status));
	/* The process is gone: its requests may touch nothing any more. */
	for (int i = r->first; i < r->end && !in_vain; i++) {
		int half = BEING_RELEASED;

		atomic_compare_exchange_strong(&shared->seen[i].released, &half, 0);
		release(i, BY_EXIT);
	}
	return !in_vain;
}

/* try runs all rounds once. It returns 0 if there cannot be another attempt. */
static int try(void)
{
	int goes_on = 1;
	static unsigned char lines[1 << 20] __attribute__((aligned(4096)));

	for (long long at = 0; at < STORAGE_BYTES; at += sizeof(lines)) {
		size_t bytes = STORAGE_BYTES - at < (long long)sizeof(lines) ? (size_t)(STORAGE_BYTES - at) : sizeof(lines);

		stamp(lines, bytes, 0, at);
		must(pwrite(storage_fd, lines, bytes, at) == (ssize_t)bytes ? 0 : -1, "fill the storage");
	}
	memset(shared, 0, sizeof(*shared));
	fill_buffers();
	for (int r = 0; r < ROUNDS && goes_on; r++)
		goes_on = run(&rounds[r]);
	if (LATE_EFFECTS)
		usleep(10000);
	check_storage();
	check_buffers();
	check_requests();
	return goes_on;
}

static void open_storage(void)
{
	char path[4200];

	snprintf(path, sizeof(path), "%s/aiocheck-storage-XXXXXX", directory);
	storage_fd = must(mkstemp(path), path);
	unlink(path);
	must(ftruncate(storage_fd, STORAGE_BYTES), "ftruncate");
	if (DIRECT && fcntl(storage_fd, F_SETFL, O_DIRECT))
		printf("# %s has no O_DIRECT: what is found with it may not be found here\n", directory);
}

static void skip(const char *why)
{
	printf("1..0 # SKIP %s\n", why);
	exit(KSFT_SKIP);
}

int main(int argc, char **argv)
{
	const int n = PROPERTIES;
	uint32_t attempts = argc > 1 ? strtoul(argv[1], NULL, 10) : ATTEMPTS;
	aio_context_t probe = 0;

	directory = argc > 2 ? argv[2] : ".";
	if (attempts < 1 || argc > 3) {
		fprintf(stderr, "usage: %s [ATTEMPTS [DIRECTORY]]\n", argv[0]);
		return KSFT_FAIL;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("TAP version 13\n");
	if (result(syscall(SYS_io_setup, 1, &probe)) == -ENOSYS)
		skip("the kernel has no AIO");
	syscall(SYS_io_destroy, probe);
	printf("1..%d\n", n);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	must(shared == MAP_FAILED ? -1 : 0, "mmap");
	map_buffers();
	open_storage();
	for (attempt = 1; attempt <= attempts; attempt++) {
		if (!try() || failures())
			break;
	}
	if (failures())
		printf("# attempt %u of %u:\n", attempt, attempts);
	else
		printf("# %u attempts, the last of them:\n", attempts);
	tell();
	for (int i = 0; i < n; i++) {
		if (shared->failed[i])
			printf("# %s\n", shared->said[i]);
		printf("%sok %d %s\n", shared->failed[i] ? "not " : "", i + 1, properties[i]);
	}
	printf("# Totals: pass:%d fail:%d xfail:0 xpass:0 skip:0 error:0\n", n - failures(), failures());
	/* As the init of a guest: the kernel panics when it exits, and drops what the console has not printed. */
	if (getpid() == 1)
		tcdrain(STDOUT_FILENO);
	return failures() ? KSFT_FAIL : KSFT_PASS;
}
