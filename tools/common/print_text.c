// SPDX-License-Identifier: MIT
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <compiler/graph.h>
#include "print.h"

static const char *const engine_names[NEURON_NUM_ENGINES] = {
#define X(name, value, text) [value] = text,
	NEURON_ENGINES(X)
#undef X
};

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

void run_times_sort(struct run_times *times)
{
	qsort(times->execute, times->count, sizeof(*times->execute),
	      compare_doubles);
}

double run_times_median(const struct run_times *times)
{
	unsigned int middle = times->count / 2;

	if (times->count % 2)
		return times->execute[middle];
	return (times->execute[middle - 1] + times->execute[middle]) / 2;
}

const char *duration_text(double seconds, char buf[32])
{
	if (seconds < 1e-3)
		snprintf(buf, 32, "%.1f us", seconds * 1e6);
	else if (seconds < 1)
		snprintf(buf, 32, "%.2f ms", seconds * 1e3);
	else
		snprintf(buf, 32, "%.2f s", seconds);
	return buf;
}

const char *bytes_text(uint64_t bytes, char buf[32])
{
	static const char *const units[] = { "KiB", "MiB", "GiB", "TiB" };
	double n = (double)bytes / 1024;
	unsigned int i = 0;

	if (bytes < 1024) {
		snprintf(buf, 32, "%" PRIu64 " B", bytes);
		return buf;
	}
	while (n >= 1024 && i < 3) {
		n /= 1024;
		i++;
	}
	snprintf(buf, 32, "%.1f %s", n, units[i]);
	return buf;
}

static void print_costs(FILE *file, const struct neuron_report *report)
{
	char in[32], out[32], from[32], to[32], sbuf[32], psum[32];
	unsigned int i;

	fprintf(file, "  cycles          %" PRIu64 "\n", (uint64_t)report->cycles);
	fprintf(file, "  MACs            %" PRIu64 "\n", (uint64_t)report->macs);
	fprintf(file, "  host memory     %s in, %s out\n",
		bytes_text(report->bytes_host_in, in),
		bytes_text(report->bytes_host_out, out));
	fprintf(file, "  device DRAM     %s in, %s out\n",
		bytes_text(report->bytes_dram_in, from),
		bytes_text(report->bytes_dram_out, to));
	fprintf(file, "  scratchpad      %s SBUF, %s PSUM at most\n",
		bytes_text(report->sbuf_high, sbuf),
		bytes_text(report->psum_high, psum));
	fprintf(file, "  %-8s %12s %12s %12s %8s\n", "engine", "busy", "wait",
		"contention", "insts");
	for (i = 0; i < NEURON_NUM_ENGINES; i++) {
		const struct neuron_engine_report *e = &report->engine[i];

		fprintf(file,
			"  %-8s %12" PRIu64 " %12" PRIu64 " %12" PRIu64 " %8" PRIu64 "\n",
			engine_names[i], (uint64_t)e->busy,
			(uint64_t)e->stall_sem, (uint64_t)e->stall_mem,
			(uint64_t)e->insts);
	}
}

void print_report(FILE *file, const struct neuron_report *report)
{
	print_costs(file, report);
	fprintf(file, "  saturations     %" PRIu64 "\n", (uint64_t)report->saturations);
	fprintf(file, "  NaNs            %" PRIu64 "\n", (uint64_t)report->nans);
	fprintf(file, "  infinities      %" PRIu64 "\n", (uint64_t)report->infs);
}

void print_times(FILE *file, const struct run_times *times)
{
	char a[32], b[32], c[32];

	if (times->compile >= 0)
		fprintf(file, "compile  %s\n", duration_text(times->compile, a));
	fprintf(file, "load     %s\n", duration_text(times->load, a));
	fprintf(file, "execute  min %s, median %s, max %s (%u %s)\n",
		duration_text(times->execute[0], a),
		duration_text(run_times_median(times), b),
		duration_text(times->execute[times->count - 1], c),
		times->count, times->count == 1 ? "run" : "runs");
}

/* Names of layers come from the model: nothing that moves the cursor. */
static void print_name(FILE *file, const char *name, int width)
{
	int n = 0;

	for (; *name && n < width; name++, n++)
		fputc((unsigned char)*name < 0x20 || *name == 0x7f ? '?' : *name,
		      file);
	fprintf(file, "%*s", width - n, "");
}

static void shape_text(int rank, const int64_t *dims, unsigned int open,
		       char text[NC_SHAPE_TEXT])
{
	struct nc_value shape = { .rank = rank, .open = open };

	memcpy(shape.dims, dims, sizeof(shape.dims));
	text[0] = '\0';
	if (rank >= 0)
		nc_shape_text(&shape, text);
}

static void print_layer(FILE *file, const struct nc_layer_summary *layer, uint64_t all)
{
	char from[NC_SHAPE_TEXT], to[NC_SHAPE_TEXT], in[32], out[32], kept[32];

	fputs("  ", file);
	print_name(file, layer->name, 28);
	fputc(' ', file);
	print_name(file, layer->op, 22);
	shape_text(layer->in_rank, layer->in_dims, layer->in_open, from);
	shape_text(layer->rank, layer->dims, layer->open, to);
	if (layer->host) {
		fprintf(file, " %-7s %-19s %-19s %s\n", "host", from, to, layer->host);
		return;
	}
	fprintf(file,
		" %-7s %-19s %-19s %12" PRIu64 " %10s %10s %10s%s %10" PRIu64 " %5.1f\n",
		layer->engine < NEURON_NUM_ENGINES ?
		engine_names[layer->engine] : "",
		from, to, layer->macs,
		bytes_text(layer->bytes_kept, kept),
		bytes_text(layer->bytes_in, in),
		bytes_text(layer->bytes_out, out), layer->spills ? "*" : " ",
		layer->cycles, all ? 100.0 * (double)layer->cycles / (double)all : 0);
}

static void print_layers(FILE *file, const struct nc_summary *summary)
{
	char in[32], out[32], kept[32];
	struct nc_layer_summary all = { 0 };
	unsigned int i;

	for (i = 0; i < summary->num_layers; i++) {
		const struct nc_layer_summary *layer = &summary->layers[i];

		all.macs += layer->macs;
		all.bytes_kept += layer->bytes_kept;
		all.bytes_in += layer->bytes_in;
		all.bytes_out += layer->bytes_out;
		all.cycles += layer->cycles;
		all.spills |= layer->spills;
	}
	fprintf(file, "  %-28s %-22s %-7s %-19s %-19s %12s %10s %10s %10s  %10s %5s\n",
		"layer", "operator", "engine", "input", "output", "MACs", "kept", "in",
		"out", "cycles", "%");
	for (i = 0; i < summary->num_layers; i++) {
		if (summary->stages > 1 &&
		    (!i || summary->layers[i].stage != summary->layers[i - 1].stage))
			fprintf(file, "  stage %u\n", summary->layers[i].stage);
		print_layer(file, &summary->layers[i], all.cycles);
	}
	fprintf(file, "  %-98s %12" PRIu64 " %10s %10s %10s  %10" PRIu64 "\n", "sum", all.macs,
		bytes_text(all.bytes_kept, kept), bytes_text(all.bytes_in, in),
		bytes_text(all.bytes_out, out), all.cycles);
	fputs("  kept: constants that are loaded once and stay on the chip, several layers' at a time\n"
	      "  cycles: of the busiest engine; layers overlap\n", file);
	if (summary->cores > summary->stages)
		fputs("  of cores side by side, the slowest is shown\n", file);
	if (all.spills)
		fputs("  *: the result does not fit, and goes through device DRAM\n",
		      file);
}

/* How the model is spread over cores, and how it could have been. */
static void print_cores(FILE *file, const struct nc_summary *summary)
{
	char text[32];
	unsigned int i;

	for (i = 0; i < summary->num_tries; i++) {
		const struct nc_try *try = &summary->tries[i];

		fprintf(file, "%c %-44s %2u %s: %10" PRIu64 " cycles, one every %" PRIu64 "\n",
			try->chosen ? '*' : ' ', try->what, try->cores,
			try->cores == 1 ? "core " : "cores", try->cycles, try->interval);
	}
	for (i = 0; i < summary->cores && summary->core; i++)
		fprintf(file, "core %-7u stage %u: %" PRIu64 " cycles with %s of weights in place\n",
			i, summary->core[i].stage, summary->core[i].cycles,
			bytes_text(summary->core[i].kept_bytes, text));
	if (summary->stages > 1)
		fprintf(file, "hand-over    %s of device DRAM for each execution under way\n",
			bytes_text(summary->handover_bytes, text));
}

void print_summary(FILE *file, const struct nc_summary *summary)
{
	char a[32], b[32];

	print_layers(file, summary);
	fprintf(file, "operators    %u\n", summary->num_nodes);
	if (summary->num_host_steps)
		fprintf(file, "on the host  %u of them, between %u chip program%s\n",
			summary->num_host_steps, summary->num_programs,
			summary->num_programs == 1 ? "" : "s");
	if (summary->num_piecewise)
		fprintf(file, "in pieces    %u of these, for which one piece is counted\n",
			summary->num_piecewise);
	fprintf(file, "parameters   %" PRIu64 " (%s, %s stay on the chip)\n",
		summary->num_params, bytes_text(summary->weight_bytes, a),
		bytes_text(summary->kept_bytes, b));
	fprintf(file, "scratch      %s of device DRAM\n",
		bytes_text(summary->scratch_bytes, a));
	fprintf(file, "instructions %u\n", summary->num_insts);
	print_cores(file, summary);
	fputs("the first execution, as modelled:\n", file);
	print_costs(file, &summary->report);
	fprintf(file, "the next ones: %" PRIu64 " cycles, %s in, %s out\n",
		(uint64_t)summary->warm.cycles,
		bytes_text(summary->warm.bytes_dram_in, a),
		bytes_text(summary->warm.bytes_dram_out, b));
}
