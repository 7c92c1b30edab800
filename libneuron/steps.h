/* SPDX-License-Identifier: MIT */
/*
 * Models with steps: steps.c loads them, steps_run.c executes them.
 *
 * Each chip program is a struct nrt_model without a handle, executed as others are, on
 * tensors of the application's or of the library's own. Operators on the host work on
 * memory that lives from the step that makes it to the last one that reads it.
 */
#ifndef LIBNEURON_STEPS_H
#define LIBNEURON_STEPS_H

#include <hostops/hostop.h>
#include "model.h"

struct neff;
struct runtime;

/**
 * struct steps - what a model with steps does
 * @num_steps: entries of @steps
 * @steps: from the file
 * @layers: by step: the name of the node, and of its operator
 * @num_operands: entries of @operands
 * @operands: from the file
 * @num_values: entries of @values
 * @values: from the file
 * @constants: what constants among them are
 * @last_use: by value: the last step that has it as an operand
 * @crosses: by value: a chip program has it as an operand
 * @reads: by value: a host step has it as an operand
 * @num_parts: entries of @parts
 * @parts: the chip programs
 * @random: where the next execution's random numbers begin
 * @lock: guards @idle
 * @idle: runs that nobody uses
 * @nanoseconds: by step, of the execution that ended last; guarded by the model's lock
 */
struct steps {
	uint32_t num_steps;
	struct neuron_neff_step *steps;
	struct neuron_neff_layer *layers;
	uint32_t num_operands;
	uint32_t *operands;
	uint32_t num_values;
	struct neuron_neff_value *values;
	char *constants;
	uint32_t *last_use;
	bool *crosses;
	bool *reads;
	uint32_t num_parts;
	struct nrt_model *parts[NEURON_NEFF_MAX_MODELS];
	atomic_ullong random;
	pthread_mutex_t lock;
	struct steps_run *idle;
	uint64_t *nanoseconds;
};

/* Give @model, whose instances have been placed, its steps. */
NRT_STATUS steps_load(struct runtime *runtime, struct nrt_model *model,
		      const struct neff *neff, bool consume);
/* NULL is fine. */
void steps_free(struct steps *steps);

/* Execute the model so many times. */
NRT_STATUS steps_execute(struct nrt_model *model, struct tensor_set *inputs,
			 struct tensor_set *outputs, int count);
void steps_free_runs(struct steps *steps);

/*
 * The chip program that core number *@index of all of them belongs to, and its number
 * there; NULL when there are fewer. Return: how many there are.
 */
uint32_t steps_find_core(const struct steps *steps, unsigned int *index,
			 struct nrt_model **part);
void steps_profile(struct steps *steps, bool on);
/* For neuron_model_get_steps(). */
void steps_list(struct nrt_model *model, struct neuron_step *list, size_t *count);

#endif /* LIBNEURON_STEPS_H */
