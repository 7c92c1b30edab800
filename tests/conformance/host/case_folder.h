/* SPDX-License-Identifier: MIT */
/* Cases in the layout of ONNX's backend tests, in a folder. What fails ends the program. */
#ifndef TESTS_CONFORMANCE_HOST_CASE_FOLDER_H
#define TESTS_CONFORMANCE_HOST_CASE_FOLDER_H

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include "tests/unit/onnx_builder.h"

/* The folder of all cases; that which files go to. */
static const char *folder;
static char where[4096];

/* A text, in one of a few places that are used in turn. */
static inline const char *text(const char *format, ...) __attribute__((format(printf, 1, 2)));
static inline const char *text(const char *format, ...)
{
	static char places[64][96];
	static unsigned int next;
	char *place = places[next++ % 64];
	va_list args;

	va_start(args, format);
	vsnprintf(place, sizeof(places[0]), format, args);
	va_end(args);
	return place;
}

static inline void put(const char *name, const void *data, size_t size)
{
	char path[4200];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", where, name);
	f = fopen(path, "wb");
	if (!f || fwrite(data, 1, size, f) != size || fclose(f)) {
		perror(path);
		exit(1);
	}
}

static inline void enter(const char *name)
{
	snprintf(where, sizeof(where), "%s/%s", folder, name);
	if (mkdir(where, 0777) && errno != EEXIST) {
		perror(where);
		exit(1);
	}
}

static inline void enter_set(const char *name, unsigned int number)
{
	char set[256];

	snprintf(set, sizeof(set), "%s/test_data_set_%u", name, number);
	enter(set);
}

static inline void put_model(const char *name, const struct builder *b)
{
	size_t size;
	void *bytes = builder_bytes(b, &size);

	enter(name);
	put("model.onnx", bytes, size);
	enter_set(name, 0);
}

static inline void put_tensor(const char *file, int type, int rank, const int64_t *dims,
			      const void *data, size_t size)
{
	Onnx__TensorProto *t = new_tensor(file, type, rank, dims, data, size);
	size_t packed = onnx__tensor_proto__get_packed_size(t);
	void *bytes = own_memory(packed + 1);

	onnx__tensor_proto__pack(t, bytes);
	put(file, bytes, packed);
	free(bytes);
}

#endif /* TESTS_CONFORMANCE_HOST_CASE_FOLDER_H */
