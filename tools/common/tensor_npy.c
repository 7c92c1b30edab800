// SPDX-License-Identifier: MIT
/*
 * numpy's .npy, versions 1 to 3 (numpy/lib/format.py in numpy's documentation):
 * "\x93NUMPY", major, minor, header length (2 or 4 bytes, little-endian), a
 * Python dictionary with descr, fortran_order and shape, the elements.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <compiler/graph.h>
#include "tensor.h"

#define MAGIC		"\x93NUMPY"
#define MAGIC_SIZE	6

/* numpy has no bfloat16. */
static const struct {
	enum nc_dtype dtype;
	char descr[4];
} types[] = {
	{ NC_F32, "f4" }, { NC_F64, "f8" }, { NC_F16, "f2" }, { NC_BOOL, "b1" },
	{ NC_I8, "i1" }, { NC_I16, "i2" }, { NC_I32, "i4" }, { NC_I64, "i8" },
	{ NC_U8, "u1" }, { NC_U16, "u2" }, { NC_U32, "u4" }, { NC_U64, "u8" },
};

/* A place in the header's text. */
struct cursor {
	const char *p;
	const char *end;
};

static void skip_space(struct cursor *c)
{
	while (c->p < c->end && isspace((unsigned char)*c->p))
		c->p++;
}

static bool take(struct cursor *c, char ch)
{
	skip_space(c);
	if (c->p == c->end || *c->p != ch)
		return false;
	c->p++;
	return true;
}

static bool take_word(struct cursor *c, const char *word)
{
	size_t len = strlen(word);

	skip_space(c);
	if ((size_t)(c->end - c->p) < len || memcmp(c->p, word, len))
		return false;
	c->p += len;
	return true;
}

/* A string in either kind of quotes, without escapes. */
static bool take_string(struct cursor *c, char *buf, size_t size)
{
	size_t len = 0;
	char quote;

	skip_space(c);
	if (c->p == c->end || (*c->p != '\'' && *c->p != '"'))
		return false;
	quote = *c->p++;
	while (c->p < c->end && *c->p != quote) {
		if (*c->p == '\\' || len + 1 >= size)
			return false;
		buf[len++] = *c->p++;
	}
	buf[len] = '\0';
	return take(c, quote);
}

static bool take_number(struct cursor *c, int64_t *n)
{
	skip_space(c);
	if (c->p == c->end || !isdigit((unsigned char)*c->p))
		return false;
	for (*n = 0; c->p < c->end && isdigit((unsigned char)*c->p); c->p++)
		if (__builtin_mul_overflow(*n, 10, n) ||
		    __builtin_add_overflow(*n, *c->p - '0', n))
			return false;
	return true;
}

static bool take_shape(struct cursor *c, struct tensor *tensor)
{
	if (!take(c, '('))
		return false;
	tensor->rank = 0;
	while (!take(c, ')')) {
		if (tensor->rank == NC_MAX_RANK ||
		    !take_number(c, &tensor->dims[tensor->rank++]))
			return false;
		if (!take(c, ',') && (c->p == c->end || *c->p != ')'))
			return false;
	}
	return true;
}

static enum nc_dtype parse_descr(const char *descr)
{
	size_t i;

	/* '<': little-endian; '|': bytes; '=': this machine's */
	if (*descr != '<' && *descr != '|' && *descr != '=')
		return NC_NONE;
	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (!strcmp(descr + 1, types[i].descr))
			return types[i].dtype;
	return NC_NONE;
}

static const char *parse_header(struct cursor *c, struct tensor *tensor,
				bool *fortran)
{
	static const char bad[] = "its header is damaged";
	bool has_shape = false;
	char key[20], descr[40];

	if (!take(c, '{'))
		return bad;
	while (!take(c, '}')) {
		if (!take_string(c, key, sizeof(key)) || !take(c, ':'))
			return bad;
		if (!strcmp(key, "descr")) {
			if (!take_string(c, descr, sizeof(descr)))
				return "its element type is not supported";
			tensor->dtype = parse_descr(descr);
			if (tensor->dtype == NC_NONE)
				return "its element type is not supported";
		} else if (!strcmp(key, "fortran_order")) {
			*fortran = take_word(c, "True");
			if (!*fortran && !take_word(c, "False"))
				return bad;
		} else if (!strcmp(key, "shape")) {
			if (!take_shape(c, tensor))
				return "its shape is damaged, or has more than 8 dimensions";
			has_shape = true;
		} else {
			return bad;
		}
		take(c, ',');
	}
	return tensor->dtype && has_shape ? NULL : bad;
}

const char *tensor_parse_npy(struct tensor *tensor, const void *data, size_t size)
{
	const uint8_t *bytes = data;
	bool fortran = false;
	size_t start, len;
	struct cursor c;
	const char *error;

	*tensor = (struct tensor) { 0 };
	if (size < MAGIC_SIZE + 4 || memcmp(bytes, MAGIC, MAGIC_SIZE))
		return "it is no .npy file";
	if (bytes[6] < 1 || bytes[6] > 3)
		return "its version is not supported";
	start = bytes[6] == 1 ? 10 : 12;
	if (size < start)
		return "it is truncated";
	len = bytes[8] | (size_t)bytes[9] << 8;
	if (bytes[6] > 1)
		len |= (size_t)bytes[10] << 16 | (size_t)bytes[11] << 24;
	if (len > size - start)
		return "it is truncated";
	c.p = (const char *)bytes + start;
	c.end = c.p + len;
	error = parse_header(&c, tensor, &fortran);
	if (error)
		return error;
	if (fortran && tensor->rank > 1)
		return "it is in Fortran order; save it with numpy.ascontiguousarray()";
	if (!nc_shape_fits(tensor->rank, tensor->dims))
		return "its shape is too large";
	tensor->size = (size_t)tensor_count(tensor) * nc_dtype_size(tensor->dtype);
	if (size - start - len != tensor->size)
		return "its size does not fit its shape";
	tensor->name = strdup("");
	tensor->data = malloc(tensor->size + 1);
	if (!tensor->name || !tensor->data)
		return "out of memory";
	memcpy(tensor->data, bytes + start + len, tensor->size);
	return NULL;
}

void *tensor_format_npy(const struct tensor *tensor, size_t *size)
{
	char header[512];
	const char *descr = NULL;
	size_t len, i;
	char *data;
	int d;

	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (types[i].dtype == tensor->dtype)
			descr = types[i].descr;
	if (!descr) {
		errno = EINVAL;
		return NULL;
	}
	len = (size_t)sprintf(header, "{'descr': '%c%s', 'fortran_order': False, 'shape': (",
			      nc_dtype_size(tensor->dtype) == 1 ? '|' : '<', descr);
	for (d = 0; d < tensor->rank; d++)
		len += (size_t)sprintf(header + len, "%s%lld%s", d ? " " : "",
				       (long long)tensor->dims[d],
				       tensor->rank == 1 || d + 1 < tensor->rank ?
				       "," : "");
	len += (size_t)sprintf(header + len, "), }");
	/* The elements start at a multiple of 64. */
	while ((MAGIC_SIZE + 4 + len + 1) % 64)
		header[len++] = ' ';
	header[len++] = '\n';

	*size = MAGIC_SIZE + 4 + len + tensor->size;
	data = malloc(*size);
	if (!data) {
		errno = ENOMEM;
		return NULL;
	}
	memcpy(data, MAGIC "\x01\x00", MAGIC_SIZE + 2);
	data[8] = (char)(len & 0xff);
	data[9] = (char)(len >> 8);
	memcpy(data + 10, header, len);
	if (tensor->size)
		memcpy(data + 10 + len, tensor->data, tensor->size);
	return data;
}
