// SPDX-License-Identifier: GPL-2.0
/* openat, unlinkat and renameat; and what requests have of their submitter. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

static volatile int got_sig;

static void onsig(int s)
{
	got_sig = s;
}

/* Names with the rights of the submitter, as they were at io_submit(). */
static void as_another_user(void)
{
	aio_context_t c;
	struct io_event e[2];
	struct stat st;

	setup(8, &c);
	setregid(1000, 1000);
	setreuid(-1, 1000);
	CHECK(run_one(c, prep(OPENAT, AT_FDCWD, "secret", 0, O_RDONLY)) == -EACCES, "secret");
	long f = run_one(c, prep(OPENAT, AT_FDCWD, "pub/u", 0, oflags(O_RDWR | O_CREAT, 0600)));
	CHECK(f >= 0 && !fstat(f, &st) && st.st_uid == 1000 && st.st_gid == 1000, "owner");
	CHECK(run_one(c, prep(UNLINKAT, AT_FDCWD, "secret", 0, 0)) == -EACCES, "unlink %d", errno);
	f = open("suid", O_WRONLY);
	CHECK(f >= 0 && run_one(c, prep(PWRITE, f, "x", 1, 0)) == 1 && !fstat(f, &st) && !(st.st_mode & S_ISUID),
	   "suid stays %o", st.st_mode);
	struct iocb io = prep(OPENAT, AT_FDCWD, "secret", 0, O_RDONLY);
	CHECK(submit(c, &io) == 1, "s");
	setreuid(-1, 0);
	CHECK(getevents(c, 1, 1, e, 3000) == 1 && e[0].res == -EACCES, "later root %lld", e[0].res);
}

/* RLIMIT_FSIZE with its signal, SIGPIPE, RLIMIT_NOFILE. */
static void at_the_limits(void)
{
	aio_context_t c;
	char b[64] = "";

	setup(8, &c);
	signal(SIGXFSZ, onsig);
	signal(SIGPIPE, onsig);
	struct rlimit l = { 8192, 8192 };
	setrlimit(RLIMIT_FSIZE, &l);
	int f = open("lim", O_RDWR | O_CREAT, 0600);
	CHECK(run_one(c, prep(PWRITE, f, b, 64, 8192)) == -EFBIG, "efbig");
	CHECK(got_sig == SIGXFSZ, "sig %d", got_sig);
	CHECK(run_one(c, prep(PWRITE, f, b, 64, 8160)) == 32, "partial");
	int p[2];
	pipe(p);
	close(p[0]);
	CHECK(run_one(c, prep(PWRITE, p[1], b, 64, 0)) == -EPIPE, "epipe");
	CHECK(got_sig == SIGPIPE, "sig %d", got_sig);
	CHECK(run_one(c, prep(PWRITE, f, b, 64, 0)) == 64, "leak");
	l = (struct rlimit){ 0, 4096 };
	l.rlim_cur = dup(f);
	setrlimit(RLIMIT_NOFILE, &l);
	close(l.rlim_cur);
	int q = run_one(c, prep(OPENAT, AT_FDCWD, "secret", 0, O_RDONLY));
	CHECK(q == -EMFILE || (q >= 0 && run_one(c, prep(OPENAT, AT_FDCWD, "secret", 0, O_RDONLY)) == -EMFILE),
	   "emfile %d", q);
}

/* No way out of a chroot. */
static void in_a_jail(void)
{
	aio_context_t c;

	mkdir("jail", 0755);
	chroot("jail");
	chdir("/");
	setup(8, &c);
	CHECK(run_one(c, prep(OPENAT, AT_FDCWD, "/init", 0, 0)) == -ENOENT, "escape");
	CHECK(run_one(c, prep(OPENAT, AT_FDCWD, "../../../init", 0, 0)) == -ENOENT, "escape");
}

/* Runs checks in a process of their own, whose identity they may change. */
static void in_child(void (*run)(void))
{
	pid_t child = fork();
	int status;

	if (!child) {
		fails = 0;
		run();
		_exit(fails);
	}
	waitpid(child, &status, 0);
	CHECK(status == 0, "child %x", status);
}

void names(const char *dir)
{
	aio_context_t c;
	char b[300];
	struct stat st;
	CHECK(!setup(64, &c), "setup");
	CHECK(!chdir(dir), "chdir");
	mkdir("a", 0777);
	mkdir("b", 0777);
	mkdir("pub", 0777);
	chmod("pub", 01777);
	int a = open("a", O_RDONLY), bd = open("b", O_PATH);
	umask(027);
	long fd = run_one(c, prep(OPENAT, a, "f", 0, oflags(O_RDWR | O_CREAT | O_EXCL, 0666)));
	CHECK(fd >= 0, "openat %ld", fd);
	CHECK(!fstat(fd, &st) && (st.st_mode & 0777) == 0640, "mode %o", st.st_mode);
	CHECK(write(fd, "hi", 2) == 2, "write");
	close(fd);
	CHECK(run_one(c, prep(OPENAT, a, "f", 0, oflags(O_RDWR | O_CREAT | O_EXCL, 0666))) == -EEXIST, "excl");
	CHECK(run_one(c, prep(OPENAT, a, "none", 0, 0)) == -ENOENT, "enoent");
	CHECK(run_one(c, prep(OPENAT, 77, "f", 0, 0)) == REFUSED - EBADF, "badf");
	CHECK(run_one(c, prep(OPENAT, 0x7fff, "/init", 0, 0)) >= 0, "absolute");
	CHECK(run_one(c, prep(OPENAT, a, (void *)8, 0, 0)) == REFUSED - EFAULT, "efault");
	fd = run_one(c, prep(OPENAT, AT_FDCWD, "a/f", 0, O_RDONLY));
	CHECK(fd >= 0, "cwd");
	CHECK(run_one(c, prep(OPENAT, fd, "x", 0, 0)) == REFUSED - ENOTDIR, "notdir");
	close(fd);
	/* captured: working directory, directory, name, iocb */
	for (int i = 0; i < 50; i++) {
		struct io_event e;
		strcpy(b, "f");
		int x = open("a", O_RDONLY);
		struct iocb io = prep(OPENAT, x, b, 0, O_RDONLY), keep = io;
		CHECK(submit(c, &io) == 1, "s");
		memset(b, 'z', 5);
		close(x);
		memset(&io, 0xff, sizeof(io));
		CHECK(getevents(c, 1, 1, &e, 3000) == 1 && e.res >= 0 && e.data == keep.aio_data, "captured %lld",
		   e.res);
		close(e.res);
		io = prep(OPENAT, AT_FDCWD, "a/f", 0, O_RDONLY);
		CHECK(submit(c, &io) == 1, "s");
		chdir("/");
		CHECK(getevents(c, 1, 1, &e, 3000) == 1 && e.res >= 0, "cwd captured %lld", e.res);
		close(e.res);
		chdir(dir);
	}
	CHECK(run_one(c, prep(UNLINKAT, a, "f", 0, 0x200)) == REFUSED - EINVAL, "flags");
	CHECK(run_one(c, prep(RENAMEAT, 0, b, 8, 0)) == REFUSED - EINVAL, "size");
	struct {
		long long od;
		uint64_t op;
		long long nd;
		uint64_t np, fl;
	} ri = { a, (uintptr_t) "f", bd, (uintptr_t) "g", 0 };
	CHECK(run_one(c, prep(RENAMEAT, -1, &ri, 40, 0)) == 0, "rename");
	CHECK(stat("b/g", &st) == 0 && stat("a/f", &st), "moved");
	ri.od = AT_FDCWD;
	ri.op = (uintptr_t) "b/g";
	ri.nd = AT_FDCWD;
	ri.np = (uintptr_t) "h";
	CHECK(run_one(c, prep(RENAMEAT, -1, &ri, 40, 0)) == 0 && !stat("h", &st), "cwd");
	ri.op = (uintptr_t) "h";
	ri.nd = a;
	ri.np = (uintptr_t) "i";
	CHECK(run_one(c, prep(RENAMEAT, -1, &ri, 40, 0)) == 0 && !stat("a/i", &st), "cwd to dir");
	ri.od = a;
	ri.op = (uintptr_t) "i";
	ri.nd = AT_FDCWD;
	ri.np = (uintptr_t) "j";
	CHECK(run_one(c, prep(RENAMEAT, -1, &ri, 40, 0)) == 0 && !stat("j", &st), "dir to cwd");
	ri.fl = 1ULL << 40;
	CHECK(run_one(c, prep(RENAMEAT, -1, &ri, 40, 0)) == REFUSED - EINVAL, "range");
	ri.fl = 0;
	ri.op = (uintptr_t) "nix";
	CHECK(run_one(c, prep(RENAMEAT, -1, &ri, 40, 0)) == -ENOENT, "enoent");
	ri.od = AT_FDCWD;
	ri.op = (uintptr_t) "j";
	ri.nd = bd;
	ri.np = (uintptr_t) "k";
	ri.fl = 1;
	CHECK(run_one(c, prep(RENAMEAT, -1, &ri, 40, 0)) == 0 && !stat("b/k", &st), "noreplace");
	CHECK(run_one(c, prep(UNLINKAT, bd, "k", 0, 0)) == 0 && stat("b/k", &st), "unlink");
	CHECK(run_one(c, prep(UNLINKAT, bd, "k", 0, 0)) == -ENOENT, "again");
	CHECK(run_one(c, prep(UNLINKAT, AT_FDCWD, "b", 0, 0)) == -EISDIR, "dir");
	/* a FIFO's two ends by two requests, and run_one cancelled */
	mkfifo("fifo", 0600);
	struct iocb r1 = prep(OPENAT, AT_FDCWD, "fifo", 0, O_RDONLY), r2 = prep(OPENAT, AT_FDCWD, "fifo", 0, O_WRONLY);
	struct io_event e[2];
	CHECK(submit(c, &r1) == 1 && submit(c, &r2) == 1, "fifo");
	CHECK(getevents(c, 2, 2, e, 3000) == 2 && e[0].res >= 0 && e[1].res >= 0, "fifo");
	close(e[0].res);
	close(e[1].res);
	CHECK(submit(c, &r1) == 1, "fifo");
	usleep(5000);
	CHECK(cancel(c, &r1) == -EINPROGRESS, "fifo");
	CHECK(getevents(c, 1, 1, e, 3000) == 1 && e[0].res == -EINTR, "fifo %lld", e[0].res);
	fd = open("secret", O_RDWR | O_CREAT, 0600);
	close(fd);
	fd = open("suid", O_RDWR | O_CREAT, 06777);
	fchmod(fd, 06777);
	close(fd);
	in_child(as_another_user);
	in_child(at_the_limits);
	in_child(in_a_jail);
	umask(022);
	CHECK(!destroy(c), "destroy");
	close(a);
	close(bd);
	chdir("/");
}
