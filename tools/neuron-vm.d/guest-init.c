// SPDX-License-Identifier: MIT
/*
 * Process 1 of the VM that neuron-vm boots. It is linked statically and is,
 * with a few modules, all that the initramfs holds.
 *
 * It loads the modules that the host's file system is reached through, waits
 * for the job description on the control port, lays out the file systems,
 * loads the driver, runs the command, relays its input and output, reports how
 * it ended, and then waits to be switched off.
 *
 * One virtio-serial port carries everything, as frames of protocol.h: the
 * kernel's log has a console of its own, so nothing can mix with the
 * command's bytes. All of the port's reads and writes are non-blocking,
 * because a blocking write to a virtio port spins in the kernel until the host
 * has taken the data.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

/* The frames of the control port; the host's side is protocol.py. */
enum frame {
	/* host to guest */
	F_JOB = 1,	/* the job: NUL-terminated "key=value" strings */
	F_STDIN,	/* bytes for the command; no bytes: end of input */
	F_WINCH,	/* le16 rows, le16 columns */
	F_SIGNAL,	/* u8 signal number for the command's process group */
	/* guest to host */
	F_STARTED = 16,	/* the command runs */
	F_STDOUT,
	F_STDERR,
	F_TAKEN,	/* le32: so many bytes of input were passed on */
	F_FAILED,	/* the guest could not be set up: the reason */
	F_EXIT,		/* le32 wait status, le64 kernel taint flags */
};

#define PORT		"/dev/vport0p1"
#define HEADER		8		/* u8 type, three zero bytes, le32 length */
/* Time that files get to be written back when the command has ended. */
#define SYNC_SECONDS	15

#define CHUNK		32768		/* a virtio port sends at most this at once */
#define JOB_MAX		(4 << 20)
#define MAX_STRINGS	65536
#define STDIN_WINDOW	65536		/* the host sends no more than this ahead */

static int port = -1;

static void put32(uint8_t *p, uint32_t v)
{
	p[0] = v;
	p[1] = v >> 8;
	p[2] = v >> 16;
	p[3] = v >> 24;
}

static uint32_t get32(const uint8_t *p)
{
	return p[0] | p[1] << 8 | p[2] << 16 | (uint32_t)p[3] << 24;
}

static void wait_for(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };

	while (poll(&p, 1, -1) < 0 && errno == EINTR)
		;
	/* a port without a host reports POLLHUP at once: don't spin on it */
	if (p.revents & POLLHUP)
		usleep(10000);
}

static void port_write(const void *data, size_t len)
{
	const uint8_t *p = data;

	while (len) {
		ssize_t n = write(port, p, len);

		if (n > 0) {
			p += n;
			len -= n;
		} else {
			wait_for(port, POLLOUT);
		}
	}
}

static void send_frame(enum frame type, const void *data, uint32_t len)
{
	static uint8_t buf[HEADER + CHUNK];

	memset(buf, 0, HEADER);
	buf[0] = type;
	put32(buf + 4, len);
	memcpy(buf + HEADER, data, len);
	port_write(buf, HEADER + len);
}

static void read_all(void *data, size_t len)
{
	uint8_t *p = data;

	while (len) {
		ssize_t n = read(port, p, len);

		if (n > 0) {
			p += n;
			len -= n;
		} else {
			wait_for(port, POLLIN);
		}
	}
}

/* Report why there is no guest to run in, and wait for the switch. */
static void __attribute__((noreturn, format(printf, 1, 2))) fail(const char *fmt, ...)
{
	char text[1024];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n >= (int)sizeof(text))
		n = sizeof(text) - 1;
	if (port >= 0)
		send_frame(F_FAILED, text, n);
	else
		dprintf(2, "neuron-vm: %s\n", text);
	for (;;)
		pause();
}

static void load_module(const char *path, const char *args)
{
	int flags = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		fail("can't open module %s: %s", path, strerror(errno));
	if (strlen(path) > 3 && strcmp(path + strlen(path) - 3, ".ko"))
		flags = 4;	/* MODULE_INIT_COMPRESSED_FILE */
	if (syscall(SYS_finit_module, fd, args, flags) && errno != EEXIST)
		fail("can't load module %s: %s", path, strerror(errno));
	close(fd);
}

/* The initramfs names its modules in load order, one a line. */
static void load_boot_modules(void)
{
	char path[PATH_MAX];
	FILE *f = fopen("/modules/order", "re");

	if (!f)
		return;
	while (fgets(path, sizeof(path), f)) {
		path[strcspn(path, "\n")] = 0;
		load_module(path, "");
	}
	fclose(f);
}

static void open_port(void)
{
	for (int i = 0; i < 2000; i++) {
		port = open(PORT, O_RDWR | O_NONBLOCK | O_CLOEXEC);
		if (port >= 0)
			return;
		usleep(5000);
	}
	fail("%s did not appear: %s", PORT, strerror(errno));
}

static void make_dirs(const char *path)
{
	char part[PATH_MAX];

	snprintf(part, sizeof(part), "%s", path);
	for (char *p = part + 1; *p; p++) {
		if (*p == '/') {
			*p = 0;
			mkdir(part, 0755);
			*p = '/';
		}
	}
	mkdir(part, 0755);
}

static void do_mount(const char *what, const char *where, const char *type,
		     unsigned long flags, const char *opts)
{
	make_dirs(where);
	if (mount(what, where, type, flags, opts))
		fail("can't mount %s (%s) on %s: %s", what, type, where,
		     strerror(errno));
}

/* As do_mount(), for what a kernel may have been built without. */
static void try_mount(const char *type, const char *where, unsigned long flags,
		      const char *opts)
{
	make_dirs(where);
	mount(type, where, type, flags, opts);
}

struct job {
	char *strings[MAX_STRINGS];	/* the arguments, then the environment */
	char **argv;
	char **envp;
	const char *cwd;
	bool tty;			/* input and output are a terminal */
	bool tty_stderr;		/* so are the errors */
	struct winsize size;
	char opts[256];			/* for the mounts that follow */
	int nargs, nenv;		/* seen so far */
};

static const char *value(const char *s, const char *key)
{
	size_t n = strlen(key);

	return strncmp(s, key, n) || s[n] != '=' ? NULL : s + n + 1;
}

/* share=TAG PATH: one host folder, read and written in place */
static void mount_share(const char *arg, const char *opts)
{
	char tag[64], where[PATH_MAX];
	const char *sp = strchr(arg, ' ');

	if (!sp || sp - arg >= (long)sizeof(tag))
		fail("bad share '%s'", arg);
	memcpy(tag, arg, sp - arg);
	tag[sp - arg] = 0;
	snprintf(where, sizeof(where), "/newroot%s", sp + 1);
	do_mount(tag, where, "9p", 0, opts);
}

/* overlay=NAME PATH LOWERDIRS: host folders, with changes kept in memory */
static void mount_overlay(const char *arg)
{
	char name[64], where[PATH_MAX / 2], opts[PATH_MAX];
	int used;

	if (sscanf(arg, "%63s %2047s %n", name, where, &used) < 2)
		fail("bad overlay '%s'", arg);
	snprintf(opts, sizeof(opts), "/mem/%s/upper", name);
	make_dirs(opts);
	snprintf(opts, sizeof(opts), "/mem/%s/work", name);
	make_dirs(opts);
	if (snprintf(opts, sizeof(opts),
		     "lowerdir=%s,upperdir=/mem/%s/upper,workdir=/mem/%s/work,xino=off,index=off,redirect_dir=off,metacopy=off",
		     arg + used, name, name) >= (int)sizeof(opts))
		fail("overlay '%s' is too long", name);
	do_mount("overlay", where, "overlay", 0, opts);
}

static void mount_system(void)
{
	do_mount("proc", "/newroot/proc", "proc", 0, NULL);
	do_mount("sysfs", "/newroot/sys", "sysfs", 0, NULL);
	do_mount("devtmpfs", "/newroot/dev", "devtmpfs", 0, NULL);
	do_mount("devpts", "/newroot/dev/pts", "devpts", 0,
		 "gid=5,mode=620,ptmxmode=666");
	do_mount("tmpfs", "/newroot/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, NULL);
	do_mount("tmpfs", "/newroot/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755");
	try_mount("debugfs", "/newroot/sys/kernel/debug", 0, NULL);
	try_mount("tracefs", "/newroot/sys/kernel/tracing", 0, NULL);
	try_mount("configfs", "/newroot/sys/kernel/config", 0, NULL);
	symlink("/proc/self/fd", "/newroot/dev/fd");
	symlink("/proc/self/fd/0", "/newroot/dev/stdin");
	symlink("/proc/self/fd/1", "/newroot/dev/stdout");
	symlink("/proc/self/fd/2", "/newroot/dev/stderr");
}

/* Devices are found while we are here already: wait for one. */
static void wait_for_node(const char *path)
{
	for (int i = 0; i < 4000; i++) {
		if (!access(path, F_OK))
			return;
		usleep(5000);
	}
	fail("%s did not appear", path);
}

static void switch_root(void)
{
	if (chdir("/newroot") || mount(".", "/", NULL, MS_MOVE, NULL) ||
	    chroot(".") || chdir("/"))
		fail("can't enter the new root: %s", strerror(errno));
}

static void loopback_up(void)
{
	struct ifreq req = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd >= 0) {
		ioctl(fd, SIOCSIFFLAGS, &req);
		close(fd);
	}
}

static void item_opts(struct job *job, char *v)
{
	snprintf(job->opts, sizeof(job->opts), "%s", v);
}

static void item_lower(struct job *job, char *v)
{
	char tag[64], where[256];

	if (sscanf(v, "%63s %255s", tag, where) != 2)
		fail("bad lower '%s'", v);
	do_mount(tag, where, "9p", MS_RDONLY, job->opts);
}

static void item_overlay(struct job *job, char *v)
{
	(void)job;
	mount_overlay(v);
}

static void item_system(struct job *job, char *v)
{
	(void)job;
	(void)v;
	mount_system();
}

static void item_share(struct job *job, char *v)
{
	mount_share(v, job->opts);
}

static void item_enter(struct job *job, char *v)
{
	(void)job;
	(void)v;
	switch_root();
}

static void item_sysctl(struct job *job, char *v)
{
	char file[256];
	int used, fd;

	(void)job;
	if (sscanf(v, "%255s %n", file, &used) < 1)
		fail("bad sysctl '%s'", v);
	fd = open(file, O_WRONLY | O_CLOEXEC);
	if (fd >= 0) {
		dprintf(fd, "%s", v + used);
		close(fd);
	}
}

static void item_module(struct job *job, char *v)
{
	char *sp = strchr(v, ' ');

	(void)job;
	if (sp)
		*sp = 0;
	load_module(v, sp ? sp + 1 : "");
	if (sp)
		*sp = ' ';
}

static void item_wait(struct job *job, char *v)
{
	(void)job;
	wait_for_node(v);
}

static void item_cwd(struct job *job, char *v)
{
	job->cwd = v;
}

static void item_tty(struct job *job, char *v)
{
	int rows, cols, err;

	if (sscanf(v, "%d %d %d", &rows, &cols, &err) != 3)
		fail("bad tty '%s'", v);
	job->tty = true;
	job->tty_stderr = err;
	job->size.ws_row = rows;
	job->size.ws_col = cols;
}

static void item_arg(struct job *job, char *v)
{
	job->argv[job->nargs++] = v;
}

static void item_env(struct job *job, char *v)
{
	job->envp[job->nenv++] = v;
}

static const struct {
	const char *name;
	void (*obey)(struct job *job, char *v);
} items[] = {
	{ "opts", item_opts },
	{ "lower", item_lower },
	{ "overlay", item_overlay },
	{ "system", item_system },
	{ "share", item_share },
	{ "enter", item_enter },
	{ "sysctl", item_sysctl },
	{ "module", item_module },
	{ "wait", item_wait },
	{ "cwd", item_cwd },
	{ "tty", item_tty },
	{ "arg", item_arg },
	{ "env", item_env },
};

/*
 * The job is a list of "key=value" strings which are acted upon in order:
 *   opts=OPTIONS           mount options of the next 9p mounts
 *   lower=TAG PATH         mount a 9p share on PATH of the initramfs
 *   overlay=NAME PATH DIRS
 *   system=                mount /proc and the like below /newroot
 *   share=TAG PATH
 *   enter=                 make /newroot the root
 *   sysctl=FILE VALUE
 *   module=PATH [ARGS]
 *   wait=PATH              until PATH exists
 *   cwd=, tty=ROWS COLUMNS STDERR, arg=, env=
 */
static void obey(struct job *job, char *text, size_t len)
{
	int nargs = 0, nenv = 0;
	char *end = text + len;
	size_t i;

	for (char *s = text; s < end; s += strlen(s) + 1) {
		nargs += !!value(s, "arg");
		nenv += !!value(s, "env");
	}
	if (!nargs || nargs + nenv + 2 > MAX_STRINGS)
		fail("the command has no arguments, or too many");
	job->argv = job->strings;
	job->envp = job->strings + nargs + 1;
	for (char *s = text; s < end; s += strlen(s) + 1) {
		for (i = 0; i < sizeof(items) / sizeof(items[0]); i++)
			if (value(s, items[i].name))
				break;
		if (i == sizeof(items) / sizeof(items[0]))
			fail("unknown item '%.40s' in the job", s);
		items[i].obey(job, (char *)value(s, items[i].name));
	}
}

static void read_job(struct job *job)
{
	uint8_t head[HEADER];
	uint32_t len;
	char *text;

	read_all(head, sizeof(head));
	len = get32(head + 4);
	if (head[0] != F_JOB || len > JOB_MAX)
		fail("the host sent no job");
	text = malloc(len + 1);
	if (!text)
		fail("no memory for the job");
	read_all(text, len);
	text[len] = 0;
	obey(job, text, len);
}

/* The command's side of its input and output, as the relay sees it. */
struct streams {
	int in;			/* where the command's input is written, or -1 */
	int out, err;		/* where its output is read, or -1 */
	int pty;		/* the terminal, or -1 */
};

static int open_pty(const struct winsize *size, int *slave)
{
	int master = open("/dev/pts/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
	int zero = 0, n;
	char name[32];

	if (master < 0 || ioctl(master, TIOCSPTLCK, &zero) ||
	    ioctl(master, TIOCGPTN, &n))
		fail("no terminal: %s", strerror(errno));
	snprintf(name, sizeof(name), "/dev/pts/%d", n);
	*slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (*slave < 0)
		fail("no terminal: %s", strerror(errno));
	ioctl(master, TIOCSWINSZ, size);
	return master;
}

static void __attribute__((noreturn)) run_command(const struct job *job, const int fds[3])
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid();
	for (int i = 0; i < 3; i++)
		dup2(fds[i], i);
	if (job->tty)
		ioctl(0, TIOCSCTTY, 0);
	if (chdir(job->cwd)) {
		dprintf(2, "neuron-vm: no folder %s in the guest: %s\n", job->cwd,
			strerror(errno));
		_exit(126);
	}
	execvpe(job->argv[0], job->argv, job->envp);
	dprintf(2, "neuron-vm: can't run '%s' in the guest: %s\n", job->argv[0],
		strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

static pid_t start_command(const struct job *job, struct streams *st)
{
	int fds[3], in[2], out[2], err[2];
	const char *path = "/usr/sbin:/usr/bin:/sbin:/bin";
	pid_t pid;

	st->pty = -1;
	if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC))
		fail("no pipes: %s", strerror(errno));
	fds[0] = in[0];
	fds[1] = out[1];
	fds[2] = err[1];
	st->in = in[1];
	st->out = out[0];
	st->err = err[0];
	if (job->tty) {
		int slave;

		close(in[0]);
		close(in[1]);
		close(out[0]);
		close(out[1]);
		st->pty = open_pty(&job->size, &slave);
		st->in = st->pty;
		st->out = st->pty;
		fds[0] = slave;
		fds[1] = slave;
		if (job->tty_stderr) {
			close(err[0]);
			close(err[1]);
			st->err = -1;
			fds[2] = slave;
		}
	}
	for (char **e = job->envp; *e; e++)
		if (!strncmp(*e, "PATH=", 5))
			path = *e + 5;
	setenv("PATH", path, 1);	/* where execvpe() looks */
	pid = fork();
	if (pid < 0)
		fail("can't fork: %s", strerror(errno));
	if (!pid)
		run_command(job, fds);
	close(fds[0]);
	if (fds[1] != fds[0])
		close(fds[1]);
	if (fds[2] != fds[0])
		close(fds[2]);
	fcntl(st->in, F_SETFL, O_NONBLOCK);
	fcntl(st->out, F_SETFL, O_NONBLOCK);
	if (st->err >= 0)
		fcntl(st->err, F_SETFL, O_NONBLOCK);
	return pid;
}

/* Input that the host sent and the command did not take yet. */
struct pending {
	uint8_t data[STDIN_WINDOW];
	size_t len;
	bool eof;
};

/* One read of the port may hold several frames, or part of one. */
struct parser {
	uint8_t buf[HEADER + CHUNK];
	size_t len;
};

static void take_frame(const uint8_t *frame, uint32_t len, struct pending *in,
		       struct streams *st, pid_t pid)
{
	const uint8_t *data = frame + HEADER;
	struct winsize size = { 0 };

	switch (frame[0]) {
	case F_STDIN:
		if (!len)
			in->eof = true;
		if (st->in < 0) {
			/* nobody reads any more: let the host go on */
			uint8_t taken[4];

			put32(taken, len);
			if (len)
				send_frame(F_TAKEN, taken, 4);
			return;
		}
		if (len > sizeof(in->data) - in->len)
			fail("the host sent more input than the window holds");
		memcpy(in->data + in->len, data, len);
		in->len += len;
		return;
	case F_WINCH:
		if (len != 4 || st->pty < 0)
			return;
		size.ws_row = data[0] | data[1] << 8;
		size.ws_col = data[2] | data[3] << 8;
		ioctl(st->pty, TIOCSWINSZ, &size);
		return;
	case F_SIGNAL:
		if (len == 1)
			kill(-pid, data[0]);
		return;
	default:
		fail("unknown frame %d from the host", frame[0]);
	}
}

static void read_port(struct parser *ps, struct pending *in, struct streams *st,
		      pid_t pid)
{
	ssize_t n = read(port, ps->buf + ps->len, sizeof(ps->buf) - ps->len);
	size_t at = 0;

	if (n <= 0)
		return;
	ps->len += n;
	while (ps->len - at >= HEADER) {
		uint32_t len = get32(ps->buf + at + 4);

		if (len > CHUNK)
			fail("a frame of %u bytes from the host", len);
		if (ps->len - at < HEADER + len)
			break;
		take_frame(ps->buf + at, len, in, st, pid);
		at += HEADER + len;
	}
	memmove(ps->buf, ps->buf + at, ps->len - at);
	ps->len -= at;
}

static void close_input(struct streams *st)
{
	if (st->pty < 0)
		close(st->in);
	st->in = -1;
}

static void feed(struct pending *in, struct streams *st)
{
	uint8_t taken[4];
	ssize_t n = 0;

	if (in->len) {
		n = write(st->in, in->data, in->len);
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0) {
			/* the reader closed its end: drop the rest */
			n = in->len;
			in->len = 0;
			close_input(st);
		} else {
			memmove(in->data, in->data + n, in->len - n);
			in->len -= n;
		}
		put32(taken, n);
		send_frame(F_TAKEN, taken, 4);
	}
	if (in->eof && !in->len && st->in >= 0)
		close_input(st);
}

/* Pass on what is there; false at the end of the stream. */
static bool relay(int fd, enum frame type)
{
	static uint8_t buf[CHUNK - HEADER];
	ssize_t n = read(fd, buf, sizeof(buf));

	if (n > 0)
		send_frame(type, buf, n);
	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

static void drain(int fd, enum frame type)
{
	static uint8_t buf[CHUNK - HEADER];
	ssize_t n;

	/* a background process may hold the pipe: don't wait for its end */
	while (fd >= 0 && (n = read(fd, buf, sizeof(buf))) > 0)
		send_frame(type, buf, n);
}

/*
 * Write back what the host's files got. After a sleep of the system virtio-9p
 * answers no more: nothing is to be saved then, and nobody waits for it.
 */
static void sync_files(void)
{
	static const char lost[] =
		"neuron-vm: the host's files don't answer in the guest any more; what was written last may be lost\n";
	pid_t pid = fork();

	if (!pid) {
		sync();
		_exit(0);
	}
	for (int i = 0; i < SYNC_SECONDS * 100; i++) {
		if (pid < 0 || waitpid(pid, NULL, WNOHANG))
			return;
		usleep(10000);
	}
	send_frame(F_STDERR, lost, sizeof(lost) - 1);
}

static void report_exit(int status)
{
	uint8_t data[12];
	uint64_t taint = 0;
	FILE *f;

	sync_files();
	f = fopen("/proc/sys/kernel/tainted", "re");
	if (f) {
		if (fscanf(f, "%lu", &taint) != 1)
			taint = 0;
		fclose(f);
	}
	put32(data, status);
	put32(data + 4, taint);
	put32(data + 8, taint >> 32);
	send_frame(F_EXIT, data, sizeof(data));
}

static int relay_until_exit(pid_t pid, struct streams *st, int sigchld)
{
	static struct pending in;
	static struct parser ps;
	int status = -1, got;
	pid_t p;

	for (;;) {
		struct pollfd fds[5] = {
			{ .fd = sigchld, .events = POLLIN },
			{ .fd = port, .events = POLLIN },
			{ .fd = in.len || in.eof ? st->in : -1, .events = POLLOUT },
			{ .fd = st->out, .events = POLLIN },
			{ .fd = st->err, .events = POLLIN },
		};
		struct signalfd_siginfo info;

		if (poll(fds, 5, -1) < 0)
			continue;
		if (fds[1].revents & POLLIN)
			read_port(&ps, &in, st, pid);
		else if (fds[1].revents & POLLHUP)
			usleep(10000);
		if (fds[2].revents && st->in >= 0)
			feed(&in, st);
		if (fds[3].revents && !relay(st->out, F_STDOUT))
			st->out = -1;
		if (fds[4].revents && !relay(st->err, F_STDERR))
			st->err = -1;
		if (!(fds[0].revents & POLLIN) ||
		    read(sigchld, &info, sizeof(info)) != sizeof(info))
			continue;
		while ((p = waitpid(-1, &got, WNOHANG)) > 0)
			if (p == pid)
				status = got;
		if (status >= 0) {
			drain(st->out, F_STDOUT);
			drain(st->err, F_STDERR);
			return status;
		}
	}
}

int main(void)
{
	static struct job job;
	struct streams st;
	sigset_t mask;
	int sigchld;
	pid_t pid;

	mkdir("/dev", 0755);
	mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
	mkdir("/mem", 0755);
	mount("tmpfs", "/mem", "tmpfs", 0, "mode=755,size=75%");
	open_port();
	load_boot_modules();
	sethostname("neuron-vm", 9);
	loopback_up();
	umask(022);

	sigemptyset(&mask);
	sigaddset(&mask, SIGCHLD);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	signal(SIGPIPE, SIG_IGN);
	sigchld = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);

	read_job(&job);
	signal(SIGPIPE, SIG_DFL);	/* the command starts with the default */
	pid = start_command(&job, &st);
	signal(SIGPIPE, SIG_IGN);
	send_frame(F_STARTED, "", 0);
	report_exit(relay_until_exit(pid, &st, sigchld));
	for (;;)
		pause();
}
