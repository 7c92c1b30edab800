// SPDX-License-Identifier: MIT
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <nrt/nrt.h>
#include <nrt/nrt_version.h>
#include "log.h"
#include "say.h"
#include "system.h"

/* The first line of a file in /sys, without its newline; "" if there is none. */
static void read_line(const char *path, char *text, size_t size)
{
	FILE *file = fopen(path, "re");

	text[0] = '\0';
	if (!file)
		return;
	if (!fgets(text, size, file))
		text[0] = '\0';
	fclose(file);
	text[strcspn(text, "\n")] = '\0';
}

static void read_place(struct chip *chip)
{
	char path[128], text[16];

	chip->numa_node = -1;
	if (!chip->info.address[0])
		return;
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/local_cpulist",
		 chip->info.address);
	read_line(path, chip->cpu_affinity, sizeof(chip->cpu_affinity));
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/numa_node",
		 chip->info.address);
	read_line(path, text, sizeof(text));
	if (text[0])
		chip->numa_node = atoi(text);
}

static char *read_command(pid_t pid)
{
	char path[64], *text = NULL;
	size_t room = 0;
	ssize_t n;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
	file = fopen(path, "re");
	n = file ? getdelim(&text, &room, EOF, file) : -1;
	if (file)
		fclose(file);
	if (n <= 0) {
		free(text);
		return strdup("unknown");
	}
	if (!text[n - 1])
		n--;
	/* One line of a terminal, whatever a process calls itself. */
	for (ssize_t i = 0; i < n; i++)
		if (!text[i])
			text[i] = ' ';
		else if (!isprint((unsigned char)text[i]))
			text[i] = '?';
	text[n] = '\0';
	return text;
}

/* Its library is of our version where it is the very file that we use. */
static void read_runtime(pid_t pid, char *text, size_t size)
{
	char path[64], line[512], own[512] = "", name[512];
	FILE *maps = fopen("/proc/self/maps", "re");
	nrt_version_t version;

	snprintf(text, size, "unknown");
	while (maps && fgets(line, sizeof(line), maps))
		if (strstr(line, "/libneuron.so") &&
		    sscanf(line, "%*s %*s %*s %511[^/]", own) == 1)
			break;
	if (maps)
		fclose(maps);
	if (!own[0] || nrt_get_version(&version, sizeof(version)) != NRT_SUCCESS)
		return;
	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	maps = fopen(path, "re");
	while (maps && fgets(line, sizeof(line), maps)) {
		if (!strstr(line, "/libneuron.so") ||
		    sscanf(line, "%*s %*s %*s %511[^/]", name) != 1 ||
		    strcmp(name, own))
			continue;
		snprintf(text, size, "%u.%u.%u", (unsigned int)version.rt_major,
			 (unsigned int)version.rt_minor,
			 (unsigned int)version.rt_patch);
		break;
	}
	if (maps)
		fclose(maps);
}

static void add_user(struct chip *chip, pid_t pid)
{
	struct user *user;

	for (unsigned int i = 0; i < chip->num_users; i++)
		if (chip->users[i].pid == pid)
			return;
	user = realloc(chip->users, (chip->num_users + 1) * sizeof(*user));
	if (!user)
		die_oom();
	chip->users = user;
	user += chip->num_users++;
	*user = (struct user) { .pid = pid, .command = read_command(pid) };
	if (!user->command)
		die_oom();
	read_runtime(pid, user->runtime, sizeof(user->runtime));
	for (unsigned int i = 0; i < chip->info.cores; i++)
		if (chip->core[i].owner_pid == (uint32_t)pid)
			user->cores |= 1u << i;
}

/* Whether one of the process's files is the chip's node. */
static bool has_open(pid_t pid, dev_t node)
{
	struct dirent *entry;
	bool found = false;
	struct stat st;
	char path[64];
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	dir = opendir(path);
	while (dir && !found && (entry = readdir(dir)))
		found = !fstatat(dirfd(dir), entry->d_name, &st, 0) &&
			S_ISCHR(st.st_mode) && st.st_rdev == node;
	if (dir)
		closedir(dir);
	return found;
}

static int by_pid(const void *a, const void *b)
{
	const struct user *x = a, *y = b;

	return (x->pid > y->pid) - (x->pid < y->pid);
}

static void read_users(struct chip *chip)
{
	struct dirent *entry;
	struct stat st;
	DIR *proc;

	for (unsigned int i = 0; i < chip->info.cores; i++)
		if (chip->core[i].owner_pid &&
		    chip->core[i].owner_pid != (uint32_t)getpid())
			add_user(chip, chip->core[i].owner_pid);
	if (stat(chip->info.name, &st) || !S_ISCHR(st.st_mode))
		return;
	proc = opendir("/proc");
	while (proc && (entry = readdir(proc))) {
		pid_t pid = atoi(entry->d_name);

		if (pid > 0 && pid != getpid() && has_open(pid, st.st_rdev))
			add_user(chip, pid);
	}
	if (proc)
		closedir(proc);
	if (chip->num_users)
		qsort(chip->users, chip->num_users, sizeof(*chip->users), by_pid);
}

/* Looks at one chip through a context of its own, which is gone afterwards. */
static bool read_chip(struct chip *chip, unsigned int index)
{
	struct neuron_device *device;
	bool ok = true;

	if (neuron_device_open(NULL, index, &device)) {
		say_error("%s", neuron_error());
		return false;
	}
	ok = !neuron_device_get_info(device, &chip->info, sizeof(chip->info)) &&
	     !neuron_memory_get_info(device, &chip->memory, sizeof(chip->memory));
	chip->core = calloc(chip->info.cores + 1, sizeof(*chip->core));
	if (!chip->core)
		die_oom();
	for (unsigned int i = 0; ok && i < chip->info.cores; i++)
		ok = !neuron_core_get_info(device, i, &chip->core[i],
					   sizeof(chip->core[i]));
	if (!ok)
		say_error("%s", neuron_error());
	neuron_device_close(device);
	if (!ok)
		return false;
	read_place(chip);
	read_users(chip);
	return true;
}

bool chips_read(struct chips *chips)
{
	unsigned int count;

	*chips = (struct chips) { 0 };
	log_take();
	if (neuron_device_count(NULL, &count)) {
		say_error("%s", neuron_error());
		return false;
	}
	chips->chip = calloc(count + 1, sizeof(*chips->chip));
	if (!chips->chip)
		die_oom();
	for (; chips->count < count; chips->count++)
		if (!read_chip(&chips->chip[chips->count], chips->count)) {
			chips->count++;
			chips_free(chips);
			return false;
		}
	return true;
}

void chips_free(struct chips *chips)
{
	for (unsigned int i = 0; i < chips->count; i++) {
		struct chip *chip = &chips->chip[i];

		for (unsigned int k = 0; k < chip->num_users; k++)
			free(chip->users[k].command);
		free(chip->users);
		free(chip->core);
	}
	free(chips->chip);
	*chips = (struct chips) { 0 };
}

unsigned int chips_first_core(const struct chips *chips, unsigned int index)
{
	unsigned int first = 0;

	for (unsigned int i = 0; i < index; i++)
		first += chips->chip[i].info.cores;
	return first;
}

const char *instance_type(void)
{
	nrt_instance_info_t info;

	if (nrt_get_instance_info(&info, sizeof(info)) != NRT_SUCCESS)
		return "inf1";
	switch (info.size) {
	case NRT_INSTANCE_SIZE_1XL:
		return "inf1.xlarge";
	case NRT_INSTANCE_SIZE_6XL:
		return "inf1.6xlarge";
	case NRT_INSTANCE_SIZE_24XL:
		return "inf1.24xlarge";
	default:
		return "inf1";
	}
}
