// SPDX-License-Identifier: GPL-2.0
/* Symptoms of defects that take two at once, see defects.c. */
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <fcntl.h>
#include <errno.h>
#include <unistd.h>

#include "check.h"
#include "races.h"

static struct {
	aio_context_t c;
	int ret;
	double took;
} other;

static void *getevents_later(void *a)
{
	struct io_event e;
	double t = now();
	other.ret = getevents(other.c, 1, 1, &e, 1500);
	other.took = now() - t;
	return 0;
}

int x_M7(aio_context_t c, int *p)
{
	pthread_t t;
	setup(8, &other.c);
	pthread_create(&t, 0, getevents_later, 0);
	usleep(200000);
	double a = now();
	destroy(other.c);
	a = now() - a;
	pthread_join(t, 0);
	return other.took > 1 && a > 0.8;
}

static volatile int t2go, t2fd;

static void *write_when_told(void *a)
{
	char b[64];
	for (int i = 1; i <= 20000; i++) {
		while (t2go != i && t2go >= 0)
			;
		if (t2go < 0)
			break;
		write(t2fd, b, 64);
	}
	return 0;
}

/* Cancels as near to the end of a read as it goes: the delay follows what was seen. */
int x_T2(aio_context_t c, int *p)
{
	unsigned seed = 7;
	static char b[64];
	struct io_event e;
	int seen = 0, hit = 0, i;
	long delay = 2000;
	pthread_t t;
	t2go = 0;
	t2fd = p[1];
	pthread_create(&t, 0, write_when_told, 0);
	for (i = 1; i <= 20000 && !seen; i++) {
		struct iocb io = prep(PREAD, p[0], b, 64, 0), io2;
		submit(c, &io);
		usleep(100);
		t2go = i;
		for (volatile long d = delay + rand_r(&seed) % 400; d > 0; d--)
			;
		int r = cancel(c, &io);
		getevents(c, 1, 1, &e, 5000);
		if (e.res != 64) {
			read(p[0], b, 64);
			delay += 20;
		} else if (r == -EINVAL)
			delay -= delay > 20 ? 20 : 0;
		else
			hit++;
		if (e.res != 64 || r != -EINPROGRESS)
			continue;
		io2 = prep(PREAD, p[0], b, 64, 0);
		submit(c, &io2);
		seen = getevents(c, 1, 1, &e, 2) == 1;
		if (!seen) {
			write(p[1], b, 64);
			getevents(c, 1, 1, &e, 5000);
		}
	}
	t2go = -1;
	pthread_join(t, 0);
	printf("T2: %d of %d cancelled as they ended, delay %ld\n", hit, i, delay);
	return seen;
}

int x_T7(aio_context_t c, int *p)
{
	unsigned seed = 7;
	static char b[64];
	struct io_event e;
	int seen = 0;
	for (int i = 0; i < 5000 && !seen; i++) {
		struct iocb io = prep(PREAD, p[0], b, 64, 0);
		submit(c, &io);
		for (volatile int d = rand_r(&seed) % 6000; d > 0; d--)
			;
		int r = cancel(c, &io);
		seen = r == -EINPROGRESS && getevents(c, 1, 1, &e, i % 8 ? 20 : 300) == 0;
		if (seen)
			seen = getevents(c, 1, 1, &e, 1000) == 0;
		if (seen) {
			write(p[1], b, 64);
			getevents(c, 1, 1, &e, 3000);
		}
	}
	return seen;
}

int x_M12(aio_context_t c, int *p)
{
	static char b[64];
	int ef = eventfd(0, EFD_NONBLOCK), seen = 0;
	struct io_event e;
	int f = open("/init", O_RDONLY);
	for (int i = 0; i < 20000 && !seen; i++) {
		uint64_t n;
		struct iocb io = prep(PREAD, f, b, 8, 0);
		io.aio_flags = IOCB_FLAG_RESFD;
		io.aio_resfd = ef;
		submit(c, &io);
		while (read(ef, &n, 8) != 8)
			;
		seen = ring(c, RING_HEAD) == ring(c, RING_TAIL);
		while (getevents(c, 1, 1, &e, 3000) != 1)
			;
	}
	close(ef);
	close(f);
	return seen;
}

static volatile int go, ret2;
static volatile aio_context_t both;

static void *destroy_when_told(void *a)
{
	for (int i = 1; i <= 3000; i++) {
		while (go != i)
			;
		ret2 = destroy(both);
		go = -i;
	}
	return 0;
}

int x_M14(aio_context_t c, int *p)
{
	pthread_t t;
	int seen = 0, none = 0;
	unsigned seed = 3;
	pthread_create(&t, 0, destroy_when_told, 0);
	for (int i = 1; i <= 3000; i++) {
		aio_context_t k;
		setup(1, &k);
		both = k;
		go = i;
		for (volatile int d = rand_r(&seed) % 300; d > 0; d--)
			;
		int r = destroy(k);
		while (go != -i)
			;
		seen += !r && !ret2;
		none += r && ret2;
	}
	pthread_join(t, 0);
	CHECK(!none, "nobody succeeds");
	if (seen)
		printf("M14: %d times\n", seen);
	return seen > 0;
}
