// SPDX-License-Identifier: MIT
#include <stdlib.h>
#include "print.h"
#include "say.h"

static const char *const engine_names[NEURON_NUM_ENGINES] = {
#define X(name, value, text) [value] = text,
	NEURON_ENGINES(X)
#undef X
};

/* cJSON's numbers are doubles: exact up to 2^53, which no counter reaches. */
static void number(cJSON *object, const char *name, uint64_t value)
{
	if (!cJSON_AddNumberToObject(object, name, (double)value))
		die_oom();
}

static cJSON *object(void)
{
	cJSON *json = cJSON_CreateObject();

	if (!json)
		die_oom();
	return json;
}

cJSON *json_report(const struct neuron_report *report)
{
	cJSON *json = object(), *engines = object(), *engine;
	unsigned int i;

	number(json, "cycles", report->cycles);
	number(json, "macs", report->macs);
	number(json, "bytes_host_in", report->bytes_host_in);
	number(json, "bytes_host_out", report->bytes_host_out);
	number(json, "bytes_dram_in", report->bytes_dram_in);
	number(json, "bytes_dram_out", report->bytes_dram_out);
	number(json, "saturations", report->saturations);
	number(json, "nans", report->nans);
	number(json, "infs", report->infs);
	number(json, "sbuf_high", report->sbuf_high);
	number(json, "psum_high", report->psum_high);
	for (i = 0; i < NEURON_NUM_ENGINES; i++) {
		engine = object();
		number(engine, "busy", report->engine[i].busy);
		number(engine, "stall_sem", report->engine[i].stall_sem);
		number(engine, "stall_mem", report->engine[i].stall_mem);
		number(engine, "insts", report->engine[i].insts);
		cJSON_AddItemToObject(engines, engine_names[i], engine);
	}
	cJSON_AddItemToObject(json, "engines", engines);
	return json;
}

cJSON *json_times(const struct run_times *times)
{
	cJSON *json = object(), *execute = object();

	if (times->compile >= 0)
		cJSON_AddNumberToObject(json, "compile", times->compile);
	cJSON_AddNumberToObject(json, "load", times->load);
	number(execute, "runs", times->count);
	cJSON_AddNumberToObject(execute, "min", times->execute[0]);
	cJSON_AddNumberToObject(execute, "median", run_times_median(times));
	cJSON_AddNumberToObject(execute, "max",
				times->execute[times->count - 1]);
	cJSON_AddItemToObject(json, "execute", execute);
	return json;
}

static cJSON *json_shape(int rank, const int64_t *dims)
{
	cJSON *shape = cJSON_CreateArray();
	int i;

	if (!shape)
		die_oom();
	for (i = 0; i < rank; i++)
		cJSON_AddItemToArray(shape, cJSON_CreateNumber((double)dims[i]));
	return shape;
}

static cJSON *json_layer(const struct nc_layer_summary *layer)
{
	cJSON *json = object();

	cJSON_AddStringToObject(json, "name", layer->name);
	cJSON_AddStringToObject(json, "op", layer->op);
	if (layer->host) {
		cJSON_AddStringToObject(json, "engine", "host");
		cJSON_AddStringToObject(json, "reason", layer->host);
		cJSON_AddBoolToObject(json, "open", layer->open);
	} else if (layer->engine < NEURON_NUM_ENGINES)
		cJSON_AddStringToObject(json, "engine",
					engine_names[layer->engine]);
	number(json, "stage", layer->stage);
	if (layer->in_rank >= 0)
		cJSON_AddItemToObject(json, "input_shape",
				      json_shape(layer->in_rank, layer->in_dims));
	cJSON_AddItemToObject(json, "shape", json_shape(layer->rank, layer->dims));
	number(json, "macs", layer->macs);
	number(json, "bytes_kept", layer->bytes_kept);
	number(json, "bytes_in", layer->bytes_in);
	number(json, "bytes_out", layer->bytes_out);
	cJSON_AddBoolToObject(json, "spills", layer->spills);
	number(json, "cycles", layer->cycles);
	return json;
}

static cJSON *json_core(const struct nc_core_summary *core)
{
	cJSON *json = object();

	number(json, "stage", core->stage);
	number(json, "cycles", core->cycles);
	number(json, "kept_bytes", core->kept_bytes);
	return json;
}

static cJSON *json_try(const struct nc_try *try)
{
	cJSON *json = object();

	cJSON_AddStringToObject(json, "what", try->what);
	number(json, "cores", try->cores);
	number(json, "cycles", try->cycles);
	number(json, "interval", try->interval);
	cJSON_AddBoolToObject(json, "chosen", try->chosen);
	return json;
}

cJSON *json_summary(const struct nc_summary *summary)
{
	cJSON *json = object(), *layers = cJSON_CreateArray();
	cJSON *cores = cJSON_CreateArray(), *tries = cJSON_CreateArray();
	unsigned int i;

	if (!layers || !cores || !tries)
		die_oom();
	number(json, "operators", summary->num_nodes);
	number(json, "host_steps", summary->num_host_steps);
	number(json, "piecewise_programs", summary->num_piecewise);
	number(json, "parameters", summary->num_params);
	number(json, "weight_bytes", summary->weight_bytes);
	number(json, "kept_bytes", summary->kept_bytes);
	number(json, "scratch_bytes", summary->scratch_bytes);
	number(json, "instructions", summary->num_insts);
	number(json, "cores", summary->cores);
	number(json, "stages", summary->stages);
	number(json, "interval", summary->interval);
	number(json, "handover_bytes", summary->handover_bytes);
	for (i = 0; i < summary->cores && summary->core; i++)
		cJSON_AddItemToArray(cores, json_core(&summary->core[i]));
	cJSON_AddItemToObject(json, "by_core", cores);
	for (i = 0; i < summary->num_tries; i++)
		cJSON_AddItemToArray(tries, json_try(&summary->tries[i]));
	cJSON_AddItemToObject(json, "looked_at", tries);
	for (i = 0; i < summary->num_layers; i++)
		cJSON_AddItemToArray(layers, json_layer(&summary->layers[i]));
	cJSON_AddItemToObject(json, "layers", layers);
	cJSON_AddItemToObject(json, "execution", json_report(&summary->report));
	cJSON_AddItemToObject(json, "next_execution", json_report(&summary->warm));
	return json;
}

/*
 * One value in a line, "key": value, four spaces for each level: what line-oriented
 * scripts, written for the real chip's tools, take apart with grep and awk.
 */
static void print_lines(FILE *file, const char *text)
{
	bool quoted = false;
	int depth = 0;

	for (; *text; text++) {
		if (quoted) {
			putc(*text, file);
			if (*text == '\\')
				putc(*++text, file);
			else if (*text == '"')
				quoted = false;
			continue;
		}
		if (*text == '}' || *text == ']')
			fprintf(file, "\n%*s", 4 * --depth, "");
		putc(*text, file);
		if (*text == '"') {
			quoted = true;
		} else if (*text == ':') {
			putc(' ', file);
		} else if ((*text == '{' || *text == '[') &&
			   (text[1] == '}' || text[1] == ']')) {
			putc(*++text, file);
		} else if (*text == '{' || *text == '[') {
			fprintf(file, "\n%*s", 4 * ++depth, "");
		} else if (*text == ',') {
			fprintf(file, "\n%*s", 4 * depth, "");
		}
	}
	putc('\n', file);
}

void json_print(FILE *file, cJSON *json)
{
	char *text = cJSON_PrintUnformatted(json);

	if (!text)
		die_oom();
	print_lines(file, text);
	free(text);
	cJSON_Delete(json);
}
