/* SPDX-License-Identifier: MIT */
/* A model on the chip, its inputs and outputs by name. */
#ifndef TESTS_CONFORMANCE_NET_H
#define TESTS_CONFORMANCE_NET_H

#include <tools/common/model.h>
#include <tools/common/session.h>

/* An input's type and shape; @data: its contents, when they never change. */
struct net_input {
	const char *name;
	enum nc_dtype dtype;
	int rank;
	int64_t dims[NC_MAX_RANK];
	const void *data;
};

/**
 * struct net - a loaded model
 * @session: its tensors on the chip
 * @cycles: modelled cycles of the executions so far
 * @runs: executions so far
 */
struct net {
	struct session *session;
	uint64_t cycles;
	unsigned int runs;
};

/**
 * net_open() - compile and load a model
 * @net: filled in; release with net_close()
 * @path: the ONNX file
 * @auto_cast: type of matrix operands
 * @inputs: all that the model has
 * @count: entries of @inputs
 *
 * Other inputs than those with data begin as zeros: so do recurrent states.
 *
 * Return: false after a line on standard error.
 */
bool net_open(struct net *net, const char *path, enum nc_auto_cast auto_cast,
	      const struct net_input *inputs, unsigned int count);
void net_close(struct net *net);

/* The size has to be the tensor's. False, after a line, when something fails. */
bool net_set(struct net *net, const char *name, const void *data, size_t size);
bool net_run(struct net *net);
bool net_get(struct net *net, const char *name, void *data, size_t size);

/* An output becomes an input of the next execution. */
bool net_feed_back(struct net *net, const char *output, const char *input);

#endif /* TESTS_CONFORMANCE_NET_H */
