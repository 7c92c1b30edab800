// SPDX-License-Identifier: MIT
/* The elements of a TensorProto, which has several places for them. */
#include <stdio.h>
#include <string.h>
#include "onnx_proto.h"
#include "small_type.h"

/* The field that elements of a type are in when they are not raw. */
enum field {
	FIELD_NONE, FIELD_FLOAT, FIELD_INT32, FIELD_INT64, FIELD_DOUBLE, FIELD_UINT64,
	FIELD_STRING,
};

static enum field field_of(enum nc_dtype dtype)
{
	switch (dtype) {
	case NC_F32:
		return FIELD_FLOAT;
	case NC_F64:
		return FIELD_DOUBLE;
	case NC_I64:
		return FIELD_INT64;
	case NC_STRING:
		return FIELD_STRING;
	case NC_U32:
	case NC_U64:
		return FIELD_UINT64;
	case NC_NONE:
	case NC_NUM_DTYPES:
		return FIELD_NONE;
	default:
		return FIELD_INT32;
	}
}

static size_t field_count(const Onnx__TensorProto *proto, enum field field)
{
	switch (field) {
	case FIELD_FLOAT:
		return proto->n_float_data;
	case FIELD_INT32:
		return proto->n_int32_data;
	case FIELD_INT64:
		return proto->n_int64_data;
	case FIELD_DOUBLE:
		return proto->n_double_data;
	case FIELD_UINT64:
		return proto->n_uint64_data;
	case FIELD_STRING:
		return proto->n_string_data;
	default:
		return 0;
	}
}

/* Several of less than 8 bits share a byte. */
static size_t small_bytes(const struct onnx_tensor *tensor)
{
	size_t each = 8 / tensor->small->bits;

	return ((size_t)tensor->count + each - 1) / each;
}

/* Strings are kept as <neuron/neff.h> has them. */
static bool check_strings(const Onnx__TensorProto *proto, char why[ONNX_WHY])
{
	const size_t size = nc_dtype_size(NC_STRING);
	size_t i;

	for (i = 0; i < proto->n_string_data; i++) {
		const ProtobufCBinaryData *s = &proto->string_data[i];

		if (s->len < size && (!s->len || !memchr(s->data, 0, s->len)))
			continue;
		snprintf(why, ONNX_WHY,
			 "string %zu is longer than %zu bytes, or has a NUL in it", i,
			 size - 1);
		return false;
	}
	return true;
}

bool onnx_tensor_check(const Onnx__TensorProto *proto,
		       struct onnx_tensor *tensor, char why[ONNX_WHY])
{
	size_t i, count;

	*tensor = (struct onnx_tensor) { 0 };
	tensor->dtype = nc_dtype_from_onnx(proto->data_type);
	tensor->small = nc_small_find(proto->data_type);
	if (tensor->small)
		tensor->dtype = tensor->small->dtype;
	if (tensor->dtype == NC_NONE) {
		snprintf(why, ONNX_WHY, "element type %d is not supported",
			 proto->data_type);
		return false;
	}
	if (proto->segment) {
		snprintf(why, ONNX_WHY, "tensors in segments are not supported");
		return false;
	}
	if (proto->n_dims > NC_MAX_RANK) {
		snprintf(why, ONNX_WHY, "rank %zu is more than %d",
			 proto->n_dims, NC_MAX_RANK);
		return false;
	}
	tensor->rank = (int)proto->n_dims;
	for (i = 0; i < proto->n_dims; i++)
		tensor->dims[i] = proto->dims[i];
	if (!nc_shape_fits(tensor->rank, tensor->dims)) {
		snprintf(why, ONNX_WHY, "its dimensions are negative or too large");
		return false;
	}
	tensor->count = 1;
	for (i = 0; i < proto->n_dims; i++)
		tensor->count *= proto->dims[i];
	tensor->size = (size_t)tensor->count * nc_dtype_size(tensor->dtype);
	tensor->external = proto->data_location ==
			   ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL ||
			   proto->n_external_data;
	if (tensor->small && tensor->external) {
		snprintf(why, ONNX_WHY, "%s data in another file is not supported",
			 tensor->small->name);
		return false;
	}
	if (tensor->dtype == NC_STRING) {
		if (tensor->external || (proto->has_raw_data && proto->raw_data.len)) {
			snprintf(why, ONNX_WHY, "strings as raw data are not supported");
			return false;
		}
		if (!check_strings(proto, why))
			return false;
	}
	if (tensor->external)
		return true;

	if (tensor->dtype != NC_STRING && proto->has_raw_data &&
	    (proto->raw_data.len || !tensor->count)) {
		size_t size = tensor->small ? small_bytes(tensor) : tensor->size;

		if (proto->raw_data.len == size)
			return true;
		snprintf(why, ONNX_WHY,
			 "its shape needs %zu bytes of data, it has %zu",
			 size, proto->raw_data.len);
		return false;
	}
	if (tensor->small) {
		count = proto->n_int32_data;
		if (count == small_bytes(tensor))
			return true;
	} else {
		count = field_count(proto, field_of(tensor->dtype));
		if (count == (size_t)tensor->count)
			return true;
	}
	snprintf(why, ONNX_WHY, "its shape needs %lld elements, it has %zu",
		 (long long)tensor->count, count);
	return false;
}

/* Booleans are 0 or 1 from here on. */
static bool is_boolean(const uint8_t *data, size_t size)
{
	size_t i;

	for (i = 0; i < size; i++)
		if (data[i] > 1)
			return false;
	return true;
}

/* What the elements are in a wider type. */
static const void *unpack_small(const Onnx__TensorProto *proto,
				const struct onnx_tensor *tensor, void *buf)
{
	bool raw = proto->has_raw_data && proto->raw_data.len;
	unsigned int bits = tensor->small->bits, each = 8 / bits;
	int64_t i;

	for (i = 0; buf && i < tensor->count; i++) {
		unsigned int byte = raw ? proto->raw_data.data[i / each] :
				    (uint8_t)proto->int32_data[i / each];

		byte = byte >> i % each * bits & ((1u << bits) - 1);
		nc_put_double(tensor->dtype, buf, i, nc_small_decode(tensor->small, byte));
	}
	return buf;
}

static const void *unpack_strings(const Onnx__TensorProto *proto,
				  const struct onnx_tensor *tensor, void *buf)
{
	const size_t size = nc_dtype_size(NC_STRING);
	char *to = buf;
	int64_t i;

	for (i = 0; buf && i < tensor->count; i++, to += size) {
		const ProtobufCBinaryData *s = &proto->string_data[i];

		memset(to, 0, size);
		if (s->len)
			memcpy(to, s->data, s->len);
	}
	return buf;
}

const void *onnx_tensor_data(const Onnx__TensorProto *proto,
			     const struct onnx_tensor *tensor, void *buf)
{
	static const uint64_t nothing;
	enum field field = field_of(tensor->dtype);
	int64_t i;

	if (!tensor->count)
		return &nothing;
	if (tensor->small)
		return unpack_small(proto, tensor, buf);
	if (tensor->dtype == NC_STRING)
		return unpack_strings(proto, tensor, buf);
	if (proto->has_raw_data && proto->raw_data.len) {
		const uint8_t *raw = proto->raw_data.data;

		if (tensor->dtype != NC_BOOL || is_boolean(raw, tensor->size))
			return raw;
		if (!buf)
			return NULL;
		for (i = 0; i < tensor->count; i++)
			((uint8_t *)buf)[i] = !!raw[i];
		return buf;
	}
	/* Fields as wide as the elements are used as they are. */
	if (field == FIELD_FLOAT)
		return proto->float_data;
	if (field == FIELD_DOUBLE)
		return proto->double_data;
	if (field == FIELD_INT64)
		return proto->int64_data;
	if (tensor->dtype == NC_U64)
		return proto->uint64_data;
	if (tensor->dtype == NC_I32)
		return proto->int32_data;
	if (!buf)
		return NULL;
	for (i = 0; i < tensor->count; i++) {
		/* 16-bit floats are bit patterns. */
		if (field == FIELD_UINT64)
			((uint32_t *)buf)[i] = (uint32_t)proto->uint64_data[i];
		else if (nc_dtype_size(tensor->dtype) == 2)
			((uint16_t *)buf)[i] = (uint16_t)proto->int32_data[i];
		else if (tensor->dtype == NC_BOOL)
			((uint8_t *)buf)[i] = !!proto->int32_data[i];
		else
			((uint8_t *)buf)[i] = (uint8_t)proto->int32_data[i];
	}
	return buf;
}
