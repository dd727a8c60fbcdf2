
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
/*% if .Drains %*/

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
/*% end %*/
/*% if .Identity %*/

/* adopt makes this thread what the round's identity says. */
static void adopt(const struct identity *id)
{
	int cwd = id->cwd ? ends[id->cwd - 1][0] : must(open(".", O_PATH | O_CLOEXEC), ".");

	must(unshare(CLONE_FS), "unshare");
	umask(id->umask);
	if (id->root) {
		must(fchdir(ends[id->root - 1][0]), "fchdir");
		must(chroot("."), "chroot");
	}
	must(fchdir(cwd), "fchdir");
	if (id->uid) {
		/* The system calls: libc would change all threads. */
		must(syscall(SYS_setgroups, 0, NULL), "setgroups");
		syscall(SYS_setfsgid, id->uid);
		syscall(SYS_setfsuid, id->uid);
		must(syscall(SYS_setfsuid, id->uid) == id->uid ? 0 : -1, "setfsuid");
	}
}

/* limit leaves so many descriptors to be opened. */
static void limit(unsigned int descriptors)
{
	struct rlimit most;
	int fd;

	must(getrlimit(RLIMIT_NOFILE, &most), "getrlimit");
	most.rlim_cur = FIRST_FREE + descriptors;
	must(setrlimit(RLIMIT_NOFILE, &most), "setrlimit");
	while ((fd = must(fcntl(storage_fd, F_DUPFD_CLOEXEC, 0), "F_DUPFD_CLOEXEC")) < FIRST_FREE)
		;
	close(fd);
}
/*% end %*/

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
/*% if .Identity %*/
	if (r->identity)
		adopt(r->identity);
/*% end %*/
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
/*% if .Exits %*/
	if (r->ending == EXIT)
		leave();
/*% end %*/
/*% if .Kills %*/
	if (r->ending == KILL) {
		if (me == 0)
			ask_to_be_killed();
		for (;;)
			pause();
	}
/*% end %*/
/*% if .Freeze %*/
	if (me == 0 && shared->frozen)
		thaw();
/*% end %*/
	for (int c = me; c < r->contexts_used; c += r->threads_used) {
		if (shared->contexts[c].gone)
			continue;
/*% if .Drains %*/
		if (r->ending == DRAIN)
			drain(c);
/*% end %*/
		destroy(c);
	}
	meet(&shared->closed, r->threads_used);
	return NULL;
}
/*% if .Signalled %*/

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
/*% end %*/

/* run_round is the child. */
static void run_round(void)
{
	const struct round *r = round_now;
	pthread_t threads[THREADS];
	sigset_t all;

	umask(022);
	open_files();
/*% if .Names %*/
	for (int n = 0; n < r->paths_used; n++) {
		char text[32];

		path_fd[n] = -1;
		for (int i = r->first; i < r->end; i++)
			if (file_of(i)->kind == DIRECTORY && !on_path(&requests[i]) && (int)requests[i].path == n && path_fd[n] < 0) {
				snprintf(text, sizeof(text), "n%d", n);
				path_fd[n] = must(openat(ends[r->paths[n].directory][0], text, O_RDWR | O_CLOEXEC), text);
			}
	}
/*% end %*/
	prepare();
/*% if .Identity %*/
	if (r->identity && r->identity->descriptors)
		limit(r->identity->descriptors);
/*% end %*/
	sigfillset(&all);
	sigdelset(&all, SIGSEGV);
	sigdelset(&all, SIGBUS);
	pthread_sigmask(SIG_SETMASK, &all, NULL);
	for (long t = 0; t < r->threads_used; t++)
		if (pthread_create(&threads[t], NULL, run_thread, (void *)(intptr_t)t))
			must(-1, "pthread_create");
	for (int t = 0; t < r->threads_used; t++)
		pthread_join(threads[t], NULL);
/*% if .Signalled %*/
	if (r->ending == DRAIN)
		count_signals();
/*% end %*/
	fflush(stdout);
	_exit(0);
}
