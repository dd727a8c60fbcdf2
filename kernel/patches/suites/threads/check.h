/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Checks of thread-based AIO, from user space. The program is a guest's init:
 * it mounts /dev/vda (FS=xfs on the kernel's command line, or ext4) on /mnt,
 * switches threads on, runs everything, ends with a line "RESULT 16146 checks,
 * 0 failed", and powers off. With ONLY=T2 it looks for that defect only.
 */
#ifndef CHECK_H
#define CHECK_H

#include <linux/aio_abi.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

extern int checks, fails;

/* Says what does not hold, with the values that a format names, and goes on. */
#define CHECK(condition, ...)                                                    \
	do {                                                                     \
		checks++;                                                        \
		if (!(condition)) {                                              \
			fails++;                                                 \
			printf("FAIL %s:%d %s: ", __func__, __LINE__, #condition); \
			printf(__VA_ARGS__);                                     \
			printf("\n");                                            \
		}                                                                \
	} while (0)

/* The opcodes, as in linux/aio_abi.h, and those that the patches add. */
enum {
	PREAD = IOCB_CMD_PREAD,
	PWRITE = IOCB_CMD_PWRITE,
	FSYNC = IOCB_CMD_FSYNC,
	FDSYNC = IOCB_CMD_FDSYNC,
	POLL = IOCB_CMD_POLL,
	NOOP = IOCB_CMD_NOOP,
	PREADV = IOCB_CMD_PREADV,
	PWRITEV = IOCB_CMD_PWRITEV,
	OPENAT = 9,
	UNLINKAT = 10,
	READAHEAD = 12,
	RENAMEAT = 13,
};

/* The words at the start of a context's ring, which its address is. */
enum { RING_NR = 1, RING_HEAD, RING_TAIL, RING_MAGIC, RING_COMPAT };
static inline unsigned int ring(aio_context_t c, int word)
{
	return ((volatile unsigned int *)c)[word];
}

/* The system calls; negative results are errors. */
int setup(unsigned int n, aio_context_t *c);
int submit(aio_context_t c, struct iocb *p);
int cancel(aio_context_t c, struct iocb *p);
int destroy(aio_context_t c);
int getevents(aio_context_t c, int min, int n, struct io_event *e, int ms);

/* An iocb with an aio_data of its own. */
struct iocb prep(int op, int fd, void *buf, size_t n, long long off);
/* aio_offset of an OPENAT. */
long long oflags(unsigned int flags, unsigned int mode);

/*
 * Submits a request and waits for it: the result of its event, or
 * REFUSED - error if io_submit() says no, or less if no event comes.
 */
#define REFUSED (-10000)
#define NO_EVENT (-20000)
long run_one(aio_context_t c, struct iocb i);

double now(void);
/* Threads of AIO that there are. */
int threads(void);
void write_file(const char *name, const char *text);

/* basic.c, for threads off and on */
void off(void);
void rw(const char *dir);
void ra(const char *dir);
/* cancel.c */
void late(void);
void early(void);
void many(void);
void race(void);
/* names.c */
void names(const char *dir);
/* defects.c */
void defects(void);
void defect_without_end(const char *fs);
#define DEFECTS "/sys/module/aio_thread/parameters/defects"

#endif
