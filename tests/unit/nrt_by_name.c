// SPDX-License-Identifier: MIT
/*
 * A program that was built where there is no libnrt, as communication libraries are: it
 * opens the library at run time, has declarations of its own, and moves data through the
 * addresses of tensors.
 *
 *	nrt_by_name
 *
 * A part of it looks only for how many cores there are, another one initializes the
 * runtime. Each core gets a buffer; every second one is still there at exit, and nobody
 * calls nrt_close().
 */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUFFER_SIZE	(3 << 20)
#define MAX_CORES	64

struct tensor;

static struct {
	int (*init)(int framework, const char *version, const char *fal_version);
	int (*total)(uint32_t *count);
	int (*visible)(uint32_t *count);
	int (*allocate)(int placement, int core, size_t size, const char *name,
			struct tensor **tensor);
	void (*free)(struct tensor **tensor);
	void *(*va)(const struct tensor *tensor);
	int (*read)(const struct tensor *tensor, void *data, size_t offset, size_t size);
	int (*write)(struct tensor *tensor, const void *data, size_t offset, size_t size);
	int (*to_device)(void *to, const void *from, size_t size);
} nrt;

static struct tensor *kept[MAX_CORES];

static void fail(const char *what, int status)
{
	printf("%s: %d\n", what, status);
	exit(1);
}

static void *find(void *library, const char *name)
{
	void *found = dlsym(library, name);

	if (!found)
		fail(name, 0);
	return found;
}

static void *open_library(void)
{
	void *library = dlopen("libnrt.so.1", RTLD_NOW), *again;

	if (!library)
		fail(dlerror(), 0);
	nrt.init = find(library, "nrt_init");
	nrt.total = find(library, "nrt_get_total_nc_count");
	nrt.visible = find(library, "nrt_get_visible_vnc_count");
	nrt.allocate = find(library, "nrt_tensor_allocate");
	nrt.free = find(library, "nrt_tensor_free");
	nrt.va = find(library, "nrt_tensor_get_va");
	nrt.read = find(library, "nrt_tensor_read");
	nrt.write = find(library, "nrt_tensor_write");
	nrt.to_device = find(library, "nrt_memcpy_to_device");

	/* Another part of the process finds it by another of its names. */
	again = dlopen("libnrt.so", RTLD_NOW);
	if (again != library)
		fail("another library", 0);
	dlclose(again);
	return library;
}

static void try_core(unsigned int core, char *data, char *expected)
{
	struct tensor *tensor = NULL;
	char *va;
	int status;

	status = nrt.allocate(0, core, BUFFER_SIZE, NULL, &tensor);
	if (status)
		fail("nrt_tensor_allocate", status);
	va = nrt.va(tensor);
	if (!va)
		fail("nrt_tensor_get_va", 0);

	/* Written through the tensor, in pieces, and read through the address. */
	memset(data, 0x10 + core, BUFFER_SIZE);
	for (size_t at = 0; at < BUFFER_SIZE; at += 1 << 20) {
		status = nrt.write(tensor, data, at, 1 << 20);
		if (status)
			fail("nrt_tensor_write", status);
	}
	if (memcmp(va, data, BUFFER_SIZE))
		fail("what the address shows", core);

	/* The other way round, and from the middle of it. */
	memset(va, 0x20 + core, BUFFER_SIZE);
	memset(expected, 0x20 + core, BUFFER_SIZE);
	status = nrt.to_device(va + 12345, "by address", 10);
	if (status)
		fail("nrt_memcpy_to_device", status);
	memcpy(expected + 12345, "by address", 10);
	status = nrt.read(tensor, data, 0, BUFFER_SIZE);
	if (status || memcmp(data, expected, BUFFER_SIZE))
		fail("nrt_tensor_read", status);

	if (core % 2)
		kept[core] = tensor;
	else
		nrt.free(&tensor);
}

static void free_kept(void)
{
	for (unsigned int i = 0; i < MAX_CORES; i++)
		if (kept[i])
			nrt.free(&kept[i]);
	puts("freed at exit");
}

int main(void)
{
	char *data = malloc(BUFFER_SIZE), *expected = malloc(BUFFER_SIZE);
	uint32_t total = 0, visible = 0;
	struct tensor *none;
	int status;

	open_library();
	status = nrt.total(&total);
	if (status || !total || !data || !expected)
		fail("nrt_get_total_nc_count", status);
	/* The framework's type alone is known, and versions are not. */
	status = nrt.init(1, NULL, NULL);
	/* Nor does a library know whether the program has been here before. */
	if (!status)
		status = nrt.init(1, "", "");
	if (status)
		fail("nrt_init", status);
	status = nrt.visible(&visible);
	if (status || !visible || visible > total || visible > MAX_CORES)
		fail("nrt_get_visible_vnc_count", status);
	atexit(free_kept);
	for (unsigned int core = 0; core < visible; core++)
		try_core(core, data, expected);
	/* How such programs learn which core is the last one. */
	if (nrt.allocate(0, visible, 4096, "probe", &none) != 2)
		fail("a core past the last", 0);
	printf("%u of %u cores\n", visible, total);
	free(data);
	free(expected);
	return 0;
}
