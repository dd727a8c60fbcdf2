
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
/*% if .Names %*/
static int on_path(const struct request *r) { return r->op == OPENAT || r->op == UNLINKAT || r->op == RENAMEAT; }
/*% end %*/
