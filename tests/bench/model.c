// SPDX-License-Identifier: MIT
/*
 * Where a model's time goes: its instructions' kernels, timed one by one, and what the
 * chip and the library need in addition.
 *
 *	model [-t THREADS] [-r REPEAT] [-a] [-e] [-i] FILE.neff
 *
 * Runs the program of the first core in this process, with nothing of the chip around the
 * kernels but the order of the engines, and prints a JSON object of microseconds, medians
 * of the repetitions: "kernels", the sum of the kernels' times, "whole", the loop around
 * them, "execute", the model through nrt_execute(); and the least of each.
 *
 *	-a	load everything anew in each run, although it is flagged resident
 *	-e	execute the model, too: a few times by turns with its kernels. The speed of
 *		a machine that others use changes by half within a second, and only what
 *		runs by turns is seen at the same speeds.
 *	-i	print each instruction first, with its time in microseconds
 *
 * Inputs are zeros.
 */
#include <err.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "libneuron/neff.h"
#include "qemu-device/kernels/kernels.h"
#include "tests/bench/loaded.h"

#define SLACK	4096

/* Runs of one kind in a row; before them some that fetch into the caches what is its own. */
#define TURN	10
#define WARM	2

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

static int compare(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* What is asked of a number of times. */
struct times {
	double least;
	double median;
};

static struct times summarize(double *values, size_t n)
{
	qsort(values, n, sizeof(*values), compare);
	return (struct times) { .least = values[0], .median = values[n / 2] };
}

static void *must_alloc(size_t size)
{
	void *p = aligned_alloc(4096, (size + SLACK + 4095) & ~(size_t)4095);

	if (!p)
		errx(1, "out of memory");
	memset(p, 0, size + SLACK);
	return p;
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
	}
}

static void load_model(struct model *m, const char *path, const void *data, size_t size,
		       unsigned int threads)
{
	const struct neuron_program_header *hdr;
	char error[NEFF_ERROR_SIZE];
	struct neuron_fault fault;

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

static void report(const struct model *m, double *whole, double *executed, unsigned int repeat,
		   bool each)
{
	double sum[NEURON_NUM_OPCODES] = { 0 };
	double *values = must_alloc(repeat * sizeof(*values));
	struct times kernels = { 0 }, loop, execute;

	for (uint32_t i = 0; i < m->num_insts; i++) {
		struct times inst;

		for (unsigned int r = 0; r < repeat; r++)
			values[r] = m->us[(size_t)r * m->num_insts + i];
		inst = summarize(values, repeat);
		sum[m->insts[i].opcode] += inst.median;
		kernels.least += inst.least;
		kernels.median += inst.median;
		if (each) {
			char text[1024];

			neuron_disasm_inst(m->program, i, text, sizeof(text));
			printf("%9.2f %s\n", inst.median, text);
		}
	}
	loop = summarize(whole, repeat);
	printf("{\"whole\": %.2f, \"whole_least\": %.2f, \"kernels\": %.2f, \"kernels_least\": %.2f",
	       loop.median, loop.least, kernels.median, kernels.least);
	if (executed) {
		execute = summarize(executed, repeat);
		printf(", \"execute\": %.2f, \"execute_least\": %.2f", execute.median,
		       execute.least);
	}
	for (unsigned int i = 0; i < NEURON_NUM_OPCODES; i++)
		if (sum[i] > 0)
			printf(", \"%s\": %.2f", neuron_opcode_name(i), sum[i]);
	printf("}\n");
	free(values);
}

/* @n runs by instructions after a few that do not count. */
static void time_kernels(const struct model *m, unsigned int n, bool again, double *us,
			 double *whole)
{
	for (unsigned int i = 0; i < WARM; i++)
		run(m, again, us);
	for (unsigned int r = 0; r < n; r++) {
		double start = now_us();

		run(m, again, us + (size_t)r * m->num_insts);
		whole[r] = now_us() - start;
	}
}

static void time_executions(const struct loaded *loaded, unsigned int n, double *executed)
{
	for (unsigned int i = 0; i < WARM; i++)
		loaded_execute(loaded);
	for (unsigned int r = 0; r < n; r++) {
		double start = now_us();

		loaded_execute(loaded);
		executed[r] = now_us() - start;
	}
}

int main(int argc, char **argv)
{
	bool again = false, each = false, execute = false;
	unsigned int threads = 0, repeat = 50;
	double *whole, *executed = NULL;
	struct loaded loaded = { 0 };
	struct model m = { 0 };
	size_t size;
	void *data;
	int opt;

	while ((opt = getopt(argc, argv, "t:r:aei")) != -1) {
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
		case 'e':
			execute = true;
			break;
		case 'i':
			each = true;
			break;
		default:
			optind = argc;
		}
	}
	if (optind != argc - 1) {
		fprintf(stderr, "usage: model [-t THREADS] [-r REPEAT] [-a] [-e] [-i] FILE.neff\n");
		return 2;
	}
	data = bench_read_file(argv[optind], &size);
	load_model(&m, argv[optind], data, size, threads);
	m.us = must_alloc((size_t)repeat * m.num_insts * sizeof(*m.us));
	whole = must_alloc(repeat * sizeof(*whole));
	if (execute) {
		loaded_init();
		loaded_open(&loaded, 0, NULL, data, size);
		executed = must_alloc(repeat * sizeof(*executed));
	}
	/* The first two make plans and grow temporaries. */
	for (unsigned int i = 0; i < 2; i++)
		run(&m, !i || again, m.us);
	for (unsigned int r = 0; r < repeat; r += TURN) {
		unsigned int n = repeat - r < TURN ? repeat - r : TURN;

		time_kernels(&m, n, again, m.us + (size_t)r * m.num_insts, whole + r);
		if (execute)
			time_executions(&loaded, n, executed + r);
	}
	report(&m, whole, executed, repeat, each);
	if (execute)
		nrt_close();
	return 0;
}
