/* SPDX-License-Identifier: MIT */
/*
 * What an execution of a model with steps keeps: steps_run.c, steps_chunks.c and
 * steps_product.c share it.
 */
#ifndef LIBNEURON_STEPS_RUN_H
#define LIBNEURON_STEPS_RUN_H

#include "neff.h"
#include "steps.h"

/**
 * struct value - a value during an execution
 * @tensor: type, actual shape and, in host memory, elements
 * @made: it is there
 * @owned: its elements are from malloc()
 * @in_tensor: its elements are in its tensor, see struct steps_run
 */
struct value {
	struct hostop_tensor tensor;
	bool made;
	bool owned;
	bool in_tensor;
};

/**
 * struct steps_run - what one execution needs, kept for the next one
 * @next: in the list of those that nobody uses
 * @values: by value
 * @own: by value: memory that chip programs reach, of those that are no inputs or
 *	 outputs; NULL for what no chip program has
 * @pieces: by operand: memory that chip programs reach, of those that they get piece by
 *	    piece; else NULL
 * @tiles: by part that multiplies matrices: what it works on; else NULL
 * @inputs: by part: its inputs by name
 * @outputs: by part: its outputs by name
 * @borders: by tensor of the model: the application's, with a reference
 * @nanoseconds: by step: how long it took
 * @random: of this execution
 */
struct steps_run {
	struct steps_run *next;
	struct value *values;
	struct nrt_tensor **own;
	struct nrt_tensor **pieces;
	struct steps_tiles *tiles[NEURON_NEFF_MAX_MODELS];
	struct tensor_set *inputs[NEURON_NEFF_MAX_MODELS];
	struct tensor_set *outputs[NEURON_NEFF_MAX_MODELS];
	struct nrt_tensor **borders;
	uint64_t *nanoseconds;
	struct hostop_random random;
};

/* A value has its type and the shape that it has when the model says it. */
void steps_shape(const struct neuron_neff_value *v, struct value *value);
/* Free its elements, if they are its own. */
void steps_drop(struct value *value);
/* Its elements in host memory, if they are not there yet. */
NRT_STATUS steps_fetch(const struct nrt_model *model, struct steps_run *run, uint32_t number);
/* Its elements where chip programs reach them, if they are not there yet. */
NRT_STATUS steps_push(const struct nrt_model *model, struct steps_run *run, uint32_t number);
/* The tensor that chip programs know a value by. */
struct nrt_tensor *steps_tensor(const struct steps *steps, const struct steps_run *run,
				uint32_t number);
NRT_STATUS steps_not_made(const struct nrt_model *model, uint32_t step);

/* steps_chunks.c: run a CHUNKS step. */
NRT_STATUS steps_run_chunks(const struct nrt_model *model, struct steps_run *run, uint32_t i);

struct steps_tiles;

/**
 * struct steps_product - a PRODUCT step that is being run
 * @model: the model
 * @run: the execution
 * @part: number of the chip program
 * @status: why steps_multiply() failed
 */
struct steps_product {
	const struct nrt_model *model;
	struct steps_run *run;
	uint32_t part;
	NRT_STATUS status;
};

/* steps_product.c: what a part that multiplies needs, in run->tiles; NULL is freed as well. */
NRT_STATUS steps_prepare_tiles(const struct nrt_model *model, struct steps_run *run,
			       uint32_t part);
void steps_free_tiles(struct steps_tiles *tiles);
/* The chip multiplies; @context is a struct steps_product. */
hostop_product_fn steps_multiply;

#endif /* LIBNEURON_STEPS_RUN_H */
