// SPDX-License-Identifier: MIT
/* ONNX's TensorProto. */
#include <stdlib.h>
#include <string.h>
#include <compiler/onnx_proto.h>
#include "tensor.h"

const char *tensor_parse_pb(struct tensor *tensor, const void *data, size_t size,
			    char why[TENSOR_WHY])
{
	static const char oom[] = "out of memory";
	const Onnx__TensorProto *proto;
	struct onnx_message message;
	struct onnx_tensor header;
	const char *error;
	const void *from;

	_Static_assert((int)TENSOR_WHY >= (int)ONNX_WHY, "texts fit");
	*tensor = (struct tensor) { 0 };
	/* An empty file is a message without fields: no tensor. */
	error = onnx_parse(&message, &onnx__tensor_proto__descriptor, data, size);
	if (error)
		return error;
	proto = (const void *)message.base;
	if (!onnx_tensor_check(proto, &header, why)) {
		error = why;
		goto out;
	}
	if (header.external) {
		error = "its data is in another file";
		goto out;
	}
	tensor->dtype = header.dtype;
	tensor->rank = header.rank;
	memcpy(tensor->dims, header.dims, sizeof(tensor->dims));
	tensor->size = header.size;
	tensor->name = strdup(proto->name ? proto->name : "");
	tensor->data = malloc(header.size + 1);
	if (!tensor->name || !tensor->data) {
		error = oom;
		goto out;
	}
	from = onnx_tensor_data(proto, &header, tensor->data);
	if (from != tensor->data && header.size)
		memcpy(tensor->data, from, header.size);
out:
	onnx_free(&message);
	return error;
}

/* Strings in memory have a fixed size; a file has their own. */
static ProtobufCBinaryData *list_strings(const struct tensor *tensor, size_t *count)
{
	const size_t size = nc_dtype_size(NC_STRING);
	ProtobufCBinaryData *strings;
	size_t i;

	*count = tensor->size / size;
	strings = calloc(*count + 1, sizeof(*strings));
	for (i = 0; strings && i < *count; i++) {
		strings[i].data = (uint8_t *)tensor->data + i * size;
		strings[i].len = strnlen((const char *)strings[i].data, size);
	}
	return strings;
}

void *tensor_format_pb(const struct tensor *tensor, size_t *size)
{
	Onnx__TensorProto proto = ONNX__TENSOR_PROTO__INIT;
	int64_t dims[NC_MAX_RANK];
	void *data;

	memcpy(dims, tensor->dims, sizeof(dims));
	proto.n_dims = (size_t)tensor->rank;
	proto.dims = dims;
	proto.has_data_type = 1;
	proto.data_type = nc_dtype_to_onnx(tensor->dtype);
	proto.name = tensor->name;
	if (tensor->dtype == NC_STRING) {
		proto.string_data = list_strings(tensor, &proto.n_string_data);
		if (!proto.string_data)
			return NULL;
	} else {
		proto.has_raw_data = 1;
		proto.raw_data.data = tensor->data;
		proto.raw_data.len = tensor->size;
	}
	*size = onnx__tensor_proto__get_packed_size(&proto);
	data = malloc(*size);
	if (data)
		onnx__tensor_proto__pack(&proto, data);
	free(proto.string_data);
	return data;
}
