
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
/*% if .Waits %*/

/* wait_for waits until a thread has begun its step n. */
static void wait_for(int thread, int n)
{
	for (int tries = 0; atomic_load(&shared->begun[thread]) < n; tries++)
		if (tries > 1000)
			sched_yield();
}
/*% end %*/
/*% if .Spins %*/

/* spin does nothing, so many times. */
static void spin(int turns)
{
	for (volatile int i = 0; i < turns; i++)
		;
}
/*% end %*/

/* refused_by_gone checks a call on a context that an io_destroy had ended before it began. */
static void refused_by_gone(int gone, const char *call, int c, long ret)
{
	if (gone && ret != -EINVAL)
		violated("destroy-once", "%s on context %d returned %ld after an io_destroy had returned 0", call, c, ret);
}
/*% if .Submits %*/

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
/*% end %*/
/*% if .Cancels %*/

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
/*% end %*/
/*% if .Judged %*/

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
/*% end %*/
/*% if .Names %*/

/* opened looks at the file that an open has found. */
static void opened(int i, int fd)
{
	const struct request *r = &requests[i];
	const struct identity *id = round_now->identity;
	unsigned int mask = id ? id->umask : 022, created = O_CREAT | O_EXCL;
	struct stat st;

	if (fstat(fd, &st)) {
		violated("limits-captured", "%s ended with descriptor %d, which is not open", r->name, fd);
		return;
	}
	if ((r->flags & created) == created) {
		if (id && id->uid && st.st_uid != id->uid)
			violated("cred-captured", "the file that %s has made belongs to user %u, not to %u", r->name, st.st_uid, id->uid);
		if ((st.st_mode & 07777) != (r->mode & ~mask & 07777))
			violated("fs-captured", "the file that %s has made has mode %#o, not %#o", r->name, st.st_mode & 07777, r->mode & ~mask & 07777);
	}
	if (id && id->descriptors) {
		if (fd >= (int)(FIRST_FREE + id->descriptors))
			violated("limits-captured", "%s ended with descriptor %d, beyond RLIMIT_NOFILE", r->name, fd);
		close(fd);
	}
}
/*% end %*/
/*% if .Reaps %*/

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
/*% if .Names %*/
	if (requests[i].op == OPENAT && e->res >= 0)
		opened(i, e->res);
/*% end %*/
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
/*% end %*/
/*% if .Ring %*/

/* reap_ring takes events in user space, from the ring that io_setup has mapped. */
static void reap_ring(int context, long nr)
{
	struct ring { unsigned int id, nr; _Atomic unsigned int head, tail; unsigned int magic, compat, incompat, length; } *ring;
	struct context *c = &shared->contexts[context];
	struct io_event events[nr > 0 ? nr : 1], *all;
	unsigned int head, at;
	long n;
	int open;

	while (open = 0, !atomic_compare_exchange_weak(&c->gate, &open, 1)) {
		if (open == 2)
			return;
		sched_yield();
	}
	ring = (void *)(uintptr_t)c->id;
	all = (struct io_event *)((char *)ring + ring->length);
	atomic_fetch_add(&c->reapings, 1);
	atomic_fetch_add(&c->reaping, 1);
	do {
		head = atomic_load(&ring->head);
		at = head % ring->nr;
		for (n = 0; n < nr && at != atomic_load(&ring->tail) % ring->nr; n++, at = (at + 1) % ring->nr)
			events[n] = all[at];
	} while (n > 0 && !atomic_compare_exchange_strong(&ring->head, &head, at));
	atomic_fetch_add(&c->reaped, n);
	atomic_fetch_sub(&c->reaping, 1);
	atomic_store(&c->gate, 0);
	for (long i = 0; i < n; i++)
		ended(context, &events[i]);
}
/*% end %*/

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
