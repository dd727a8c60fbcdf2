/*
 * A kernel with a bug, for tests of reproducers: included before one, it puts
 * itself between the program and the system calls. BROKEN in the environment
 * names the bug.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/aio_abi.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static unsigned char scratch[1 << 20] __attribute__((aligned(4096)));
static unsigned char *seen_buffer; /* of the last read */

static long broken_syscall(long number, ...)
{
	const char *bug = getenv("BROKEN") ? getenv("BROKEN") : "";
	long a[6], ret;
	va_list args;

	va_start(args, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(args, long);
	va_end(args);
	/* The first io_destroy is of the probe. */
	static int destroys;
#define IS(name) (!strcmp(bug, name))
	if (number == SYS_io_submit && a[1] > 0) {
		struct iocb **list = (struct iocb **)a[2];

		if (list[0]->aio_lio_opcode == IOCB_CMD_PREAD)
			seen_buffer = (unsigned char *)(uintptr_t)list[0]->aio_buf;
		if (IS("eagain"))
			return errno = EAGAIN, -1;
		if (IS("nothing accepted"))
			return 0;
		if (IS("write to nowhere") && list[0]->aio_lio_opcode == IOCB_CMD_PWRITE) {
			list[0]->aio_lio_opcode = IOCB_CMD_PREAD;
			list[0]->aio_buf = (uintptr_t)scratch;
		}
		if (IS("write elsewhere") && list[0]->aio_lio_opcode == IOCB_CMD_PWRITE)
			list[0]->aio_offset -= 4096;
		if (IS("read too far") && list[0]->aio_lio_opcode == IOCB_CMD_PREAD)
			memset(seen_buffer, 0, list[0]->aio_nbytes), list[0]->aio_nbytes -= 512;
		if (IS("no signal"))
			list[0]->aio_flags = 0;
		if (IS("rejected after all")) {
			ret = syscall(number, a[0], a[1], a[2]);
			return errno = EINVAL, -1;
		}
	}
	if (number == SYS_io_cancel && IS("cancel says 0"))
		return 0;
	if (number == SYS_io_cancel && IS("cancel of nothing"))
		return errno = EINPROGRESS, -1;
	if (number == SYS_io_getevents && IS("no wait") && a[1] > 0)
		return 0;
	if (number == SYS_io_destroy && IS("destroy hangs") && destroys++ > 0)
		for (;;)
			pause();
	ret = syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
	if (number == SYS_io_destroy && IS("destroy says 0"))
		return 0;
	if (number == SYS_io_setup && ret == 0 && IS("small ring"))
		(*(unsigned int **)a[1])[1] = 2;
	if (number == SYS_io_getevents && ret > 0) {
		struct io_event *e = (struct io_event *)a[3];

		if (IS("lost event"))
			return 0;
		if (IS("event twice"))
			e[1] = e[0], ret = 2;
		if (IS("other data"))
			e->data ^= 7;
		if (IS("restart code"))
			e->res = -512;
		if (IS("too much"))
			e->res += 4096;
		if (IS("too little"))
			e->res -= 512;
		if (IS("interrupted write"))
			e->res = -EINTR;
	}
	if (number == SYS_io_destroy && IS("late write") && seen_buffer)
		seen_buffer[100] = 1;
	return ret;
}

#define syscall broken_syscall
