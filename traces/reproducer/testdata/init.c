/*
 * Process 1 of a guest that holds this program and a reproducer. It switches
 * threads on, and the defects that its argument names, runs the reproducer
 * twenty times, says how that ended, and ends the guest.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void set(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		perror(path);
	close(fd);
}

int main(int argc, char **argv)
{
	int status = -1;

	mkdir("/proc", 0755);
	mkdir("/sys", 0755);
	if (mount("proc", "/proc", "proc", 0, NULL) || mount("sysfs", "/sys", "sysfs", 0, NULL))
		perror("mount");
	set("/proc/sys/fs/aio-auto-threads", "1");
	set("/sys/module/aio_thread/parameters/bounded", "1");
	if (argc > 1)
		set("/sys/module/aio_thread/parameters/defects", argv[1]);
	if (!fork()) {
		execl("/reproducer", "reproducer", "20", "/", (char *)NULL);
		perror("/reproducer");
		_exit(127);
	}
	wait(&status);
	printf("exit code %d\n", WIFEXITED(status) ? WEXITSTATUS(status) : -1);
	fflush(stdout);
	reboot(RB_AUTOBOOT);
	return 0;
}
