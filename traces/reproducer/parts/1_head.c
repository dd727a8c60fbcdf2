#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
/*% if .Names %*/
#include <ftw.h>
/*% end %*/
#include <linux/aio_abi.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>
/*% if .Identity %*/
#include <grp.h>
#include <sys/fsuid.h>
#include <sys/resource.h>
/*% end %*/
/*% if .Freeze %*/
#include <linux/fs.h>
#include <sys/ioctl.h>
/*% end %*/

/* Not every program needs every helper. */
#pragma GCC diagnostic ignored "-Wunused-function"

/* Exit codes of kernel self-tests (tools/testing/selftests/kselftest.h). */
enum { KSFT_PASS = 0, KSFT_FAIL = 1, KSFT_SKIP = 4 };

/* Seconds after which a missing event counts as lost, and a round that makes no step as hung. */
#ifndef PATIENCE
#define PATIENCE 10
#define HANG 30
#endif

/*
 * Operations and a feature of the ring that only thread-based AIO has. POLL
 * has been in <linux/aio_abi.h> since 4.18.
 */
enum {
	PREAD = 0, PWRITE = 1, FSYNC = 2, FDSYNC = 3, POLL = 5, PREADV = 7, PWRITEV = 8,
	OPENAT = 9, UNLINKAT = 10, READAHEAD = 12, RENAMEAT = 13,
	RING_COMPAT_THREADED = 2,
};

enum file_kind { STORAGE, PIPE, SOCKET, EVENTFD, DIRECTORY };
enum ending { DRAIN, DESTROY, EXIT, KILL };

struct file {
	enum file_kind kind;
	int nonblock;
	int pipe_size;		/* 0: as the kernel makes it */
};

struct request {
	const char *name;	/* in messages */
	unsigned int op, file;
	int eventfd;		/* file that is signalled; 0: none */
	long long offset;	/* of a POLL: the events that it waits for */
	unsigned int bytes, segments, skew;
	int context;		/* where it is submitted; -1: nowhere */
	int plain;		/* made by the thread itself, not by io_submit */
	int reuse;		/* has the iocb of request reuse - 1; 0: its own */
	unsigned int path, new_path;
	unsigned int flags, mode;
	int via;		/* 0: a descriptor, 1: the working directory, 2: the root */
};

struct path {
	unsigned int directory;	/* file */
	int kind;		/* 0: does not exist, 1: an empty file, 2: a FIFO */
	unsigned int mode, uid;
};

struct identity {
	unsigned int uid, umask, cwd, root, descriptors; /* cwd and root: file + 1; 0: as they are */
};

