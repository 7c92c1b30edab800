// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "file.h"
#include "say.h"

/* Larger files are taken for a slip: no model or tensor of the chip is. */
#define MAX_FILE	((off_t)16 << 30)

void *file_read(const char *path, size_t *size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *data = NULL;
	size_t done = 0;
	struct stat st;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st))
		goto failed;
	if (!S_ISREG(st.st_mode) || st.st_size > MAX_FILE) {
		say_error("%s: not a regular file, or larger than 16 GiB", path);
		goto out;
	}
	data = malloc((size_t)st.st_size + 1);
	if (!data)
		goto failed;
	while (done < (size_t)st.st_size) {
		n = read(fd, data + done, (size_t)st.st_size - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			goto failed;
		if (!n)
			break;
		done += (size_t)n;
	}
	close(fd);
	*size = done;
	return data;

failed:
	say_error("%s: %s", path, strerror(errno));
out:
	free(data);
	if (fd >= 0)
		close(fd);
	return NULL;
}

static bool write_all(int fd, const char *data, size_t size)
{
	while (size) {
		ssize_t n = write(fd, data, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		data += n;
		size -= (size_t)n;
	}
	return true;
}

bool file_write(const char *path, const void *data, size_t size)
{
	mode_t mask = umask(0);
	char *temp;
	int fd;

	umask(mask);
	if (asprintf(&temp, "%s.XXXXXX", path) < 0) {
		say_error("%s: out of memory", path);
		return false;
	}
	fd = mkostemp(temp, O_CLOEXEC);
	if (fd < 0) {
		say_error("%s: cannot be written: %s", path, strerror(errno));
		free(temp);
		return false;
	}
	if (!write_all(fd, data, size) || fchmod(fd, 0666 & ~mask) ||
	    rename(temp, path)) {
		say_error("%s: cannot be written: %s", path, strerror(errno));
		unlink(temp);
		close(fd);
		free(temp);
		return false;
	}
	close(fd);
	free(temp);
	return true;
}

bool make_dirs(const char *path)
{
	char *copy = strdup(path), *p;
	bool ok;

	if (!copy) {
		say_error("%s: out of memory", path);
		return false;
	}
	for (p = copy + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		mkdir(copy, 0777);
		*p = '/';
	}
	ok = !mkdir(copy, 0777) || errno == EEXIST;
	if (!ok)
		say_error("%s: cannot be made: %s", path, strerror(errno));
	free(copy);
	return ok;
}

bool has_suffix(const char *path, const char *suffix)
{
	size_t len = strlen(path), n = strlen(suffix);

	return len >= n && !strcmp(path + len - n, suffix);
}
