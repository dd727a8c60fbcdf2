// SPDX-License-Identifier: GPL-2.0
/* A guest's init that runs all checks, see check.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"

#define RUN(call)                                                              \
	do {                                                                   \
		double start = now();                                          \
		int before = fails;                                            \
		call;                                                          \
		printf("%-14s %s %.1f s\n", #call,                             \
		       fails == before ? "ok" : "FAILED", now() - start);      \
	} while (0)

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "exit7"))
		return 7;
	setvbuf(stdout, 0, _IONBF, 0);
	mkdir("/proc", 0755);
	mkdir("/dev", 0755);
	mkdir("/mnt", 0755);
	mkdir("/tmp", 0777);
	mount("proc", "/proc", "proc", 0, 0);
	mount("dev", "/dev", "devtmpfs", 0, 0);
	mount("tmp", "/tmp", "tmpfs", 0, 0);
	const char *fs = getenv("FS") ? getenv("FS") : "ext4";
	int k = open("/dev/console", O_RDWR);
	dup2(k, 0);
	dup2(k, 1);
	dup2(k, 2);
	if (mount("/dev/vda", "/mnt", fs, 0, 0))
		printf("FAIL mount %d\n", errno);
	chmod("/mnt", 0755);
	chmod("/tmp", 0755);
	RUN(off());
	write_file("/proc/sys/fs/aio-auto-threads", "1");
	if (!getenv("ONLY")) {
		RUN(rw("/mnt"));
		RUN(rw("/tmp"));
		RUN(late());
		RUN(early());
		RUN(many());
		RUN(names("/mnt"));
		RUN(names("/tmp"));
		RUN(ra("/mnt"));
		RUN(ra("/tmp"));
		RUN(race());
	}
	mkdir("/sys", 0755);
	mount("sys", "/sys", "sysfs", 0, 0);
	if (!access(DEFECTS, F_OK))
		RUN(defects());
	usleep(200000);
	CHECK(threads() == 0, "threads left %d", threads());
	/* idle threads go */
	{
		aio_context_t c;
		char b[8];
		int f = open("/mnt/rw", O_RDONLY);
		setup(8, &c);
		run_one(c, prep(PREAD, f, b, 8, 0));
		CHECK(threads() == 1, "threads %d", threads());
		sleep(7);
		CHECK(threads() == 0, "idle %d", threads());
		CHECK(run_one(c, prep(PREAD, f, b, 8, 0)) == 8, "again");
		destroy(c);
		close(f);
	}
	write_file("/proc/sys/fs/aio-auto-threads", "0");
	usleep(300000);
	RUN(off());
	CHECK(!umount("/mnt"), "umount %d", errno);
	if (!access(DEFECTS, F_OK))
		RUN(defect_without_end(fs));
	printf("RESULT %d checks, %d failed\n", checks, fails);
	sync();
	reboot(RB_POWER_OFF);
	return 0;
}
