// SPDX-License-Identifier: GPL-2.0
/*
 * The symptom of each defect that can be switched on, by name as in the message
 * of the patch: x_NAME() says whether it is seen. It is called with the defect
 * off and on, with a context and an empty pipe.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "races.h"

/* Switches one on, or all off. */
static void defect(const char *n)
{
	int d = open(DEFECTS, O_WRONLY);

	CHECK(d >= 0 && write(d, n, strlen(n)) == (ssize_t)strlen(n), "set %s: %d", n, errno);
	close(d);
}

/* The result of a read that is cancelled while a thread waits in it. */
static long cancel_late(aio_context_t c, int fd)
{
	static char b[64];
	struct iocb io = prep(PREAD, fd, b, 64, 0);
	struct io_event e;
	submit(c, &io);
	usleep(20000);
	cancel(c, &io);
	return getevents(c, 1, 1, &e, 300) == 1 ? e.res : NO_EVENT;
}

static int x_D17(aio_context_t c, int *p)
{
	char b[64];
	long a = cancel_late(c, p[0]), z = cancel_late(c, p[0]);
	struct io_event e;
	if (z == NO_EVENT) {
		write(p[1], b, 64);
		getevents(c, 1, 1, &e, 3000);
	}
	return a == -EINTR && z == NO_EVENT;
}

static int x_T1(aio_context_t c, int *p)
{
	struct iocb io;
	struct io_event e;
	char b[64];
	cancel_late(c, p[0]);
	io = prep(PREAD, p[0], b, 64, 0);
	submit(c, &io);
	if (getevents(c, 1, 1, &e, 300) == 1)
		return e.res == -EINTR;
	write(p[1], b, 64);
	getevents(c, 1, 1, &e, 3000);
	return 0;
}

static int x_T18(aio_context_t c, int *p)
{
	return cancel_late(c, p[0]) == -512;
}

static int x_D6(aio_context_t c, int *p)
{
	struct iocb io = prep(POLL, p[0], (void *)POLLIN, 0, 0);
	struct io_event e;
	char b[1];
	write(p[1], "x", 1);
	submit(c, &io);
	int r = getevents(c, 1, 1, &e, 300);
	read(p[0], b, 1);
	if (!r) {
		cancel(c, &io);
		getevents(c, 1, 1, &e, 3000);
	}
	return r == 0;
}

static int x_D8(aio_context_t c, int *p)
{
	return run_one(c, prep(UNLINKAT, AT_FDCWD, "/tmp/none", 0, 0)) == REFUSED - EBADF;
}

static int x_D2(aio_context_t c, int *p)
{
	chdir("/tmp");
	close(open("/tmp/d2", O_CREAT, 0600));
	long fd = run_one(c, prep(OPENAT, AT_FDCWD, "d2", 0, 0));
	int r = fd == -ENOENT;
	if (fd >= 0)
		close(fd);
	chdir("/");
	return r;
}

static int x_D26(aio_context_t c, int *p)
{
	int f = open("/mnt/big", O_RDWR | O_CREAT, 0600);
	ftruncate(f, 3LL << 30);
	close(f);
	long r = run_one(c, prep(OPENAT, AT_FDCWD, "/mnt/big", 0, 0));
	if (r >= 0)
		close(r);
	unlink("/mnt/big");
	return r == -EOVERFLOW;
}

static int x_D5(aio_context_t c, int *p)
{
	struct rlimit o, l;
	getrlimit(RLIMIT_NOFILE, &o);
	int n = dup(0);
	close(n);
	l = o;
	l.rlim_cur = n;
	setrlimit(RLIMIT_NOFILE, &l);
	long r = run_one(c, prep(OPENAT, AT_FDCWD, "/init", 0, 0));
	setrlimit(RLIMIT_NOFILE, &o);
	if (r >= 0)
		close(r);
	return r >= 0;
}

static int x_D3(aio_context_t c, int *p)
{
	int f = open("/mnt/s", O_RDWR | O_CREAT, 0777), s = 0;
	fchmod(f, 06777);
	pid_t k = fork();
	if (!k) {
		setup(8, &c);
		setreuid(-1, 1000);
		struct stat st;
		run_one(c, prep(PWRITE, f, "x", 1, 0));
		fstat(f, &st);
		_exit(!!(st.st_mode & S_ISUID));
	}
	waitpid(k, &s, 0);
	unlink("/mnt/s");
	close(f);
	return s == 256;
}

static int x_D1(aio_context_t c, int *p)
{
	int seen = 0;
	close(open("/tmp/A", O_CREAT, 0600));
	for (int i = 0; i < 20 && !seen; i++) {
		struct io_event e;
		char b[16] = "/tmp/A";
		struct iocb io = prep(OPENAT, -1, b, 0, 0);
		submit(c, &io);
		b[5] = 'Z';
		getevents(c, 1, 1, &e, 3000);
		seen = e.res == -ENOENT;
		if (e.res >= 0)
			close(e.res);
	}
	return seen;
}

static int x_D20(aio_context_t c, int *p)
{
	int seen = 0;
	close(open("/tmp/A", O_CREAT, 0600));
	for (int i = 0; i < 20 && !seen; i++) {
		struct io_event e;
		chdir("/tmp");
		struct iocb io = prep(OPENAT, AT_FDCWD, "A", 0, 0);
		submit(c, &io);
		chdir("/");
		getevents(c, 1, 1, &e, 3000);
		seen = e.res == -ENOENT;
		if (e.res >= 0)
			close(e.res);
	}
	return seen;
}

static int x_D15(aio_context_t c, int *p)
{
	static char b[64];
	struct iocb io = prep(PREAD, p[0], b, 64, 0);
	struct io_event e;
	submit(c, &io);
	usleep(5000);
	io.aio_data++;
	int r = cancel(c, &io);
	io.aio_data--;
	cancel(c, &io);
	getevents(c, 1, 1, &e, 3000);
	return r == -EINPROGRESS;
}

static int x_T9(aio_context_t c, int *p)
{
	static char big[1 << 20];
	struct iocb io = prep(PWRITE, p[1], big, sizeof(big), 0);
	struct io_event e;
	submit(c, &io);
	usleep(20000);
	cancel(c, &io);
	getevents(c, 1, 1, &e, 3000);
	read(p[0], big, 65536);
	return e.res == -EINTR;
}

static int x_T8(aio_context_t c, int *p)
{
	return x_T9(c, p);
}

static int x_T15(aio_context_t c, int *p)
{
	static char b[64];
	int ef = eventfd(0, EFD_NONBLOCK);
	uint64_t n;
	struct iocb io = prep(PREAD, p[0], b, 64, 0);
	struct io_event e;
	io.aio_flags = IOCB_FLAG_RESFD;
	io.aio_resfd = ef;
	submit(c, &io);
	usleep(5000);
	cancel(c, &io);
	getevents(c, 1, 1, &e, 3000);
	usleep(20000);
	int r = read(ef, &n, 8) < 0;
	close(ef);
	return r;
}

/*
 * Writes to a frozen file system, the last of which is queued and cancelled: how
 * many ended while it was frozen, whether the cancelled one did, and whether it
 * was executed.
 */
static int frozen(aio_context_t c, int *got, int *eff)
{
	enum { N = 70 };
	static struct iocb io[N];
	static struct io_event e[N];
	static char w[64];
	memset(w, 'W', 64);
	int f = open("/mnt/fz", O_RDWR | O_CREAT | O_TRUNC, 0600), d = open("/mnt", O_RDONLY);
	ftruncate(f, 64 * N);
	fsync(f);
	ioctl(d, FIFREEZE, 0);
	for (int i = 0; i < N; i++) {
		io[i] = prep(PWRITE, f, w, 64, 64 * i);
		submit(c, &io[i]);
	}
	usleep(200000);
	int early = getevents(c, 0, N, e, 0);
	cancel(c, &io[N - 1]);
	*got = getevents(c, 0, 1, e, 0);
	ioctl(d, FITHAW, 0);
	getevents(c, N - 1, N, e, 1000);
	char x = 0;
	pread(f, &x, 1, 64 * (N - 1));
	*eff = x == 'W';
	close(f);
	close(d);
	return early;
}

static int x_D11(aio_context_t c, int *p)
{
	int g, e;
	frozen(c, &g, &e);
	return g == 0 && !e;
}

static int x_T4(aio_context_t c, int *p)
{
	int g, e;
	frozen(c, &g, &e);
	return e;
}

static int x_D16(aio_context_t c, int *p)
{
	int g, e;
	return frozen(c, &g, &e) > 0;
}

static int x_D10(aio_context_t c, int *p)
{
	enum { N = 64 };
	static struct iocb io[N];
	static struct io_event e[N + 1];
	static char b[64];
	struct iocb w = prep(PWRITE, p[1], b, 64, 0);
	for (int i = 0; i < N; i++) {
		io[i] = prep(PREAD, p[0], b, 1, 0);
		submit(c, &io[i]);
	}
	usleep(100000);
	submit(c, &w);
	int r = getevents(c, 1, 1, e, 300);
	static char z[64];
	if (!r)
		write(p[1], z, 64);
	int n = r > 0 ? r : 0;
	while (n < N + 1) {
		int k = getevents(c, 1, N + 1, e, 2000);
		if (k <= 0)
			break;
		n += k;
	}
	read(p[0], b, 64 * (r == 0));
	return r == 0;
}

static int x_M13(aio_context_t c, int *p)
{
	int r = 0;
	for (int i = 0; i < 500; i++) {
		struct iocb io = prep(PREAD, 999, 0, 1, 0);
		r = submit(c, &io);
	}
	return r == -EAGAIN;
}

static int x_M5(aio_context_t c, int *p)
{
	int d = open("/mnt", O_RDONLY), f = open("/mnt/m5", O_RDWR | O_CREAT, 0600);
	aio_context_t k;
	setup(8, &k);
	ioctl(d, FIFREEZE, 0);
	struct iocb io = prep(PWRITE, f, "x", 1, 0);
	submit(k, &io);
	usleep(20000);
	if (!fork()) {
		usleep(300000);
		ioctl(d, FITHAW, 0);
		_exit(0);
	}
	double t = now();
	destroy(k);
	t = now() - t;
	wait(0);
	close(d);
	close(f);
	return t < 0.2;
}

static int later(int fd, int ms)
{
	pid_t k = fork();
	if (!k) {
		char b[64];
		usleep(ms * 1000);
		write(fd, b, 64);
		_exit(0);
	}
	return k;
}

static int x_T11(aio_context_t c, int *p)
{
	aio_context_t k;
	static char b[64];
	setup(8, &k);
	struct iocb io = prep(PREAD, p[0], b, 64, 0);
	submit(k, &io);
	usleep(20000);
	int w = later(p[1], 700);
	double t = now();
	destroy(k);
	t = now() - t;
	waitpid(w, 0, 0);
	fcntl(p[0], F_SETFL, O_NONBLOCK);
	read(p[0], b, 64);
	return t > 0.4;
}

/* How many more requests than slots a context accepts. */
static int slots(aio_context_t c)
{
	unsigned nr = ring(c, RING_NR);
	static struct iocb io[4096];
	int f = open("/tmp/sl", O_RDWR | O_CREAT, 0600), n;
	static char b[64];
	for (n = 0; n < 4096; n++) {
		io[n] = prep(PREAD, f, b, 8, 0);
		if (submit(c, &io[n]) != 1)
			break;
		if (n > nr)
			break;
	}
	usleep(200000);
	close(f);
	return n - (int)(nr - 1);
}

static int x_T10(aio_context_t c, int *p)
{
	for (int i = 0; i < 300; i++) {
		static char b[64];
		struct iocb io = prep(PREAD, p[0], b, 64, 0);
		struct io_event e;
		submit(c, &io);
		usleep(500);
		cancel(c, &io);
		getevents(c, 1, 1, &e, 3000);
	}
	int s = slots(c);
	if (s > 0)
		printf("T10: %d too many\n", s);
	return s > 0;
}

static int x_M3(aio_context_t c, int *p)
{
	unsigned nr = ring(c, RING_NR);
	struct io_event e;
	int n = 0;
	for (int i = 0; i < nr + 20; i++) {
		static char b[64];
		static struct iocb io[4096];
		int f = open("/tmp", O_RDONLY);
		f = f;
		close(f);
		f = open("/init", O_RDONLY);
		io[i] = prep(PREAD, f, b, 8, 0);
		int r = submit(c, &io[i]);
		close(f);
		if (r == 1)
			n++;
		usleep(200);
	}
	int k = 0;
	while (getevents(c, 0, 1, &e, 0) == 1)
		k++;
	if (n != k)
		printf("M3: %d submitted, %d events\n", n, k);
	return n > (int)nr - 1 || n != k;
}

typedef int symptom(aio_context_t c, int *p);

/* Whether a symptom is seen in a new context, with a defect on or off. */
static int seen(const char *name, symptom *look, int on)
{
	aio_context_t c;
	int p[2], s;

	CHECK(!pipe(p), "pipe");
	defect(on ? name : "\n");
	CHECK(!setup(100, &c), "setup");
	s = look(c, p);
	CHECK(s == on, "%s %s: symptom %d", name, on ? "on" : "off", s);
	defect("\n");
	close(p[1]);
	/* T6 leaves a request without an end, for which this would wait. */
	if (!on || strcmp(name, "T6"))
		destroy(c);
	close(p[0]);
	return s;
}

static void both_ways(const char *name, symptom *look)
{
	int off = seen(name, look, 0), on = seen(name, look, 1);

	printf("defect(%s) %s\n", name, on && !off ? "ok" : "FAILED");
}

void defects(void)
{
	static struct {
		const char *name;
		symptom *look;
	} t[] = {
#define X(n) { #n, x_##n },
		X(D1) X(D2) X(D3) X(D5) X(D6) X(D8) X(D10) X(D11) X(D15) X(D16)
		X(D17) X(D20) X(D26) X(T1) X(T4) X(T8) X(T9) X(T15) X(T18) X(M5)
		X(M13) X(T2) X(T7) X(T10) X(T11) X(M3) X(M7) X(M12) X(M14)
	};

	for (int i = 0; i < (int)(sizeof(t) / sizeof(*t)); i++)
		if (!getenv("ONLY") || !strcmp(getenv("ONLY"), t[i].name))
			both_ways(t[i].name, t[i].look);
}

static int x_T6(aio_context_t c, int *p)
{
	int g, e;
	frozen(c, &g, &e);
	return g == 0 && !e;
}

/* Comes last: its request never ends, and keeps its file and context. */
void defect_without_end(const char *fs)
{
	mount("/dev/vda", "/mnt", fs, 0, 0);
	write_file("/proc/sys/fs/aio-auto-threads", "1");
	both_ways("T6", x_T6);
}
