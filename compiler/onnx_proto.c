// SPDX-License-Identifier: MIT
#include <stdlib.h>
#include "onnx_proto.h"

/* If and Loop bodies nest; each level is three messages. */
#define MAX_DEPTH	96

/* Each allocation is preceded by its size. */
#define HEADER		16

static void *limited_alloc(void *data, size_t size)
{
	struct onnx_message *message = data;
	char *mem;

	if (size > message->limit - message->used)
		return NULL;
	mem = malloc(size + HEADER);
	if (!mem)
		return NULL;
	*(size_t *)mem = size;
	message->used += size;
	return mem + HEADER;
}

static void limited_free(void *data, void *pointer)
{
	struct onnx_message *message = data;
	char *mem = pointer;

	if (!mem)
		return;
	message->used -= *(size_t *)(mem - HEADER);
	free(mem - HEADER);
}

static bool read_varint(const uint8_t **p, const uint8_t *end, uint64_t *x)
{
	unsigned int shift;

	*x = 0;
	for (shift = 0; shift < 70 && *p < end; shift += 7) {
		uint8_t byte = *(*p)++;

		if (shift < 64)
			*x |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return true;
	}
	return false;
}

/* Whether messages nest no deeper than @depth; fields are not looked into. */
static const char *check_depth(const ProtobufCMessageDescriptor *type,
			       const uint8_t *p, const uint8_t *end, int depth)
{
	static const char bad[] = "it is damaged, or no ONNX file";
	const ProtobufCFieldDescriptor *field;
	const char *error;
	uint64_t tag, n;

	if (!depth)
		return "its parts nest too deep";
	while (p < end) {
		if (!read_varint(&p, end, &tag))
			return bad;
		switch (tag & 7) {
		case 0:
			if (!read_varint(&p, end, &n))
				return bad;
			break;
		case 1:
		case 5:
			n = (tag & 7) == 1 ? 8 : 4;
			if (n > (uint64_t)(end - p))
				return bad;
			p += n;
			break;
		case 2:
			if (!read_varint(&p, end, &n) ||
			    n > (uint64_t)(end - p) || tag >> 3 > UINT32_MAX)
				return bad;
			field = protobuf_c_message_descriptor_get_field(type,
									(unsigned int)(tag >> 3));
			if (field && field->type == PROTOBUF_C_TYPE_MESSAGE) {
				error = check_depth(field->descriptor, p, p + n,
						    depth - 1);
				if (error)
					return error;
			}
			p += n;
			break;
		default:
			return bad;
		}
	}
	return NULL;
}

const char *onnx_parse(struct onnx_message *message,
		       const ProtobufCMessageDescriptor *type, const void *data,
		       size_t size)
{
	const char *error;

	*message = (struct onnx_message) {
		.allocator = { limited_alloc, limited_free, message },
		/* Weights once, and nodes that are larger here than there. */
		.limit = ((size_t)64 << 20) + (size < SIZE_MAX / 8 ? size * 4 : 0),
	};
	if (!size)
		return "it is empty";
	error = check_depth(type, data, (const uint8_t *)data + size, MAX_DEPTH);
	if (error)
		return error;
	message->base = protobuf_c_message_unpack(type, &message->allocator,
						  size, data);
	return message->base ? NULL : "it is damaged, or no ONNX file";
}

void onnx_free(struct onnx_message *message)
{
	if (message->base)
		protobuf_c_message_free_unpacked(message->base,
						 &message->allocator);
	message->base = NULL;
}
