// SPDX-License-Identifier: MIT
/* Figures of each core's last job: added up from its instructions. */
#include <inttypes.h>
#include <stdlib.h>
#include <cjson/cJSON.h>
#include <qemu-device/timing/timing.h>
#include <tools/common/print.h>
#include <tools/common/say.h>
#include "view.h"

/* Names that the real tool has for what these engines are. */
static const char *const engine_keys[NEURON_NUM_ENGINES] = {
	[NEURON_ENGINE_DMA_IN] = "dma_in",
	[NEURON_ENGINE_DMA_OUT] = "dma_out",
	[NEURON_ENGINE_PE] = "tensor_engine",
	[NEURON_ENGINE_ACT] = "scalar_engine",
	[NEURON_ENGINE_POOL] = "pool_engine",
};

/* How a figure is shown: numbers of things are whole. */
static void put(cJSON *json, const char *name, double value)
{
	if (!cJSON_AddNumberToObject(json, name, value))
		die_oom();
}

static void put_engine(cJSON *json, unsigned int e, const char *what, double value)
{
	char name[64];

	snprintf(name, sizeof(name), "%s_%s", engine_keys[e], what);
	put(json, name, value);
}

/* What the instructions say, by engine. */
struct sums {
	uint64_t insts[NEURON_NUM_ENGINES];
	uint64_t active[NEURON_NUM_ENGINES];
	uint64_t waiting[NEURON_NUM_ENGINES];
	uint64_t macs;
	uint64_t bytes;
	uint64_t saturations;
	uint64_t nans;
	uint64_t infs;
};

static struct sums add_up(const struct view_job *vj)
{
	struct sums sums = { 0 };
	uint32_t i;

	for (i = 0; i < vj->job->num_records; i++) {
		const struct neuron_inst_record *r = &vj->records[i];
		unsigned int e = vj->insts[i].engine;
		uint64_t unused;

		if (!r->end)
			continue;
		sums.insts[e]++;
		sums.active[e] += r->end - r->start;
		sums.waiting[e] += r->stall_sem;
		sums.macs += neuron_timing_work(vj->program, i, &unused);
		sums.bytes += view_bytes(vj, i);
		sums.saturations += r->saturations;
		if (e == NEURON_ENGINE_DMA_OUT) {
			sums.nans += r->nans;
			sums.infs += r->infs;
		}
	}
	return sums;
}

static cJSON *summarise(const struct view *view, const struct view_job *vj)
{
	const uint64_t cycles = vj->job->report.cycles;
	const struct sums sums = add_up(vj);
	cJSON *json = cJSON_CreateObject();
	uint64_t count = 0;
	unsigned int e;

	if (!json || !cJSON_AddStringToObject(json, "model", vj->neff->header->name))
		die_oom();
	for (e = 0; e < NEURON_NUM_ENGINES; e++)
		count += sums.insts[e];
	put(json, "nc_idx", vj->job->device_core);
	put(json, "nd_idx", vj->job->device);
	put(json, "vnc_idx", vj->job->vnc);
	put(json, "total_time", view_ns(view, cycles) * 1e-9);
	put(json, "total_cycles", (double)cycles);
	put(json, "event_count", (double)count);
	put(json, "mac_count", (double)sums.macs);
	put(json, "hardware_flops", 2.0 * (double)sums.macs);
	put(json, "dma_transfer_total_bytes", (double)sums.bytes);
	put(json, "host_read_bytes", (double)vj->job->report.bytes_host_in);
	put(json, "host_write_bytes", (double)vj->job->report.bytes_host_out);
	put(json, "dram_read_bytes", (double)vj->job->report.bytes_dram_in);
	put(json, "dram_write_bytes", (double)vj->job->report.bytes_dram_out);
	for (e = 0; e < NEURON_NUM_ENGINES; e++) {
		put_engine(json, e, "instruction_count", (double)sums.insts[e]);
		put_engine(json, e, "active_cycles", (double)sums.active[e]);
		put_engine(json, e, "active_time_percent",
			   cycles ? 100.0 * (double)sums.active[e] / (double)cycles : 0);
		put_engine(json, e, "semaphore_wait_cycles", (double)sums.waiting[e]);
	}
	put(json, "saturation_count", (double)sums.saturations);
	put(json, "nan_count", (double)sums.nans);
	put(json, "inf_count", (double)sums.infs);
	put(json, "sbuf_high_bytes", vj->job->report.sbuf_high);
	put(json, "psum_high_bytes", vj->job->report.psum_high);
	return json;
}

/* No later job of the same core and program. */
static bool is_last(const struct view *view, uint32_t i)
{
	const struct neuron_profile_job *job = view->jobs[i].job;
	uint32_t k;

	for (k = i + 1; k < view->num_jobs; k++)
		if (view->jobs[k].job->vnc == job->vnc &&
		    view->jobs[k].job->program == job->program)
			return false;
	return true;
}

static cJSON *all(const struct view *view)
{
	cJSON *list = cJSON_CreateArray();
	uint32_t i;

	if (!list)
		die_oom();
	for (i = 0; i < view->num_jobs; i++)
		if (is_last(view, i))
			cJSON_AddItemToArray(list, summarise(view, &view->jobs[i]));
	return list;
}

void view_print_summary_json(FILE *file, const struct view *view)
{
	cJSON *json = cJSON_CreateObject();

	if (!json)
		die_oom();
	cJSON_AddItemToObject(json, "summary", all(view));
	json_print(file, json);
}

void view_print_summary(FILE *file, const struct view *view)
{
	cJSON *list = all(view), *core, *item;
	bool first = true;

	cJSON_ArrayForEach(core, list) {
		if (!first)
			fputc('\n', file);
		first = false;
		cJSON_ArrayForEach(item, core) {
			if (cJSON_IsString(item))
				fprintf(file, "%-38s %s\n", item->string, item->valuestring);
			else
				fprintf(file, "%-38s %.15g\n", item->string, item->valuedouble);
		}
	}
	cJSON_Delete(list);
}
