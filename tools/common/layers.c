// SPDX-License-Identifier: MIT
#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <qemu-device/timing/timing.h>
#include "layers.h"
#include "print.h"

static const char *const engine_names[NEURON_NUM_ENGINES] = {
#define X(name, value, text) [value] = text,
	NEURON_ENGINES(X)
#undef X
};

/* Layers, and what belongs to none. */
static uint32_t num_lines(const struct neff *neff)
{
	return neff->num_layers + 1;
}

static const char *layer_name(const struct neff *neff, uint32_t i)
{
	return i < neff->num_layers ? neff->layers[i].name : "-";
}

static const char *layer_op(const struct neff *neff, uint32_t i)
{
	return i < neff->num_layers ? neff->layers[i].op : "-";
}

/* Names come from the model: nothing that moves the cursor. */
static void print_cell(FILE *file, const char *text, int width)
{
	int n = 0;

	for (; *text && n < width; text++, n++)
		fputc((unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text, file);
	fprintf(file, "%*s", n < width ? width - n + 1 : 1, "");
}

void layers_profile(const struct neff *neff, uint32_t core,
		    const struct neuron_inst_record *records, size_t count,
		    struct layer_profile *profiles)
{
	const void *program = neff->programs[core].data;
	const struct neuron_inst *insts = neuron_program_insts(program);
	uint32_t n = neuron_program_header(program)->num_insts;

	for (uint32_t i = 0; i < n && i < count; i++) {
		const struct neuron_inst_record *r = &records[i];
		struct layer_profile *p = &profiles[insts[i].layer < neff->num_layers ?
						    insts[i].layer : neff->num_layers];
		uint64_t bytes;

		if (!r->end)
			continue;
		p->insts++;
		p->busy[insts[i].engine] += r->end - r->start;
		p->stall += r->stall_sem;
		p->macs += neuron_timing_work(program, i, &bytes);
		p->bytes += bytes;
		p->saturations += r->saturations;
		p->nans += r->nans;
		p->infs += r->infs;
	}
}

static unsigned int busiest(const struct layer_profile *p)
{
	unsigned int best = 0;

	for (unsigned int e = 1; e < NEURON_NUM_ENGINES; e++)
		if (p->busy[e] > p->busy[best])
			best = e;
	return best;
}

void layers_print_profile(FILE *file, const struct neff *neff,
			  const struct layer_profile *profiles)
{
	char bytes[32];

	fprintf(file, "%-32s %-24s %-8s %6s %10s %10s %12s %10s %8s %6s %6s\n", "layer",
		"operator", "engine", "insts", "cycles", "stall", "MACs", "moved",
		"clamped", "NaN", "inf");
	for (uint32_t i = 0; i < num_lines(neff); i++) {
		const struct layer_profile *p = &profiles[i];
		unsigned int e = busiest(p);

		if (!p->insts)
			continue;
		print_cell(file, layer_name(neff, i), 32);
		print_cell(file, layer_op(neff, i), 24);
		fprintf(file, "%-8s %6" PRIu64 " %10" PRIu64 " %10" PRIu64 " %12" PRIu64
			" %10s %8" PRIu64 " %6" PRIu64 " %6" PRIu64 "\n",
			engine_names[e], p->insts, p->busy[e], p->stall, p->macs,
			bytes_text(p->bytes, bytes), p->saturations, p->nans, p->infs);
	}
}

static cJSON *json_layer(const struct neff *neff, uint32_t i)
{
	cJSON *layer = cJSON_CreateObject();

	cJSON_AddStringToObject(layer, "name", layer_name(neff, i));
	cJSON_AddStringToObject(layer, "operator", layer_op(neff, i));
	return layer;
}

cJSON *layers_json_profile(const struct neff *neff, const struct layer_profile *profiles)
{
	cJSON *list = cJSON_CreateArray();

	for (uint32_t i = 0; i < num_lines(neff); i++) {
		const struct layer_profile *p = &profiles[i];
		cJSON *layer, *busy;

		if (!p->insts)
			continue;
		layer = json_layer(neff, i);
		cJSON_AddStringToObject(layer, "engine", engine_names[busiest(p)]);
		cJSON_AddNumberToObject(layer, "instructions", (double)p->insts);
		busy = cJSON_AddObjectToObject(layer, "cycles");
		for (unsigned int e = 0; e < NEURON_NUM_ENGINES; e++)
			cJSON_AddNumberToObject(busy, engine_names[e], (double)p->busy[e]);
		cJSON_AddNumberToObject(layer, "stall", (double)p->stall);
		cJSON_AddNumberToObject(layer, "macs", (double)p->macs);
		cJSON_AddNumberToObject(layer, "bytes", (double)p->bytes);
		cJSON_AddNumberToObject(layer, "saturations", (double)p->saturations);
		cJSON_AddNumberToObject(layer, "nans", (double)p->nans);
		cJSON_AddNumberToObject(layer, "infs", (double)p->infs);
		cJSON_AddItemToArray(list, layer);
	}
	return list;
}

static void print_worst(FILE *file, const char *what, const struct neff *neff, uint32_t i)
{
	fprintf(file, "%s differ most in ", what);
	if (i == UINT32_MAX)
		fprintf(file, "no layer: all bits are the same");
	else
		print_cell(file, layer_name(neff, i), (int)strlen(layer_name(neff, i)));
	fputc('\n', file);
}

void layers_print_differences(FILE *file, const struct neff *neff,
			      const struct layer_difference *differences,
			      const struct layer_error *errors)
{
	uint32_t kernel = UINT32_MAX, cast = UINT32_MAX;

	fprintf(file, "%-32s %-24s %10s %10s %11s %11s", "layer", "operator", "elements",
		"different", "absolute", "relative");
	if (errors)
		fprintf(file, " | %11s %11s %8s", "fp32: abs", "of largest", "SNR dB");
	fputc('\n', file);
	for (uint32_t i = 0; i < num_lines(neff); i++) {
		const struct layer_difference *d = &differences[i];

		if (!d->insts)
			continue;
		print_cell(file, layer_name(neff, i), 32);
		print_cell(file, layer_op(neff, i), 24);
		fprintf(file, "%10" PRIu64 " %10" PRIu64 " %11.3g %11.3g", d->elements,
			d->different, d->max_abs, d->max_rel);
		if (errors && !isnan(errors[i].snr))
			fprintf(file, " | %11.3g %11.3g %8.1f", errors[i].max_abs,
				errors[i].max_rel, errors[i].snr);
		fputc('\n', file);
		if (d->max_rel > 0 && (kernel == UINT32_MAX ||
				       d->max_rel > differences[kernel].max_rel))
			kernel = i;
		if (errors && isfinite(errors[i].snr) &&
		    (cast == UINT32_MAX || errors[i].snr < errors[cast].snr))
			cast = i;
	}
	print_worst(file, "the kernels", neff, kernel);
	if (errors)
		print_worst(file, "16 bits and fp32", neff, cast);
}

cJSON *layers_json_differences(const struct neff *neff,
			       const struct layer_difference *differences,
			       const struct layer_error *errors)
{
	cJSON *list = cJSON_CreateArray();

	for (uint32_t i = 0; i < num_lines(neff); i++) {
		const struct layer_difference *d = &differences[i];
		cJSON *layer, *item;

		if (!d->insts)
			continue;
		layer = json_layer(neff, i);
		item = cJSON_AddObjectToObject(layer, "kernels");
		cJSON_AddNumberToObject(item, "elements", (double)d->elements);
		cJSON_AddNumberToObject(item, "different", (double)d->different);
		cJSON_AddNumberToObject(item, "absolute", d->max_abs);
		cJSON_AddNumberToObject(item, "relative", d->max_rel);
		cJSON_AddNumberToObject(item, "instruction", d->inst);
		if (errors && !isnan(errors[i].snr)) {
			item = cJSON_AddObjectToObject(layer, "fp32");
			cJSON_AddNumberToObject(item, "absolute", errors[i].max_abs);
			cJSON_AddNumberToObject(item, "relative", errors[i].max_rel);
			cJSON_AddNumberToObject(item, "snr", errors[i].snr);
		}
		cJSON_AddItemToArray(list, layer);
	}
	return list;
}
