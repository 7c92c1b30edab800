// SPDX-License-Identifier: MIT
/*
 * Where a model's time goes: its instructions' kernels, timed one by one.
 *
 *	model [-t THREADS] [-r REPEAT] [-a] [-i] FILE.neff
 *
 * Runs the program of the first core in this process, with nothing of the chip around the
 * kernels but the order of the engines, and prints a JSON object: the time of the whole loop
 * and the sum of its kernels' times, in microseconds, the least of the repetitions. What
 * `neuron-run --json` needs in addition is what the chip and the library cost.
 *
 *	-a	load everything anew in each run, although it is flagged resident
 *	-i	print each instruction first, with its time in microseconds
 *
 * Inputs are filled with small numbers.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "libneuron/neff.h"
#include "qemu-device/kernels/kernels.h"

#define SLACK	4096

struct model {
	struct neff neff;
	const void *program;
	const struct neuron_inst *insts;
	const struct neuron_tensor *tensors;
	uint32_t num_insts;
	uint32_t *order;		/* in which the chip would run them */
	char *sbuf, *psum;
	char **slot;
	bool *resident;			/* by instruction */
	bool *constant;			/* by tensor: lies in what a resident LOAD brought */
	struct nk_ctx *nk;
	double *us;			/* by run and instruction */
};

static double now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1e6 + ts.tv_nsec / 1e3;
}

static double least(const double *values, size_t n)
{
	double best = values[0];

	for (size_t i = 1; i < n; i++)
		best = values[i] < best ? values[i] : best;
	return best;
}

static void *must_alloc(size_t size)
{
	void *p = aligned_alloc(4096, (size + SLACK + 4095) & ~(size_t)4095);

	if (!p)
		errx(1, "out of memory");
	memset(p, 0, size + SLACK);
	return p;
}

static void *read_file(const char *path, size_t *size)
{
	FILE *f = fopen(path, "rb");
	void *data;
	long end = -1;

	if (f && !fseek(f, 0, SEEK_END))
		end = ftell(f);
	if (end < 0)
		err(1, "%s", path);
	rewind(f);
	data = must_alloc(end);
	if (fread(data, 1, end, f) != (size_t)end)
		err(1, "%s", path);
	fclose(f);
	*size = end;
	return data;
}

static bool blocked(const struct neuron_inst *inst, const uint32_t *sem)
{
	for (unsigned int i = 0; i < NEURON_MAX_WAITS; i++)
		if (sem[inst->wait[i].sem] < inst->wait[i].value)
			return true;
	return false;
}

/* Each engine in turn, as far as its semaphores let it: as the chip does. */
static void find_order(struct model *m)
{
	uint32_t next[NEURON_NUM_ENGINES] = { 0 }, sem[NEURON_ISA_SEMAPHORES] = { 0 };
	uint32_t done = 0;

	m->order = must_alloc(m->num_insts * sizeof(*m->order));
	while (done < m->num_insts) {
		uint32_t before = done;

		for (unsigned int e = 0; e < NEURON_NUM_ENGINES; e++) {
			for (; next[e] < m->num_insts; next[e]++) {
				const struct neuron_inst *inst = &m->insts[next[e]];

				if (inst->engine != e)
					continue;
				if (blocked(inst, sem))
					break;
				for (unsigned int i = 0; i < NEURON_MAX_SIGNALS; i++)
					sem[inst->signal[i].sem] += inst->signal[i].value;
				m->order[done++] = next[e];
			}
		}
		if (done == before)
			errx(1, "the program waits for itself");
	}
}

/* LOADs that are flagged, and the tensors that lie in what they bring. */
static void find_constants(struct model *m, uint32_t num_tensors)
{
	m->resident = must_alloc(m->num_insts * sizeof(*m->resident));
	m->constant = must_alloc(num_tensors * sizeof(*m->constant));
	for (uint32_t i = 0; i < m->num_insts; i++) {
		const struct neuron_inst *inst = &m->insts[i];
		const struct neuron_tensor *out;
		uint64_t start, end;

		if (inst->opcode != NEURON_OP_LOAD || !(inst->flags & NEURON_INST_RESIDENT))
			continue;
		m->resident[i] = true;
		out = &m->tensors[inst->operand[0]];
		neuron_tensor_extent(out, &start, &end);
		for (uint32_t t = 0; t < num_tensors; t++) {
			uint64_t from, to;

			if (m->tensors[t].space != out->space ||
			    !neuron_tensor_extent(&m->tensors[t], &from, &to))
				continue;
			m->constant[t] |= from >= start && to <= end;
		}
	}
}

static void make_slots(struct model *m)
{
	m->slot = must_alloc(m->neff.num_slots * sizeof(*m->slot));
	for (uint32_t i = 0; i < m->neff.num_slots; i++) {
		const struct neuron_neff_slot *slot = &m->neff.slots[i];

		m->slot[i] = must_alloc(slot->size);
		if (slot->kind == NEURON_NEFF_SLOT_WEIGHTS)
			memcpy(m->slot[i], m->neff.weights.data, m->neff.weights.size);
		if (slot->kind != NEURON_NEFF_SLOT_INPUT)
			continue;
		if (m->neff.tensors[slot->index].dtype == NEURON_NEFF_F32)
			for (uint64_t j = 0; j < slot->size / 4; j++)
				((float *)m->slot[i])[j] = (float)(j * 37 % 101) / 101 - 0.5f;
	}
}

static void load_model(struct model *m, const char *path, unsigned int threads)
{
	const struct neuron_program_header *hdr;
	char error[NEFF_ERROR_SIZE];
	struct neuron_fault fault;
	size_t size;
	void *data = read_file(path, &size);

	if (neff_parse(data, size, true, &m->neff, error))
		errx(1, "%s: %s", path, error);
	m->program = m->neff.programs[0].data;
	if (!neuron_program_check(m->program, m->neff.programs[0].size, &fault, NULL))
		errx(1, "%s: the program is not sound", path);
	hdr = neuron_program_header(m->program);
	m->insts = neuron_program_insts(m->program);
	m->tensors = neuron_program_tensors(m->program);
	m->num_insts = hdr->num_insts;
	m->sbuf = must_alloc(hdr->sbuf_size);
	m->psum = must_alloc(hdr->psum_size);
	make_slots(m);
	find_order(m);
	find_constants(m, hdr->num_tensors);
	m->nk = nk_ctx_create(threads, false);
	if (!m->nk)
		errx(1, "out of memory");
}

static char *address(const struct model *m, const struct neuron_tensor *t)
{
	return (t->space == NEURON_SPACE_SLOT ? m->slot[t->slot] :
		t->space == NEURON_SPACE_PSUM ? m->psum : m->sbuf) + t->offset;
}

/* One run of the program; @us: receives the time of each instruction. */
static void run(const struct model *m, bool first, double *us)
{
	struct nk_stats stats = { 0 };
	uint64_t info;

	for (uint32_t i = 0; i < m->num_insts; i++) {
		const struct neuron_inst *inst = &m->insts[m->order[i]];
		struct nk_view op[NEURON_MAX_OPERANDS] = { 0 };
		double start;

		us[m->order[i]] = 0;
		if (inst->opcode == NEURON_OP_NOP || (!first && m->resident[m->order[i]]))
			continue;
		for (unsigned int k = 0; k < NEURON_MAX_OPERANDS; k++) {
			if (inst->operand[k] == NEURON_NO_TENSOR)
				continue;
			op[k].desc = &m->tensors[inst->operand[k]];
			op[k].data = address(m, op[k].desc);
			op[k].constant = !first && m->constant[inst->operand[k]];
		}
		start = now_us();
		if (nk_execute(m->nk, inst, op, inst, NULL, &stats, &info))
			errx(1, "instruction %u failed", m->order[i]);
		us[m->order[i]] = now_us() - start;
	}
}

static void report(const struct model *m, double *whole, unsigned int repeat, bool each)
{
	double sum[NEURON_NUM_OPCODES] = { 0 }, total = 0;
	double *values = must_alloc(repeat * sizeof(*values));

	for (uint32_t i = 0; i < m->num_insts; i++) {
		double us;

		for (unsigned int r = 0; r < repeat; r++)
			values[r] = m->us[(size_t)r * m->num_insts + i];
		us = least(values, repeat);
		sum[m->insts[i].opcode] += us;
		total += us;
		if (each) {
			char text[1024];

			neuron_disasm_inst(m->program, i, text, sizeof(text));
			printf("%9.2f %s\n", us, text);
		}
	}
	printf("{\"whole\": %.2f, \"kernels\": %.2f", least(whole, repeat), total);
	for (unsigned int i = 0; i < NEURON_NUM_OPCODES; i++)
		if (sum[i] > 0)
			printf(", \"%s\": %.2f", neuron_opcode_name(i), sum[i]);
	printf("}\n");
	free(values);
}

int main(int argc, char **argv)
{
	unsigned int threads = 0, repeat = 50;
	bool again = false, each = false;
	struct model m = { 0 };
	double *whole;
	int opt;

	while ((opt = getopt(argc, argv, "t:r:ai")) != -1) {
		switch (opt) {
		case 't':
			threads = atoi(optarg);
			break;
		case 'r':
			repeat = atoi(optarg) > 0 ? atoi(optarg) : 1;
			break;
		case 'a':
			again = true;
			break;
		case 'i':
			each = true;
			break;
		default:
			optind = argc;
		}
	}
	if (optind != argc - 1) {
		fprintf(stderr, "usage: model [-t THREADS] [-r REPEAT] [-a] [-i] FILE.neff\n");
		return 2;
	}
	load_model(&m, argv[optind], threads);
	m.us = must_alloc((size_t)repeat * m.num_insts * sizeof(*m.us));
	whole = must_alloc(repeat * sizeof(*whole));
	/* The first two make plans and grow temporaries. */
	for (unsigned int i = 0; i < 2; i++)
		run(&m, !i || again, m.us);
	for (unsigned int r = 0; r < repeat; r++) {
		double start = now_us();

		run(&m, again, m.us + (size_t)r * m.num_insts);
		whole[r] = now_us() - start;
	}
	report(&m, whole, repeat, each);
	return 0;
}
