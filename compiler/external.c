// SPDX-License-Identifier: MIT
/*
 * Tensors whose data lies in files beside the model.
 *
 * A model names such a file by a relative path. The model may be hostile: no
 * path and no symbolic link leads out of the model's folder, only regular files
 * are read, and every offset is checked against the file.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "import.h"

/* What a TensorProto says about its data. */
struct place {
	const char *location;
	uint64_t offset;
	uint64_t length;
	bool has_length;
};

static bool parse_number(const char *text, uint64_t *x)
{
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	*x = strtoull(text, &end, 10);
	return !*end && !errno;
}

static const char *parse_place(const Onnx__TensorProto *proto, struct place *place)
{
	size_t i;

	*place = (struct place) { 0 };
	for (i = 0; i < proto->n_external_data; i++) {
		const char *key = nc_text(proto->external_data[i]->key);
		const char *value = nc_text(proto->external_data[i]->value);

		if (!strcmp(key, "location"))
			place->location = value;
		else if (!strcmp(key, "offset") && !parse_number(value, &place->offset))
			return "its offset in another file is no number";
		else if (!strcmp(key, "length") && !parse_number(value, &place->length))
			return "its length in another file is no number";
		if (!strcmp(key, "length"))
			place->has_length = true;
	}
	return place->location && *place->location ? NULL :
	       "it does not say which file its data is in";
}

/* No absolute path, no "..", no empty component. */
static bool is_safe(const char *path)
{
	const char *p = path;

	if (*p == '/')
		return false;
	while (*p) {
		size_t n = strcspn(p, "/");

		if (!n || (n == 2 && !memcmp(p, "..", 2)))
			return false;
		p += n + (p[n] == '/');
	}
	return true;
}

/* Without openat2(): component by component, and no symbolic links at all. */
static int open_stepwise(int dir, const char *path)
{
	int at = dup(dir), next;
	char *name, *slash;
	char *copy = strdup(path);

	if (!copy) {
		close(at);
		return -1;
	}
	for (name = copy; at >= 0 && (slash = strchr(name, '/')); name = slash + 1) {
		*slash = '\0';
		next = openat(at, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		close(at);
		at = next;
	}
	if (at >= 0) {
		next = openat(at, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
		close(at);
		at = next;
	}
	free(copy);
	return at;
}

static int open_beneath(int dir, const char *path)
{
	struct open_how how = {
		.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
	};
	int fd = (int)syscall(SYS_openat2, dir, path, &how, sizeof(how));

	/* Kernels before 5.6 have no such call, and filters may forbid it. */
	return fd >= 0 ? fd : open_stepwise(dir, path);
}

/* The file, from the last time or anew. Return: NULL, or what is wrong. */
static const char *open_file(struct nc_ctx *ctx, const char *location)
{
	struct onnx_model *model = ctx->model;
	struct stat st;
	int dir;

	if (model->file_name && !strcmp(model->file_name, location))
		return NULL;
	nc_external_close(model);
	if (!ctx->options->folder)
		return "its data is in another file, and the model's folder is not known";
	if (!is_safe(location))
		return "its data is in another file whose path leads out of the model's folder";
	dir = open(*ctx->options->folder ? ctx->options->folder : ".",
		   O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return "its data is in another file, and the model's folder cannot be opened";
	model->file = open_beneath(dir, location);
	close(dir);
	if (model->file < 0)
		return errno == ENOENT ? "the file with its data is not there" :
		       "the file with its data cannot be opened";
	model->is_open = true;
	if (fstat(model->file, &st) || !S_ISREG(st.st_mode))
		return "what should hold its data is no regular file";
	model->file_size = (uint64_t)st.st_size;
	model->file_name = location;
	return NULL;
}

static const char *read_all(int fd, char *to, size_t size, uint64_t offset)
{
	while (size) {
		ssize_t n = pread(fd, to, size, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return "the file with its data cannot be read";
		to += n;
		offset += (uint64_t)n;
		size -= (size_t)n;
	}
	return NULL;
}

const char *nc_external_data(struct nc_ctx *ctx, const Onnx__TensorProto *proto,
			     struct nc_value *value)
{
	static const uint64_t nothing;
	struct place place;
	const char *error;
	size_t i;
	void *data;

	error = parse_place(proto, &place);
	if (!error)
		error = open_file(ctx, place.location);
	if (error)
		return error;
	value->size = nc_bytes(value);
	if (place.has_length && place.length != value->size)
		return "its length in another file does not fit its shape";
	if (place.offset > ctx->model->file_size ||
	    value->size > ctx->model->file_size - place.offset)
		return "the file with its data is too short";
	if (!value->size) {
		value->data = &nothing;
		return NULL;
	}
	data = nc_alloc_uninit(ctx->arena, value->size);
	error = read_all(ctx->model->file, data, value->size, place.offset);
	if (error)
		return error;
	for (i = 0; value->dtype == NC_BOOL && i < value->size; i++)
		((uint8_t *)data)[i] = !!((uint8_t *)data)[i];
	value->data = data;
	nc_blob_add(ctx, data, value->size, NULL);
	return NULL;
}

void nc_external_close(struct onnx_model *model)
{
	if (model->is_open)
		close(model->file);
	model->is_open = false;
	model->file_name = NULL;
}
