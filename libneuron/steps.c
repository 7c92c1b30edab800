// SPDX-License-Identifier: MIT
/* Loading models with steps, and what can be asked about them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include "log.h"
#include "neff.h"
#include "runtime.h"
#include "steps.h"

void steps_free(struct steps *steps)
{
	uint32_t i;

	if (!steps)
		return;
	steps_free_runs(steps);
	for (i = 0; i < steps->num_parts; i++)
		model_free_part(steps->parts[i]);
	pthread_mutex_destroy(&steps->lock);
	free(steps->steps);
	free(steps->layers);
	free(steps->operands);
	free(steps->values);
	free(steps->constants);
	free(steps->last_use);
	free(steps->crosses);
	free(steps->reads);
	free(steps->nanoseconds);
	free(steps);
}

/* A copy with room for one more, as there may be nothing. */
static void *copy(const void *data, uint64_t count, size_t size)
{
	void *to = calloc(count + 1, size);

	if (to && count)
		memcpy(to, data, count * size);
	return to;
}

/* A chip program gets the operand as a whole. */
static bool is_whole(const struct steps *steps, const struct neuron_neff_step *s, uint32_t k)
{
	const struct neuron_neff_chunk *chunks;

	if (s->kind != NEURON_NEFF_STEP_CHUNKS)
		return s->kind == NEURON_NEFF_STEP_CHIP;
	/* The outputs are pieces, all of them. */
	chunks = neff_chunks(s, steps->operands, steps->values, steps->constants);
	return k < s->num_inputs - 1 && chunks[k].axis < 0;
}

/* Who uses what, and until when. */
static void find_uses(struct steps *steps)
{
	uint32_t i, k, number;

	for (i = 0; i < steps->num_steps; i++) {
		const struct neuron_neff_step *s = &steps->steps[i];

		for (k = 0; k < s->num_inputs + s->num_outputs; k++) {
			number = steps->operands[s->first_operand + k];
			if (number == NEURON_NEFF_NONE)
				continue;
			steps->last_use[number] = i;
			if (is_whole(steps, s, k))
				steps->crosses[number] = true;
			else
				steps->reads[number] = true;
		}
	}
}

static void name_steps(struct steps *steps, const struct neff *neff)
{
	uint32_t i;

	for (i = 0; i < steps->num_steps; i++) {
		const struct neuron_neff_step *s = &steps->steps[i];

		if (s->layer != NEURON_NEFF_NONE)
			steps->layers[i] = neff->layers[s->layer];
	}
}

static struct steps *create(const struct neff *neff)
{
	struct steps *steps = calloc(1, sizeof(*steps));
	uint64_t seed = 0;

	if (!steps)
		return NULL;
	pthread_mutex_init(&steps->lock, NULL);
	steps->num_steps = neff->num_steps;
	steps->num_operands = neff->num_operands;
	steps->num_values = neff->num_values;
	steps->steps = copy(neff->steps, neff->num_steps, sizeof(*steps->steps));
	steps->operands = copy(neff->operands, neff->num_operands, sizeof(*steps->operands));
	steps->values = copy(neff->values, neff->num_values, sizeof(*steps->values));
	steps->constants = copy(neff->weights.data, neff->weights.size, 1);
	steps->layers = calloc(neff->num_steps + 1, sizeof(*steps->layers));
	steps->last_use = calloc(neff->num_values + 1, sizeof(*steps->last_use));
	steps->crosses = calloc(neff->num_values + 1, sizeof(*steps->crosses));
	steps->reads = calloc(neff->num_values + 1, sizeof(*steps->reads));
	steps->nanoseconds = calloc(neff->num_steps + 1, sizeof(*steps->nanoseconds));
	if (!steps->steps || !steps->operands || !steps->values || !steps->constants ||
	    !steps->layers || !steps->last_use || !steps->crosses || !steps->reads ||
	    !steps->nanoseconds) {
		steps_free(steps);
		return NULL;
	}
	find_uses(steps);
	name_steps(steps, neff);
	/* Without it the numbers are the same in each process: bad, but no failure. */
	if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) == sizeof(seed))
		steps->random = seed;
	return steps;
}

static bool runs_model(const struct neuron_neff_step *s)
{
	return s->kind == NEURON_NEFF_STEP_CHIP || s->kind == NEURON_NEFF_STEP_CHUNKS ||
	       s->kind == NEURON_NEFF_STEP_PRODUCT;
}

/*
 * Whether what a part makes is an output of the model, and not only used inside. What it
 * makes of a piece, or of a tile, is more than what is kept.
 */
static bool makes_output(const struct steps *steps, uint32_t part)
{
	const struct neuron_neff_step *s = steps->steps;
	uint32_t i;

	while (!runs_model(s) || s->op != part)
		s++;
	if (s->kind != NEURON_NEFF_STEP_CHIP)
		return false;
	for (i = 0; i < s->num_outputs; i++) {
		uint32_t number = steps->operands[s->first_operand + s->num_inputs + i];

		if (steps->values[number].kind == NEURON_NEFF_VALUE_OUTPUT)
			return true;
	}
	return false;
}

NRT_STATUS steps_load(struct runtime *runtime, struct nrt_model *model,
		      const struct neff *neff, bool consume)
{
	struct steps *steps = create(neff);
	char error[NEFF_ERROR_SIZE];
	NRT_STATUS status = NRT_SUCCESS;
	uint32_t i;

	if (!steps)
		return fail(NRT_FAIL_HOST_MEM_ALLOC, NO_MEMORY);
	model->steps = steps;
	for (i = 0; i < neff->num_models && !status; i++) {
		struct model_config config = model->config;
		struct neff part;

		/* It has been found sound as a part of the whole. */
		if (neff_parse(neff->models[i].data, neff->models[i].size, false, &part,
			       error))
			return fail(NRT_INVALID, "%s", error);
		/* NaN in between is the model's own business. */
		if (!makes_output(steps, i))
			config.nan = NAN_IGNORED;
		status = model_load_part(runtime, model, i, &part, &config, consume,
					 &steps->parts[i]);
		if (!status)
			steps->num_parts++;
	}
	return status;
}

uint32_t steps_find_core(const struct steps *steps, unsigned int *index,
			 struct nrt_model **part)
{
	uint32_t i, first = 0;

	*part = NULL;
	for (i = 0; i < steps->num_parts; i++) {
		uint32_t cores = steps->parts[i]->num_cores;

		if (!*part && *index - first < cores) {
			*part = steps->parts[i];
			*index -= first;
			return 0;
		}
		first += cores;
	}
	return first;
}

void steps_profile(struct steps *steps, bool on)
{
	uint32_t i;

	for (i = 0; i < steps->num_parts; i++)
		steps->parts[i]->profile = on;
}

void steps_list(struct nrt_model *model, struct neuron_step *list, size_t *count)
{
	const struct steps *steps = model->steps;
	size_t room = *count, n = 0;
	uint32_t i;

	pthread_mutex_lock(&model->lock);
	for (i = 0; i < steps->num_steps; i++) {
		const struct neuron_neff_step *s = &steps->steps[i];
		struct neuron_step *to = &list[n];
		const struct hostop_info *op;

		if (!runs_model(s) && s->kind != NEURON_NEFF_STEP_HOST)
			continue;
		if (n++ >= room)
			continue;
		memset(to, 0, sizeof(*to));
		to->nanoseconds = steps->nanoseconds[i];
		if (runs_model(s))
			to->cores = steps->parts[s->op]->num_cores;
		else
			to->on_host = true;
		op = hostop_info(neff_step_operator(s));
		if (op) {
			snprintf(to->op, sizeof(to->op), "%s", op->name);
			memcpy(to->layer, steps->layers[i].name, sizeof(to->layer));
		}
		if (to->on_host)
			snprintf(to->reason, sizeof(to->reason), "%s", hostop_reason(s->reason));
	}
	pthread_mutex_unlock(&model->lock);
	*count = n;
}
