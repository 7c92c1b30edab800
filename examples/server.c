// SPDX-License-Identifier: MIT
/*
 * Several models on all cores, for several clients, in one thread: asynchronous requests
 * and poll().
 *
 *	server SOCKET MODEL.neff...
 *
 * Model n is loaded to core n modulo the number of cores. Clients connect to the Unix
 * socket and send as many requests as they like; replies come in the order in which
 * executions are completed. In this machine's byte order:
 *
 *	request: model, tag, size: 32 bits each; then all inputs, in the model's order
 *	reply: tag, NRT_STATUS, size: 32 bits each; then all outputs
 *
 * A core's queue has room for so many requests. Where it is full (NRT_QUEUE_FULL), the
 * request is parked and its client is not read from until there is room: its socket
 * fills up, and it waits. SIGTERM ends the server.
 */
#include <err.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <nrt/nrt.h>
#include <nrt/nrt_async.h>
#include <nrt/nrt_experimental.h>

#define MAX_CLIENTS	64
#define MAX_QUEUED	512		/* requests, of all cores */
#define MAX_UNFINISHED	256		/* requests of a client, before it is not read from */

struct header {
	uint32_t model_or_tag;		/* requests: the model; replies: the tag */
	uint32_t tag_or_status;		/* requests: the tag; replies: the status */
	uint32_t size;
};

struct request {
	STAILQ_ENTRY(request) link;
	struct model *model;
	struct client *client;
	nrt_tensor_set_t *in, *out;
	nrta_error_tracker_t *errors;	/* of this request alone */
	int completion;			/* readable when it is completed */
	NRT_STATUS status;
	uint32_t tag;
	char *bytes;			/* header and inputs, then header and outputs */
};

STAILQ_HEAD(requests, request);

struct model {
	nrt_model_t *model;
	nrt_tensor_info_array_t *infos;
	uint32_t core;
	size_t size[2];			/* bytes of all tensors of each nrt_tensor_usage_t */
	struct requests idle;		/* with tensors, for the next ones */
};

struct client {
	LIST_ENTRY(client) link;
	int fd;				/* -1: it has gone, and its requests haven't yet */
	struct header header;
	struct request *reading, *parked;
	size_t received, sent;
	struct requests replies;
	unsigned int unfinished;	/* requests that have not been replied to */
	struct pollfd *poll;
};

static struct model *models;
static unsigned int num_models, num_clients;
static LIST_HEAD(, client) clients = LIST_HEAD_INITIALIZER(clients);
static struct request *queued[MAX_QUEUED];
static unsigned int num_queued;
static unsigned long replied, parked;
static volatile sig_atomic_t stop;

static void check(NRT_STATUS status, const char *what)
{
	if (status != NRT_SUCCESS)
		errx(1, "%s: %s", what, nrt_get_status_as_str(status));
}

static void *allocate(size_t size)
{
	void *p = calloc(1, size);

	if (!p)
		errx(1, "out of memory");
	return p;
}

static void load(struct model *m, const char *path, uint32_t core)
{
	FILE *f = fopen(path, "rb");
	void *neff;
	long size;

	if (!f || fseek(f, 0, SEEK_END))
		err(1, "%s", path);
	size = ftell(f);
	if (size < 0)
		err(1, "%s", path);
	rewind(f);
	neff = allocate(size + 1);
	if (fread(neff, 1, size, f) != (size_t)size)
		errx(1, "%s: can't be read", path);
	fclose(f);
	check(nrt_load(neff, size, core, 1, &m->model), path);
	free(neff);
	check(nrt_get_model_tensor_info(m->model, &m->infos), path);
	for (uint64_t i = 0; i < m->infos->tensor_count; i++)
		m->size[m->infos->tensor_array[i].usage] += m->infos->tensor_array[i].size;
	m->core = core;
	STAILQ_INIT(&m->idle);
	printf("model %u: %s on core %u, %zu bytes in, %zu bytes out\n", num_models, path, core,
	       m->size[NRT_TENSOR_USAGE_INPUT], m->size[NRT_TENSOR_USAGE_OUTPUT]);
}

/* A request's tensors are in host memory: the chip fetches inputs and leaves outputs there. */
static struct request *new_request(struct model *m)
{
	size_t in = m->size[NRT_TENSOR_USAGE_INPUT], out = m->size[NRT_TENSOR_USAGE_OUTPUT];
	struct request *r = STAILQ_FIRST(&m->idle);

	if (r) {
		STAILQ_REMOVE_HEAD(&m->idle, link);
		return r;
	}
	r = allocate(sizeof(*r));
	r->model = m;
	r->bytes = allocate(sizeof(struct header) + (in > out ? in : out));
	check(nrta_error_tracker_create(m->core, &r->errors), "error tracker");
	check(nrt_allocate_tensor_set(&r->in), "input set");
	check(nrt_allocate_tensor_set(&r->out), "output set");
	for (uint64_t i = 0; i < m->infos->tensor_count; i++) {
		const nrt_tensor_info_t *info = &m->infos->tensor_array[i];
		nrt_tensor_t *tensor;

		check(nrt_tensor_allocate(NRT_TENSOR_PLACEMENT_HOST, m->core, info->size,
					  info->name, &tensor), info->name);
		check(nrt_add_tensor_to_tensor_set(info->usage == NRT_TENSOR_USAGE_INPUT ?
						   r->in : r->out, info->name, tensor),
		      info->name);
	}
	return r;
}

/* All inputs from, or all outputs to, the bytes behind the header. */
static NRT_STATUS copy(struct request *r, nrt_tensor_usage_t usage)
{
	char *bytes = r->bytes + sizeof(struct header);
	NRT_STATUS status = NRT_SUCCESS;

	for (uint64_t i = 0; !status && i < r->model->infos->tensor_count; i++) {
		const nrt_tensor_info_t *info = &r->model->infos->tensor_array[i];
		bool input = usage == NRT_TENSOR_USAGE_INPUT;
		nrt_tensor_t *tensor;

		if (info->usage != usage)
			continue;
		status = nrt_get_tensor_from_tensor_set(input ? r->in : r->out, info->name,
							&tensor);
		if (!status)
			status = input ? nrt_tensor_write(tensor, bytes, 0, info->size) :
					 nrt_tensor_read(tensor, bytes, 0, info->size);
		bytes += info->size;
	}
	return status;
}

static void recycle(struct request *r)
{
	STAILQ_INSERT_TAIL(&r->model->idle, r, link);
	r->client->unfinished--;
}

static void reply(struct request *r)
{
	struct header *h = (struct header *)r->bytes;

	if (!r->status)
		r->status = copy(r, NRT_TENSOR_USAGE_OUTPUT);
	h->model_or_tag = r->tag;
	h->tag_or_status = r->status;
	h->size = r->status ? 0 : r->model->size[NRT_TENSOR_USAGE_OUTPUT];
	replied++;
	if (r->client->fd < 0)
		recycle(r);
	else
		STAILQ_INSERT_TAIL(&r->client->replies, r, link);
}

static void schedule(struct request *r)
{
	nrta_seq_t seq;

	r->client->parked = NULL;
	r->status = num_queued == MAX_QUEUED ? NRT_QUEUE_FULL :
		    nrta_execute_schedule(r->model->model, r->in, r->out, 0, r->errors, &seq);
	if (r->status == NRT_QUEUE_FULL) {
		r->client->parked = r;
		return;
	}
	if (r->status) {
		reply(r);
		return;
	}
	check(nrta_get_completion_handle(seq, &r->completion), "completion handle");
	queued[num_queued++] = r;
}

static void complete(struct request *r)
{
	const nrta_error_t *errors;
	size_t count;

	close(r->completion);
	check(nrta_error_tracker_get_list(r->errors, &errors, &count), "errors");
	if (count)
		r->status = (NRT_STATUS)errors[0].error_code;
	reply(r);
}

static void drop(struct client *c, const char *why)
{
	struct request *r;

	if (why)
		warnx("a client is dropped: %s", why);
	close(c->fd);
	c->fd = -1;
	num_clients--;
	while ((r = STAILQ_FIRST(&c->replies))) {
		STAILQ_REMOVE_HEAD(&c->replies, link);
		recycle(r);
	}
	if (c->reading)
		recycle(c->reading);
	if (c->parked)
		recycle(c->parked);
	c->reading = c->parked = NULL;
}

static void receive_header(struct client *c)
{
	const struct header *h = &c->header;
	struct request *r;

	if (h->model_or_tag >= num_models) {
		drop(c, "it asks for a model that is not there");
		return;
	}
	if (h->size != models[h->model_or_tag].size[NRT_TENSOR_USAGE_INPUT]) {
		drop(c, "its inputs have another size than the model's");
		return;
	}
	r = new_request(&models[h->model_or_tag]);
	r->client = c;
	r->tag = h->tag_or_status;
	c->reading = r;
	c->unfinished++;
	c->received = 0;
}

static void receive(struct client *c)
{
	struct request *r = c->reading;
	size_t size = r ? r->model->size[NRT_TENSOR_USAGE_INPUT] : sizeof(c->header);
	char *bytes = r ? r->bytes + sizeof(struct header) : (char *)&c->header;
	ssize_t n = recv(c->fd, bytes + c->received, size - c->received, MSG_DONTWAIT);

	if (n <= 0) {
		if (!n || (errno != EAGAIN && errno != EINTR))
			drop(c, n ? strerror(errno) : NULL);
		return;
	}
	c->received += n;
	if (c->received < size)
		return;
	c->received = 0;
	if (!r) {
		receive_header(c);
		return;
	}
	c->reading = NULL;
	r->status = copy(r, NRT_TENSOR_USAGE_INPUT);
	if (r->status)
		reply(r);
	else
		schedule(r);
	parked += c->parked == r;
}

static void send_reply(struct client *c)
{
	struct request *r = STAILQ_FIRST(&c->replies);
	size_t size = sizeof(struct header) + ((struct header *)r->bytes)->size;
	ssize_t n = send(c->fd, r->bytes + c->sent, size - c->sent, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0) {
		if (errno != EAGAIN && errno != EINTR)
			drop(c, strerror(errno));
		return;
	}
	c->sent += n;
	if (c->sent < size)
		return;
	c->sent = 0;
	STAILQ_REMOVE_HEAD(&c->replies, link);
	recycle(r);
}

static void welcome(int listener)
{
	int fd = accept(listener, NULL, NULL);
	struct client *c;

	if (fd < 0)
		return;
	c = allocate(sizeof(*c));
	c->fd = fd;
	STAILQ_INIT(&c->replies);
	LIST_INSERT_HEAD(&clients, c, link);
	num_clients++;
}

static void serve(int listener, const sigset_t *signals)
{
	static struct pollfd fds[1 + MAX_CLIENTS + MAX_QUEUED];
	unsigned int n = 0, before = num_queued, kept = 0;
	struct client *c, *next;

	fds[n++] = (struct pollfd) {
		.fd = num_clients < MAX_CLIENTS ? listener : -1, .events = POLLIN,
	};
	for (unsigned int i = 0; i < num_queued; i++)
		fds[n++] = (struct pollfd) { .fd = queued[i]->completion, .events = POLLIN };
	LIST_FOREACH(c, &clients, link) {
		c->poll = NULL;
		if (c->fd < 0)
			continue;
		c->poll = &fds[n++];
		*c->poll = (struct pollfd) { .fd = c->fd };
		if (!c->parked && c->unfinished < MAX_UNFINISHED)
			c->poll->events |= POLLIN;
		if (!STAILQ_EMPTY(&c->replies))
			c->poll->events |= POLLOUT;
	}
	if (ppoll(fds, n, NULL, signals) < 0) {
		if (errno != EINTR)
			err(1, "poll");
		return;
	}

	for (unsigned int i = 0; i < before; i++) {
		if (fds[1 + i].revents)
			complete(queued[i]);
		else
			queued[kept++] = queued[i];
	}
	num_queued = kept;
	for (c = LIST_FIRST(&clients); c; c = next) {
		next = LIST_NEXT(c, link);
		if (c->parked && kept < before)
			schedule(c->parked);
		if (c->fd >= 0 && c->poll && c->poll->revents & POLLOUT &&
		    !STAILQ_EMPTY(&c->replies))
			send_reply(c);
		if (c->fd >= 0 && c->poll && c->poll->revents & (POLLIN | POLLHUP | POLLERR)) {
			if (!(c->poll->revents & POLLIN))
				drop(c, NULL);
			else
				receive(c);
		}
		if (c->fd < 0 && !c->unfinished) {
			LIST_REMOVE(c, link);
			free(c);
		}
	}
	if (fds[0].revents)
		welcome(listener);
}

static int listen_at(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (strlen(path) >= sizeof(address.sun_path))
		errx(1, "%s: a socket's path can have %zu characters", path,
		     sizeof(address.sun_path) - 1);
	strcpy(address.sun_path, path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) || listen(fd, 16))
		err(1, "%s", path);
	return fd;
}

static void free_tensors(nrt_tensor_set_t **set, const nrt_tensor_info_array_t *infos,
			 nrt_tensor_usage_t usage)
{
	nrt_tensor_t *tensor;

	for (uint64_t i = 0; i < infos->tensor_count; i++) {
		const nrt_tensor_info_t *info = &infos->tensor_array[i];

		if (info->usage != usage)
			continue;
		check(nrt_get_tensor_from_tensor_set(*set, info->name, &tensor), info->name);
		nrt_tensor_free(&tensor);
	}
	nrt_destroy_tensor_set(set);
}

static void unload(struct model *m)
{
	struct request *r;

	check(nrt_unload(m->model), "nrt_unload");
	while ((r = STAILQ_FIRST(&m->idle))) {
		STAILQ_REMOVE_HEAD(&m->idle, link);
		free_tensors(&r->in, m->infos, NRT_TENSOR_USAGE_INPUT);
		free_tensors(&r->out, m->infos, NRT_TENSOR_USAGE_OUTPUT);
		nrta_error_tracker_destroy(r->errors);
		free(r->bytes);
		free(r);
	}
	nrt_free_model_tensor_info(m->infos);
}

static void on_signal(int number)
{
	(void)number;
	stop = 1;
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = on_signal };
	sigset_t blocked, unblocked;
	struct client *c, *next;
	uint32_t cores;
	int listener;

	if (argc < 3) {
		fprintf(stderr, "usage: server SOCKET MODEL.neff...\n");
		return 2;
	}
	/* Signals come while poll() waits and never else; the library's threads get none. */
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGTERM);
	sigaddset(&blocked, SIGINT);
	sigprocmask(SIG_BLOCK, &blocked, &unblocked);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);

	check(nrt_init(NRT_FRAMEWORK_TYPE_NO_FW, "", ""), "nrt_init");
	check(nrt_get_visible_vnc_count(&cores), "cores");
	models = allocate((argc - 2) * sizeof(*models));
	for (; num_models < (unsigned int)argc - 2; num_models++)
		load(&models[num_models], argv[2 + num_models], num_models % cores);
	listener = listen_at(argv[1]);
	printf("listening at %s\n", argv[1]);
	fflush(stdout);
	while (!stop)
		serve(listener, &unblocked);

	close(listener);
	unlink(argv[1]);
	for (c = LIST_FIRST(&clients); c; c = next) {
		next = LIST_NEXT(c, link);
		if (c->fd >= 0)
			drop(c, NULL);
	}
	while (num_queued) {
		struct pollfd fd = { .fd = queued[--num_queued]->completion, .events = POLLIN };

		while (poll(&fd, 1, -1) != 1)
			;
		complete(queued[num_queued]);
	}
	for (c = LIST_FIRST(&clients); c; c = next) {
		next = LIST_NEXT(c, link);
		free(c);
	}
	while (num_models)
		unload(&models[--num_models]);
	free(models);
	nrt_close();
	printf("%lu replies; %lu requests found their core's queue full\n", replied, parked);
	return 0;
}
