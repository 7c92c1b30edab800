// SPDX-License-Identifier: GPL-2.0-only
/* Races: threads on one file, processes killed anywhere, arguments that change. */

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#include "harness.h"
#include "neuron_test.h"

#define SIZE	65536

FIXTURE(stress) {
	int fd;
	int64_t end;
};

FIXTURE_SETUP(stress)
{
	self->fd = dev_open();
	ASSERT_LE(0, self->fd);
	self->end = now_ns() + 3 * SECOND_NS;
}

FIXTURE_TEARDOWN(stress)
{
	EXPECT_EQ(0, core_works(self->fd, 0));
	close(self->fd);
}

struct worker {
	int fd;
	int64_t end;
	struct submission *s;
	struct drm_neuron_copy_op *op;
	pthread_t thread;
};

static void *close_guessed_handles(void *data)
{
	struct worker *w = data;
	uint32_t handle;

	while (now_ns() < w->end)
		for (handle = 1; handle < 8; handle++)
			bo_close(w->fd, handle);

	return NULL;
}

static void *create_and_use(void *data)
{
	struct worker *w = data;
	uint32_t n = 0, handle;

	while (now_ns() < w->end) {
		uint32_t flags = n++ & 1 ? DRM_NEURON_BO_HOST : DRM_NEURON_BO_DRAM;
		struct drm_neuron_copy_op op = { .size = SIZE };
		void *map;

		if (bo_create(w->fd, flags, SIZE, &handle))
			continue;
		op.dst_handle = handle;
		map = bo_map(w->fd, handle, SIZE);
		copy_async(w->fd, &op, 1, 0, 0);
		bo_wait(w->fd, handle, 0, now_ns() + SECOND_NS);
		if (map) {
			*(volatile uint8_t *)map = 1;
			munmap(map, SIZE);
		}
		bo_close(w->fd, handle);
	}

	return NULL;
}

/* Handles are closed while they are being made and used. */
TEST_F(stress, guessed_handles)
{
	struct worker w = { .fd = self->fd, .end = self->end };
	pthread_t threads[4];
	int i;

	for (i = 0; i < 4; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, i < 2 ? create_and_use :
					    close_guessed_handles, &w));
	for (i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
}

static void *change_arguments(void *data)
{
	struct worker *w = data;
	uint32_t x = 1;

	while (now_ns() < w->end) {
		x = x * 1664525 + 1013904223;
		w->s->slots[x >> 30].size = x & 0xfffff;
		w->s->slots[x >> 30].offset = (x >> 4 & 0x3fff) << 6;
		w->s->slots[x >> 30].flags = x >> 8 & 3;
		w->s->slots[x >> 30].handle = x >> 10 & 7;
		w->op->size = x >> 3;
		w->op->dst_offset = x >> 13;
		w->op->value = x >> 20 & 1;
	}

	return NULL;
}

/* What the kernel has checked is what it uses, though the arrays change. */
TEST_F(stress, changing_arguments)
{
	struct program p = program_new(self->fd);
	struct bo guard[3];
	struct submission s;
	struct drm_neuron_copy_op op = {};
	struct worker w = { self->fd, self->end, &s, &op };
	int i, n = 0;

	for (i = 0; i < 3; i++) {
		guard[i] = bo_new(self->fd, i & 1 ? DRM_NEURON_BO_HOST : DRM_NEURON_BO_DRAM, SIZE);
		ASSERT_TRUE(guard[i].map);
		memset(guard[i].map, 0x77, SIZE);
	}
	op.dst_handle = guard[1].handle;
	program_inst(&p, NEURON_OP_NOP, NEURON_ENGINE_PE);
	submission_init(&s, &p, 0);
	for (i = 0; i < 3; i++)
		submission_slot(&s, guard[i].handle, DRM_NEURON_SLOT_READ);
	ASSERT_EQ(0, pthread_create(&w.thread, NULL, change_arguments, &w));
	while (now_ns() < self->end) {
		n += submit(self->fd, &s) > 0;
		n += copy_async(self->fd, &op, 1, 0, 0) > 0;
	}
	pthread_join(w.thread, NULL);
	for (i = 0; i < 3; i++)
		EXPECT_EQ(0, bo_wait(self->fd, guard[i].handle, 0, now_ns() + 10 * SECOND_NS));
	EXPECT_TRUE(is_filled(guard[0].map, SIZE, 0x77));
	EXPECT_TRUE(is_filled(guard[2].map, SIZE, 0x77));
}

/* A client with everything under way, until somebody kills it. */
static void client(uint32_t core)
{
	int fd = dev_open();
	struct program p = program_new(fd);
	struct bo host = bo_new(fd, DRM_NEURON_BO_HOST, SIZE);
	struct bo dram = bo_new(fd, DRM_NEURON_BO_DRAM, SIZE);
	uint32_t sync = syncobj_new(fd);
	struct drm_neuron_copy_op op = {
		.src_handle = host.handle, .dst_handle = dram.handle, .size = SIZE,
	};
	struct submission s;

	if (!p.bo.map || !host.map || !dram.map)
		return;
	program_copy(&p, 1, 0, 2, 0, SIZE);
	submission_init(&s, &p, core);
	submission_slot(&s, dram.handle, DRM_NEURON_SLOT_READ);
	submission_slot(&s, host.handle, DRM_NEURON_SLOT_WRITE);
	submission_out(&s, sync, 0);
	for (;;) {
		copy_async(fd, &op, 1, 0, 0);
		submit(fd, &s);
		syncobj_wait(fd, sync, 0, MS_NS);
		host.map[1]++;
		dram.map[1]++;
		close(prime_export(fd, dram.handle));
	}
}

/* SIGKILL at any point, and nothing stays behind. */
TEST_F_TIMEOUT(stress, killed_clients, 120)
{
	struct drm_neuron_memory_info before = memory_info(self->fd), after;
	int i, status;
	pid_t pid;

	for (i = 0; i < 200; i++) {
		pid = fork();
		ASSERT_LE(0, pid);
		if (!pid) {
			client(i % 4);
			_exit(1);
		}
		usleep(i * 7919 % 30000);
		kill(pid, SIGKILL);
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		ASSERT_TRUE(WIFSIGNALED(status));
	}
	for (i = 0; i < 100; i++) {
		after = memory_info(self->fd);
		if (after.dram_free == before.dram_free)
			break;
		usleep(20000);
	}
	EXPECT_EQ(before.dram_free, after.dram_free);
}

/* Several clients at once on all cores, each with results of its own. */
TEST_F_TIMEOUT(stress, many_clients, 60)
{
	pid_t pids[6];
	int i, j, status;

	for (i = 0; i < 6; i++) {
		pids[i] = fork();
		ASSERT_LE(0, pids[i]);
		if (pids[i])
			continue;
		for (j = 0; j < 40; j++) {
			int fd = dev_open();
			struct program p = program_new(fd);
			struct bo src = bo_new(fd, DRM_NEURON_BO_HOST, SIZE);
			struct bo dst = bo_new(fd, DRM_NEURON_BO_DRAM, SIZE);
			struct submission s;

			fill_pattern(src.map, SIZE, i * 100 + j);
			program_copy(&p, 1, 0, 2, 0, SIZE);
			submission_init(&s, &p, j % 4);
			submission_slot(&s, src.handle, DRM_NEURON_SLOT_READ);
			submission_slot(&s, dst.handle, DRM_NEURON_SLOT_WRITE);
			if (submit(fd, &s) < 0 ||
			    bo_wait(fd, dst.handle, 0, now_ns() + 20 * SECOND_NS) ||
			    !check_pattern(dst.map, SIZE, i * 100 + j))
				_exit(1);
			munmap(p.bo.map, p.bo.size);
			munmap(src.map, SIZE);
			munmap(dst.map, SIZE);
			close(fd);
		}
		_exit(0);
	}
	for (i = 0; i < 6; i++) {
		ASSERT_EQ(pids[i], waitpid(pids[i], &status, 0));
		EXPECT_EQ(0, status);
	}
}

/* A queue of a client has an end: past it there is an error, not a lack of memory. */
TEST_F_TIMEOUT(stress, queue_limit, 120)
{
	struct program p = program_new(self->fd);
	struct submission s;
	int64_t job = 0, last = 0;
	int i;

	if (!can_inject())
		SKIP(return, "the device has no fault injection");
	program_inst(&p, NEURON_OP_NOP, NEURON_ENGINE_PE);
	submission_init(&s, &p, 0);
	/* Longer than all the submissions take on a machine that is busy. */
	s.args.timeout_ms = 600000;
	ASSERT_EQ(0, inject("hang-core 0 1 0"));
	for (i = 0; i < 40000 && job >= 0; i++) {
		job = submit(self->fd, &s);
		if (job > 0)
			last = job;
	}
	EXPECT_EQ(-EDQUOT, job);
	EXPECT_EQ(32768, last);

	/* A mapping would keep the file. */
	munmap(p.bo.map, p.bo.size);
	close(self->fd);
	inject("clear");
	self->fd = dev_open();
}

TEST_HARNESS_MAIN
