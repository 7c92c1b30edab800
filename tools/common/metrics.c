// SPDX-License-Identifier: MIT
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "metrics.h"
#include "say.h"

#define X(id, name) [GROUP_##id] = name,
const char *const process_group_names[NUM_PROCESS_GROUPS] = { PROCESS_GROUPS(X) };
#undef X
#define X(id, name) [SYSTEM_##id] = name,
const char *const system_group_names[NUM_SYSTEM_GROUPS] = { SYSTEM_GROUPS(X) };
#undef X
#define X(id, name) [NEURON_OUTCOME_##id] = name,
static const char *const outcome_names[NEURON_NUM_OUTCOMES] = { NEURON_STATS_OUTCOMES(X) };
#undef X
#define X(id, name) [NEURON_ERROR_IS_##id] = name,
static const char *const error_names[NEURON_NUM_ERRORS] = { NEURON_STATS_ERRORS(X) };
#undef X
#define X(id, name) [NEURON_USE_##id] = name,
static const char *const use_names[NEURON_NUM_USES] = { NEURON_STATS_USES(X) };
#undef X

static const unsigned int percentiles[] = { 0, 1, 25, 50, 75, 99, 100 };

#define NUM_PERCENTILES	(sizeof(percentiles) / sizeof(percentiles[0]))

static const char *const cpu_names[CPU_STATES] = {
	[CPU_USER] = "user", [CPU_NICE] = "nice", [CPU_SYSTEM] = "system",
	[CPU_IDLE] = "idle", [CPU_IO_WAIT] = "io_wait", [CPU_IRQ] = "irq",
	[CPU_SOFT_IRQ] = "soft_irq",
};

static cJSON *made(cJSON *item)
{
	if (!item)
		die_oom();
	return item;
}

static cJSON *add(cJSON *object, const char *key, cJSON *item)
{
	if (!cJSON_AddItemToObject(object, key, made(item)))
		die_oom();
	return item;
}

static cJSON *add_object(cJSON *object, const char *key)
{
	return add(object, key, cJSON_CreateObject());
}

static void add_number(cJSON *object, const char *key, double value)
{
	add(object, key, cJSON_CreateNumber(value));
}

static void add_text(cJSON *object, const char *key, const char *text)
{
	add(object, key, cJSON_CreateString(text));
}

static int64_t elapsed(const struct usage *before, const struct usage *now)
{
	return now->time_ns - before->time_ns;
}

static double rate(uint64_t before, uint64_t now, int64_t ns)
{
	return ns > 0 ? usage_growth(before, now) * 1e9 / ns : 0;
}

static double hundredths(double value)
{
	return (int64_t)(value * 100 + 0.5) / 100.0;
}

/*
 * Of a process
 */

static const struct neuron_stats none;

static void cores_group(cJSON *json, const struct neuron_stats *before,
			const struct neuron_stats *now, int64_t ns)
{
	cJSON *cores = add_object(json, "neuroncores_in_use"), *core;
	double percent, flops;
	unsigned int i;
	char key[16];

	for (i = 0; i < now->num_cores; i++) {
		snprintf(key, sizeof(key), "%u", now->core[i].number);
		core = add_object(cores, key);
		percent = usage_percent(before->core[i].busy_ns, now->core[i].busy_ns, ns);
		add_number(core, "neuroncore_utilization", hundredths(percent));
		flops = (uint64_t)rate(before->core[i].flops, now->core[i].flops, ns);
		/* The guide to the real tool has the first name, the tool the second. */
		add_number(core, "flops", flops);
		add_number(core, "effective_flops", flops);
	}
}

static double percentile(const uint64_t *values, unsigned int count, unsigned int percent)
{
	return values[(count - 1) * percent / 100] / 1e9;
}

static void latency(cJSON *json, const char *key, const struct process_usage *before,
		    const struct process_usage *now, bool device)
{
	uint64_t values[NEURON_STATS_LATENCIES];
	unsigned int i, count = usage_latencies(before, now, device, values);
	cJSON *object;
	char name[16];

	if (!count) {
		add(json, key, cJSON_CreateNull());
		return;
	}
	object = add_object(json, key);
	for (i = 0; i < NUM_PERCENTILES; i++) {
		snprintf(name, sizeof(name), "p%u", percentiles[i]);
		add_number(object, name, percentile(values, count, percentiles[i]));
	}
}

static void execution_group(cJSON *json, const struct process_usage *before,
			    const struct process_usage *now)
{
	const struct neuron_stats *b = before ? &before->stats : &none, *n = &now->stats;
	cJSON *object = add_object(json, "error_summary");
	unsigned int i;

	for (i = 0; i < NEURON_NUM_ERRORS; i++)
		add_number(object, error_names[i], usage_growth(b->error[i], n->error[i]));
	object = add_object(json, "execution_summary");
	for (i = 0; i < NEURON_NUM_OUTCOMES; i++)
		add_number(object, outcome_names[i], usage_growth(b->outcome[i], n->outcome[i]));
	object = add_object(json, "latency_stats");
	latency(object, "total_latency", before, now, false);
	latency(object, "device_latency", before, now, true);
}

static void host_breakdown(cJSON *json, uint64_t application, uint64_t buffers, uint64_t tensors)
{
	cJSON *object = add_object(json, "host");

	add_number(object, "application_memory", application);
	/* The weights of a model are kept in device DRAM alone. */
	add_number(object, "constants", 0);
	add_number(object, "dma_buffers", buffers);
	add_number(object, "tensors", tensors);
}

static void add_model(cJSON *array, const struct neuron_stats *stats,
		      const struct neuron_stats_model *model, unsigned int cores_per_chip)
{
	unsigned int core = stats->core[model->core].number;
	cJSON *json = made(cJSON_CreateObject()), *part, *memory, *object;
	char text[40];

	cJSON_AddItemToArray(array, json);
	add_text(json, "name", model->name);
	/* There is none in the file: the process and its model are as unique. */
	snprintf(text, sizeof(text), "%08x%08x%016x", stats->pid, model->id, model->core);
	add_text(json, "uuid", text);
	add_number(json, "model_id", model->id);
	/* Models are listed from their load to their end, and can't be stopped in between. */
	add(json, "is_running", cJSON_CreateBool(true));
	part = add_object(add_object(json, "subgraphs"), "sg_00");
	memory = add_object(part, "memory_used_bytes");
	add_number(memory, "host", 0);
	add_number(memory, "neuron_device", model->constants + model->code);
	object = add_object(memory, "usage_breakdown");
	host_breakdown(object, 0, 0, 0);
	object = add_object(object, "neuron_device");
	add_number(object, "constants", model->constants);
	add_number(object, "model_code", model->code);
	add_number(object, "runtime_memory", 0);
	add_number(object, "tensors", 0);
	add_number(part, "neuroncore_index", core);
	add_number(part, "neuron_device_index", cores_per_chip ? core / cores_per_chip : 0);
}

static uint64_t device_memory(const struct neuron_stats *stats)
{
	uint64_t sum = 0;
	unsigned int i, k;

	for (i = 0; i < stats->num_cores; i++)
		for (k = 0; k < NEURON_NUM_USES; k++)
			sum += stats->core[i].memory[k];
	return sum;
}

static uint64_t host_memory(const struct process_usage *process)
{
	return process->rss + process->stats.host_buffers + process->stats.host_tensors;
}

static void memory_group(cJSON *json, const struct process_usage *process,
			 unsigned int cores_per_chip)
{
	const struct neuron_stats *stats = &process->stats;
	cJSON *used = add_object(json, "neuron_runtime_used_bytes"), *parts, *cores, *core, *models;
	unsigned int i, k;
	char key[16];

	add_number(used, "host", host_memory(process));
	add_number(used, "neuron_device", device_memory(stats));
	parts = add_object(used, "usage_breakdown");
	host_breakdown(parts, process->rss, stats->host_buffers, stats->host_tensors);
	cores = add_object(parts, "neuroncore_memory_usage");
	for (i = 0; i < stats->num_cores; i++) {
		snprintf(key, sizeof(key), "%u", stats->core[i].number);
		core = add_object(cores, key);
		for (k = 0; k < NEURON_NUM_USES; k++)
			add_number(core, use_names[k], stats->core[i].memory[k]);
	}
	models = add(json, "loaded_models", cJSON_CreateArray());
	for (i = 0; i < NEURON_STATS_MODELS; i++)
		if (stats->model[i].id)
			add_model(models, stats, &stats->model[i], cores_per_chip);
}

/* Percent of all processors together. */
static double cpu_percent(uint64_t before, uint64_t now, int64_t ns, unsigned int cpus)
{
	return hundredths(usage_percent(before, now, ns * (cpus ? cpus : 1)));
}

static void vcpu_group(cJSON *json, const struct process_usage *before,
		       const struct process_usage *now, int64_t ns, unsigned int cpus)
{
	cJSON *object = add_object(json, "vcpu_usage");

	add_number(object, "user", cpu_percent(before ? before->user_ns : now->user_ns,
					       now->user_ns, ns, cpus));
	add_number(object, "system", cpu_percent(before ? before->system_ns : now->system_ns,
						 now->system_ns, ns, cpus));
}

static cJSON *new_group(const struct usage *before, const struct usage *now)
{
	cJSON *json = made(cJSON_CreateObject());

	add_number(json, "period", elapsed(before, now) / 1e9);
	return json;
}

cJSON *metrics_of_process(enum process_group group, const struct usage *before,
			  const struct usage *now, pid_t pid, unsigned int cores_per_chip)
{
	const struct process_usage *process = NULL, *old;
	unsigned int i;
	cJSON *json;

	for (i = 0; i < now->num_processes; i++)
		if (now->process[i].pid == pid)
			process = &now->process[i];
	if (!process)
		return NULL;
	old = usage_same_process(before, process);
	json = new_group(before, now);
	switch (group) {
	case GROUP_CORES:
		cores_group(json, old ? &old->stats : &none, &process->stats,
			    elapsed(before, now));
		break;
	case GROUP_EXECUTION:
		execution_group(json, old, process);
		break;
	case GROUP_MEMORY:
		memory_group(json, process, cores_per_chip);
		break;
	default:
		vcpu_group(json, old, process, elapsed(before, now), now->num_cpus);
	}
	add_text(json, "error", "");
	return json;
}

/*
 * Of the machine
 */

static void hardware_group(cJSON *json, const struct usage *now)
{
	cJSON *array = add(json, "neuron_devices", cJSON_CreateArray()), *chip;
	unsigned int i;

	for (i = 0; i < now->num_chips; i++) {
		chip = made(cJSON_CreateObject());
		cJSON_AddItemToArray(array, chip);
		add_number(chip, "neuron_device_index", now->chip[i].index);
		add_number(chip, "mem_ecc_corrected", now->chip[i].mem_corrected);
		add_number(chip, "mem_ecc_uncorrected", now->chip[i].mem_uncorrected);
		add_number(chip, "sram_ecc_uncorrected", now->chip[i].sram_uncorrected);
		/* The chip corrects no errors in its scratchpads. */
		add_number(chip, "sram_ecc_corrected", 0);
	}
}

/* Which part of the time was spent in which state. */
static void cpu_shares(const struct cpu_usage *before, const struct cpu_usage *now,
		       double share[CPU_STATES])
{
	uint64_t all = 0, part[CPU_STATES];
	int i;

	for (i = 0; i < CPU_STATES; i++) {
		part[i] = now->ticks[i] > before->ticks[i] ? now->ticks[i] - before->ticks[i] : 0;
		all += part[i];
	}
	for (i = 0; i < CPU_STATES; i++)
		share[i] = all ? (double)part[i] / all : 0;
}

static void cpu_states(cJSON *json, const struct cpu_usage *before, const struct cpu_usage *now)
{
	double share[CPU_STATES];
	int i;

	cpu_shares(before, now, share);
	for (i = 0; i < CPU_STATES; i++)
		add_number(json, cpu_names[i], hundredths(100 * share[i]));
}

static void cpus_group(cJSON *json, const struct usage *before, const struct usage *now)
{
	cJSON *object = add_object(json, "average_usage");
	unsigned int i;
	char key[16];

	cpu_states(object, &before->all_cpus, &now->all_cpus);
	object = add_object(json, "usage_data");
	for (i = 0; i < now->num_cpus && i < before->num_cpus; i++) {
		snprintf(key, sizeof(key), "%u", i);
		cpu_states(add_object(object, key), &before->cpu[i], &now->cpu[i]);
	}
	add_number(json, "context_switch_count",
		   usage_growth(before->context_switches, now->context_switches));
}

cJSON *metrics_of_system(enum system_group group, const struct usage *before,
			 const struct usage *now)
{
	cJSON *json = new_group(before, now);
	const char *error = "";

	switch (group) {
	case SYSTEM_HARDWARE:
		hardware_group(json, now);
		if (!now->num_chips)
			error = "no chip: is neuron.ko loaded?";
		break;
	case SYSTEM_CPUS:
		cpus_group(json, before, now);
		break;
	default:
		add_number(json, "memory_total_bytes", now->memory_total);
		add_number(json, "memory_used_bytes", now->memory_used);
		add_number(json, "swap_total_bytes", now->swap_total);
		add_number(json, "swap_used_bytes", now->swap_used);
	}
	add_text(json, "error", error);
	return json;
}

static const char *host_name(void)
{
	static char name[128];

	if (gethostname(name, sizeof(name) - 1))
		name[0] = '\0';
	return name;
}

cJSON *metrics_instance(void)
{
	/* Facts of a cloud's machine, which this one need not be. */
	static const char *const unknown[] = {
		"instance_availability_zone", "instance_availability_zone_id",
		"instance_region", "ami_id", "subnet_id", "error",
	};
	cJSON *json = made(cJSON_CreateObject());
	unsigned int i;

	add_text(json, "instance_name", host_name());
	add_text(json, "instance_id", "");
	add_text(json, "instance_type", "");
	for (i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++)
		add_text(json, unknown[i], "");
	return json;
}

cJSON *metrics_hardware(const struct hardware *hardware)
{
	cJSON *json = made(cJSON_CreateObject());

	add_text(json, "neuron_device_type", "inferentia");
	add_text(json, "neuron_device_version", "v1");
	add_text(json, "neuroncore_version", "v1");
	add_number(json, "neuron_device_count", hardware->chips);
	add_number(json, "neuron_device_memory_size", hardware->dram_size);
	add_number(json, "neuroncore_per_device_count", hardware->cores);
	add_number(json, "logical_neuroncore_config", 1);
	add_text(json, "error", hardware->error);
	return json;
}

/*
 * For Prometheus, with the names that the companion of the real tool gives
 */

struct exposition {
	FILE *file;
	const struct usage *before;
	const struct usage *now;
	const struct process_usage *process;
};

static void head(struct exposition *e, const char *name, const char *type, const char *help)
{
	fprintf(e->file, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* Texts of other processes stand between quotes. */
static void quoted(FILE *file, const char *text)
{
	fputc('"', file);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			fputc('\\', file);
		fputc(*text == '\n' ? ' ' : *text, file);
	}
	fputc('"', file);
}

static void labels(struct exposition *e, const char *name)
{
	fprintf(e->file, "%s{instance_name=", name);
	quoted(e->file, host_name());
	if (e->process) {
		fputs(",runtime_tag=", e->file);
		quoted(e->file, e->process->stats.tag);
		fprintf(e->file, ",pid=\"%d\"", e->process->pid);
	}
}

static void text_sample(struct exposition *e, const char *name, const char *label,
			const char *value, double number)
{
	labels(e, name);
	fprintf(e->file, ",%s=\"%s\"} %.17g\n", label, value, number);
}

static void core_sample(struct exposition *e, const char *name, unsigned int core, double number)
{
	labels(e, name);
	fprintf(e->file, ",neuroncore=\"%u\"} %.17g\n", core, number);
}

static void expose_cores(struct exposition *e)
{
	const struct process_usage *old = usage_same_process(e->before, e->process);
	const struct neuron_stats *b = old ? &old->stats : &none, *n = &e->process->stats;
	unsigned int i;

	for (i = 0; i < n->num_cores; i++)
		core_sample(e, "neuroncore_utilization_ratio", n->core[i].number,
			    usage_percent(b->core[i].busy_ns, n->core[i].busy_ns,
					  elapsed(e->before, e->now)) / 100);
}

static void expose_flops(struct exposition *e)
{
	const struct neuron_stats *n = &e->process->stats;
	unsigned int i;

	for (i = 0; i < n->num_cores; i++)
		core_sample(e, "neuroncore_flops_total", n->core[i].number, n->core[i].flops);
}

static void expose_memory(struct exposition *e)
{
	text_sample(e, "neuron_runtime_memory_used_bytes", "memory_location", "host",
		    host_memory(e->process));
	text_sample(e, "neuron_runtime_memory_used_bytes", "memory_location", "neuron_device",
		    device_memory(&e->process->stats));
}

static void expose_vcpu(struct exposition *e)
{
	const struct process_usage *old = usage_same_process(e->before, e->process);
	int64_t ns = elapsed(e->before, e->now) * (e->now->num_cpus ? e->now->num_cpus : 1);

	if (!old)
		return;
	text_sample(e, "neuron_runtime_vcpu_usage_ratio", "usage_type", "user",
		    usage_percent(old->user_ns, e->process->user_ns, ns) / 100);
	text_sample(e, "neuron_runtime_vcpu_usage_ratio", "usage_type", "system",
		    usage_percent(old->system_ns, e->process->system_ns, ns) / 100);
}

static void expose_outcomes(struct exposition *e)
{
	unsigned int i;

	for (i = 0; i < NEURON_NUM_OUTCOMES; i++)
		text_sample(e, "execution_status_total", "status_type", outcome_names[i],
			    e->process->stats.outcome[i]);
}

static void expose_errors(struct exposition *e)
{
	unsigned int i;

	for (i = 0; i < NEURON_NUM_ERRORS; i++)
		text_sample(e, "execution_errors_total", "error_type", error_names[i],
			    e->process->stats.error[i]);
}

static void expose_latencies(struct exposition *e)
{
	uint64_t values[NEURON_STATS_LATENCIES];
	unsigned int i, count;
	char name[16];

	count = usage_latencies(usage_same_process(e->before, e->process), e->process, false,
				values);
	for (i = 0; count && i < NUM_PERCENTILES; i++) {
		snprintf(name, sizeof(name), "p%u", percentiles[i]);
		text_sample(e, "execution_latency_seconds", "percentile", name,
			    percentile(values, count, percentiles[i]));
	}
}

static const struct {
	const char *name;
	const char *type;
	const char *help;
	void (*expose)(struct exposition *e);
} process_metrics[] = {
	{ "neuroncore_utilization_ratio", "gauge", "Share of the time that a core computed",
	  expose_cores },
	{ "neuroncore_flops_total", "counter", "Floating-point operations", expose_flops },
	{ "neuron_runtime_memory_used_bytes", "gauge", "Memory of a process", expose_memory },
	{ "neuron_runtime_vcpu_usage_ratio", "gauge",
	  "Share of the machine's processors that a process used", expose_vcpu },
	{ "execution_status_total", "counter", "Executions by how they ended", expose_outcomes },
	{ "execution_errors_total", "counter", "Failed executions by cause", expose_errors },
	{ "execution_latency_seconds", "gauge", "Latency of executions", expose_latencies },
};

static void expose_uses(struct exposition *e, unsigned int use)
{
	char name[64];
	unsigned int i, k;

	snprintf(name, sizeof(name), "neuroncore_memory_usage_%s", use_names[use]);
	head(e, name, "gauge", "Device memory of a core");
	for (i = 0; i < e->now->num_processes; i++) {
		e->process = &e->now->process[i];
		for (k = 0; k < e->process->stats.num_cores; k++)
			core_sample(e, name, e->process->stats.core[k].number,
				    e->process->stats.core[k].memory[use]);
	}
	e->process = NULL;
}

static void chip_sample(struct exposition *e, const char *name, const char *event,
			unsigned int chip, double number)
{
	labels(e, name);
	fprintf(e->file, ",event_type=\"%s\",neuron_device_index=\"%u\"} %.17g\n", event, chip,
		number);
}

/* What the driver counts, whoever's processes they are: cores are numbered as on the machine. */
static void expose_chip_cores(struct exposition *e, const char *name, const char *help,
			      double (*value)(const struct chip_usage *chip, unsigned int core))
{
	unsigned int i, k;

	head(e, name, "counter", help);
	for (i = 0; i < e->now->num_chips; i++) {
		const struct chip_usage *chip = &e->now->chip[i];

		for (k = 0; k < chip->cores; k++) {
			labels(e, name);
			fprintf(e->file,
				",neuron_device_index=\"%u\",neuroncore=\"%u\"} %.17g\n",
				chip->index, chip->first_core + k, value(chip, k));
		}
	}
}

static double busy_seconds(const struct chip_usage *chip, unsigned int core)
{
	return chip->busy_ns[core] / 1e9;
}

static double programs(const struct chip_usage *chip, unsigned int core)
{
	return chip->inferences[core];
}

static double resets(const struct chip_usage *chip, unsigned int core)
{
	return chip->resets[core];
}

static void expose_chips(struct exposition *e)
{
	static const char name[] = "neuron_device_memory_used_bytes";
	unsigned int i;

	expose_chip_cores(e, "neuron_device_core_busy_seconds_total",
			  "Time that a core executed programs", busy_seconds);
	expose_chip_cores(e, "neuron_device_core_programs_total", "Programs that ended well",
			  programs);
	expose_chip_cores(e, "neuron_device_core_resets_total", "Resets of a core", resets);
	head(e, name, "gauge", "Memory that a chip's buffers take");
	for (i = 0; i < e->now->num_chips; i++) {
		const struct chip_usage *chip = &e->now->chip[i];
		const char *const where[] = { "neuron_device", "host" };
		const uint64_t bytes[] = { chip->device_mem, chip->host_mem };
		unsigned int k;

		for (k = 0; k < 2; k++) {
			labels(e, name);
			fprintf(e->file,
				",neuron_device_index=\"%u\",memory_location=\"%s\"} %.17g\n",
				chip->index, where[k], (double)bytes[k]);
		}
	}
}

static void machine_sample(struct exposition *e, const char *name, const char *help,
			   double number)
{
	head(e, name, "gauge", help);
	labels(e, name);
	fprintf(e->file, "} %.17g\n", number);
}

static void expose_system(struct exposition *e)
{
	const struct usage *now = e->now;
	double share[CPU_STATES];

	machine_sample(e, "system_memory_total_bytes", "Memory of the machine",
		       now->memory_total);
	machine_sample(e, "system_memory_used_bytes", "Memory of the machine in use",
		       now->memory_used);
	machine_sample(e, "system_swap_total_bytes", "Swap of the machine", now->swap_total);
	machine_sample(e, "system_swap_used_bytes", "Swap of the machine in use",
		       now->swap_used);
	machine_sample(e, "system_vcpu_count", "Processors of the machine", now->num_cpus);
	cpu_shares(&e->before->all_cpus, &now->all_cpus, share);
	head(e, "system_vcpu_usage_ratio", "gauge",
	     "Share of the time that processors were busy");
	text_sample(e, "system_vcpu_usage_ratio", "usage_type", "user",
		    share[CPU_USER] + share[CPU_NICE]);
	text_sample(e, "system_vcpu_usage_ratio", "usage_type", "system",
		    share[CPU_SYSTEM] + share[CPU_IO_WAIT] + share[CPU_IRQ] +
		    share[CPU_SOFT_IRQ]);
	machine_sample(e, "instance_info", "The machine", 1);
}

static void expose_machine(struct exposition *e, const struct hardware *hardware)
{
	const struct usage *now = e->now;
	unsigned int i;

	expose_chips(e);
	head(e, "hardware_ecc_events_total", "counter", "Errors of memory");
	for (i = 0; i < now->num_chips; i++) {
		const struct chip_usage *chip = &now->chip[i];

		chip_sample(e, "hardware_ecc_events_total", "mem_ecc_corrected", chip->index,
			    chip->mem_corrected);
		chip_sample(e, "hardware_ecc_events_total", "mem_ecc_uncorrected", chip->index,
			    chip->mem_uncorrected);
		chip_sample(e, "hardware_ecc_events_total", "sram_ecc_uncorrected", chip->index,
			    chip->sram_uncorrected);
		/* The chip corrects no errors in its scratchpads. */
		chip_sample(e, "hardware_ecc_events_total", "sram_ecc_corrected", chip->index, 0);
	}
	expose_system(e);
	head(e, "neuron_hardware_info", "gauge", "Chips of the machine");
	labels(e, "neuron_hardware_info");
	fprintf(e->file, ",neuron_device_count=\"%u\",neuroncore_per_device_count=\"%u\"} 1\n",
		hardware->chips, hardware->cores);
}

void metrics_prometheus(FILE *file, const struct usage *before, const struct usage *now,
			const struct hardware *hardware)
{
	struct exposition e = { .file = file, .before = before, .now = now };
	unsigned int i, k;

	for (i = 0; i < sizeof(process_metrics) / sizeof(process_metrics[0]); i++) {
		head(&e, process_metrics[i].name, process_metrics[i].type,
		     process_metrics[i].help);
		for (k = 0; k < now->num_processes; k++) {
			e.process = &now->process[k];
			process_metrics[i].expose(&e);
		}
		e.process = NULL;
	}
	for (i = 0; i < NEURON_NUM_USES; i++)
		expose_uses(&e, i);
	expose_machine(&e, hardware);
}
