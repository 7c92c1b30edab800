// SPDX-License-Identifier: MIT
/*
 * libFuzzer on the reader of .neff files, and on the program check that follows
 * it in nrt_load(). The checksum is left out: it would keep everything out.
 */
#include <stdlib.h>
#include <string.h>
#include <neuron/isa.h>
#include "libneuron/neff.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

uint64_t sink;	/* not static, so that reading is not optimised away */

/* Read what a caller of neff_parse() is promised that it may read. */
static void touch(const void *data, uint64_t size)
{
	const uint8_t *bytes = data;
	uint64_t i;

	for (i = 0; i < size; i++)
		sink += bytes[i];
}

static void use(const struct neff *neff);

/* A model of a file that is sound is sound itself. */
static void use_part(const struct neff_bytes *bytes)
{
	char error[NEFF_ERROR_SIZE];
	struct neff part;

	if (neff_parse(bytes->data, bytes->size, false, &part, error) != NEFF_OK ||
	    neff_has_steps(&part))
		abort();
	use(&part);
}

static void use(const struct neff *neff)
{
	struct neuron_fault fault;
	const char *why = NULL;
	char line[512];
	uint32_t i, n;

	touch(neff->tensors, neff->num_tensors * sizeof(*neff->tensors));
	touch(neff->slots, neff->num_slots * sizeof(*neff->slots));
	touch(neff->layers, neff->num_layers * sizeof(*neff->layers));
	touch(neff->weights.data, neff->weights.size);
	if (neff->stages && neff->stages[neff->header->num_cores - 1] >=
			    neff->header->num_cores)
		abort();
	sink += strlen(neff->header->name) + strlen(neff->header->compiler);
	for (i = 0; i < neff->num_tensors; i++)
		sink += strlen(neff->tensors[i].name);
	for (i = 0; i < neff->num_layers; i++)
		sink += strlen(neff->layers[i].name) + strlen(neff->layers[i].op);
	touch(neff->steps, neff->num_steps * sizeof(*neff->steps));
	touch(neff->operands, neff->num_operands * sizeof(*neff->operands));
	touch(neff->values, neff->num_values * sizeof(*neff->values));
	for (i = 0; i < neff->num_models; i++)
		use_part(&neff->models[i]);
	for (i = 0; i < neff->num_steps; i++)
		if (neff->steps[i].kind == NEURON_NEFF_STEP_CHUNKS)
			touch(neff_chunks(&neff->steps[i], neff->operands, neff->values,
					  neff->weights.data),
			      (neff->steps[i].num_inputs - 1 + neff->steps[i].num_outputs) *
			      sizeof(struct neuron_neff_chunk));
	for (i = 0; i < neff->header->num_cores && !neff_has_steps(neff); i++) {
		const struct neff_bytes *p = &neff->programs[i];

		touch(p->data, p->size);
		if (!neuron_program_check(p->data, p->size, &fault, &why)) {
			if (!fault.kind || fault.kind >= NEURON_FAULT_COUNT || !why)
				abort();
			continue;
		}
		for (n = 0; n < neuron_program_header(p->data)->num_insts; n++) {
			if (neuron_disasm_inst(p->data, n, line, sizeof(line)) <= 0)
				abort();
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char error[NEFF_ERROR_SIZE];
	enum neff_status status;
	struct neff neff;

	status = neff_parse(data, size, false, &neff, error);
	if (status == NEFF_OK)
		use(&neff);
	else if (!error[0] || strlen(error) >= sizeof(error))
		abort();
	/* With the checksum nothing is read that was not read without it. */
	if (status != NEFF_OK && neff_parse(data, size, true, &neff, error) == NEFF_OK)
		abort();
	return 0;
}
