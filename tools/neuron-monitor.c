// SPDX-License-Identifier: MIT
/* Streams what chips and the processes that use them do, as JSON. */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <poll.h>
#include <regex.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <cjson/cJSON.h>
#include <neuron.h>
#include <tools/common/file.h>
#include <tools/common/http.h>
#include <tools/common/log.h>
#include <tools/common/metrics.h>
#include <tools/common/options.h>
#include <tools/common/say.h>

static const char help[] =
"Usage: neuron-monitor [OPTION]...\n"
"Print what the chips of this machine and the processes that use them do: a line of\n"
"JSON each time that something is due, every 5 seconds without a configuration.\n"
"\n"
"  -c, --config-file FILE  which metrics of which processes, and how often: JSON\n"
"      --prometheus PORT   serve the metrics for Prometheus, too, on this machine\n"
"                          alone; ADDRESS:PORT for others\n"
"      --verbose LEVEL     0 to 4: how much to say on standard error (default 0)\n"
"  -h, --help              print this\n"
"\n"
"Only root sees the processes of all users. The exit status is 0 after SIGINT or\n"
"SIGTERM, 1 when something fails, 2 for a bad command line or configuration.\n";

#define SECOND_NS	1000000000ll
#define DEFAULT_NS	(5 * SECOND_NS)
#define MIN_NS		(SECOND_NS / 100)

/**
 * struct group - a group of metrics
 * @on: it is wanted
 * @period_ns: time from one update to the next
 * @due_ns: when the next is due
 * @before: the look before the last
 * @now: the last look
 */
struct group {
	bool on;
	int64_t period_ns;
	int64_t due_ns;
	struct usage *before;
	struct usage *now;
};

/* Metrics of some processes. */
struct target {
	bool filtered;
	regex_t filter;
	struct group groups[NUM_PROCESS_GROUPS];
};

struct monitor {
	struct target *targets;
	unsigned int num_targets;
	struct group system[NUM_SYSTEM_GROUPS];
	struct hardware hardware;
	bool prometheus;
	int verbose;
};

static volatile sig_atomic_t ended;

static void verbose(const struct monitor *monitor, int level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void verbose(const struct monitor *monitor, int level, const char *format, ...)
{
	va_list args;

	if (level > monitor->verbose)
		return;
	fputs("neuron-monitor: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}

/* All groups, one after the other; NULL behind the last. */
static struct group *group_at(struct monitor *monitor, unsigned int n)
{
	if (n < NUM_SYSTEM_GROUPS)
		return &monitor->system[n];
	n -= NUM_SYSTEM_GROUPS;
	if (n / NUM_PROCESS_GROUPS >= monitor->num_targets)
		return NULL;
	return &monitor->targets[n / NUM_PROCESS_GROUPS].groups[n % NUM_PROCESS_GROUPS];
}

/* INT64_MAX when nothing is wanted. */
static int64_t next_due(struct monitor *monitor)
{
	int64_t due = INT64_MAX;
	struct group *group;
	unsigned int i;

	for (i = 0; (group = group_at(monitor, i)); i++)
		if (group->on && group->due_ns < due)
			due = group->due_ns;
	return due;
}

/*
 * Configuration
 */

static void bad_config(const char *format, ...)
	__attribute__((format(printf, 1, 2), noreturn));

static void bad_config(const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	say_error("the configuration: %s; see neuron-monitor(1)", text);
	exit(EXIT_USAGE);
}

/* "5s", "500ms", "1m"; where there is none it is that of what it is in. */
static int64_t period_of(const cJSON *object, int64_t otherwise)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, "period");
	double value, ns;
	char *unit;

	if (!item)
		return otherwise;
	if (!cJSON_IsString(item))
		bad_config("a period is not a string such as \"1s\"");
	value = strtod(item->valuestring, &unit);
	if (!strcmp(unit, "s"))
		ns = value * SECOND_NS;
	else if (!strcmp(unit, "ms"))
		ns = value * SECOND_NS / 1000;
	else if (!strcmp(unit, "m"))
		ns = value * SECOND_NS * 60;
	else
		ns = -1;
	if (!(ns >= MIN_NS && ns <= 86400.0 * SECOND_NS))
		bad_config("period \"%.40s\" is not a time from 10ms to a day, such as \"1s\"",
			   item->valuestring);
	return ns;
}

static const cJSON *array_of(const cJSON *object, const char *key)
{
	const cJSON *array = cJSON_GetObjectItemCaseSensitive(object, key);

	if (array && !cJSON_IsArray(array))
		bad_config("\"%s\" is not an array", key);
	return array;
}

static void read_groups(const cJSON *array, const char *const *names, unsigned int count,
			int64_t period, struct group *groups)
{
	const cJSON *item, *type;
	unsigned int i;

	cJSON_ArrayForEach(item, array) {
		type = cJSON_GetObjectItemCaseSensitive(item, "type");
		if (!cJSON_IsString(type))
			bad_config("a group of metrics has no \"type\"");
		for (i = 0; i < count && strcmp(type->valuestring, names[i]); i++)
			;
		if (i == count)
			bad_config("there is no group of metrics \"%.60s\" here: %s, %s, %s%s%s",
				   type->valuestring, names[0], names[1], names[2],
				   count > 3 ? ", " : "", count > 3 ? names[3] : "");
		groups[i].on = true;
		groups[i].period_ns = period_of(item, period);
	}
}

static struct target *add_target(struct monitor *monitor)
{
	struct target *target;

	monitor->targets = realloc(monitor->targets,
				   (monitor->num_targets + 1) * sizeof(*monitor->targets));
	if (!monitor->targets)
		die_oom();
	target = &monitor->targets[monitor->num_targets++];
	memset(target, 0, sizeof(*target));
	return target;
}

static void read_target(struct monitor *monitor, const cJSON *item, int64_t period)
{
	const cJSON *filter = cJSON_GetObjectItemCaseSensitive(item, "tag_filter");
	struct target *target = add_target(monitor);

	if (filter) {
		if (!cJSON_IsString(filter) ||
		    regcomp(&target->filter, filter->valuestring, REG_EXTENDED | REG_NOSUB))
			bad_config("a tag_filter is not a regular expression");
		target->filtered = true;
	}
	read_groups(array_of(item, "metrics"), process_group_names, NUM_PROCESS_GROUPS,
		    period_of(item, period), target->groups);
}

static void read_config(struct monitor *monitor, const char *path)
{
	const cJSON *item;
	int64_t period;
	cJSON *json;
	size_t size;
	char *text;

	text = file_read(path, &size);
	if (!text)
		exit(EXIT_USAGE);
	json = cJSON_ParseWithLength(text, size);
	if (!cJSON_IsObject(json))
		bad_config("%s is not a JSON object", path);
	period = period_of(json, DEFAULT_NS);
	cJSON_ArrayForEach(item, array_of(json, "neuron_runtimes"))
		read_target(monitor, item, period);
	read_groups(array_of(json, "system_metrics"), system_group_names, NUM_SYSTEM_GROUPS,
		    period, monitor->system);
	cJSON_Delete(json);
	free(text);
	if (next_due(monitor) == INT64_MAX)
		bad_config("it asks for no metrics");
}

/* Everything. */
static void default_config(struct monitor *monitor)
{
	struct target *target = add_target(monitor);
	unsigned int i;

	for (i = 0; i < NUM_PROCESS_GROUPS; i++)
		target->groups[i] = (struct group) { .on = true, .period_ns = DEFAULT_NS };
	for (i = 0; i < NUM_SYSTEM_GROUPS; i++)
		monitor->system[i] = (struct group) { .on = true, .period_ns = DEFAULT_NS };
}

static void parse_options(struct monitor *monitor, int argc, char **argv)
{
	enum { PROMETHEUS = 0x100, VERBOSE };
	static const struct option options[] = {
		{ "config-file", required_argument, NULL, 'c' },
		{ "prometheus", required_argument, NULL, PROMETHEUS },
		{ "verbose", required_argument, NULL, VERBOSE },
		{ "help", no_argument, NULL, 'h' },
		{ 0 }
	};
	const char *config = NULL, *where = NULL;
	long level;
	int c;

	while ((c = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
		switch (c) {
		case 'c':
			config = optarg;
			break;
		case PROMETHEUS:
			where = optarg;
			break;
		case VERBOSE:
			if (!parse_number(optarg, 0, 4, &level))
				usage_error("'%s' is not a level from 0 to 4", optarg);
			monitor->verbose = level;
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
	if (config)
		read_config(monitor, config);
	else
		default_config(monitor);
	if (where && !http_start(where))
		exit(EXIT_FAILED);
	monitor->prometheus = where;
}

/* What does not change is asked of the library, once. */
static void read_hardware(struct hardware *hardware)
{
	struct neuron_device_info info;
	struct neuron_device *device;

	log_take();
	if (neuron_device_count(NULL, &hardware->chips) ||
	    neuron_device_open(NULL, 0, &device)) {
		hardware->chips = 0;
		snprintf(hardware->error, sizeof(hardware->error), "%.255s", neuron_error());
		return;
	}
	if (!neuron_device_get_info(device, &info, sizeof(info))) {
		hardware->cores = info.cores;
		hardware->dram_size = info.dram_size;
	}
	neuron_device_close(device);
}

/*
 * Reports
 */

static void start(struct monitor *monitor)
{
	struct usage *usage = usage_read();
	struct group *group;
	unsigned int i;

	for (i = 0; (group = group_at(monitor, i)); i++) {
		group->due_ns = usage->time_ns + group->period_ns;
		group->now = usage_get(usage);
	}
	usage_put(usage);
}

static void update(struct monitor *monitor, struct usage *usage)
{
	struct group *group;
	unsigned int i;

	for (i = 0; (group = group_at(monitor, i)); i++) {
		if (!group->on || group->due_ns > usage->time_ns)
			continue;
		usage_put(group->before);
		group->before = group->now;
		group->now = usage_get(usage);
		/* No bursts after a time in which this process could not run. */
		group->due_ns += group->period_ns;
		if (group->due_ns <= usage->time_ns)
			group->due_ns = usage->time_ns + group->period_ns;
	}
}

static bool wants(const struct target *target, const struct process_usage *process)
{
	return !target->filtered || !regexec(&target->filter, process->stats.tag, 0, NULL, 0);
}

static void add_item(cJSON *object, const char *key, cJSON *item)
{
	if (!item || !cJSON_AddItemToObject(object, key, item))
		die_oom();
}

static cJSON *process_json(const struct monitor *monitor, const struct target *target,
			   const struct process_usage *process)
{
	cJSON *json = cJSON_CreateObject(), *report = cJSON_CreateObject(), *item;
	unsigned int i;

	add_item(json, "pid", cJSON_CreateNumber(process->pid));
	add_item(json, "address", cJSON_CreateString(""));
	add_item(json, "neuron_runtime_tag", cJSON_CreateString(process->stats.tag));
	add_item(json, "error", cJSON_CreateString(""));
	for (i = 0; i < NUM_PROCESS_GROUPS; i++) {
		const struct group *group = &target->groups[i];

		if (!group->on || !group->before)
			continue;
		item = metrics_of_process(i, group->before, group->now, process->pid,
					  monitor->hardware.cores);
		if (item)
			add_item(report, process_group_names[i], item);
	}
	add_item(json, "report", report);
	return json;
}

static cJSON *report_json(const struct monitor *monitor, const struct usage *usage)
{
	cJSON *json = cJSON_CreateObject(), *array = cJSON_CreateArray();
	cJSON *system = cJSON_CreateObject();
	unsigned int i, k;

	for (i = 0; i < usage->num_processes; i++) {
		for (k = 0; k < monitor->num_targets &&
		     !wants(&monitor->targets[k], &usage->process[i]); k++)
			;
		if (k < monitor->num_targets)
			cJSON_AddItemToArray(array, process_json(monitor, &monitor->targets[k],
								 &usage->process[i]));
	}
	for (i = 0; i < NUM_SYSTEM_GROUPS; i++) {
		const struct group *group = &monitor->system[i];

		if (group->on && group->before)
			add_item(system, system_group_names[i],
				 metrics_of_system(i, group->before, group->now));
	}
	add_item(json, "neuron_runtime_data", array);
	add_item(json, "system_data", system);
	add_item(json, "instance_info", metrics_instance());
	add_item(json, "neuron_hardware_info", metrics_hardware(&monitor->hardware));
	return json;
}

/* A reader may take its time, and a signal end that. */
static bool print(const char *text, const sigset_t *mask)
{
	struct pollfd poller = { .fd = STDOUT_FILENO, .events = POLLOUT };
	size_t size = strlen(text);
	ssize_t n;

	while (size && !ended) {
		if (ppoll(&poller, 1, NULL, mask) < 0)
			continue;
		/* So much goes into a pipe that has room, without waiting. */
		n = write(STDOUT_FILENO, text, size < PIPE_BUF ? size : PIPE_BUF);
		if (n < 0 && errno != EINTR && errno != EAGAIN) {
			say_error("standard output: %m");
			return false;
		}
		if (n > 0) {
			text += n;
			size -= n;
		}
	}
	return true;
}

static bool print_report(const struct monitor *monitor, const struct usage *usage,
			 const sigset_t *mask)
{
	cJSON *json = report_json(monitor, usage);
	char *text = cJSON_PrintUnformatted(json);
	bool ok;

	if (!text)
		die_oom();
	ok = print(text, mask) && print("\n", mask);
	free(text);
	cJSON_Delete(json);
	return ok;
}

static void publish(const struct monitor *monitor, const struct usage *before,
		    const struct usage *now)
{
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	if (!file)
		die_oom();
	metrics_prometheus(file, before, now, &monitor->hardware);
	if (fclose(file))
		die_oom();
	http_publish(text);
}

static void end(int signal)
{
	ended = signal;
}

/* Until something is due, or a signal ends it all. */
static void wait_until(int64_t due_ns, const sigset_t *mask)
{
	struct timespec now, left = { .tv_sec = 3600 };
	int64_t ns;

	clock_gettime(CLOCK_MONOTONIC, &now);
	ns = due_ns - (now.tv_sec * SECOND_NS + now.tv_nsec);
	if (ns <= 0)
		return;
	if (ns < left.tv_sec * SECOND_NS) {
		left.tv_sec = ns / SECOND_NS;
		left.tv_nsec = ns % SECOND_NS;
	}
	pselect(0, NULL, NULL, NULL, &left, mask);
}

static int run(struct monitor *monitor, const sigset_t *mask)
{
	struct usage *before = usage_read(), *now;
	int status = EXIT_OK;
	int64_t due;

	if (monitor->prometheus)
		publish(monitor, before, before);
	start(monitor);
	while (!ended && status == EXIT_OK) {
		due = next_due(monitor);
		wait_until(due, mask);
		now = usage_read();
		if (ended || now->time_ns < due) {
			usage_put(now);
			continue;
		}
		update(monitor, now);
		verbose(monitor, 3, "%u processes, %u chips", now->num_processes, now->num_chips);
		if (monitor->prometheus)
			publish(monitor, before, now);
		if (!print_report(monitor, now, mask))
			status = EXIT_FAILED;
		usage_put(before);
		before = now;
	}
	usage_put(before);
	return status;
}

int main(int argc, char **argv)
{
	const struct sigaction action = { .sa_handler = end };
	struct monitor monitor = { 0 };
	sigset_t block, mask;

	/* They come only while it waits. */
	sigemptyset(&block);
	sigaddset(&block, SIGINT);
	sigaddset(&block, SIGTERM);
	sigprocmask(SIG_BLOCK, &block, &mask);
	sigdelset(&mask, SIGINT);
	sigdelset(&mask, SIGTERM);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);

	parse_options(&monitor, argc, argv);
	read_hardware(&monitor.hardware);
	if (monitor.hardware.error[0])
		verbose(&monitor, 1, "%s", monitor.hardware.error);
	verbose(&monitor, 2, "%u chips of %u cores", monitor.hardware.chips,
		monitor.hardware.cores);
	return run(&monitor, &mask);
}
