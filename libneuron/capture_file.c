// SPDX-License-Identifier: MIT
/* Writing a profile; the format is in include/neuron/profile.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "capture.h"

static void count_sizes(struct capture_data *data)
{
	struct neuron_profile_header *h = &data->header;
	uint32_t i;

	memcpy(h->magic, NEURON_PROFILE_MAGIC, sizeof(h->magic));
	h->version = NEURON_PROFILE_VERSION;
	h->header_size = sizeof(*h);
	h->num_records = 0;
	for (i = 0; i < h->num_jobs; i++) {
		data->jobs[i].first_record = h->num_records;
		h->num_records += data->jobs[i].num_records;
	}
	h->file_size = sizeof(*h) + h->num_models * sizeof(*data->models) +
		       h->num_events * sizeof(*data->events) +
		       h->num_jobs * sizeof(*data->jobs) +
		       h->num_records * sizeof(**data->records);
}

static bool put(FILE *file, const void *data, size_t size, size_t count)
{
	return !count || fwrite(data, size, count, file) == count;
}

static bool put_all(FILE *file, const struct capture_data *data)
{
	const struct neuron_profile_header *h = &data->header;
	bool ok;
	uint32_t i;

	ok = put(file, h, sizeof(*h), 1) &&
	     put(file, data->models, sizeof(*data->models), h->num_models) &&
	     put(file, data->events, sizeof(*data->events), h->num_events) &&
	     put(file, data->jobs, sizeof(*data->jobs), h->num_jobs);
	for (i = 0; i < h->num_jobs && ok; i++)
		ok = put(file, data->records[i], sizeof(**data->records),
			 data->jobs[i].num_records);
	return ok && !fflush(file);
}

/* Write to @temp, which is open, and give it its name if @place() can. */
static int write_and_place(int fd, const char *temp, const char *path, struct capture_data *data,
			   int (*place)(const char *from, const char *to))
{
	FILE *file = fdopen(fd, "w");
	int ret = 0;

	if (!file) {
		ret = -errno;
		close(fd);
		return ret;
	}
	count_sizes(data);
	if (!put_all(file, data))
		ret = -errno;
	if (fclose(file) && !ret)
		ret = -errno;
	if (!ret && place(temp, path))
		ret = -errno;
	return ret;
}

/* A file beside @path that nobody else has; its name, for free(), in @temp. */
static int open_temp(const char *path, char **temp)
{
	static atomic_uint last;
	int fd;

	if (asprintf(temp, "%s.%d-%u", path, getpid(), last++) < 0)
		return -ENOMEM;
	fd = open(*temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (fd >= 0)
		return fd;
	fd = -errno;
	free(*temp);
	return fd;
}

int capture_file_write(const char *path, struct capture_data *data)
{
	char *temp;
	int fd = open_temp(path, &temp), ret;

	if (fd < 0)
		return fd;
	ret = write_and_place(fd, temp, path, data, rename);
	if (ret)
		unlink(temp);
	free(temp);
	return ret;
}

int capture_file_write_new(const char *dir, const char *prefix, struct capture_data *data)
{
	char *start, *temp, *path;
	int fd, ret, n = 0;

	if (asprintf(&start, "%s/%s", dir, prefix) < 0)
		return -ENOMEM;
	fd = open_temp(start, &temp);
	free(start);
	if (fd < 0)
		return fd;
	/* What is there stays: unlike rename(), link() is exclusive. */
	do {
		if (asprintf(&path, "%s/%s_%d.ntff", dir, prefix, n) < 0) {
			ret = -ENOMEM;
			if (!n)
				close(fd);
			break;
		}
		if (!n)
			ret = write_and_place(fd, temp, path, data, link);
		else
			ret = link(temp, path) ? -errno : 0;
		free(path);
		n++;
	} while (ret == -EEXIST && n < 1000000);
	unlink(temp);
	free(temp);
	return ret;
}
