// SPDX-License-Identifier: MIT
/*
 * Executing a model with steps. From top to bottom: what an execution keeps, values in
 * host memory, chip programs, operators on the host, and steps_execute().
 */
#include <stdlib.h>
#include <string.h>
#include "backend.h"
#include "capture.h"
#include "log.h"
#include "runtime.h"
#include "steps_run.h"

/*
 * Runs
 */

static void destroy_run(const struct steps *steps, struct steps_run *run)
{
	uint32_t i;

	for (i = 0; run->own && i < steps->num_values; i++)
		tensor_destroy(run->own[i]);
	for (i = 0; run->pieces && i < steps->num_operands; i++)
		tensor_destroy(run->pieces[i]);
	for (i = 0; i < steps->num_parts; i++) {
		tensor_set_free(run->inputs[i]);
		tensor_set_free(run->outputs[i]);
		steps_free_tiles(run->tiles[i]);
	}
	free(run->values);
	free(run->own);
	free(run->pieces);
	free(run->borders);
	free(run->nanoseconds);
	free(run);
}

void steps_free_runs(struct steps *steps)
{
	struct steps_run *run;

	while ((run = steps->idle)) {
		steps->idle = run->next;
		destroy_run(steps, run);
	}
}

/* The memory of what a CHUNKS step gives its model, and gets of it, piece by piece. */
static NRT_STATUS prepare_pieces(const struct nrt_model *model, struct steps_run *run,
				 const struct neuron_neff_step *s)
{
	const struct steps *steps = model->steps;
	const struct nrt_model *part = steps->parts[s->op];
	const struct neuron_neff_chunk *chunks = neff_chunks(s, steps->operands, steps->values,
							     steps->constants);
	NRT_STATUS status = NRT_SUCCESS;
	uint32_t k;

	for (k = 0; k < part->num_tensors && !status; k++)
		if (chunks[k].axis >= 0)
			status = tensor_create(model->instances[0].device,
					       part->tensors[k].size, "(a piece)",
					       &run->pieces[s->first_operand +
							    neff_chunk_operand(s, k)]);
	return status;
}

/* The memory and the names with which chip programs see what is not the caller's. */
static NRT_STATUS prepare_parts(const struct nrt_model *model, struct steps_run *run)
{
	const struct steps *steps = model->steps;
	NRT_STATUS status = NRT_SUCCESS;
	uint32_t i;

	for (i = 0; i < steps->num_parts; i++) {
		run->inputs[i] = tensor_set_new();
		run->outputs[i] = tensor_set_new();
		if (!run->inputs[i] || !run->outputs[i])
			return fail(NRT_FAIL_HOST_MEM_ALLOC, NO_MEMORY);
	}
	for (i = 0; i < steps->num_values && !status; i++)
		if (steps->crosses[i] && (steps->values[i].kind == NEURON_NEFF_VALUE_TEMP ||
					  steps->values[i].kind == NEURON_NEFF_VALUE_CONST))
			status = tensor_create(model->instances[0].device,
					       neff_value_size(&steps->values[i]), "(between steps)",
					       &run->own[i]);
	for (i = 0; i < steps->num_steps && !status; i++) {
		const struct neuron_neff_step *s = &steps->steps[i];

		if (s->kind == NEURON_NEFF_STEP_CHUNKS)
			status = prepare_pieces(model, run, s);
		else if (s->kind == NEURON_NEFF_STEP_PRODUCT && !run->tiles[s->op])
			status = steps_prepare_tiles(model, run, s->op);
	}
	return status;
}

static NRT_STATUS create_run(const struct nrt_model *model, struct steps_run **result)
{
	const struct steps *steps = model->steps;
	struct steps_run *run = calloc(1, sizeof(*run));
	NRT_STATUS status;

	if (!run)
		return fail(NRT_FAIL_HOST_MEM_ALLOC, NO_MEMORY);
	run->values = calloc(steps->num_values + 1, sizeof(*run->values));
	run->own = calloc(steps->num_values + 1, sizeof(*run->own));
	run->pieces = calloc(steps->num_operands + 1, sizeof(*run->pieces));
	run->borders = calloc(model->num_tensors + 1, sizeof(*run->borders));
	run->nanoseconds = calloc(steps->num_steps + 1, sizeof(*run->nanoseconds));
	if (run->values && run->own && run->pieces && run->borders && run->nanoseconds)
		status = prepare_parts(model, run);
	else
		status = fail(NRT_FAIL_HOST_MEM_ALLOC, NO_MEMORY);
	if (status)
		destroy_run(steps, run);
	else
		*result = run;
	return status;
}

static NRT_STATUS get_run(const struct nrt_model *model, struct steps_run **run)
{
	struct steps *steps = model->steps;

	pthread_mutex_lock(&steps->lock);
	*run = steps->idle;
	if (*run)
		steps->idle = (*run)->next;
	pthread_mutex_unlock(&steps->lock);
	return *run ? NRT_SUCCESS : create_run(model, run);
}

static void put_run(struct steps *steps, struct steps_run *run)
{
	pthread_mutex_lock(&steps->lock);
	run->next = steps->idle;
	steps->idle = run;
	pthread_mutex_unlock(&steps->lock);
}

/*
 * Values
 */

void steps_drop(struct value *value)
{
	if (value->owned)
		free(value->tensor.data);
	value->tensor.data = NULL;
	value->owned = false;
}

static void forget(const struct nrt_model *model, struct steps_run *run)
{
	uint32_t i;

	for (i = 0; i < model->steps->num_values; i++) {
		steps_drop(&run->values[i]);
		run->values[i].made = false;
	}
	for (i = 0; i < model->num_tensors; i++) {
		object_put(run->borders[i]);
		run->borders[i] = NULL;
	}
}

struct nrt_tensor *steps_tensor(const struct steps *steps, const struct steps_run *run,
				uint32_t number)
{
	const struct neuron_neff_value *v = &steps->values[number];

	if (v->kind == NEURON_NEFF_VALUE_INPUT || v->kind == NEURON_NEFF_VALUE_OUTPUT)
		return run->borders[v->index];
	return run->own[number];
}

void steps_shape(const struct neuron_neff_value *v, struct value *value)
{
	value->tensor.dtype = v->dtype;
	value->tensor.rank = v->rank;
	memcpy(value->tensor.dims, v->dims, sizeof(value->tensor.dims));
}

/* A user's strings end before their last byte: what reads them relies on that. */
static bool strings_end(const struct hostop_tensor *t)
{
	const char *data = t->data;
	uint64_t n = hostop_count(t), i;

	for (i = 1; i <= n; i++)
		if (data[i * NEURON_NEFF_STRING_SIZE - 1])
			return false;
	return true;
}

static uint64_t bytes_of(const struct hostop_tensor *t)
{
	return hostop_count(t) * hostop_size(t->dtype);
}

NRT_STATUS steps_fetch(const struct nrt_model *model, struct steps_run *run, uint32_t number)
{
	const struct steps *steps = model->steps;
	const struct neuron_neff_value *v = &steps->values[number];
	struct value *value = &run->values[number];
	struct nrt_tensor *tensor;
	NRT_STATUS status;

	if (value->tensor.data)
		return NRT_SUCCESS;
	if (v->kind == NEURON_NEFF_VALUE_CONST) {
		value->tensor.data = steps->constants + v->offset;
		return NRT_SUCCESS;
	}
	tensor = steps_tensor(steps, run, number);
	value->tensor.data = malloc(tensor->size + 1);
	if (!value->tensor.data)
		return fail(NRT_FAIL_HOST_MEM_ALLOC, NO_MEMORY);
	value->owned = true;
	status = tensor_read(tensor, 0, value->tensor.data, tensor->size);
	if (!status && v->dtype == NEURON_NEFF_STRING && !strings_end(&value->tensor))
		status = fail(NRT_EXEC_BAD_INPUT, "model %.64s: a string of input %.64s is longer than %d bytes: shorten it, and end it with a zero",
			      model->name, model->tensors[v->index].name,
			      NEURON_NEFF_STRING_SIZE - 1);
	return status;
}

NRT_STATUS steps_push(const struct nrt_model *model, struct steps_run *run, uint32_t number)
{
	const struct steps *steps = model->steps;
	struct value *value = &run->values[number];
	struct nrt_tensor *tensor = steps_tensor(steps, run, number);
	NRT_STATUS status;

	if (value->in_tensor)
		return NRT_SUCCESS;
	if (steps->values[number].kind == NEURON_NEFF_VALUE_CONST)
		value->tensor.data = steps->constants + steps->values[number].offset;
	if (bytes_of(&value->tensor) != tensor->size)
		return fail(NRT_EXEC_BAD_INPUT, "model %.64s: value %u has %llu bytes, the chip program that takes it wants %llu: compile the model again",
			    model->name, number, (unsigned long long)bytes_of(&value->tensor),
			    (unsigned long long)tensor->size);
	status = tensor_write(tensor, 0, value->tensor.data, tensor->size);
	value->in_tensor = !status;
	return status;
}

/* The caller's tensors; what of them the host reads, before anything is written. */
static NRT_STATUS begin(const struct nrt_model *model, struct steps_run *run,
			struct tensor_set *inputs, struct tensor_set *outputs)
{
	const struct steps *steps = model->steps;
	NRT_STATUS status = NRT_SUCCESS;
	uint32_t i;

	for (i = 0; i < model->num_tensors && !status; i++)
		status = model_find_tensor(model, i, i < model->num_inputs ? inputs : outputs,
					   &run->borders[i]);
	for (i = 0; i < steps->num_values && !status; i++) {
		const struct neuron_neff_value *v = &steps->values[i];
		struct value *value = &run->values[i];

		steps_shape(v, value);
		value->in_tensor = v->kind == NEURON_NEFF_VALUE_INPUT;
		value->made = v->kind == NEURON_NEFF_VALUE_INPUT ||
			      v->kind == NEURON_NEFF_VALUE_CONST;
		if (v->kind == NEURON_NEFF_VALUE_INPUT && steps->reads[i])
			status = steps_fetch(model, run, i);
	}
	return status;
}

/* What the host has made goes to the caller; what is behind it is zero. */
static NRT_STATUS put_output(const struct nrt_model *model, struct steps_run *run,
			     uint32_t number)
{
	const struct neuron_neff_value *v = &model->steps->values[number];
	const struct value *value = &run->values[number];
	struct nrt_tensor *tensor = run->borders[v->index];
	const struct hostop_tensor *t = &value->tensor;
	NRT_STATUS status = NRT_SUCCESS;
	uint64_t size;

	if (!value->made)
		return fail(NRT_EXEC_COMPLETED_WITH_ERR, "model %.64s: no step has made output %.64s: compile it again",
			    model->name, model->tensors[v->index].name);
	if (!value->in_tensor) {
		size = bytes_of(t);
		status = tensor_write(tensor, 0, t->data, size);
		if (!status)
			status = tensor_clear(tensor, size);
	}
	tensor->has_shape = !status;
	tensor->rank = t->rank;
	memcpy(tensor->dims, t->dims, sizeof(tensor->dims));
	if (t->dtype == NEURON_NEFF_STRING && tensor->rank < NEURON_NEFF_MAX_RANK)
		tensor->dims[tensor->rank++] = NEURON_NEFF_STRING_SIZE;
	return status;
}

static NRT_STATUS finish(const struct nrt_model *model, struct steps_run *run)
{
	const struct steps *steps = model->steps;
	NRT_STATUS status = NRT_SUCCESS;
	uint32_t i;

	for (i = 0; i < steps->num_values && !status; i++)
		if (steps->values[i].kind == NEURON_NEFF_VALUE_OUTPUT)
			status = put_output(model, run, i);
	return status;
}

/*
 * Steps
 */

NRT_STATUS steps_not_made(const struct nrt_model *model, uint32_t step)
{
	return fail(NRT_EXEC_COMPLETED_WITH_ERR, "model %.64s: step %u needs what no step before it has made: compile the model again",
		    model->name, step);
}

static NRT_STATUS run_chip_step(const struct nrt_model *model, struct steps_run *run,
				uint32_t i)
{
	const struct steps *steps = model->steps;
	const struct neuron_neff_step *s = &steps->steps[i];
	const uint32_t *operands = steps->operands + s->first_operand;
	struct nrt_model *part = steps->parts[s->op];
	NRT_STATUS status = NRT_SUCCESS;
	uint32_t k;

	for (k = 0; k < s->num_inputs + s->num_outputs && !status; k++) {
		bool input = k < s->num_inputs;

		if (input && !run->values[operands[k]].made)
			return steps_not_made(model, i);
		if (input)
			status = steps_push(model, run, operands[k]);
		if (!status)
			status = tensor_set_add(input ? run->inputs[s->op] :
							run->outputs[s->op],
						part->tensors[k].name,
						steps_tensor(steps, run, operands[k]));
	}
	if (!status)
		status = model_execute(part, run->inputs[s->op], run->outputs[s->op]);
	/* Then the outputs are complete, too. */
	if (status && status != NRT_EXEC_COMPLETED_WITH_NUM_ERR)
		return status;
	for (k = s->num_inputs; k < s->num_inputs + s->num_outputs; k++) {
		struct value *value = &run->values[operands[k]];

		steps_drop(value);
		steps_shape(&steps->values[operands[k]], value);
		value->made = true;
		value->in_tensor = true;
	}
	return status;
}

static NRT_STATUS status_of(enum hostop_status status)
{
	switch (status) {
	case HOSTOP_OK:
		return NRT_SUCCESS;
	case HOSTOP_BAD_INDEX:
		return NRT_EXEC_OOB;
	case HOSTOP_BAD_INPUT:
		return NRT_EXEC_BAD_INPUT;
	case HOSTOP_TOO_LARGE:
		return NRT_RESOURCE;
	case HOSTOP_NO_MEMORY:
		return NRT_FAIL_HOST_MEM_ALLOC;
	default:
		return NRT_INVALID;
	}
}

/* The operator of a host step, or that of a step whose products are the chip's. */
static NRT_STATUS run_host_step(const struct nrt_model *model, struct steps_run *run,
				uint32_t i)
{
	const struct steps *steps = model->steps;
	const struct neuron_neff_step *s = &steps->steps[i];
	const uint32_t *operands = steps->operands + s->first_operand;
	const struct hostop_tensor *in[HOSTOP_MAX_INPUTS], *most[HOSTOP_MAX_OUTPUTS];
	const bool on_chip = s->kind == NEURON_NEFF_STEP_PRODUCT;
	struct steps_product product = { .model = model, .run = run, .part = s->op };
	struct hostop_tensor shapes[HOSTOP_MAX_OUTPUTS], out[HOSTOP_MAX_OUTPUTS];
	struct hostop_call call = {
		.op = neff_step_operator(s), .ints = s->ints,
		.floats = s->floats, .in = in, .num_in = s->num_inputs, .most = most,
		.num_out = s->num_outputs, .bounded = true, .out = out,
		.random = &run->random, .product = on_chip ? steps_multiply : NULL,
		.context = &product,
	};
	enum hostop_status ended;
	NRT_STATUS status;
	uint32_t k;

	for (k = 0; k < s->num_inputs; k++) {
		uint32_t number = operands[k];

		in[k] = NULL;
		if (number == NEURON_NEFF_NONE)
			continue;
		if (!run->values[number].made)
			return steps_not_made(model, i);
		status = steps_fetch(model, run, number);
		if (status)
			return status;
		in[k] = &run->values[number].tensor;
	}
	for (k = 0; k < s->num_outputs; k++) {
		uint32_t number = operands[s->num_inputs + k];
		const struct neuron_neff_value *v;

		most[k] = NULL;
		if (number == NEURON_NEFF_NONE)
			continue;
		v = &steps->values[number];
		shapes[k] = (struct hostop_tensor) { .dtype = v->dtype, .rank = v->rank };
		memcpy(shapes[k].dims, v->dims, sizeof(v->dims));
		most[k] = &shapes[k];
	}
	ended = hostop_run(&call);
	for (k = 0; k < s->num_outputs; k++) {
		struct value *value;

		if (!most[k])
			continue;
		value = &run->values[operands[s->num_inputs + k]];
		steps_drop(value);
		value->tensor = out[k];
		value->owned = true;
		value->made = !ended;
		value->in_tensor = false;
	}
	if (!ended)
		return NRT_SUCCESS;
	if (ended == HOSTOP_PRODUCT)
		return product.status;
	return fail(status_of(ended), "model %.64s, host step %u, %s '%.60s': %s", model->name,
		    i, hostop_info(call.op)->name, steps->layers[i].name,
		    call.why[0] ? call.why : NO_MEMORY);
}

/* Whether to go on with the next step; else it is in *@next. */
static NRT_STATUS run_jump(const struct nrt_model *model, struct steps_run *run, uint32_t i,
			   uint32_t *next)
{
	const struct steps *steps = model->steps;
	const struct neuron_neff_step *s = &steps->steps[i];
	uint32_t number;
	NRT_STATUS status;

	if (s->kind == NEURON_NEFF_STEP_UNLESS) {
		number = steps->operands[s->first_operand];
		if (!run->values[number].made)
			return steps_not_made(model, i);
		status = steps_fetch(model, run, number);
		if (status)
			return status;
		if (*(const char *)run->values[number].tensor.data)
			return NRT_SUCCESS;
	}
	*next = s->op;
	return NRT_SUCCESS;
}

/* What no later step uses takes no memory any more; outputs are yet to be put out. */
static void release(const struct steps *steps, struct steps_run *run, uint32_t i)
{
	const struct neuron_neff_step *s = &steps->steps[i];
	uint32_t k, number;

	for (k = 0; k < s->num_inputs + s->num_outputs; k++) {
		number = steps->operands[s->first_operand + k];
		if (number != NEURON_NEFF_NONE && steps->last_use[number] == i &&
		    steps->values[number].kind != NEURON_NEFF_VALUE_OUTPUT)
			steps_drop(&run->values[number]);
	}
}

static NRT_STATUS run_steps(const struct nrt_model *model, struct steps_run *run)
{
	const struct steps *steps = model->steps;
	NRT_STATUS status = NRT_SUCCESS, odd = NRT_SUCCESS;
	uint32_t i, next;
	int64_t start;

	memset(run->nanoseconds, 0, steps->num_steps * sizeof(*run->nanoseconds));
	for (i = 0; i < steps->num_steps && !status; i = next) {
		start = now_ns();
		next = i + 1;
		switch (steps->steps[i].kind) {
		case NEURON_NEFF_STEP_CHIP:
			status = run_chip_step(model, run, i);
			break;
		case NEURON_NEFF_STEP_CHUNKS:
			status = steps_run_chunks(model, run, i);
			break;
		case NEURON_NEFF_STEP_HOST:
			status = run_host_step(model, run, i);
			capture_host_step(start, model, i, status);
			break;
		case NEURON_NEFF_STEP_PRODUCT:
			status = run_host_step(model, run, i);
			break;
		default:
			status = run_jump(model, run, i, &next);
			break;
		}
		/* NaN in an output: all of them are wanted nevertheless. */
		if (status == NRT_EXEC_COMPLETED_WITH_NUM_ERR) {
			odd = status;
			status = NRT_SUCCESS;
		}
		release(steps, run, i);
		run->nanoseconds[i] = now_ns() - start;
	}
	if (!status)
		status = finish(model, run);
	return status ? status : odd;
}

static bool has_ended_well(NRT_STATUS status)
{
	return status == NRT_SUCCESS || status == NRT_EXEC_COMPLETED_WITH_NUM_ERR;
}

static void record(struct nrt_model *model, const struct steps_run *run, bool success,
		   int64_t begun, int64_t prepared)
{
	pthread_mutex_lock(&model->lock);
	model->times.executions += success;
	model->times.prepare = prepared - begun;
	model->times.run = now_ns() - prepared;
	model->times.finish = 0;
	memcpy(model->steps->nanoseconds, run->nanoseconds,
	       model->steps->num_steps * sizeof(*run->nanoseconds));
	pthread_mutex_unlock(&model->lock);
}

static NRT_STATUS run_once(struct nrt_model *model, struct steps_run *run,
			   struct tensor_set *inputs, struct tensor_set *outputs)
{
	int64_t begun = now_ns(), prepared;
	NRT_STATUS status;
	uint32_t i;

	/* Far enough apart that no two executions draw the same numbers. */
	run->random.state = atomic_fetch_add(&model->steps->random, 0x6a09e667f3bcc909);
	status = begin(model, run, inputs, outputs);
	prepared = now_ns();
	if (!status) {
		status = run_steps(model, run);
		record(model, run, has_ended_well(status), begun, prepared);
	}
	for (i = model->num_inputs; i < model->num_tensors && has_ended_well(status); i++)
		tensor_complete(run->borders[i]);
	forget(model, run);
	return status;
}

NRT_STATUS steps_execute(struct nrt_model *model, struct tensor_set *inputs,
			 struct tensor_set *outputs, int count)
{
	struct steps_run *run;
	NRT_STATUS status = get_run(model, &run);

	if (status)
		return status;
	while (count-- && has_ended_well(status))
		status = run_once(model, run, inputs, outputs);
	put_run(model->steps, run);
	return status;
}
