/* SPDX-License-Identifier: MIT */
/*
 * Protobuf messages of ONNX from bytes that may be hostile.
 */
#ifndef COMPILER_ONNX_PROTO_H
#define COMPILER_ONNX_PROTO_H

#include "graph.h"
#include "onnx.pb-c.h"

/**
 * struct onnx_message - a parsed message and the memory that it lives in
 * @base: the message, of the type that was asked for
 * @allocator: what protobuf-c allocates through: malloc() with a limit
 * @used: bytes allocated
 * @limit: bytes that may be allocated
 */
struct onnx_message {
	ProtobufCMessage *base;
	ProtobufCAllocator allocator;
	size_t used;
	size_t limit;
};

/**
 * onnx_parse() - parse a message
 * @message: filled in; release with onnx_free()
 * @type: what it is, such as &onnx__model_proto__descriptor
 * @data: the bytes
 * @size: number of @data
 *
 * protobuf-c recurses as deep as messages nest and allocates as much as they
 * claim; nesting and memory are limited here.
 *
 * Return: NULL, or what is wrong, as a static text.
 */
const char *onnx_parse(struct onnx_message *message,
		       const ProtobufCMessageDescriptor *type, const void *data,
		       size_t size);
void onnx_free(struct onnx_message *message);

/**
 * struct onnx_tensor - what a TensorProto says of itself
 * @dtype: element type
 * @rank: number of dimensions
 * @dims: dimensions
 * @count: elements
 * @size: bytes of the elements
 * @external: they are in another file
 * @small: their type, where @dtype is a wider one that keeps it; else NULL
 */
struct onnx_tensor {
	enum nc_dtype dtype;
	int rank;
	int64_t dims[NC_MAX_RANK];
	int64_t count;
	size_t size;
	bool external;
	const struct nc_small *small;
};

/**
 * onnx_tensor_check() - check a TensorProto
 * @proto: the tensor
 * @tensor: receives type and shape
 * @why: receives what is wrong, of room ONNX_WHY
 *
 * Return: true when its data can be had from onnx_tensor_data() or, where
 * @tensor says so, from another file.
 */
#define ONNX_WHY	200
bool onnx_tensor_check(const Onnx__TensorProto *proto,
		       struct onnx_tensor *tensor, char why[ONNX_WHY]);

/**
 * onnx_tensor_data() - the elements of a checked tensor
 * @proto: the tensor
 * @tensor: from onnx_tensor_check()
 * @buf: room for @tensor->size bytes, used where the elements have to be
 *	 converted; NULL to ask whether it is needed
 *
 * Return: the elements, in @buf or in @proto; NULL when @buf is needed.
 */
const void *onnx_tensor_data(const Onnx__TensorProto *proto,
			     const struct onnx_tensor *tensor, void *buf);

#endif /* COMPILER_ONNX_PROTO_H */
