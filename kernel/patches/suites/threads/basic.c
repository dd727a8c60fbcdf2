// SPDX-License-Identifier: GPL-2.0
/* Contexts without threads are as ever; reads, writes, syncs and readahead. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <unistd.h>

#include "check.h"

/* The sysctl is off: no flag, no new opcodes, no threads. */
void off(void)
{
	aio_context_t c;
	char b[64] = "x";
	CHECK(!setup(8, &c), "setup");
	CHECK(ring(c, RING_COMPAT) == 1, "compat %u", ring(c, RING_COMPAT));
	int f = open("/mnt/off", O_RDWR | O_CREAT, 0600);
	CHECK(run_one(c, prep(PWRITE, f, b, 64, 0)) == 64, "pwrite");
	CHECK(run_one(c, prep(PREAD, f, b, 64, 0)) == 64, "pread");
	CHECK(run_one(c, prep(FSYNC, f, 0, 0, 0)) == 0, "fsync");
	for (int op = 9; op <= 13; op++) {
		struct iocb i = prep(op, f, b, 0, 0);
		CHECK(submit(c, &i) == -EINVAL, "op %d", op);
	}
	int p[2];
	pipe(p);
	struct iocb i = prep(POLL, p[0], (void *)POLLIN, 0, 0);
	struct io_event e;
	CHECK(submit(c, &i) == 1, "poll");
	CHECK(cancel(c, &i) == -EINPROGRESS, "cancel");
	CHECK(getevents(c, 1, 1, &e, 2000) == 1 && e.res == 0, "poll res %lld", e.res);
	CHECK(threads() == 0, "threads %d", threads());
	CHECK(!destroy(c), "destroy");
	close(f);
	close(p[0]);
	close(p[1]);
}

/* Buffered, direct, vectored, short; files with ->read only; eventfds. */
void rw(const char *dir)
{
	aio_context_t c;
	char path[99];
	static char b[65536] __attribute__((aligned(4096))), d[65536] __attribute__((aligned(4096)));
	CHECK(!setup(64, &c), "setup");
	CHECK(ring(c, RING_COMPAT) == 3, "compat");
	snprintf(path, sizeof(path), "%s/rw", dir);
	int f = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	for (int i = 0; i < 65536; i++)
		b[i] = i * 7;
	CHECK(run_one(c, prep(PWRITE, f, b, 65536, 100)) == 65536, "pwrite");
	CHECK(run_one(c, prep(PREAD, f, d, 65536, 100)) == 65536 && !memcmp(b, d, 65536), "pread");
	CHECK(run_one(c, prep(PREAD, f, d, 65536, 65536)) == 100, "short");
	CHECK(run_one(c, prep(PREAD, f, d, 10, 1 << 20)) == 0, "eof");
	struct iovec v[12];
	for (int i = 0; i < 12; i++)
		v[i] = (struct iovec){ b + 100 * i, 100 };
	struct iocb io = prep(PWRITEV, f, v, 12, 0);
	CHECK(submit(c, &io) == 1, "pwritev");
	memset(v, 0, sizeof(v));
	struct io_event e;
	CHECK(getevents(c, 1, 1, &e, 5000) == 1 && e.res == 1200, "pwritev %lld", e.res);
	for (int i = 0; i < 12; i++)
		v[i] = (struct iovec){ d + 100 * i, 100 };
	CHECK(run_one(c, prep(PREADV, f, v, 12, 0)) == 1200 && !memcmp(b, d, 1200), "preadv");
	CHECK(run_one(c, prep(PREADV, f, v, 3, 0)) == 300, "preadv");
	CHECK(run_one(c, prep(FSYNC, f, 0, 0, 0)) == 0, "fsync");
	CHECK(run_one(c, prep(FDSYNC, f, 0, 0, 0)) == 0, "fdsync");
	CHECK(run_one(c, prep(FSYNC, f, b, 0, 0)) == REFUSED - EINVAL, "fsync buf");
	CHECK(run_one(c, prep(PREAD, 99, b, 1, 0)) == REFUSED - EBADF, "badf");
	CHECK(run_one(c, prep(NOOP, f, b, 1, 0)) == REFUSED - EINVAL, "noop");
	CHECK(run_one(c, prep(PREAD, f, (void *)8, 10, 0)) == -EFAULT, "efault");
	int g = open(path, O_WRONLY);
	CHECK(run_one(c, prep(PREAD, g, b, 1, 0)) == REFUSED - EBADF, "wronly");
	close(g);
	g = open(path, O_RDWR | O_DIRECT);
	if (g >= 0) {
		memset(d, 0, 8192);
		CHECK(run_one(c, prep(PWRITE, g, b, 8192, 0)) == 8192, "direct w");
		CHECK(run_one(c, prep(PREAD, g, d, 8192, 0)) == 8192 && !memcmp(b, d, 8192), "direct r");
		close(g);
	}
	int t = timerfd_create(CLOCK_MONOTONIC, 0);
	struct itimerspec its = { { 0, 0 }, { 0, 50000000 } };
	timerfd_settime(t, 0, &its, 0);
	uint64_t n = 0;
	CHECK(run_one(c, prep(PREAD, t, &n, 8, 0)) == 8 && n == 1, "timerfd");
	close(t);
	g = open("/proc/self/status", O_RDONLY);
	CHECK(run_one(c, prep(PREAD, g, d, 4096, 0)) > 100, "proc");
	close(g);
	/* eventfd notification */
	int ef = eventfd(0, EFD_NONBLOCK);
	io = prep(PREAD, f, d, 64, 0);
	io.aio_flags = IOCB_FLAG_RESFD;
	io.aio_resfd = ef;
	CHECK(submit(c, &io) == 1, "resfd");
	struct pollfd pf = { ef, POLLIN, 0 };
	CHECK(poll(&pf, 1, 5000) == 1, "poll");
	CHECK(getevents(c, 0, 1, &e, 0) == 1, "event before eventfd");
	close(ef);
	CHECK(!destroy(c), "destroy");
	close(f);
}

/* readahead counts up to the end of the file. */
void ra(const char *dir)
{
	aio_context_t c;
	char path[99];
	static char b[1 << 20];
	CHECK(!setup(8, &c), "setup");
	snprintf(path, sizeof(path), "%s/ra", dir);
	int f = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	for (int i = 0; i < 5; i++)
		write(f, b, sizeof(b));
	write(f, b, 100);
	fsync(f);
	posix_fadvise(f, 0, 0, POSIX_FADV_DONTNEED);
	CHECK(run_one(c, prep(READAHEAD, f, 0, 10 << 20, 50)) == (5 << 20) + 50, "readahead");
	CHECK(run_one(c, prep(READAHEAD, f, 0, 4096, 4096)) == 4096, "cached");
	CHECK(run_one(c, prep(READAHEAD, f, 0, 4096, 6 << 20)) == 0, "eof");
	CHECK(run_one(c, prep(READAHEAD, f, b, 4096, 0)) == REFUSED - EINVAL, "buf");
	int g = open(path, O_WRONLY);
	CHECK(run_one(c, prep(READAHEAD, g, 0, 4096, 0)) == REFUSED - EBADF, "wronly");
	close(g);
	int p[2];
	pipe(p);
	CHECK(run_one(c, prep(READAHEAD, p[0], 0, 4096, 0)) == REFUSED - EINVAL, "pipe");
	close(p[0]);
	close(p[1]);
	CHECK(!destroy(c), "destroy");
	close(f);
}
