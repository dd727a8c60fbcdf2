// SPDX-License-Identifier: GPL-2.0
/* Requests that are cancelled, before a thread has them and afterwards. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

/*
 * A thread has the request. It hears of the cancel, and its next request does
 * not. Then other addresses and other data, and other files.
 */
void late(void)
{
	aio_context_t c;
	char b[64];
	struct io_event e;
	int p[2];
	pipe(p);
	CHECK(!setup(64, &c), "setup");
	for (int i = 0; i < 30; i++) {
		struct iocb io = prep(PREAD, p[0], b, 64, 0);
		CHECK(submit(c, &io) == 1, "submit");
		usleep(3000);
		CHECK(cancel(c, &io) == -EINPROGRESS, "cancel %d", i);
		int r = getevents(c, 1, 1, &e, 3000);
		CHECK(r == 1 && e.res == -EINTR, "late %d: %d %lld", i, r, e.res);
		CHECK(cancel(c, &io) == -EINVAL, "again");
		write(p[1], "hello", 5);
		CHECK(run_one(c, prep(PREAD, p[0], b, 64, 0)) == 5, "leak %d", i);
	}
	CHECK(threads() <= 3, "threads %d", threads());
	struct iocb io = prep(PREAD, p[0], b, 64, 0), other;
	CHECK(submit(c, &io) == 1, "s");
	other = io;
	CHECK(cancel(c, &other) == -EINVAL, "other addr");
	io.aio_data++;
	CHECK(cancel(c, &io) == -EINVAL, "other data");
	io.aio_data--;
	CHECK(cancel(c, &io) == -EINPROGRESS, "same");
	CHECK(getevents(c, 1, 1, &e, 3000) == 1, "ev");
	/* big pipe write, cancelled: partial */
	static char big[1 << 20];
	io = prep(PWRITE, p[1], big, 1 << 20, 0);
	CHECK(submit(c, &io) == 1, "s");
	usleep(20000);
	CHECK(cancel(c, &io) == -EINPROGRESS, "c");
	CHECK(getevents(c, 1, 1, &e, 3000) == 1 && e.res == 65536, "partial %lld", e.res);
	/* sockets, poll */
	int s[2];
	socketpair(AF_UNIX, SOCK_STREAM, 0, s);
	io = prep(PREAD, s[0], b, 64, 0);
	CHECK(submit(c, &io) == 1, "s");
	usleep(5000);
	CHECK(cancel(c, &io) == -EINPROGRESS, "c");
	CHECK(getevents(c, 1, 1, &e, 3000) == 1 && e.res == -EINTR, "sock %lld", e.res);
	io = prep(POLL, s[0], (void *)POLLIN, 0, 0);
	CHECK(submit(c, &io) == 1, "s");
	CHECK(getevents(c, 1, 1, &e, 50) == 0, "not yet");
	write(s[1], "x", 1);
	CHECK(getevents(c, 1, 1, &e, 3000) == 1 && e.res == POLLIN, "poll %lld", e.res);
	read(s[0], b, 1);
	io = prep(POLL, s[0], (void *)POLLIN, 0, 0);
	CHECK(submit(c, &io) == 1, "s");
	usleep(5000);
	CHECK(cancel(c, &io) == -EINPROGRESS, "c");
	CHECK(getevents(c, 1, 1, &e, 3000) == 1 && e.res == -EINTR, "poll c %lld", e.res);
	CHECK(!destroy(c), "destroy");
	close(p[0]);
	close(p[1]);
	close(s[0]);
	close(s[1]);
}

/*
 * Writes to a frozen file system: 64 threads wait uninterruptibly, so the rest
 * is queued, and ends at once when cancelled, without effect.
 */
void early(void)
{
	enum { N = 80 };
	aio_context_t c;
	static struct iocb io[N];
	struct io_event e[N];
	char b[64];
	int ef = eventfd(0, EFD_NONBLOCK);
	CHECK(!setup(200, &c), "setup");
	int f = open("/mnt/early", O_RDWR | O_CREAT | O_TRUNC, 0600), d = open("/mnt", O_RDONLY);
	memset(b, 'A', 64);
	pwrite(f, b, 64, 64 * N);
	fsync(f);
	memset(b, 'B', 64);
	CHECK(!ioctl(d, FIFREEZE, 0), "freeze %d", errno);
	double t0 = now();
	for (int i = 0; i < N; i++) {
		io[i] = prep(PWRITE, f, b, 64, 64 * i);
		io[i].aio_flags = IOCB_FLAG_RESFD;
		io[i].aio_resfd = ef;
		CHECK(submit(c, &io[i]) == 1, "submit %d", i);
	}
	usleep(300000);
	CHECK(getevents(c, 0, N, e, 0) == 0, "frozen");
	for (int i = 64; i < N; i++) {
		CHECK(cancel(c, &io[i]) == -EINPROGRESS, "cancel");
		int r = getevents(c, 1, 1, e, 0);
		CHECK(r == 1 && e[0].res == -EINTR && e[0].data == io[i].aio_data, "early %d: %d", i, r);
		CHECK(cancel(c, &io[i]) == -EINVAL, "again");
	}
	uint64_t n;
	CHECK(read(ef, &n, 8) == 8 && n == N - 64, "eventfd %llu", (unsigned long long)n);
	for (int i = 0; i < 64; i++)
		CHECK(cancel(c, &io[i]) == -EINPROGRESS, "cancel running");
	usleep(100000);
	CHECK(getevents(c, 0, N, e, 0) == 0, "uninterruptible");
	CHECK(!ioctl(d, FITHAW, 0), "thaw");
	int r = getevents(c, 64, N, e, 5000);
	CHECK(r == 64, "after thaw %d", r);
	for (int i = 0; i < r; i++)
		CHECK(e[i].res == 64 || e[i].res == -EINTR, "res %lld", e[i].res);
	for (int i = 64; i < N; i++) {
		char x[64];
		pread(f, x, 64, 64 * i);
		CHECK(x[0] == 0, "no effect");
	}
	/* the same, destroyed while queued: the frozen ones are waited for, by a child */
	CHECK(!ioctl(d, FIFREEZE, 0), "freeze");
	for (int i = 0; i < N; i++) {
		io[i] = prep(PWRITE, f, b, 64, 64 * i);
		CHECK(submit(c, &io[i]) == 1, "submit %d", i);
	}
	if (!fork()) {
		usleep(300000);
		ioctl(d, FITHAW, 0);
		_exit(0);
	}
	t0 = now();
	CHECK(!destroy(c), "destroy");
	CHECK(now() - t0 > 0.2 && now() - t0 < 3, "destroy took %f", now() - t0);
	wait(0);
	close(f);
	close(d);
	close(ef);
}

/*
 * 300 readers of an empty pipe, and their writer, have a thread each. Then the
 * context goes, or its process exits, is killed, executes or crashes.
 */
void many(void)
{
	enum { N = 300 };
	aio_context_t c;
	static struct iocb io[N];
	static struct io_event e[N + 1];
	static char b[N][64];
	int p[2];
	pipe(p);
	CHECK(!setup(2 * N, &c), "setup");
	for (int i = 0; i < N; i++) {
		io[i] = prep(PREAD, p[0], b[i], 64, 0);
		CHECK(submit(c, &io[i]) == 1, "submit %d", i);
	}
	static char w[N * 64];
	struct iocb wi = prep(PWRITE, p[1], w, sizeof(w), 0);
	CHECK(submit(c, &wi) == 1, "write");
	int n = 0;
	while (n < N + 1) {
		int r = getevents(c, 1, N + 1 - n, e + n, 5000);
		if (r <= 0)
			break;
		n += r;
	}
	CHECK(n == N + 1, "only %d", n);
	for (int i = 0; i < N; i++) {
		io[i] = prep(PREAD, p[0], b[i], 64, 0);
		CHECK(submit(c, &io[i]) == 1, "submit %d", i);
	}
	double t = now();
	CHECK(!destroy(c), "destroy");
	CHECK(now() - t < 5, "took %f", now() - t);
	for (int how = 0; how < 4; how++) {
		pid_t k = fork();
		if (!k) {
			setup(64, &c);
			for (int i = 0; i < 20; i++) {
				io[i] = prep(PREAD, p[0], b[i], 64, 0);
				submit(c, &io[i]);
			}
			usleep(20000);
			if (how == 0)
				_exit(7);
			if (how == 1)
				pause();
			if (how == 2)
				execl("/init", "init", "exit7", NULL);
			*(volatile int *)0 = 1;
		}
		if (how == 1) {
			usleep(100000);
			kill(k, SIGKILL);
		}
		t = now();
		int st;
		CHECK(waitpid(k, &st, 0) == k, "wait");
		CHECK(now() - t < 3, "exit %d took %f", how, now() - t);
		if (how == 0 || how == 2)
			CHECK(WIFEXITED(st) && WEXITSTATUS(st) == 7, "status %x", st);
	}
	write(p[1], w, 64);
	CHECK(read(p[0], b, 64) == 64, "nobody took it");
	close(p[0]);
	close(p[1]);
}

/* Reads and cancels race: one event each, and no data is lost. */
void race(void)
{
	aio_context_t c;
	CHECK(!setup(64, &c), "setup");
	int p[2];
	pipe(p);
	long done = 0, intr = 0, lost = 0;
	unsigned seed = 1;
	for (int i = 0; i < 3000; i++) {
		char b[64];
		struct io_event e;
		struct iocb io = prep(PREAD, p[0], b, 64, 0);
		CHECK(submit(c, &io) == 1, "s");
		int how = rand_r(&seed) % 4;
		for (volatile int d = rand_r(&seed) % 20000; d > 0; d--)
			;
		int wrote = 0;
		if (how & 1) {
			write(p[1], b, 64);
			wrote = 1;
		}
		int cr = cancel(c, &io);
		if (how & 2 && !wrote) {
			write(p[1], b, 64);
			wrote = 1;
		}
		int r = getevents(c, 1, 1, &e, 5000);
		if (r != 1) {
			CHECK(0, "no event, cancel %d how %d", cr, how);
			break;
		}
		CHECK(e.data == io.aio_data && (e.res == 64 || e.res == -EINTR), "res %lld", e.res);
		CHECK(cr == -EINPROGRESS || (cr == -EINVAL && e.res == 64), "cancel %d res %lld", cr, e.res);
		if (e.res == 64) {
			done++;
			CHECK(wrote, "from nowhere");
		} else {
			intr++;
			if (wrote)
				CHECK(read(p[0], b, 64) == 64, "data eaten");
			else
				lost++;
		}
		CHECK(getevents(c, 0, 1, &e, 0) == 0, "second event");
	}
	printf("race: %ld read, %ld interrupted, %ld of them without data\n", done, intr, lost);
	CHECK(!destroy(c), "destroy");
	close(p[0]);
	close(p[1]);
}
