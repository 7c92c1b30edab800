// SPDX-License-Identifier: MIT
/*
 * Has an execution produced NaN that it should not have?
 *
 * The chip counts the NaN elements that its programs store. That costs nothing, and
 * when there is none, nothing is looked at here. Otherwise the outputs are: what a
 * program keeps in a scratch buffer is its own business. Nor is NaN surprising where
 * an input has NaN or an infinity: the model as such gives it, too. What is left,
 * NaN out of finite numbers, is what the user should hear of.
 */
#include <stdlib.h>
#include "log.h"
#include "model.h"

#define CHUNK	4096

struct odd {
	uint64_t nans;
	uint64_t infs;
};

static void count_16(struct odd *odd, const uint16_t *data, size_t n, uint16_t infinity)
{
	size_t i;

	for (i = 0; i < n; i++) {
		odd->nans += (data[i] & 0x7fff) > infinity;
		odd->infs += (data[i] & 0x7fff) == infinity;
	}
}

static void count_32(struct odd *odd, const uint32_t *data, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		odd->nans += (data[i] & 0x7fffffff) > 0x7f800000;
		odd->infs += (data[i] & 0x7fffffff) == 0x7f800000;
	}
}

static void count_64(struct odd *odd, const uint64_t *data, size_t n)
{
	const uint64_t infinity = 0x7ffull << 52;
	size_t i;

	for (i = 0; i < n; i++) {
		odd->nans += (data[i] & INT64_MAX) > infinity;
		odd->infs += (data[i] & INT64_MAX) == infinity;
	}
}

/* What is odd in tensor @i of the model, as the application sees it now. */
static NRT_STATUS count(const struct nrt_model *model, const struct run *run, uint32_t i,
			struct odd *odd)
{
	const struct neuron_neff_tensor *t = &model->tensors[i];
	uint64_t chunk[CHUNK / sizeof(uint64_t)];
	NRT_STATUS status = NRT_SUCCESS;
	uint64_t at;

	*odd = (struct odd) { 0 };
	if (t->dtype != NEURON_NEFF_F32 && t->dtype != NEURON_NEFF_BF16 &&
	    t->dtype != NEURON_NEFF_F16 && t->dtype != NEURON_NEFF_F64)
		return NRT_SUCCESS;
	for (at = 0; at < t->size && !status; at += sizeof(chunk)) {
		size_t size = t->size - at < sizeof(chunk) ? t->size - at : sizeof(chunk);

		status = tensor_read(run->tensors[i], at, chunk, size);
		if (status)
			break;
		if (t->dtype == NEURON_NEFF_F64)
			count_64(odd, chunk, size / 8);
		else if (t->dtype == NEURON_NEFF_F32)
			count_32(odd, (uint32_t *)chunk, size / 4);
		else
			count_16(odd, (uint16_t *)chunk, size / 2,
				 t->dtype == NEURON_NEFF_BF16 ? 0x7f80 : 0x7c00);
	}
	return status;
}

/* Its memory now holds something that this execution has put there. */
static bool overwritten(const struct nrt_model *model, const struct run *run, uint32_t i)
{
	uint32_t k;

	for (k = model->num_inputs; k < model->num_tensors; k++)
		if (run->tensors[k]->storage == run->tensors[i]->storage)
			return true;
	return false;
}

NRT_STATUS check_nan(const struct nrt_model *model, const struct run *run)
{
	NRT_STATUS status = NRT_SUCCESS;
	const char *name = NULL;
	uint64_t nans = 0;
	struct odd odd;
	uint32_t i;

	if (model->config.nan == NAN_IGNORED)
		return NRT_SUCCESS;
	for (i = model->num_inputs; i < model->num_tensors && !status; i++) {
		status = count(model, run, i, &odd);
		nans += odd.nans;
		if (odd.nans && !name)
			name = model->tensors[i].name;
	}
	for (i = 0; i < model->num_inputs && !status && name &&
	     model->config.nan == NAN_MADE; i++) {
		if (overwritten(model, run, i))
			continue;
		status = count(model, run, i, &odd);
		if (odd.nans || odd.infs)
			name = NULL;
	}
	if (status || !name)
		return status;
	return fail(NRT_EXEC_COMPLETED_WITH_NUM_ERR, "model %.64s produced %llu NaN elements, the first in output %.64s; its outputs are complete: find the layer with neuron-run --compare-reference, or set NEURON_RT_NUMERICAL_ERRORS_VERBOSITY=none if it is meant to",
		    model->name, (unsigned long long)nans, name);
}
