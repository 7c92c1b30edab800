// SPDX-License-Identifier: MIT
/* Lists the chips of this machine and the processes that use them. */
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cjson/cJSON.h>
#include <tools/common/print.h>
#include <tools/common/say.h>
#include <tools/common/system.h>

static const char help[] =
"Usage: neuron-ls [OPTION]...\n"
"List the chips of this machine and the processes that hold their cores.\n"
"\n"
"  -w, --wide            whole command lines, and what each chip computes with\n"
"  -a, --show-all-procs  all processes that have a chip open, not only those that\n"
"                        hold cores\n"
"  -t, --topology        how the chips are linked\n"
"  -j, --json-output     print JSON\n"
"  -h, --help            print this\n"
"\n"
"NEURON_RT_DEVICE selects chips as for every program that uses libneuron: without\n"
"it those of the kernel driver. The exit status is 0, 1 when there is no chip or it\n"
"can't be reached, 2 for a bad command line.\n";

struct settings {
	bool wide;
	bool all;
	bool topology;
	bool json;
};

static struct settings parse_options(int argc, char **argv)
{
	static const struct option options[] = {
		{ "wide", no_argument, NULL, 'w' },
		{ "show-all-procs", no_argument, NULL, 'a' },
		{ "topology", no_argument, NULL, 't' },
		{ "json-output", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 }
	};
	struct settings settings = { 0 };
	int c;

	while ((c = getopt_long(argc, argv, "watjh", options, NULL)) != -1) {
		switch (c) {
		case 'w':
			settings.wide = true;
			break;
		case 'a':
			settings.all = true;
			break;
		case 't':
			settings.topology = true;
			break;
		case 'j':
			settings.json = true;
			break;
		case 'h':
			fputs(help, stdout);
			exit(EXIT_OK);
		default:
			usage_error("the command line is not understood");
		}
	}
	if (optind < argc)
		usage_error("'%s' is too much", argv[optind]);
	return settings;
}

/* Processes that are shown: those that hold cores, or all. */
static bool shown(const struct settings *settings, const struct user *user)
{
	return settings->all || user->cores;
}

/*
 * As text: a table whose columns are as wide as their contents
 */

enum {
	DEVICE, CORES, CORE_IDS, MEMORY, CONNECTED, BDF, AFFINITY, NUMA, PID,
	COMMAND, RUNTIME, KERNELS, NUM_COLUMNS
};

static const char *const titles[NUM_COLUMNS] = {
	"DEVICE", "CORES", "CORE IDS", "MEMORY", "CONNECTED", "BDF",
	"CPU AFFINITY", "NUMA", "PID", "COMMAND", "RUNTIME VERSION",
	"COMPUTES WITH",
};

#define COMMAND_WIDTH	32

struct row {
	char *cell[NUM_COLUMNS];
};

struct table {
	struct row *rows;
	unsigned int count;
	int width[NUM_COLUMNS];
};

static void set(struct table *table, int column, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void set(struct table *table, int column, const char *format, ...)
{
	struct row *row = &table->rows[table->count - 1];
	va_list args;

	va_start(args, format);
	if (vasprintf(&row->cell[column], format, args) < 0)
		die_oom();
	va_end(args);
	if ((int)strlen(row->cell[column]) > table->width[column])
		table->width[column] = strlen(row->cell[column]);
}

static void add_row(struct table *table)
{
	table->rows = realloc(table->rows, (table->count + 1) * sizeof(*table->rows));
	if (!table->rows)
		die_oom();
	memset(&table->rows[table->count++], 0, sizeof(*table->rows));
}

static void fill_user(struct table *table, const struct user *user, bool wide)
{
	set(table, PID, "%d", user->pid);
	set(table, COMMAND, "%.*s", wide ? 4096 : COMMAND_WIDTH, user->command);
	set(table, RUNTIME, "%s", user->runtime);
}

static void fill(struct table *table, const struct chips *chips,
		 const struct settings *settings)
{
	for (unsigned int i = 0; i < chips->count; i++) {
		const struct chip *chip = &chips->chip[i];
		unsigned int first = chips_first_core(chips, i);
		bool more = false;
		char text[32];

		add_row(table);
		set(table, DEVICE, "%u", i);
		set(table, CORES, "%u", chip->info.cores);
		set(table, CORE_IDS, "%u-%u", first, first + chip->info.cores - 1);
		set(table, MEMORY, "%s", bytes_text(chip->info.dram_size, text));
		set(table, CONNECTED, "-");
		set(table, BDF, "%s", chip->info.address[0] ? chip->info.address
							    : chip->info.name);
		set(table, AFFINITY, "%s",
		    chip->cpu_affinity[0] ? chip->cpu_affinity : "-");
		if (chip->numa_node < 0)
			set(table, NUMA, "-");
		else
			set(table, NUMA, "%d", chip->numa_node);
		if (settings->wide)
			set(table, KERNELS, "%s, %u thread%s",
			    chip->info.host_kernels[0] ? chip->info.host_kernels
						       : "unknown",
			    chip->info.host_threads,
			    chip->info.host_threads == 1 ? "" : "s");
		for (unsigned int k = 0; k < chip->num_users; k++) {
			if (!shown(settings, &chip->users[k]))
				continue;
			if (more)
				add_row(table);
			fill_user(table, &chip->users[k], settings->wide);
			more = true;
		}
	}
}

static void print_rule(const struct table *table)
{
	for (int c = 0; c < NUM_COLUMNS; c++) {
		if (!table->width[c])
			continue;
		putchar('+');
		for (int i = 0; i < table->width[c] + 2; i++)
			putchar('-');
	}
	puts("+");
}

static void print_row(const struct table *table, char *const *cell)
{
	for (int c = 0; c < NUM_COLUMNS; c++)
		if (table->width[c])
			printf("| %-*s ", table->width[c], cell[c] ? cell[c] : "");
	puts("|");
}

static void print_text(const struct chips *chips, const struct settings *settings)
{
	struct table table = { 0 };

	printf("instance-type: %s\n", instance_type());
	/* One core is one core: only later chips have logical ones of several. */
	puts("logical-neuroncore-config: 1");
	fill(&table, chips, settings);
	for (int c = 0; c < NUM_COLUMNS; c++)
		if (table.width[c] && table.width[c] < (int)strlen(titles[c]))
			table.width[c] = strlen(titles[c]);
	print_rule(&table);
	print_row(&table, (char *const *)titles);
	print_rule(&table);
	for (unsigned int i = 0; i < table.count; i++) {
		print_row(&table, table.rows[i].cell);
		for (int c = 0; c < NUM_COLUMNS; c++)
			free(table.rows[i].cell[c]);
	}
	print_rule(&table);
	free(table.rows);
}

/* Each chip of the model stands alone: there is no NeuronLink between them. */
static void print_topology(const struct chips *chips)
{
	printf("%10s", "");
	for (unsigned int i = 0; i < chips->count; i++)
		printf(" %6s%-2u", "neuron", i);
	putchar('\n');
	for (unsigned int i = 0; i < chips->count; i++) {
		printf("%6s%-4u", "neuron", i);
		for (unsigned int k = 0; k < chips->count; k++)
			printf(" %8s", i == k ? "self" : "host");
		putchar('\n');
	}
	puts("\nself: the same chip; host: through host memory, there is no link between chips");
}

/*
 * As JSON, with the keys of the real chip's tool
 */

static void add(cJSON *object, const char *key, cJSON *item)
{
	if (!item || !cJSON_AddItemToObject(object, key, item))
		die_oom();
}

static cJSON *made(cJSON *item)
{
	if (!item)
		die_oom();
	return item;
}

static cJSON *json_users(const struct chip *chip, const struct settings *settings)
{
	cJSON *array = made(cJSON_CreateArray());

	for (unsigned int i = 0; i < chip->num_users; i++) {
		const struct user *user = &chip->users[i];
		cJSON *object;

		if (!shown(settings, user))
			continue;
		object = made(cJSON_CreateObject());
		add(object, "pid", cJSON_CreateNumber(user->pid));
		add(object, "command", cJSON_CreateString(user->command));
		add(object, "neuron_runtime_version",
		    cJSON_CreateString(user->runtime));
		cJSON_AddItemToArray(array, object);
	}
	return array;
}

static cJSON *json_chip(const struct chips *chips, unsigned int index,
			const struct settings *settings)
{
	const struct chip *chip = &chips->chip[index];
	unsigned int first = chips_first_core(chips, index);
	cJSON *object = made(cJSON_CreateObject());
	cJSON *ids = made(cJSON_CreateArray());
	char node[16];

	for (unsigned int i = 0; i < chip->info.cores; i++)
		cJSON_AddItemToArray(ids, made(cJSON_CreateNumber(first + i)));
	add(object, "instance_type", cJSON_CreateString(instance_type()));
	add(object, "instance_id", cJSON_CreateString(""));
	add(object, "neuron_device", cJSON_CreateNumber(index));
	add(object, "bdf", cJSON_CreateString(chip->info.address));
	add(object, "cpu_affinity", cJSON_CreateString(chip->cpu_affinity));
	/* A string there, "-1" without nodes; and null where there are no links. */
	snprintf(node, sizeof(node), "%d", chip->numa_node);
	add(object, "numa_node", cJSON_CreateString(node));
	add(object, "connected_to", cJSON_CreateNull());
	add(object, "nc_count", cJSON_CreateNumber(chip->info.cores));
	add(object, "logical_neuroncore_config", cJSON_CreateNumber(1));
	add(object, "memory_size", cJSON_CreateNumber(chip->info.dram_size));
	add(object, "neuroncore_ids", ids);
	add(object, "neuron_processes", json_users(chip, settings));
	/* Of ours alone. */
	add(object, "device_name", cJSON_CreateString(chip->info.name));
	add(object, "host_kernels", cJSON_CreateString(chip->info.host_kernels));
	add(object, "host_threads", cJSON_CreateNumber(chip->info.host_threads));
	return object;
}

static void print_json(const struct chips *chips, const struct settings *settings)
{
	cJSON *array = made(cJSON_CreateArray());

	for (unsigned int i = 0; i < chips->count; i++)
		cJSON_AddItemToArray(array, json_chip(chips, i, settings));
	json_print(stdout, array);
}

int main(int argc, char **argv)
{
	struct settings settings = parse_options(argc, argv);
	struct chips chips;

	if (!chips_read(&chips))
		return EXIT_FAILED;
	if (settings.json)
		print_json(&chips, &settings);
	else if (settings.topology)
		print_topology(&chips);
	else
		print_text(&chips, &settings);
	chips_free(&chips);
	if (fflush(stdout) || ferror(stdout)) {
		say_error("standard output: %m");
		return EXIT_FAILED;
	}
	return EXIT_OK;
}
