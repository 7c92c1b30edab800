// SPDX-License-Identifier: MIT
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "http.h"
#include "say.h"

#define REQUEST_SIZE	8192
/* A client gets this long in all; the others wait. */
#define CLIENT_MS	2000

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char *published;
static int listener = -1;

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000ll + now.tv_nsec / 1000000;
}

/* Whether the socket is ready before the time is up. */
static bool ready(int fd, short events, int64_t end)
{
	struct pollfd poller = { .fd = fd, .events = events };
	int64_t left = end - now_ms();

	return left > 0 && poll(&poller, 1, left) > 0;
}

static void send_all(int fd, const char *data, size_t size, int64_t end)
{
	ssize_t n;

	while (size && ready(fd, POLLOUT, end)) {
		n = send(fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n <= 0)
			return;
		data += n;
		size -= n;
	}
}

static void answer(int fd, const char *status, const char *body, bool with_body, int64_t end)
{
	char header[256];
	int n = snprintf(header, sizeof(header),
			 "HTTP/1.1 %s\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n",
			 status, strlen(body));

	send_all(fd, header, n, end);
	if (with_body)
		send_all(fd, body, strlen(body), end);
}

static bool is_metrics(const char *path)
{
	size_t n = strcspn(path, " ?");

	return (n == 8 && !strncmp(path, "/metrics", 8)) || (n == 1 && path[0] == '/');
}

static void serve(int fd)
{
	const int64_t end = now_ms() + CLIENT_MS;
	char request[REQUEST_SIZE], *text;
	size_t done = 0;
	ssize_t n;
	bool get;

	do {
		if (done == sizeof(request) - 1) {
			answer(fd, "431 Request Header Fields Too Large", "", true, end);
			return;
		}
		if (!ready(fd, POLLIN, end))
			return;
		n = recv(fd, request + done, sizeof(request) - 1 - done, MSG_DONTWAIT);
		if (n <= 0)
			return;
		done += n;
		request[done] = '\0';
	} while (!strstr(request, "\r\n\r\n") && !strstr(request, "\n\n"));

	get = !strncmp(request, "GET ", 4);
	if (!get && strncmp(request, "HEAD ", 5)) {
		answer(fd, "405 Method Not Allowed", "only GET and HEAD\n", true, end);
		return;
	}
	if (!is_metrics(request + (get ? 4 : 5))) {
		answer(fd, "404 Not Found", "the metrics are at /metrics\n", get, end);
		return;
	}
	pthread_mutex_lock(&lock);
	text = strdup(published ? published : "");
	pthread_mutex_unlock(&lock);
	if (!text)
		die_oom();
	answer(fd, "200 OK", text, get, end);
	free(text);
}

static void *server(void *unused)
{
	int fd;

	(void)unused;
	for (;;) {
		fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		if (fd >= 0) {
			serve(fd);
			close(fd);
		} else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM) {
			usleep(100000);
		}
	}
	return NULL;
}

static int open_listener(const char *address, const char *port)
{
	const struct addrinfo hints = {
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
		.ai_socktype = SOCK_STREAM,
	};
	struct addrinfo *info;
	const int yes = 1;
	int fd, ret;

	ret = getaddrinfo(address, port, &hints, &info);
	if (ret) {
		say_error("'%s' port '%s': %s: give a port, or an address in numbers and a port",
			  address, port, gai_strerror(ret));
		return -1;
	}
	fd = socket(info->ai_family, info->ai_socktype | SOCK_CLOEXEC, info->ai_protocol);
	if (fd >= 0)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (fd < 0 || bind(fd, info->ai_addr, info->ai_addrlen) || listen(fd, 16)) {
		say_error("%s port %s: %m%s", address, port,
			  errno == EADDRINUSE ? ": choose another port" : "");
		if (fd >= 0)
			close(fd);
		fd = -1;
	}
	freeaddrinfo(info);
	return fd;
}

bool http_start(const char *where)
{
	const char *colon = strrchr(where, ':');
	sigset_t all, old;
	pthread_t thread;
	char address[64];
	int ret;

	snprintf(address, sizeof(address), "%.*s",
		 colon ? (int)(colon - where) : 9, colon ? where : "127.0.0.1");
	listener = open_listener(address, colon ? colon + 1 : where);
	if (listener < 0)
		return false;
	/* Signals are for the main thread. */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	ret = pthread_create(&thread, NULL, server, NULL);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (ret) {
		say_error("no thread for the server: %s", strerror(ret));
		return false;
	}
	pthread_detach(thread);
	return true;
}

void http_publish(char *text)
{
	char *old;

	pthread_mutex_lock(&lock);
	old = published;
	published = text;
	pthread_mutex_unlock(&lock);
	free(old);
}
