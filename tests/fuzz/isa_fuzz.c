// SPDX-License-Identifier: MIT
/*
 * Fuzzer of the validator: whatever it accepts must disassemble, have a cost and
 * keep its promises about extents.
 *
 * The input is a program. Its header's size field is made right, because hardly
 * any mutation would get past it.
 */
#include <stdlib.h>
#include <string.h>
#include <neuron/isa.h>
#include "qemu-device/timing/timing.h"

static void promise(bool kept)
{
	if (!kept)
		abort();
}

static void look_at(const void *program)
{
	const struct neuron_program_header *h = neuron_program_header(program);
	const struct neuron_timing_config config = {
		.clock_khz = 1000000, .dram_mibps = 51200, .link_mibps = 12288,
	};
	const bool dram[2] = { true, false };
	struct neuron_report report;
	int err;

	for (uint32_t i = 0; i < h->num_tensors; i++) {
		const struct neuron_tensor *t = &neuron_program_tensors(program)[i];
		uint64_t start, end;

		promise(neuron_tensor_extent(t, &start, &end) && start < end);
		if (t->space == NEURON_SPACE_SBUF)
			promise(end <= h->sbuf_size);
		if (t->space == NEURON_SPACE_PSUM)
			promise(end <= h->psum_size);
	}
	for (uint32_t i = 0; i < h->num_insts; i++) {
		char line[1024];

		promise(neuron_disasm_inst(program, i, line, sizeof(line)) > 0);
		promise(neuron_timing_inst(&config, program, i, dram, 2) > 0);
	}
	/* With and without what is resident, by an accident of the program. */
	err = neuron_timing_schedule(&config, program, dram, 2, h->num_tensors & 1, NULL,
				     &report);
	promise(err || !h->num_insts || report.cycles);
	promise(report.sbuf_high <= h->sbuf_size && report.psum_high <= h->psum_size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct neuron_fault fault;
	const char *why = NULL;
	uint8_t *program;

	program = malloc(size ? size : 1);
	if (!program)
		return 0;
	memcpy(program, data, size);
	if (size >= sizeof(struct neuron_program_header))
		((struct neuron_program_header *)program)->size = size;
	if (neuron_program_check(program, size, &fault, &why)) {
		promise(!why);
		look_at(program);
	} else {
		promise(why && fault.kind && fault.kind < NEURON_FAULT_COUNT);
	}
	free(program);
	return 0;
}
