// SPDX-License-Identifier: GPL-2.0
/*
 * Which code of a kernel a few AIO requests ran: what their process ran itself,
 * and, in a context with threads, what these ran for it.
 *
 * This is how to collect both with Documentation/dev-tools/kcov.rst: a process
 * asks for remote coverage under a handle of its choice, and starts another
 * one, which inherits the handle, and collects what it runs by itself. (One
 * task cannot do both.) Contexts of the second pass the handle on to their
 * threads.
 *
 * Prints a line for each place, "PC own ffffffff81234567" or "PC thread ...".
 */
#include <err.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/kcov.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORDS	(1 << 16)	/* of a buffer, the first one is the count */
#define HANDLE	0x1234		/* any number but 0 that nobody else uses */
#define ROUNDS	3

struct kcov {
	int fd;
	uint64_t *words;
};

static struct kcov kcov_open(void)
{
	struct kcov k;

	k.fd = open("/sys/kernel/debug/kcov", O_RDWR);
	if (k.fd < 0)
		err(1, "open kcov: the kernel needs CONFIG_KCOV, and debugfs mounted");
	if (ioctl(k.fd, KCOV_INIT_TRACE, WORDS))
		err(1, "KCOV_INIT_TRACE");
	k.words = mmap(NULL, WORDS * sizeof(*k.words), PROT_READ | PROT_WRITE,
		       MAP_SHARED, k.fd, 0);
	if (k.words == MAP_FAILED)
		err(1, "mmap kcov");
	return k;
}

static void remote_start(struct kcov *k)
{
	struct kcov_remote_arg arg = {
		.trace_mode = KCOV_TRACE_PC,
		.area_size = WORDS,
		.common_handle = kcov_remote_handle(KCOV_SUBSYSTEM_COMMON, HANDLE),
	};

	if (ioctl(k->fd, KCOV_REMOTE_ENABLE, &arg))
		err(1, "KCOV_REMOTE_ENABLE");
}

static void kcov_stop(struct kcov *k)
{
	if (ioctl(k->fd, KCOV_DISABLE, 0))
		err(1, "KCOV_DISABLE");
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Prints each place once. */
static void print(const char *who, struct kcov *k)
{
	uint64_t n = __atomic_load_n(&k->words[0], __ATOMIC_RELAXED);

	if (n == WORDS - 1)
		warnx("the buffer of %s is full", who);
	qsort(k->words + 1, n, sizeof(*k->words), compare);
	for (uint64_t i = 1; i <= n; i++)
		if (i == 1 || k->words[i] != k->words[i - 1])
			printf("PC %s %llx\n", who, (unsigned long long)k->words[i]);
}

/* A write, a read that is cancelled, and the end of the context with it. */
static void requests(void)
{
	static char buf[512];
	struct iocb write = { .aio_lio_opcode = IOCB_CMD_PWRITE, .aio_buf = (uintptr_t)buf, .aio_nbytes = sizeof(buf) };
	struct iocb poll = { .aio_lio_opcode = IOCB_CMD_POLL, .aio_buf = 1 /* POLLIN */ };
	struct iocb *iocbs[] = { &write, &poll };
	struct io_event events[2];
	aio_context_t ctx = 0;
	int pipes[2];

	write.aio_fildes = open("kcov.data", O_RDWR | O_CREAT, 0600);
	if ((int)write.aio_fildes < 0 || pipe(pipes))
		err(1, "open");
	poll.aio_fildes = pipes[0];
	if (syscall(SYS_io_setup, 8, &ctx))
		err(1, "io_setup");
	if (syscall(SYS_io_submit, ctx, 2, iocbs) != 2)
		err(1, "io_submit");
	if (syscall(SYS_io_getevents, ctx, 1, 1, events, NULL) != 1 || events[0].res != sizeof(buf))
		err(1, "io_getevents: the write");
	syscall(SYS_io_cancel, ctx, &poll, events);
	if (syscall(SYS_io_getevents, ctx, 1, 1, events, NULL) != 1)
		err(1, "io_getevents: the poll");
	if (syscall(SYS_io_destroy, ctx))
		err(1, "io_destroy");
	close(pipes[0]);
	close(pipes[1]);
	close(write.aio_fildes);
}

int main(void)
{
	struct kcov remote = kcov_open();
	int status;
	pid_t child;

	remote_start(&remote);
	child = fork();
	if (child < 0)
		err(1, "fork");
	if (!child) {
		struct kcov own = kcov_open();

		if (ioctl(own.fd, KCOV_ENABLE, KCOV_TRACE_PC))
			err(1, "KCOV_ENABLE");
		for (int i = 0; i < ROUNDS; i++)
			requests();
		kcov_stop(&own);
		print("own", &own);
		return 0;
	}
	if (waitpid(child, &status, 0) != child || status)
		errx(1, "the child ended with status %x", status);
	/* A thread hands over what it ran shortly after its event. */
	sleep(1);
	kcov_stop(&remote);
	print("thread", &remote);
	return 0;
}
