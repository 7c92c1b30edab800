// SPDX-License-Identifier: MIT
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "say.h"
#include "usage.h"

#define CLASS	"/sys/class/neuron_device"
#define MEMFD	"/memfd:" NEURON_STATS_FILE " (deleted)"

/* Room for one more. */
static void *grow(void *array, unsigned int count, size_t size)
{
	array = realloc(array, (count + 1) * size);
	if (!array)
		die_oom();
	return array;
}

static bool read_text(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = -1;
	size_t done = 0;

	while (fd >= 0 && done < size - 1 && (n = read(fd, text + done, size - 1 - done)) > 0)
		done += n;
	if (fd >= 0)
		close(fd);
	text[done] = '\0';
	return done > 0;
}

/*
 * Chips
 */

/* 0 where there is no such file. */
static uint64_t leaf(unsigned int index, const char *name)
{
	char path[160], text[32];

	snprintf(path, sizeof(path), CLASS "/neuron%u/%s", index, name);
	return read_text(path, text, sizeof(text)) ? strtoull(text, NULL, 10) : 0;
}

static uint64_t core_leaf(unsigned int index, unsigned int core, const char *name)
{
	char path[96];

	snprintf(path, sizeof(path), "neuron_core%u/stats/other_info/%s/total", core, name);
	return leaf(index, path);
}

static struct chip_usage read_chip(unsigned int index)
{
	struct chip_usage chip = { .index = index, .cores = leaf(index, "core_count") };
	unsigned int i;

	if (chip.cores > USAGE_MAX_CORES)
		chip.cores = USAGE_MAX_CORES;
	for (i = 0; i < chip.cores; i++) {
		chip.busy_ns[i] = core_leaf(index, i, "nc_time_in_use");
		chip.inferences[i] = core_leaf(index, i, "inference_count");
		chip.resets[i] = core_leaf(index, i, "reset_req_count");
	}
	chip.device_mem = leaf(index, "stats/memory_usage/device_mem/total");
	chip.host_mem = leaf(index, "stats/memory_usage/host_mem/total");
	chip.mem_corrected = leaf(index, "stats/hardware/mem_ecc_corrected");
	chip.mem_uncorrected = leaf(index, "stats/hardware/mem_ecc_uncorrected");
	chip.sram_uncorrected = leaf(index, "stats/hardware/sram_ecc_uncorrected");
	return chip;
}

static int by_index(const void *a, const void *b)
{
	const struct chip_usage *x = a, *y = b;

	return (x->index > y->index) - (x->index < y->index);
}

static void read_chips(struct usage *usage)
{
	unsigned int index, i, first = 0;
	struct dirent *entry;
	DIR *dir = opendir(CLASS);
	char rest;

	while (dir && (entry = readdir(dir))) {
		if (sscanf(entry->d_name, "neuron%u%c", &index, &rest) != 1)
			continue;
		usage->chip = grow(usage->chip, usage->num_chips, sizeof(*usage->chip));
		usage->chip[usage->num_chips++] = read_chip(index);
	}
	if (dir)
		closedir(dir);
	if (usage->num_chips)
		qsort(usage->chip, usage->num_chips, sizeof(*usage->chip), by_index);
	for (i = 0; i < usage->num_chips; i++) {
		usage->chip[i].first_core = first;
		first += usage->chip[i].cores;
	}
}

/*
 * Processes. What one tells of itself may be anything: it is copied, and checked.
 */

static void make_printable(char *text, size_t size)
{
	size_t i;

	text[size - 1] = '\0';
	for (i = 0; text[i]; i++)
		if (!isprint((unsigned char)text[i]))
			text[i] = '?';
}

/* The process's number in the innermost namespace, as it sees itself. */
static pid_t inner_pid(const char *status)
{
	const char *line = strstr(status, "\nNSpid:"), *end;
	pid_t pid = 0;
	char *next;

	if (!line)
		return 0;
	line += strlen("\nNSpid:");
	end = strchrnul(line, '\n');
	while (line < end) {
		pid = strtol(line, &next, 10);
		if (next == line)
			break;
		line = next;
		line += strspn(line, "\t ");
	}
	return pid;
}

static bool check_stats(struct neuron_stats *stats, pid_t inner)
{
	unsigned int i;

	if (stats->magic != NEURON_STATS_MAGIC || stats->version != NEURON_STATS_VERSION ||
	    stats->num_cores > NEURON_STATS_CORES || (inner && stats->pid != (uint32_t)inner))
		return false;
	make_printable(stats->tag, sizeof(stats->tag));
	make_printable(stats->device, sizeof(stats->device));
	for (i = 0; i < NEURON_STATS_MODELS; i++) {
		make_printable(stats->model[i].name, sizeof(stats->model[i].name));
		if (stats->model[i].core >= stats->num_cores)
			stats->model[i].id = 0;
	}
	return true;
}

static bool read_stats(int dir, const char *name, struct neuron_stats *stats)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	bool ok;

	if (fd < 0)
		return false;
	ok = !fstat(fd, &st) && S_ISREG(st.st_mode) &&
	     pread(fd, stats, sizeof(*stats), 0) == sizeof(*stats);
	close(fd);
	return ok;
}

static uint64_t kib_of(const char *text, const char *key)
{
	const char *line = strstr(text, key);

	return line ? strtoull(line + strlen(key), NULL, 10) << 10 : 0;
}

static void read_times(struct process_usage *process)
{
	const uint64_t tick = 1000000000ull / sysconf(_SC_CLK_TCK);
	unsigned long user, system;
	char path[64], text[1024], *rest;

	snprintf(path, sizeof(path), "/proc/%d/stat", process->pid);
	/* The name in it may have blanks and brackets. */
	read_text(path, text, sizeof(text));
	rest = strrchr(text, ')');
	if (!rest ||
	    sscanf(rest + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
		   &user, &system) != 2)
		return;
	process->user_ns = user * tick;
	process->system_ns = system * tick;
}

static bool read_process(pid_t pid, struct process_usage *process)
{
	char path[64], text[4096], link[64];
	struct dirent *entry;
	bool found = false;
	pid_t inner;
	ssize_t n;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	dir = opendir(path);
	if (!dir)
		return false;
	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	read_text(path, text, sizeof(text));
	inner = inner_pid(text);
	while (!found && (entry = readdir(dir))) {
		n = readlinkat(dirfd(dir), entry->d_name, link, sizeof(link) - 1);
		if (n != sizeof(MEMFD) - 1 || memcmp(link, MEMFD, n))
			continue;
		found = read_stats(dirfd(dir), entry->d_name, &process->stats) &&
			check_stats(&process->stats, inner);
	}
	closedir(dir);
	if (!found)
		return false;
	process->pid = pid;
	process->rss = kib_of(text, "\nRssAnon:");
	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	read_text(path, process->command, sizeof(process->command));
	process->command[strcspn(process->command, "\n")] = '\0';
	make_printable(process->command, sizeof(process->command));
	process->user_ns = 0;
	process->system_ns = 0;
	read_times(process);
	return true;
}

static int by_pid(const void *a, const void *b)
{
	const struct process_usage *x = a, *y = b;

	return (x->pid > y->pid) - (x->pid < y->pid);
}

static void read_processes(struct usage *usage)
{
	struct dirent *entry;
	DIR *dir = opendir("/proc");

	while (dir && (entry = readdir(dir))) {
		pid_t pid = atoi(entry->d_name);

		if (pid <= 0)
			continue;
		usage->process = grow(usage->process, usage->num_processes,
				      sizeof(*usage->process));
		usage->num_processes += read_process(pid, &usage->process[usage->num_processes]);
	}
	if (dir)
		closedir(dir);
	if (usage->num_processes)
		qsort(usage->process, usage->num_processes, sizeof(*usage->process), by_pid);
}

/*
 * The machine
 */

static bool parse_cpu(const char *line, struct cpu_usage *cpu)
{
	unsigned long long t[CPU_STATES];
	int i;

	if (sscanf(line, "%*s %llu %llu %llu %llu %llu %llu %llu", &t[CPU_USER], &t[CPU_NICE],
		   &t[CPU_SYSTEM], &t[CPU_IDLE], &t[CPU_IO_WAIT], &t[CPU_IRQ],
		   &t[CPU_SOFT_IRQ]) != CPU_STATES)
		return false;
	for (i = 0; i < CPU_STATES; i++)
		cpu->ticks[i] = t[i];
	return true;
}

static void read_cpus(struct usage *usage)
{
	FILE *file = fopen("/proc/stat", "re");
	struct cpu_usage cpu;
	char *line = NULL;
	size_t room = 0;

	while (file && getline(&line, &room, file) > 0) {
		if (!strncmp(line, "cpu ", 4)) {
			parse_cpu(line, &usage->all_cpus);
		} else if (!strncmp(line, "cpu", 3) && parse_cpu(line, &cpu)) {
			usage->cpu = grow(usage->cpu, usage->num_cpus, sizeof(*usage->cpu));
			usage->cpu[usage->num_cpus++] = cpu;
		} else if (!strncmp(line, "ctxt ", 5)) {
			usage->context_switches = strtoull(line + 5, NULL, 10);
		}
	}
	if (file)
		fclose(file);
	free(line);
}

static void read_memory(struct usage *usage)
{
	char text[4096] = "\n";

	read_text("/proc/meminfo", text + 1, sizeof(text) - 1);
	usage->memory_total = kib_of(text, "\nMemTotal:");
	usage->memory_used = usage->memory_total - kib_of(text, "\nMemAvailable:");
	usage->swap_total = kib_of(text, "\nSwapTotal:");
	usage->swap_used = usage->swap_total - kib_of(text, "\nSwapFree:");
}

struct usage *usage_read(void)
{
	struct usage *usage = calloc(1, sizeof(*usage));
	struct timespec now;

	if (!usage)
		die_oom();
	usage->refs = 1;
	clock_gettime(CLOCK_MONOTONIC, &now);
	usage->time_ns = now.tv_sec * 1000000000ll + now.tv_nsec;
	read_chips(usage);
	read_processes(usage);
	read_cpus(usage);
	read_memory(usage);
	return usage;
}

struct usage *usage_get(struct usage *usage)
{
	usage->refs++;
	return usage;
}

void usage_put(struct usage *usage)
{
	if (!usage || --usage->refs)
		return;
	free(usage->chip);
	free(usage->process);
	free(usage->cpu);
	free(usage);
}

/*
 * Differences
 */

const struct process_usage *usage_same_process(const struct usage *usage,
					       const struct process_usage *process)
{
	unsigned int i;

	for (i = 0; usage && i < usage->num_processes; i++)
		if (usage->process[i].pid == process->pid &&
		    usage->process[i].stats.num_latencies <= process->stats.num_latencies &&
		    usage->process[i].user_ns <= process->user_ns)
			return &usage->process[i];
	return NULL;
}

const struct chip_usage *usage_same_chip(const struct usage *usage, const struct chip_usage *chip)
{
	unsigned int i;

	for (i = 0; usage && i < usage->num_chips; i++)
		if (usage->chip[i].index == chip->index)
			return &usage->chip[i];
	return NULL;
}

uint64_t usage_growth(uint64_t before, uint64_t now)
{
	return now >= before ? now - before : now;
}

double usage_percent(uint64_t before_ns, uint64_t now_ns, int64_t elapsed_ns)
{
	double percent = elapsed_ns > 0 ?
			 100.0 * usage_growth(before_ns, now_ns) / elapsed_ns : 0;

	return percent > 100 ? 100 : percent;
}

static int ascending(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

unsigned int usage_latencies(const struct process_usage *before, const struct process_usage *now,
			     bool device, uint64_t *values)
{
	uint64_t end = now->stats.num_latencies;
	uint64_t begin = before ? before->stats.num_latencies : 0;
	unsigned int count = 0;

	if (end - begin > NEURON_STATS_LATENCIES)
		begin = end - NEURON_STATS_LATENCIES;
	for (; begin < end; begin++) {
		const struct neuron_stats_latency *latency =
			&now->stats.latency[begin % NEURON_STATS_LATENCIES];

		values[count++] = device ? latency->device : latency->total;
	}
	qsort(values, count, sizeof(*values), ascending);
	return count;
}
