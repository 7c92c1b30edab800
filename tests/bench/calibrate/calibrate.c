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
 * in flight follow from the row itself: rate * latency / batch (Little's law). With
 * one a core each waits for its copies to and from the host, with two they go
 * beside the computation; more than the cores wait for their turn, and with fewer some
 * cores have nothing to do.
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
/* Features of BERT base. */
#define BASE	768

/* Scratchpad of a core, in bytes; 0: the chip's. */
static uint32_t scratchpad;

enum way { REPLICAS, PIPELINE };

/* row.layers of YOLO v4 */
#define YOLO	(-1)

/**
 * struct row - a published rate, and what it is of
 * @name: for the table
 * @layers: of BERT and its relatives; 0: ResNet-50; YOLO
 * @wide: features of those
 * @length: tokens of a sequence
 * @half: all is fp16
 * @batch: at once
 * @way: how cores are used
 * @cores: of them
 * @rate: published: inferences a second; 0: the latency says it
 * @latency: published: median, milliseconds
 * @fitted: a constant was chosen so that this comes out
 */
static const struct row {
	const char *name;
	int layers;
	int wide;
	int length;
	bool half;
	int batch;
	enum way way;
	unsigned int cores;
	double rate;
	double latency;
	bool fitted;
} rows[] = {
#define BERT(layers)	layers, BASE, 128, false
	{ "ResNet-50, PyTorch", 0, 0, 0, false, 5, REPLICAS, 4, 921.5, 21.6, false },
	{ "ResNet-50, TensorFlow", 0, 0, 0, true, 10, REPLICAS, 4, 2207, 17.8, false },
	{ "BERT base cased", BERT(12), 8, REPLICAS, 4, 1095.4, 58.3, false },
	{ "BERT base uncased", BERT(12), 6, REPLICAS, 4, 1180.7, 40.6, false },
	{ "BERT base, pipeline of 16 cores", BERT(12), 1, PIPELINE, 16, 2009.1, 5.9, true },
	{ "BERT base cased, for latency", BERT(12), 1, REPLICAS, 1, 125.7, 7.9, false },
	{ "BERT base uncased, for latency", BERT(12), 3, REPLICAS, 1, 282.8, 10.5, false },
	{ "BERT base, tutorial", BERT(12), 4, REPLICAS, 4, 1056, 20, false },
	{ "DistilBERT uncased", BERT(6), 8, REPLICAS, 4, 1880, 28.6, false },
	{ "DistilBERT, SST-2", BERT(6), 7, REPLICAS, 4, 1880.1, 28.6, false },
	{ "DistilRoBERTa", BERT(6), 6, REPLICAS, 4, 1521.3, 33, false },
	{ "DistilBERT uncased, for latency", BERT(6), 6, REPLICAS, 1, 514.2, 10.9, false },
	{ "DistilBERT, SST-2, for latency", BERT(6), 5, REPLICAS, 1, 505.6, 9.8, false },
	{ "DistilRoBERTa, for latency", BERT(6), 3, REPLICAS, 1, 423.8, 7, false },
	{ "DistilBERT, TensorFlow, 16 cores", BERT(6), 16, REPLICAS, 16, 2123, 30, false },
	/* Making boxes of its maps, on the host, is part of the published time. */
	{ "YOLO v4, 608 x 608", YOLO, 0, 0, false, 1, REPLICAS, 4, 182.1, 40.1, false },
	/* Others' measurements: the 95th percentile of one request at a time. */
	{ "BERT base, 256 tokens (others, p95)", 12, BASE, 256, false, 1, REPLICAS, 1, 0, 9.8,
	  false },
	{ "BERT base, 512 tokens (others, p95)", 12, BASE, 512, false, 1, REPLICAS, 1, 0, 18.4,
	  false },
	{ "BERT large (others, p95)", 24, 1024, 128, false, 1, REPLICAS, 1, 0, 25, false },
#undef BERT
};

static double published_rate(const struct row *row)
{
	return row->rate > 0 ? row->rate : row->batch / row->latency * 1e3;
}

static double in_flight(const struct row *row)
{
	return published_rate(row) * row->latency / 1e3 / row->batch;
}

/* Cores that have a request. */
static double busy_cores(const struct row *row)
{
	double requests = in_flight(row) + 0.05;

	return requests < row->cores ? requests : row->cores;
}

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
	};
	unsigned int chips = (row->cores + CORES - 1) / CORES;
	bool dram[NEURON_MAX_SLOTS];
	struct neuron_report report;
	char error[NEFF_ERROR_SIZE];
	struct neff neff;

	if (neff_parse(file, size, false, &neff, error) != NEFF_OK) {
		fprintf(stderr, "%s: %s\n", row->name, error);
		return false;
	}
	chip.cores = (unsigned int)(busy_cores(row) / chips + 0.5);
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
	if (row->layers == YOLO)
		return graph_yolo4(608, size);
	return row->layers ?
	       graph_bert(row->layers, row->wide, row->batch, row->length, false, size) :
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
	const double requests = in_flight(row);
	double cycles = cost->cycles;

	if (row->way == PIPELINE) {
		*rate = row->batch * hertz / cost->interval;
		*latency = requests * cost->interval / hertz * 1e3;
		if (*latency < cycles / hertz * 1e3)
			*latency = cycles / hertz * 1e3;
		return;
	}
	/* With one request a core nothing is there to do beside the copies. */
	if (requests < 1.5 * row->cores)
		cycles += cost->copy;
	*rate = busy_cores(row) * row->batch * hertz / cycles;
	*latency = (requests < row->cores ? 1 : requests / row->cores) * cycles / hertz * 1e3;
}

static void print_row(const struct row *row)
{
	struct cost cost = { 0 };
	double rate, latency;

	if (!compile(row, &cost)) {
		printf("| %s | %d | does not compile | %.1f | | | %.1f | | | |\n", row->name,
		       row->batch, published_rate(row), row->latency);
		return;
	}
	predict(row, &cost, &rate, &latency);
	printf("| %s%s | %d | %.1f | %.1f | %.2f | %.1f | %.1f | %.2f | %.0f %% | %.1f |\n",
	       row->name, row->fitted ? " (fitted)" : "", row->batch, rate, published_rate(row),
	       rate / published_rate(row), latency, row->latency, latency / row->latency,
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
