/* SPDX-License-Identifier: MIT */
/*
 * A program run on this machine's memory, each instruction by the kernels that the
 * chip uses and by the reference kernels, on the same operands.
 */
#ifndef TOOLS_COMMON_LOCKSTEP_H
#define TOOLS_COMMON_LOCKSTEP_H

#include <libneuron/neff.h>
#include <neuron/isa.h>
#include "session.h"

/**
 * struct layer_difference - how far the two are apart
 * @insts: instructions of the layer that compute
 * @elements: that they wrote
 * @different: of these, such that are not the same in all bits
 * @max_abs: largest difference; infinite where one is NaN and the other is not
 * @max_rel: largest difference relative to a reference that is not zero
 * @inst: index of the instruction with the largest difference
 */
struct layer_difference {
	uint64_t insts;
	uint64_t elements;
	uint64_t different;
	double max_abs;
	double max_rel;
	uint32_t inst;
};

/**
 * lockstep_run() - run all programs of a model
 * @name: of the model, for messages
 * @neff: the model
 * @inputs: data of the inputs, in the model's order
 * @outputs: NULL, or receives tensors as session_get_output() would, to be
 *	     released with tensor_free()
 * @layers: one for each of the model's layers and one for what belongs to none;
 *	    added to
 *
 * Instructions run in the order in which the chip runs them. The programs may be
 * hostile, as the file may be.
 *
 * Return: false after a line on standard error.
 */
bool lockstep_run(const char *name, const struct neff *neff, const struct tensor *inputs,
		  struct tensor *outputs, struct layer_difference *layers);

#endif /* TOOLS_COMMON_LOCKSTEP_H */
