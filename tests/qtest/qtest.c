// SPDX-License-Identifier: MIT
/* A client of QEMU's qtest protocol, and of QMP beside it. */
#include <err.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "qtest.h"

#define MAX_ARGS	64
#define CHUNK		4096	/* bytes of memory in one command */

struct channel {
	int fd;
	size_t used;
	char buf[64 << 10];
};

struct qtest {
	pid_t pid;
	struct channel test;
	struct channel qmp;
	char answer[64 << 10];
};

static void channel_send(struct channel *ch, const char *line)
{
	size_t len = strlen(line);

	while (len) {
		ssize_t n = send(ch->fd, line, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			err(1, "qtest: QEMU does not listen any more");
		line += n;
		len -= n;
	}
}

/* One line without its end; the rest stays in the buffer. */
static void channel_line(struct channel *ch, char *line, size_t size)
{
	for (;;) {
		char *end = memchr(ch->buf, '\n', ch->used);
		ssize_t n;

		if (end) {
			size_t len = end - ch->buf;

			if (len >= size)
				errx(1, "qtest: a line of %zu bytes", len);
			memcpy(line, ch->buf, len);
			line[len] = 0;
			ch->used -= len + 1;
			memmove(ch->buf, end + 1, ch->used);
			return;
		}
		if (ch->used == sizeof(ch->buf))
			errx(1, "qtest: a line without an end");
		n = read(ch->fd, ch->buf + ch->used, sizeof(ch->buf) - ch->used);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			errx(1, "qtest: QEMU has ended");
		ch->used += n;
	}
}

static const char *command(struct qtest *qt, const char *line)
{
	channel_send(&qt->test, line);
	do {
		channel_line(&qt->test, qt->answer, sizeof(qt->answer));
	} while (!strncmp(qt->answer, "IRQ ", 4));
	if (strncmp(qt->answer, "OK", 2))
		errx(1, "qtest: '%.*s' gave '%s'", (int)strcspn(line, "\n"), line, qt->answer);
	return qt->answer + (qt->answer[2] == ' ' ? 3 : 2);
}

const char *qtest_qmp(struct qtest *qt, const char *json)
{
	channel_send(&qt->qmp, json);
	channel_send(&qt->qmp, "\n");
	do {
		channel_line(&qt->qmp, qt->answer, sizeof(qt->answer));
	} while (strstr(qt->answer, "\"event\""));
	return qt->answer;
}

struct qtest *qtest_start(const char *qemu, char *const argv[])
{
	struct qtest *qt = calloc(1, sizeof(*qt));
	const char *args[MAX_ARGS];
	char testdev[64], qmpdev[64];
	int test[2], qmp[2], n = 0;

	if (!qt)
		err(1, "qtest");
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, test) ||
	    socketpair(AF_UNIX, SOCK_STREAM, 0, qmp))
		err(1, "socketpair");
	snprintf(testdev, sizeof(testdev), "socket,id=qt,fd=%d", test[1]);
	snprintf(qmpdev, sizeof(qmpdev), "socket,id=qmp,fd=%d", qmp[1]);

	args[n++] = qemu;
	args[n++] = "-nodefaults";
	args[n++] = "-display";
	args[n++] = "none";
	args[n++] = "-accel";
	args[n++] = "qtest";
	args[n++] = "-L";
	args[n++] = "/usr/share/seabios";
	args[n++] = "-L";
	args[n++] = "/usr/share/qemu";
	args[n++] = "-qtest-log";
	args[n++] = "/dev/null";
	args[n++] = "-chardev";
	args[n++] = testdev;
	args[n++] = "-qtest";
	args[n++] = "chardev:qt";
	args[n++] = "-chardev";
	args[n++] = qmpdev;
	args[n++] = "-mon";
	args[n++] = "chardev=qmp,mode=control";
	for (; *argv; argv++) {
		if (n == MAX_ARGS - 1)
			errx(1, "qtest: too many arguments");
		args[n++] = *argv;
	}
	args[n] = NULL;

	qt->pid = fork();
	if (qt->pid < 0)
		err(1, "fork");
	if (!qt->pid) {
		close(test[0]);
		close(qmp[0]);
		execv(qemu, (char *const *)args);
		err(126, "%s", qemu);
	}
	close(test[1]);
	close(qmp[1]);
	qt->test.fd = test[0];
	qt->qmp.fd = qmp[0];
	channel_line(&qt->qmp, qt->answer, sizeof(qt->answer));
	qtest_qmp(qt, "{\"execute\": \"qmp_capabilities\"}");
	return qt;
}

int qtest_stop(struct qtest *qt)
{
	int status;

	kill(qt->pid, SIGTERM);
	if (waitpid(qt->pid, &status, 0) < 0)
		err(1, "waitpid");
	close(qt->test.fd);
	close(qt->qmp.fd);
	free(qt);
	return status;
}

pid_t qtest_pid(struct qtest *qt)
{
	return qt->pid;
}

uint32_t qtest_readl(struct qtest *qt, uint64_t addr)
{
	char line[64];

	snprintf(line, sizeof(line), "readl 0x%llx\n", (unsigned long long)addr);
	return strtoull(command(qt, line), NULL, 0);
}

void qtest_writel(struct qtest *qt, uint64_t addr, uint32_t value)
{
	char line[64];

	snprintf(line, sizeof(line), "writel 0x%llx 0x%x\n",
		 (unsigned long long)addr, value);
	command(qt, line);
}

void qtest_outl(struct qtest *qt, uint16_t port, uint32_t value)
{
	char line[64];

	snprintf(line, sizeof(line), "outl 0x%x 0x%x\n", port, value);
	command(qt, line);
}

uint32_t qtest_inl(struct qtest *qt, uint16_t port)
{
	char line[64];

	snprintf(line, sizeof(line), "inl 0x%x\n", port);
	return strtoull(command(qt, line), NULL, 0);
}

void qtest_read(struct qtest *qt, uint64_t addr, void *buf, size_t len)
{
	uint8_t *to = buf;

	while (len) {
		size_t now = len < CHUNK ? len : CHUNK;
		const char *hex;
		char line[64];

		snprintf(line, sizeof(line), "read 0x%llx 0x%zx\n",
			 (unsigned long long)addr, now);
		hex = command(qt, line) + 2;
		for (size_t i = 0; i < now; i++) {
			char byte[3] = { hex[2 * i], hex[2 * i + 1], 0 };

			to[i] = strtoul(byte, NULL, 16);
		}
		to += now;
		addr += now;
		len -= now;
	}
}

void qtest_write(struct qtest *qt, uint64_t addr, const void *buf, size_t len)
{
	const uint8_t *from = buf;
	static char line[64 + 2 * CHUNK + 2];

	while (len) {
		size_t now = len < CHUNK ? len : CHUNK;
		int n = snprintf(line, sizeof(line), "write 0x%llx 0x%zx 0x",
				 (unsigned long long)addr, now);

		for (size_t i = 0; i < now; i++)
			n += sprintf(line + n, "%02x", from[i]);
		strcpy(line + n, "\n");
		command(qt, line);
		from += now;
		addr += now;
		len -= now;
	}
}

uint32_t qtest_config_readl(struct qtest *qt, unsigned int devfn,
			    unsigned int reg)
{
	qtest_outl(qt, 0xcf8, 0x80000000 | devfn << 8 | (reg & 0xfc));
	return qtest_inl(qt, 0xcfc);
}

void qtest_config_writel(struct qtest *qt, unsigned int devfn,
			 unsigned int reg, uint32_t value)
{
	qtest_outl(qt, 0xcf8, 0x80000000 | devfn << 8 | (reg & 0xfc));
	qtest_outl(qt, 0xcfc, value);
}
