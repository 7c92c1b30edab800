/* SPDX-License-Identifier: MIT */
/* neuron-run --compare-reference. */
#ifndef TOOLS_COMMON_REFERENCE_H
#define TOOLS_COMMON_REFERENCE_H

#include "layers.h"
#include "model.h"

/**
 * struct reference - how exact each layer of a model is
 * @neff: the model
 * @differences: of the chip's kernels from the reference kernels, on the same
 *		 operands; a layer each, and one for what belongs to none
 * @errors: of the layer's output from that of the same model with fp32; NULL when it
 *	    was not computed otherwise
 * @outputs: how the model's outputs differ from those of fp32, in their order; NULL
 *	     as @errors
 * @same: what the kernels made on this machine is what the chip made, bit by bit
 */
struct reference {
	struct neff neff;
	struct layer_difference *differences;
	struct layer_error *errors;
	struct layer_error *outputs;
	bool same;
};

/**
 * reference_compare() - run a model in other ways, layer by layer
 * @reference: filled in; release with reference_free()
 * @session: the model, executed
 * @bytes: its .neff; has to outlive @reference
 * @size: bytes of it
 * @inputs: data of the session's inputs, in their order
 * @model: NULL, or the ONNX model, to be computed with fp32, too
 * @options: how @bytes was compiled from it
 * @onnx_inputs: inputs of @model, by the probe's order
 *
 * Return: false after a line on standard error.
 */
bool reference_compare(struct reference *reference, struct session *session,
		       const void *bytes, size_t size, const struct tensor *inputs,
		       const struct model *model, const struct nc_options *options,
		       const struct tensor *onnx_inputs);
void reference_free(struct reference *reference);

void reference_print(FILE *file, const struct reference *reference,
		     const struct session *session);
cJSON *reference_json(const struct reference *reference, const struct session *session);

#endif /* TOOLS_COMMON_REFERENCE_H */
