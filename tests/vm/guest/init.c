// SPDX-License-Identifier: MIT
/*
 * The guest that is migrated: it has no files but those of its initramfs, because a
 * machine with a mounted 9p file system can't be migrated. Loads the modules that
 * /modules/order names, and becomes the program on the kernel's command line after "--".
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void die(const char *what)
{
	fprintf(stderr, "init: %s: %s\n", what, strerror(errno));
	sync();
	reboot(RB_AUTOBOOT);
	_exit(1);
}

static void load(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || (syscall(SYS_finit_module, fd, "", 0) && errno != EEXIST))
		die(path);
	close(fd);
}

int main(int argc, char **argv)
{
	char line[256];
	FILE *order;
	pid_t pid;
	int console;

	mkdir("/proc", 0755);
	mkdir("/sys", 0755);
	mkdir("/tmp", 0755);
	if (mount("none", "/dev", "devtmpfs", 0, NULL) || mount("none", "/proc", "proc", 0, NULL) ||
	    mount("none", "/sys", "sysfs", 0, NULL) || mount("none", "/tmp", "tmpfs", 0, NULL))
		die("mount");
	order = fopen("/modules/order", "r");
	if (!order)
		die("/modules/order");
	while (fgets(line, sizeof(line), order)) {
		line[strcspn(line, "\n")] = 0;
		load(line);
	}
	fclose(order);
	/* The console's driver was one of them. */
	console = open("/dev/console", O_RDWR);
	if (console < 0)
		die("/dev/console");
	for (int fd = 0; fd < 3; fd++)
		dup2(console, fd);
	if (argc < 2) {
		errno = EINVAL;
		die("no program on the kernel's command line");
	}
	pid = fork();
	if (!pid) {
		execv(argv[1], argv + 1);
		die(argv[1]);
	}
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	sync();
	reboot(RB_POWER_OFF);
	return 1;
}
