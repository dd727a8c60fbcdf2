// SPDX-License-Identifier: GPL-2.0
/* What all checks use. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

int checks, fails;

int setup(unsigned n, aio_context_t *c)
{
	*c = 0;
	return syscall(SYS_io_setup, n, c) ? -errno : 0;
}

int submit(aio_context_t c, struct iocb *p)
{
	int r = syscall(SYS_io_submit, c, 1, &p);
	return r < 0 ? -errno : r;
}

int cancel(aio_context_t c, struct iocb *p)
{
	struct io_event e;
	int r = syscall(SYS_io_cancel, c, p, &e);
	return r < 0 ? -errno : r;
}

int destroy(aio_context_t c)
{
	return syscall(SYS_io_destroy, c) ? -errno : 0;
}

int getevents(aio_context_t c, int min, int n, struct io_event *e, int ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000L };
	int r = syscall(SYS_io_getevents, c, min, n, e, &t);
	return r < 0 ? -errno : r;
}

double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

void write_file(const char *f, const char *s)
{
	int d = open(f, O_WRONLY);
	CHECK(d >= 0, "%s", f);
	CHECK(write(d, s, strlen(s)) == (ssize_t)strlen(s), "%s", f);
	close(d);
}

struct iocb prep(int op, int fd, void *buf, size_t n, long long off)
{
	static uint64_t d;
	struct iocb i;
	memset(&i, 0, sizeof(i));
	i.aio_lio_opcode = op;
	i.aio_fildes = fd;
	i.aio_buf = (uintptr_t)buf;
	i.aio_nbytes = n;
	i.aio_offset = off;
	i.aio_data = ++d;
	return i;
}

long run_one(aio_context_t c, struct iocb i)
{
	struct io_event e;
	int r = submit(c, &i);
	if (r != 1)
		return REFUSED + r;
	while ((r = getevents(c, 1, 1, &e, 5000)) == -EINTR)
		;
	if (r != 1)
		return NO_EVENT + r;
	CHECK(e.data == i.aio_data && e.obj == (uintptr_t)&i, "event");
	return e.res;
}

long long oflags(unsigned f, unsigned m)
{
	return (long long)((uint64_t)m << 32 | f);
}

int threads(void)
{
	DIR *d = opendir("/proc");
	struct dirent *e;
	int n = 0;
	char p[300], b[64];
	while ((e = readdir(d))) {
		snprintf(p, sizeof(p), "/proc/%s/comm", e->d_name);
		int f = open(p, O_RDONLY);
		if (f < 0)
			continue;
		int r = read(f, b, 63);
		close(f);
		if (r > 0 && !strncmp(b, "aio-", 4))
			n++;
	}
	closedir(d);
	return n;
}
