// SPDX-License-Identifier: MIT
/*
 * What the timing model says about networks whose speed on the real chip is
 * published, row by row, as a table for qemu-device/SPEC.md.
 *
 *	calibrate [--scratchpad MIB] [ROW...]
 *	calibrate --save ROW FILE.onnx	the network, for other programs
 *
 * TIMING_PE_PASS_OVERHEAD is fitted to one row, whose weights stay on the chip so that
 * the PE array alone counts; the other rows are predictions.
 *
 * Nothing here is measured on this machine. The requests that a published row has
 * in flight follow from the row itself: rate * latency / batch (Little's law). Four
 * of them are one a core, eight are two, so that copies to and from the host go
 * beside the computation; more than the cores wait for their turn.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <compiler/neffc.h>
#include <libneuron/neff.h>
#include <qemu-device/chip/chip.h>
#include <qemu-device/timing/timing.h>
#include "graphs.h"

#define CORES	NEURON_CHIP_CORES
#define SEQUENCE	128

/* Scratchpad of a core, in bytes; 0: the chip's. */
static uint32_t scratchpad;

enum way { REPLICAS, ALONE, PIPELINE };

static const struct row {
	const char *name;
	bool bert;
	bool half;
	int batch;
	enum way way;
	unsigned int cores;
	double rate;		/* published: inferences a second */
	double latency;		/* published: median, milliseconds */
	bool fitted;
} rows[] = {
	{ "ResNet-50, PyTorch", false, false, 5, REPLICAS, CORES, 921.5, 21.6, false },
	{ "ResNet-50, TensorFlow", false, true, 10, REPLICAS, CORES, 2207, 17.8, false },
	{ "BERT base cased", true, false, 8, REPLICAS, CORES, 1095.4, 58.3, false },
	{ "BERT base uncased", true, false, 6, REPLICAS, CORES, 1180.7, 40.6, false },
	{ "BERT base, pipeline of 16 cores", true, false, 1, PIPELINE, 16, 2009.1, 5.9, true },
	{ "BERT base cased, for latency", true, false, 1, ALONE, 1, 125.7, 7.9, false },
};

/**
 * struct cost - a network on the chip, modelled
 * @cycles: of an execution
 * @copy: to and from the host, cycles
 * @pe: cycles in which the PE array works
 * @dram: bytes to and from device DRAM
 * @macs: multiply-accumulates
 * @interval: cycles between two executions: less in a pipeline
 */
struct cost {
	double cycles;
	double copy;
	double pe;
	double dram;
	double macs;
	double interval;
};

static double port_copies(const struct neuron_timing_config *chip, const struct neff *neff)
{
	double cycles = 0;

	for (uint32_t i = 0; i < neff->num_tensors; i++)
		cycles += (double)neuron_timing_copy(chip, neff->tensors[i].size,
						     i >= neff->header->num_inputs,
						     i < neff->header->num_inputs);
	return cycles;
}

static bool schedule(const void *file, size_t size, const struct row *row, struct cost *cost)
{
	struct neuron_timing_config chip = {
		.clock_khz = NEURON_CHIP_CLOCK_KHZ,
		.dram_mibps = NEURON_CHIP_DRAM_MIBPS,
		.link_mibps = NEURON_CHIP_LINK_MIBPS,
		.cores = row->way == REPLICAS ? row->cores : 1,
	};
	bool dram[NEURON_MAX_SLOTS];
	struct neuron_report report;
	char error[NEFF_ERROR_SIZE];
	struct neff neff;

	if (neff_parse(file, size, false, &neff, error) != NEFF_OK) {
		fprintf(stderr, "%s: %s\n", row->name, error);
		return false;
	}
	memset(dram, true, sizeof(dram));
	if (neuron_timing_schedule(&chip, neff.programs[0].data, dram, NEURON_MAX_SLOTS, true,
				   NULL, &report)) {
		fprintf(stderr, "%s: cannot be scheduled\n", row->name);
		return false;
	}
	cost->cycles = (double)report.cycles;
	cost->copy = port_copies(&chip, &neff);
	cost->pe = (double)report.engine[NEURON_ENGINE_PE].busy;
	cost->dram = (double)(report.bytes_dram_in + report.bytes_dram_out);
	cost->macs = (double)report.macs;
	return true;
}

/* A pipeline of stages that were compiled: the time of one, and between two. */
static bool add_up(const struct nc_summary *summary, const struct row *row, struct cost *cost)
{
	if (summary->stages != row->cores) {
		fprintf(stderr, "%s: %u stages\n", row->name, summary->stages);
		return false;
	}
	cost->cycles = (double)summary->warm.cycles;
	cost->interval = (double)summary->interval;
	cost->pe = (double)summary->warm.engine[NEURON_ENGINE_PE].busy / summary->stages;
	cost->dram = (double)(summary->warm.bytes_dram_in + summary->warm.bytes_dram_out);
	cost->macs = (double)summary->warm.macs;
	return true;
}

static void *make_graph(const struct row *row, size_t *size)
{
	return row->bert ? graph_bert_base(row->batch, SEQUENCE, size) :
			   graph_resnet50(row->batch, row->half, size);
}

static int save(const struct row *row, const char *path)
{
	size_t size;
	void *onnx = make_graph(row, &size);
	FILE *file = fopen(path, "wb");
	bool ok = file && fwrite(onnx, 1, size, file) == size;

	if ((file && fclose(file)) || !ok) {
		perror(path);
		return 1;
	}
	free(onnx);
	return 0;
}

static bool compile(const struct row *row, struct cost *cost)
{
	const struct nc_options options = {
		.auto_cast = NC_CAST_BF16, .sbuf_size = scratchpad,
		.cores = row->way == PIPELINE ? row->cores : 1, .spread = NC_SPREAD_STAGES,
		.chips = (row->cores + CORES - 1) / CORES,
	};
	struct nc_result result;
	size_t size;
	void *onnx = make_graph(row, &size);
	bool ok = nc_compile(onnx, size, row->name, &options, &result);

	if (!ok)
		fprintf(stderr, "%s: %s", row->name, result.errors);
	free(onnx);
	if (ok && row->way == PIPELINE)
		ok = add_up(&result.summary, row, cost);
	else
		ok = ok && schedule(result.neff, result.neff_size, row, cost);
	nc_result_free(&result);
	return ok;
}

/* Inferences a second, and milliseconds until one is there. */
static void predict(const struct row *row, const struct cost *cost, double *rate,
		    double *latency)
{
	const double hertz = NEURON_CHIP_CLOCK_KHZ * 1e3;
	double in_flight = row->rate * row->latency / 1e3 / row->batch;
	double cycles = cost->cycles;

	switch (row->way) {
	case PIPELINE:
		*rate = row->batch * hertz / cost->interval;
		*latency = in_flight * cost->interval / hertz * 1e3;
		if (*latency < cycles / hertz * 1e3)
			*latency = cycles / hertz * 1e3;
		return;
	default:
		/* With one request a core nothing is there to do beside the copies. */
		if (in_flight < 1.5 * row->cores)
			cycles += cost->copy;
		*rate = row->cores * row->batch * hertz / cycles;
		*latency = in_flight / row->cores * cycles / hertz * 1e3;
		return;
	}
}

static void print_row(const struct row *row)
{
	struct cost cost = { 0 };
	double rate, latency;

	if (!compile(row, &cost)) {
		printf("| %s | %d | does not compile | %.1f | | | %.1f | | | |\n", row->name,
		       row->batch, row->rate, row->latency);
		return;
	}
	predict(row, &cost, &rate, &latency);
	printf("| %s%s | %d | %.1f | %.1f | %.2f | %.1f | %.1f | %.2f | %.0f %% | %.1f |\n",
	       row->name, row->fitted ? " (fitted)" : "", row->batch, rate, row->rate,
	       rate / row->rate, latency, row->latency, latency / row->latency,
	       100 * cost.pe / (cost.interval > 0 ? cost.interval : cost.cycles), cost.dram / row->batch / 1e6);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	const unsigned int n = sizeof(rows) / sizeof(rows[0]);

	if (argc == 4 && !strcmp(argv[1], "--save")) {
		unsigned int row = (unsigned int)atoi(argv[2]) - 1;

		return row < n ? save(&rows[row], argv[3]) : 2;
	}
	if (argc > 2 && !strcmp(argv[1], "--scratchpad")) {
		scratchpad = (uint32_t)atoi(argv[2]) << 20;
		argc -= 2;
		argv += 2;
	}
	printf("| network | batch | predicted/s | published/s | ratio | predicted ms | published ms | ratio | PE busy | MB of DRAM each |\n"
	       "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n");
	for (unsigned int i = 0; i < n; i++) {
		bool wanted = argc < 2;

		for (int k = 1; k < argc; k++)
			wanted |= atoi(argv[k]) == (int)i + 1;
		if (wanted)
			print_row(&rows[i]);
	}
	return 0;
}
