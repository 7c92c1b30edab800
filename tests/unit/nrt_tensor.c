// SPDX-License-Identifier: MIT
/* Tensors and tensor sets. */
#include "tests/unit/nrt_test.h"

static const nrt_tensor_placement_t placements[] = {
	NRT_TENSOR_PLACEMENT_DEVICE, NRT_TENSOR_PLACEMENT_HOST,
	NRT_TENSOR_PLACEMENT_VIRTUAL,
};

static bool is(const void *data, unsigned char value, size_t size)
{
	const unsigned char *bytes = data;

	while (size--) {
		if (*bytes++ != value)
			return false;
	}
	return true;
}

static void zeroed(void)
{
	const size_t size = 300000;
	unsigned char *data = malloc(size);
	nrt_tensor_t *tensor;
	size_t i, round;

	/* Twice, as the second may get the memory of the first. */
	for (i = 0; i < 3; i++) {
		for (round = 0; round < 2; round++) {
			tensor = t_tensor(placements[i], size);
			memset(data, 1, size);
			CHECK_OK(nrt_tensor_read(tensor, data, 0, size));
			CHECK(is(data, 0, size));
			CHECK_OK(nrt_tensor_memset(tensor, 0, 0xaa, size));
			nrt_tensor_free(&tensor);
			CHECK(!tensor);
		}
	}
	free(data);
}

static void read_and_write(void)
{
	static const size_t sizes[] = { 1, 63, 4096, 4097, 70000, 5 << 20 };
	unsigned char *data, *back;
	nrt_tensor_t *tensor;
	size_t i, n, k;

	for (i = 0; i < 3; i++) {
		for (n = 0; n < sizeof(sizes) / sizeof(sizes[0]); n++) {
			size_t size = sizes[n];

			data = malloc(size);
			back = calloc(1, size);
			for (k = 0; k < size; k++)
				data[k] = k * 7 + (k >> 8);
			tensor = t_tensor(placements[i], size);
			CHECK_EQ(nrt_tensor_get_size(tensor), size);
			CHECK_OK(nrt_tensor_write(tensor, data, 0, size));
			CHECK_OK(nrt_tensor_read(tensor, back, 0, size));
			CHECK(!memcmp(data, back, size));
			CHECK_OK(nrt_tensor_write(tensor, "\xff", size / 2, 1));
			CHECK_OK(nrt_tensor_read(tensor, back, size / 2, 1));
			CHECK_EQ(back[0], 0xff);
			CHECK_OK(nrt_tensor_read(tensor, back, size, 0));
			CHECK_OK(nrt_tensor_write(tensor, NULL, size, 0));
			nrt_tensor_free(&tensor);
			free(data);
			free(back);
		}
	}
}

static void bounds(void)
{
	nrt_tensor_t *tensor, *other;
	char byte;
	size_t i;

	for (i = 0; i < 3; i++) {
		tensor = t_tensor(placements[i], 100);
		other = t_tensor(placements[i], 100);
		CHECK_FAILS(nrt_tensor_read(tensor, &byte, 100, 1), NRT_INVALID,
			    "1 bytes at 100");
		CHECK_FAILS(nrt_tensor_read(tensor, &byte, 101, 0), NRT_INVALID, "101");
		CHECK_FAILS(nrt_tensor_read(tensor, &byte, 1, SIZE_MAX), NRT_INVALID, "t");
		CHECK_FAILS(nrt_tensor_read(tensor, NULL, 0, 1), NRT_INVALID, "NULL");
		CHECK_FAILS(nrt_tensor_write(tensor, &byte, SIZE_MAX, 2), NRT_INVALID,
			    "t");
		CHECK_FAILS(nrt_tensor_write(tensor, NULL, 0, 1), NRT_INVALID, "NULL");
		CHECK_FAILS(nrt_tensor_memset(tensor, 50, 0, 51), NRT_INVALID, "51");
		CHECK_FAILS(nrt_tensor_memset(tensor, UINT64_MAX, 0, 1), NRT_INVALID,
			    "t");
		CHECK_FAILS(nrt_tensor_copy(tensor, 99, other, 0, 2), NRT_INVALID, "99");
		CHECK_FAILS(nrt_tensor_copy(tensor, 0, other, 99, 2), NRT_INVALID, "99");
		CHECK_FAILS(nrt_tensor_copy(tensor, 0, tensor, 10, 20), NRT_INVALID,
			    "overlap");
		nrt_tensor_free(&tensor);
		nrt_tensor_free(&other);
	}
}

static void bad_arguments(void)
{
	nrt_tensor_t *tensor = (void *)8;
	uint32_t cores;

	CHECK_OK(nrt_get_visible_vnc_count(&cores));
	CHECK_FAILS(nrt_tensor_allocate((nrt_tensor_placement_t)3, 0, 1, "x", &tensor),
		    NRT_INVALID, "placement 3");
	CHECK(!tensor);
	CHECK_FAILS(nrt_tensor_allocate(NRT_TENSOR_PLACEMENT_DEVICE, cores, 1, "x",
					&tensor), NRT_INVALID, "core");
	CHECK_FAILS(nrt_tensor_allocate(NRT_TENSOR_PLACEMENT_DEVICE, -1, 1, "x",
					&tensor), NRT_INVALID, "core -1");
	CHECK_FAILS(nrt_tensor_allocate(NRT_TENSOR_PLACEMENT_HOST, -2, 1, "x", &tensor),
		    NRT_INVALID, "core -2");
	CHECK_FAILS(nrt_tensor_allocate(NRT_TENSOR_PLACEMENT_DEVICE, 0, 1, "x", NULL),
		    NRT_INVALID, "NULL");
	CHECK_OK(nrt_tensor_allocate(NRT_TENSOR_PLACEMENT_HOST, -1, 1, NULL, &tensor));
	nrt_tensor_free(&tensor);
	nrt_tensor_free(&tensor);
	nrt_tensor_free(NULL);
	CHECK_OK(nrt_tensor_allocate(NRT_TENSOR_PLACEMENT_DEVICE, 0, 0, "x", &tensor));
	CHECK_EQ(nrt_tensor_get_size(tensor), 0);
	CHECK(!nrt_tensor_get_va(tensor));
	CHECK_OK(nrt_tensor_read(tensor, NULL, 0, 0));
	CHECK_OK(nrt_tensor_memset(tensor, 0, 1, 0));
	nrt_tensor_free(&tensor);
}

static void bad_handles(void)
{
	nrt_tensor_t *freed = t_tensor(NRT_TENSOR_PLACEMENT_HOST, 64), *again = freed;
	nrt_tensor_t *good = t_tensor(NRT_TENSOR_PLACEMENT_HOST, 64), *out = NULL;
	nrt_tensor_set_t *set = t_set("x", good, NULL);
	nrt_tensor_t *bad[4];
	char byte = 0;
	size_t i;

	nrt_tensor_free(&again);
	bad[0] = NULL;
	bad[1] = freed;
	bad[2] = (nrt_tensor_t *)set;	/* of another kind */
	bad[3] = (nrt_tensor_t *)&byte;
	for (i = 0; i < 4; i++) {
		CHECK_FAILS(nrt_tensor_read(bad[i], &byte, 0, 1), NRT_INVALID_HANDLE,
			    "tensor");
		CHECK_FAILS(nrt_tensor_write(bad[i], &byte, 0, 1), NRT_INVALID_HANDLE,
			    "tensor");
		CHECK_FAILS(nrt_tensor_memset(bad[i], 0, 0, 1), NRT_INVALID_HANDLE,
			    "tensor");
		CHECK_FAILS(nrt_tensor_copy(bad[i], 0, good, 0, 1), NRT_INVALID_HANDLE,
			    "tensor");
		CHECK_FAILS(nrt_tensor_copy(good, 0, bad[i], 0, 1), NRT_INVALID_HANDLE,
			    "tensor");
		CHECK_FAILS(nrt_tensor_allocate_slice(bad[i], 0, 1, "s", &out),
			    NRT_INVALID_HANDLE, "tensor");
		CHECK_FAILS(nrt_tensor_attach_buffer(bad[i], &byte, 1),
			    NRT_INVALID_HANDLE, "tensor");
		CHECK_FAILS(nrt_add_tensor_to_tensor_set(set, "y", bad[i]),
			    NRT_INVALID_HANDLE, "tensor");
		CHECK_FAILS(nrt_tensor_get_size(bad[i]), 0, "tensor");
		CHECK(!nrt_tensor_get_va(bad[i]));
	}
	/* Freed twice: a warning, and nothing else. */
	t_messages = 0;
	nrt_tensor_free(&freed);
	CHECK_EQ(t_messages, 1);
	CHECK_FAILS(nrt_add_tensor_to_tensor_set(good, "y", good), NRT_INVALID_HANDLE,
		    "set");
	CHECK_FAILS(nrt_add_tensor_to_tensor_set(NULL, "y", good), NRT_INVALID_HANDLE,
		    "set");
	CHECK_FAILS(nrt_get_tensor_from_tensor_set(NULL, "y", &out), NRT_INVALID_HANDLE,
		    "set");
	nrt_destroy_tensor_set(&set);
	nrt_destroy_tensor_set(&set);
	nrt_destroy_tensor_set(NULL);
	nrt_tensor_free(&good);
}

static void slices(void)
{
	unsigned char data[256], back[256];
	nrt_tensor_t *tensor, *slice, *inner, *none;
	size_t i, k;

	for (k = 0; k < sizeof(data); k++)
		data[k] = k;
	for (i = 0; i < 3; i++) {
		tensor = t_tensor(placements[i], 256);
		CHECK_OK(nrt_tensor_allocate_slice(tensor, 100, 100, "slice", &slice));
		CHECK_OK(nrt_tensor_allocate_slice(slice, 50, 50, NULL, &inner));
		CHECK_EQ(nrt_tensor_get_size(inner), 50);
		CHECK_FAILS(nrt_tensor_allocate_slice(slice, 50, 51, "s", &none),
			    NRT_INVALID, "51");
		CHECK_FAILS(nrt_tensor_allocate_slice(slice, SIZE_MAX, 2, "s", &none),
			    NRT_INVALID, "slice");
		CHECK_FAILS(nrt_tensor_attach_buffer(slice, data, 1), NRT_INVALID,
			    "slice");
		CHECK_OK(nrt_tensor_write(tensor, data, 0, 256));
		CHECK_OK(nrt_tensor_read(inner, back, 0, 50));
		CHECK(!memcmp(back, data + 150, 50));
		CHECK_FAILS(nrt_tensor_write(inner, data, 50, 1), NRT_INVALID, "50");
		CHECK_EQ((char *)nrt_tensor_get_va(inner) -
			 (char *)nrt_tensor_get_va(tensor), 150);
		/* Copies inside of the storage that they share. */
		CHECK_FAILS(nrt_tensor_copy(tensor, 140, inner, 0, 20), NRT_INVALID,
			    "overlap");
		CHECK_OK(nrt_tensor_copy(tensor, 0, inner, 0, 20));
		/* The storage lives as long as the last of them. */
		nrt_tensor_free(&tensor);
		nrt_tensor_free(&slice);
		CHECK_OK(nrt_tensor_read(inner, back, 0, 50));
		CHECK(!memcmp(back, data, 20));
		CHECK(!memcmp(back + 20, data + 170, 30));
		nrt_tensor_free(&inner);
	}
}

static void attached(void)
{
	unsigned char mine[64] = { 1, 2, 3 }, back[64];
	nrt_tensor_t *tensor, *slice, *other;

	CHECK_OK(nrt_tensor_allocate_empty("empty", &tensor));
	CHECK_EQ(nrt_tensor_get_size(tensor), 0);
	CHECK_FAILS(nrt_tensor_read(tensor, back, 0, 1), NRT_INVALID, "empty");
	CHECK_FAILS(nrt_tensor_allocate_slice(tensor, 0, 0, "s", &slice), NRT_INVALID,
		    "empty");
	CHECK_FAILS(nrt_tensor_attach_buffer(tensor, NULL, 1), NRT_INVALID, "NULL");
	CHECK_FAILS(nrt_tensor_attach_buffer(tensor, mine, 0), NRT_INVALID, "0");
	CHECK_OK(nrt_tensor_attach_buffer(tensor, mine, sizeof(mine)));
	CHECK_EQ(nrt_tensor_get_size(tensor), sizeof(mine));
	CHECK(nrt_tensor_get_va(tensor) == mine);
	CHECK_OK(nrt_tensor_write(tensor, "\x09", 0, 1));
	CHECK_EQ(mine[0], 9);
	CHECK_OK(nrt_tensor_memset(tensor, 1, 8, 1));
	CHECK_EQ(mine[1], 8);
	/* Between memory of ours and of the library's, in both directions. */
	other = t_tensor(NRT_TENSOR_PLACEMENT_DEVICE, 64);
	CHECK_OK(nrt_tensor_copy(tensor, 0, other, 0, 64));
	CHECK_OK(nrt_tensor_read(other, back, 0, 64));
	CHECK(!memcmp(mine, back, 64));
	CHECK_OK(nrt_tensor_memset(other, 0, 0x77, 64));
	CHECK_OK(nrt_tensor_copy(other, 0, tensor, 32, 32));
	CHECK(is(mine + 32, 0x77, 32));
	/* Storage of its own is freed; a slice of it keeps it. */
	CHECK_OK(nrt_tensor_allocate_slice(other, 0, 64, "s", &slice));
	CHECK_OK(nrt_tensor_attach_buffer(other, mine, 16));
	CHECK_EQ(nrt_tensor_get_size(other), 16);
	CHECK_OK(nrt_tensor_read(slice, back, 0, 64));
	CHECK(is(back, 0x77, 64));
	nrt_tensor_free(&slice);
	nrt_tensor_free(&other);
	nrt_tensor_free(&tensor);
}

static void copies(void)
{
	unsigned char *data = malloc(200000), *back = malloc(200000);
	nrt_tensor_t *from, *to;
	size_t i, j, k;

	for (k = 0; k < 200000; k++)
		data[k] = k * 13 + (k >> 7);
	for (i = 0; i < 3; i++) {
		for (j = 0; j < 3; j++) {
			from = t_tensor(placements[i], 200000);
			to = t_tensor(placements[j], 200000);
			CHECK_OK(nrt_tensor_write(from, data, 0, 200000));
			CHECK_OK(nrt_tensor_copy(from, 12345, to, 77, 150001));
			CHECK_OK(nrt_tensor_read(to, back, 0, 200000));
			CHECK(is(back, 0, 77));
			CHECK(!memcmp(back + 77, data + 12345, 150001));
			CHECK(is(back + 77 + 150001, 0, 200000 - 77 - 150001));
			CHECK_OK(nrt_tensor_copy(from, 0, to, 0, 0));
			nrt_tensor_free(&from);
			nrt_tensor_free(&to);
		}
	}
	free(data);
	free(back);
}

static void filled(void)
{
	unsigned char *back = malloc(300000);
	nrt_tensor_t *tensor;
	size_t i;

	for (i = 0; i < 3; i++) {
		tensor = t_tensor(placements[i], 300000);
		CHECK_OK(nrt_tensor_memset(tensor, 3, 0x1ab, 299990));
		CHECK_OK(nrt_tensor_read(tensor, back, 0, 300000));
		CHECK(is(back, 0, 3));
		CHECK(is(back + 3, 0xab, 299990));
		CHECK(is(back + 299993, 0, 7));
		nrt_tensor_free(&tensor);
	}
	free(back);
}

static void addresses(void)
{
	unsigned char *va, back[16];
	nrt_tensor_t *tensor;
	size_t i;

	for (i = 0; i < 3; i++) {
		tensor = t_tensor(placements[i], 10000);
		va = nrt_tensor_get_va(tensor);
		CHECK(va);
		CHECK(va == nrt_tensor_get_va(tensor));
		memset(va + 100, 0x42, 16);
		CHECK_OK(nrt_tensor_read(tensor, back, 100, 16));
		CHECK(is(back, 0x42, 16));
		nrt_tensor_free(&tensor);
	}
}

static void batches(void)
{
	char a[8] = "abcdefg", b[8] = "hijklmn", x[8], y[8];
	nrt_tensor_t *first = t_tensor(NRT_TENSOR_PLACEMENT_DEVICE, 64);
	nrt_tensor_t *second = t_tensor(NRT_TENSOR_PLACEMENT_HOST, 64);
	nrt_tensor_batch_op_t in[] = { { 0, 8, a }, { 56, 8, b } };
	nrt_tensor_batch_op_t out[] = { { 0, 8, x }, { 56, 8, y } };
	nrt_tensor_batch_op_t beyond[] = { { 0, 8, b }, { 57, 8, a } };
	nrt_tensor_batch_t writes[] = { { first, in, 2 }, { second, in, 1 } };
	nrt_tensor_batch_t reads[] = { { first, out, 2 }, { second, out, 0 } };
	nrt_tensor_batch_t bad[] = { { first, beyond, 2 } };
	nrt_tensor_batch_t none[] = { { first, NULL, 1 } };

	CHECK_OK(nrt_tensor_write_batch(writes, 2, false));
	CHECK_OK(nrt_tensor_read_batch(reads, 2, true));
	CHECK_STR(x, a);
	CHECK_STR(y, b);
	CHECK_OK(nrt_tensor_read(second, x, 0, 8));
	CHECK_STR(x, a);
	/* Nothing is done when one of them is bad. */
	CHECK_FAILS(nrt_tensor_write_batch(bad, 1, false), NRT_INVALID, "57");
	CHECK_OK(nrt_tensor_read(first, x, 0, 8));
	CHECK_STR(x, a);
	CHECK_FAILS(nrt_tensor_read_batch(none, 1, false), NRT_INVALID, "NULL");
	CHECK_FAILS(nrt_tensor_read_batch(NULL, 1, false), NRT_INVALID, "NULL");
	CHECK_OK(nrt_tensor_read_batch(NULL, 0, false));
	beyond[1].offset = 0;
	beyond[1].buffer = NULL;
	CHECK_FAILS(nrt_tensor_read_batch(bad, 1, false), NRT_INVALID, "operation 1");
	nrt_tensor_free(&first);
	nrt_tensor_free(&second);
}

static void sets(void)
{
	nrt_tensor_t *a = t_tensor(NRT_TENSOR_PLACEMENT_HOST, 1), *out;
	nrt_tensor_t *b = t_tensor(NRT_TENSOR_PLACEMENT_HOST, 2);
	nrt_tensor_set_t *set = t_set("a", a, NULL);
	char name[16];
	int i;

	CHECK_OK(nrt_get_tensor_from_tensor_set(set, "a", &out));
	CHECK(out == a);
	out = (void *)8;
	CHECK_FAILS(nrt_get_tensor_from_tensor_set(set, "b", &out), NRT_FAILURE, "b");
	CHECK(out == (void *)8);
	CHECK_OK(nrt_add_tensor_to_tensor_set(set, "a", b));
	CHECK_OK(nrt_get_tensor_from_tensor_set(set, "a", &out));
	CHECK(out == b);
	/* The set's name for a tensor is the set's affair, and copied. */
	for (i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "name%d", i * 37 % 100);
		CHECK_OK(nrt_add_tensor_to_tensor_set(set, name, i % 2 ? a : b));
	}
	for (i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "name%d", i * 37 % 100);
		CHECK_OK(nrt_get_tensor_from_tensor_set(set, name, &out));
		CHECK(out == (i % 2 ? a : b));
	}
	CHECK_FAILS(nrt_add_tensor_to_tensor_set(set, NULL, a), NRT_INVALID, "NULL");
	CHECK_FAILS(nrt_get_tensor_from_tensor_set(set, NULL, &out), NRT_INVALID, "NULL");
	CHECK_FAILS(nrt_get_tensor_from_tensor_set(set, "a", NULL), NRT_INVALID, "NULL");
	CHECK_FAILS(nrt_allocate_tensor_set(NULL), NRT_INVALID, "NULL");
	nrt_tensor_free(&b);
	CHECK_FAILS(nrt_get_tensor_from_tensor_set(set, "a", &out), NRT_INVALID_HANDLE,
		    "freed");
	nrt_destroy_tensor_set(&set);
	nrt_tensor_free(&a);
}

/* The driver clears memory that was freed before it counts as free. */
static size_t used(size_t expected)
{
	nrt_vnc_memory_stats_t stats = { .bytes_used = SIZE_MAX };
	int tries;

	for (tries = 0; tries < 200 && stats.bytes_used != expected; tries++) {
		usleep(tries ? 10000 : 0);
		CHECK_OK(nrt_get_vnc_memory_stats(0, &stats, sizeof(stats), NULL));
	}
	return stats.bytes_used;
}

static void memory(void)
{
	nrt_vnc_memory_stats_t before, during;
	nrt_tensor_t *tensor = NULL, *first = NULL, *second = NULL;
	size_t written;

	CHECK_OK(nrt_get_vnc_memory_stats(0, &before, sizeof(before), &written));
	CHECK_EQ(written, sizeof(before));
	CHECK_EQ(used(0), 0);
	before.bytes_used = 0;
	tensor = t_tensor(NRT_TENSOR_PLACEMENT_DEVICE, 1 << 20);
	CHECK_OK(nrt_get_vnc_memory_stats(3, &during, sizeof(during), NULL));
	CHECK_EQ(during.bytes_used - before.bytes_used, 1 << 20);
	nrt_tensor_free(&tensor);
	CHECK_EQ(used(0), 0);
	CHECK_FAILS(nrt_get_vnc_memory_stats(99, &during, sizeof(during), NULL),
		    NRT_INVALID, "core 99");
	/* What cannot fit is refused, and leaves nothing behind. */
	CHECK_FAILS(nrt_tensor_allocate(NRT_TENSOR_PLACEMENT_DEVICE, 0,
					before.bytes_limit + 1, "big", &tensor),
		    NRT_RESOURCE, "");
	CHECK_FAILS(nrt_tensor_allocate(NRT_TENSOR_PLACEMENT_DEVICE, 0, SIZE_MAX, "big",
					&tensor), NRT_RESOURCE, "");
	if (t_sim()) {
		CHECK_OK(nrt_tensor_allocate(NRT_TENSOR_PLACEMENT_DEVICE, 0, 4ull << 30,
					     "half", &first));
		CHECK_OK(nrt_tensor_allocate(NRT_TENSOR_PLACEMENT_DEVICE, 0,
					     before.bytes_limit - before.bytes_used -
					     (4ull << 30), "rest", &second));
		CHECK_FAILS(nrt_tensor_allocate(NRT_TENSOR_PLACEMENT_DEVICE, 0, 1, "x",
						&tensor), NRT_RESOURCE, "no room");
		nrt_tensor_free(&first);
		nrt_tensor_free(&second);
	}
	CHECK_EQ(used(0), 0);
}

int main(void)
{
	t_setup();
	t_init();
	ktap_run("tensor starts as zeros", zeroed);
	ktap_run("tensor read and write", read_and_write);
	ktap_run("tensor bounds", bounds);
	ktap_run("tensor with bad arguments", bad_arguments);
	ktap_run("tensor bad handles", bad_handles);
	ktap_run("tensor slices", slices);
	ktap_run("tensor with attached buffer", attached);
	ktap_run("tensor copies", copies);
	ktap_run("tensor memset", filled);
	ktap_run("tensor addresses", addresses);
	ktap_run("tensor batches", batches);
	ktap_run("tensor sets", sets);
	ktap_run("tensor memory", memory);
	nrt_close();
	return ktap_done();
}
