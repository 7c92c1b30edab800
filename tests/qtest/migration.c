// SPDX-License-Identifier: MIT
/* The device's state goes to another machine, or comes from a hostile one. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "machine.h"
#include "tests.h"
#include "tests/ktap.h"

/* Ten seconds for a migration, out or in, to end. Return: whether it succeeded. */
static bool migration_completes(void)
{
	for (int i = 0; i < 10000; i++) {
		const char *answer = qtest_qmp(qt, "{\"execute\": \"query-migrate\"}");

		if (strstr(answer, "\"completed\""))
			return true;
		if (strstr(answer, "\"failed\"") || strstr(answer, "\"error\""))
			return false;
		sleep_ms(1);
	}
	return false;
}

static bool migrate(const char *command, const char *path)
{
	char json[200];

	snprintf(json, sizeof(json), "{\"execute\": \"%s\", \"arguments\": "
		 "{\"uri\": \"file:%s\"%s}}", command, path,
		 strcmp(command, "migrate") ? ", \"exit-on-error\": false" : "");
	return strstr(qtest_qmp(qt, json), "\"return\"") && migration_completes();
}

/* A machine that is stopped with work in its queues. Writes its state to @path. */
static void save_machine(const char *path, const uint8_t *data, size_t len, uint64_t *ids)
{
	struct neuron_sqe nop = { .opcode = NEURON_SQE_NOP }, copy;
	struct neuron_slot slots[2];

	start("");
	queue_enable(1);
	queue_enable(DMA_QUEUE);
	qtest_write(qt, BAR_DRAM + 0x10000, data, len);
	for (int i = 0; i < 3; i++)
		expect_done(1, submit(1, &nop), NEURON_FAULT_NONE);
	qtest_qmp(qt, "{\"execute\": \"stop\"}");
	dram_slot(slots, 0, 0x10000, len, NEURON_SLOT_READ);
	host_slot(slots, 1, BUFFER_A, len, NEURON_SLOT_WRITE);
	copy = copy_sqe(slots, 2, len);
	ids[0] = submit(1, &nop);
	ids[1] = submit(1, &nop);
	ids[2] = submit(DMA_QUEUE, &copy);
	sleep_ms(20);
	CHECK_EQ(queue_read(1, NEURON_QUEUE_SQ_HEAD), 3);
	CHECK(migrate("migrate", path));
	stop();
}

void migration(void)
{
	static uint8_t out[20000], in[20000];
	char path[64];
	uint64_t ids[3];
	uint32_t msi;

	snprintf(path, sizeof(path), "/tmp/neuron-qtest-%d", getpid());
	pattern(out, sizeof(out), 11);
	save_machine(path, out, sizeof(out), ids);

	start_machine("", "-incoming", "defer");
	CHECK(migrate("migrate-incoming", path));
	unlink(path);
	CHECK_EQ(queue_read(1, NEURON_QUEUE_SQ_HEAD), 3);
	CHECK_EQ(queue_read(DMA_QUEUE, NEURON_QUEUE_SQ_HEAD), 0);
	qtest_read(qt, MSI_TARGET + 4 * NEURON_VECTOR_QUEUE(DMA_QUEUE), &msi, 4);
	CHECK_EQ(msi, 0);
	qtest_qmp(qt, "{\"execute\": \"cont\"}");
	expect_done(1, ids[0], NEURON_FAULT_NONE);
	expect_done(1, ids[1], NEURON_FAULT_NONE);
	expect_done(DMA_QUEUE, ids[2], NEURON_FAULT_NONE);
	qtest_read(qt, BUFFER_A, in, sizeof(in));
	CHECK(!memcmp(in, out, sizeof(in)));
	for (int i = 0; i < 1000 && !msi; i++) {
		qtest_read(qt, MSI_TARGET + 4 * NEURON_VECTOR_QUEUE(DMA_QUEUE), &msi, 4);
		sleep_ms(1);
	}
	CHECK_EQ(msi, 0x100 + NEURON_VECTOR_QUEUE(DMA_QUEUE));
	stop();
}

/* Another chip than the state is of. */
void migration_to_another(void)
{
	static const char *const others[] = { ",cores=2", ",dma-queues=2", ",sbuf-size=8M" };
	static const uint8_t data[16];
	char path[64];
	uint64_t ids[3];

	snprintf(path, sizeof(path), "/tmp/neuron-qtest-%d", getpid());
	save_machine(path, data, sizeof(data), ids);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		start_machine(others[i], "-incoming", "defer");
		CHECK(!migrate("migrate-incoming", path));
		stop();
	}
	unlink(path);
}

#define MOST_STATE	(16 << 20)

/* A saved machine, also in @path; what follows the name of the device's section is at @first. */
static size_t saved_state(char path[64], uint8_t *bytes, size_t *first)
{
	static const char name[] = "0000:00:04.0/neuron";
	static const uint8_t data[16];
	uint64_t ids[3];
	size_t size;
	FILE *f;

	snprintf(path, 64, "/tmp/neuron-qtest-%d", getpid());
	save_machine(path, data, sizeof(data), ids);
	f = fopen(path, "rb");
	size = f ? fread(bytes, 1, MOST_STATE, f) : 0;
	if (f)
		fclose(f);
	CHECK(size > 1000 && size < MOST_STATE);
	*first = 0;
	/* A whole section (4), its number, and its name behind the name's length. */
	for (size_t i = 6; i + sizeof(name) < size; i++)
		if (!memcmp(bytes + i, name, sizeof(name) - 1) &&
		    bytes[i - 1] == sizeof(name) - 1 && bytes[i - 6] == 4)
			*first = i + sizeof(name) - 1;
	CHECK(*first);
	return size;
}

static void write_state(const char *path, const uint8_t *bytes, size_t size)
{
	FILE *f = fopen(path, "wb");

	CHECK(f && fwrite(bytes, 1, size, f) == size);
	if (f)
		fclose(f);
}

/* What the guest knows of, it may use: an older device has to refuse, a newer one not. */
void migration_of_versions(void)
{
	static uint8_t state[MOST_STATE];
	size_t size, first;
	char path[64];

	size = saved_state(path, state, &first);
	/* Behind the name: which of them, and the version, big-endian. */
	CHECK_EQ(state[first + 7], 2);
	for (unsigned int version = 0; version < 4 && first; version++) {
		state[first + 7] = version;
		write_state(path, state, size);
		start_machine("", "-incoming", "defer");
		CHECK_EQ(migrate("migrate-incoming", path), version == 1 || version == 2);
		stop();
	}
	unlink(path);
}

/* Bytes of the device's state are changed: it is refused, or it is a state like any. */
void hostile_migration(void)
{
	static uint8_t good[MOST_STATE], bad[MOST_STATE];
	unsigned int refused = 0, seed = 1;
	size_t size, first;
	char path[64];

	size = saved_state(path, good, &first);
	for (int round = 0; round < 25 && first; round++) {
		memcpy(bad, good, size);
		for (int k = 0; k < 1 + round; k++) {
			seed = seed * 1103515245 + 12345;
			/* Configuration space of 4 KiB, log of errors, MSI-X, registers. */
			bad[first + (seed >> 8) % 6000 % (size - first)] = seed >> 24;
		}
		write_state(path, bad, size);
		start_machine("", "-incoming", "defer");
		if (migrate("migrate-incoming", path)) {
			qtest_qmp(qt, "{\"execute\": \"cont\"}");
			for (unsigned int q = 0; q < 8; q++)
				queue_read(q, NEURON_QUEUE_STATUS);
			sleep_ms(5);
		} else {
			refused++;
		}
		stop();
	}
	unlink(path);
	printf("# %u of 25 states were refused\n", refused);
}
