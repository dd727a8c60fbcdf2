
/*
 * The parent.
 */

/*% if .Names %*/
static int last;	/* it is the last attempt: what is in the directories is printed */
/*% end %*/

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
/*% if .Names %*/
	make_directories(r);
/*% end %*/
	must(pipe2(said, O_CLOEXEC), "pipe2");
	fflush(stdout);
	child = must(fork(), "fork");
	if (!child) {
/*% if .Kills %*/
		killer = said[1];
/*% end %*/
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
/*% if .Freeze %*/
			thaw();
/*% end %*/
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
/*% if .Names %*/
	check_names(r, 0);
	if (failures() || last)
		check_names(r, 1);
	remove_directories(r);
/*% end %*/
	return !in_vain;
}

/* try runs all rounds once. It returns 0 if there cannot be another attempt. */
static int try(void)
{
	int goes_on = 1;
/*% if .Data %*/
	static unsigned char lines[1 << 20] __attribute__((aligned(4096)));

	for (long long at = 0; at < STORAGE_BYTES; at += sizeof(lines)) {
		size_t bytes = STORAGE_BYTES - at < (long long)sizeof(lines) ? (size_t)(STORAGE_BYTES - at) : sizeof(lines);

		stamp(lines, bytes, 0, at);
		must(pwrite(storage_fd, lines, bytes, at) == (ssize_t)bytes ? 0 : -1, "fill the storage");
	}
/*% end %*/
	memset(shared, 0, sizeof(*shared));
	fill_buffers();
	for (int r = 0; r < ROUNDS && goes_on; r++)
		goes_on = run(&rounds[r]);
	if (LATE_EFFECTS)
		usleep(10000);
/*% if .Data %*/
	check_storage();
/*% end %*/
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
/*% if .Freeze %*/
	if (argc < 3)
		skip("it freezes a file system: name a directory on one that may be frozen");
/*% end %*/
/*% if .Root %*/
	if (geteuid())
		skip("it needs root");
/*% end %*/
	printf("1..%d\n", n);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	must(shared == MAP_FAILED ? -1 : 0, "mmap");
	map_buffers();
	open_storage();
	for (attempt = 1; attempt <= attempts; attempt++) {
/*% if .Names %*/
		last = attempt == attempts;
/*% end %*/
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
