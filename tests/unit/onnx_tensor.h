/* SPDX-License-Identifier: MIT */
/*
 * A reader of ONNX TensorProto files, for tests that need vectors and nothing
 * else of ONNX. Field numbers are those of onnx.proto.
 */
#ifndef TESTS_UNIT_ONNX_TENSOR_H
#define TESTS_UNIT_ONNX_TENSOR_H

#include "kernels.h"

struct pb {
	const uint8_t *p, *end;
};

static inline uint64_t pb_varint(struct pb *pb)
{
	uint64_t v = 0;

	for (unsigned int shift = 0; pb->p < pb->end && shift < 64; shift += 7) {
		uint8_t byte = *pb->p++;

		v |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			break;
	}
	return v;
}

/* The contents of a field of length-delimited type. */
static inline struct pb pb_bytes(struct pb *pb)
{
	uint64_t n = pb_varint(pb);
	struct pb sub = { pb->p, pb->p };

	if (n > (uint64_t)(pb->end - pb->p))
		n = pb->end - pb->p;
	pb->p += n;
	sub.end = pb->p;
	return sub;
}

/* ONNX's element types as the chip's; NEURON_NUM_DTYPES for those that it lacks. */
static inline unsigned int onnx_dtype(uint64_t type)
{
	switch (type) {
	case 1:
		return NEURON_F32;
	case 2:
	case 9:		/* bool */
		return NEURON_U8;
	case 3:
		return NEURON_I8;
	case 6:
		return NEURON_I32;
	case 7:
		return NEURON_I64;
	case 10:
		return NEURON_F16;
	case 16:
		return NEURON_BF16;
	}
	return NEURON_NUM_DTYPES;
}

/* Scalars in varints, one by one or packed, as elements of the tensor. */
static inline void onnx_ints(struct test_tensor *t, struct pb values, uint64_t *at)
{
	while (values.p < values.end && *at < test_elements(&t->desc)) {
		uint64_t v = pb_varint(&values);

		memcpy((char *)t->data + *at * test_size(t->desc.dtype), &v,
		       test_size(t->desc.dtype));
		++*at;
	}
}

/* False when there is no such file or the type is not one of the chip's. */
static inline bool onnx_load(struct test_tensor *t, const char *path)
{
	uint32_t dims[NEURON_MAX_RANK] = { 0 };
	unsigned int rank = 0, dtype = NEURON_NUM_DTYPES;
	struct pb raw = { 0 }, ints = { 0 }, floats = { 0 };
	FILE *file = fopen(path, "rb");
	uint8_t *buf;
	size_t size;
	struct pb pb;
	bool ok;

	if (!file)
		return false;
	fseek(file, 0, SEEK_END);
	size = ftell(file);
	rewind(file);
	buf = malloc(size + 1);
	size = fread(buf, 1, size, file);
	fclose(file);

	pb = (struct pb){ buf, buf + size };
	while (pb.p < pb.end) {
		uint64_t tag = pb_varint(&pb);

		switch (tag) {
		case 1 << 3 | 0:	/* dims */
			if (rank < NEURON_MAX_RANK)
				dims[rank++] = pb_varint(&pb);
			break;
		case 1 << 3 | 2: {
			struct pb packed = pb_bytes(&pb);

			while (packed.p < packed.end && rank < NEURON_MAX_RANK)
				dims[rank++] = pb_varint(&packed);
			break;
		}
		case 2 << 3 | 0:	/* data_type */
			dtype = onnx_dtype(pb_varint(&pb));
			break;
		case 4 << 3 | 2:	/* float_data */
			floats = pb_bytes(&pb);
			break;
		case 5 << 3 | 2:	/* int32_data */
		case 7 << 3 | 2:	/* int64_data */
			ints = pb_bytes(&pb);
			break;
		case 9 << 3 | 2:	/* raw_data */
			raw = pb_bytes(&pb);
			break;
		default:
			if ((tag & 7) == 0)
				pb_varint(&pb);
			else if ((tag & 7) == 2)
				pb_bytes(&pb);
			else
				pb.p = pb.end;
			break;
		}
	}

	ok = dtype < NEURON_NUM_DTYPES;
	if (ok) {
		uint64_t at = 0;

		test_alloc(t, dtype, rank, dims, TEST_DENSE);
		if (raw.p && raw.end - raw.p == (ptrdiff_t)t->bytes)
			memcpy(t->memory, raw.p, t->bytes);
		else if (floats.p && floats.end - floats.p == (ptrdiff_t)t->bytes)
			memcpy(t->memory, floats.p, t->bytes);
		else
			onnx_ints(t, ints, &at);
	}
	free(buf);
	return ok;
}

#endif /* TESTS_UNIT_ONNX_TENSOR_H */
