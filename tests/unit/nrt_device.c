// SPDX-License-Identifier: MIT
/* The device-level API, neuron.h: a runtime of somebody else's would use it so. */
#include <errno.h>
#include <neuron/report.h>
#include "tests/unit/nrt_test.h"

#define N	256

static struct neuron_device *device;

static struct neuron_buffer *buffer(enum neuron_memory memory, uint64_t size)
{
	struct neuron_buffer *b = NULL;

	CHECK_OK(neuron_buffer_create(device, memory, size, &b));
	return b;
}

static void opening(void)
{
	struct neuron_device *none = (void *)8;
	struct neuron_device_info info;
	unsigned int count;

	CHECK_OK(neuron_device_count(NULL, &count));
	CHECK(count >= 1);
	CHECK_FAILS(neuron_device_open(NULL, count, &none), -ENODEV, "");
	CHECK(!none);
	CHECK_FAILS(neuron_device_open("gpu", 0, &none), -EINVAL, "gpu");
	CHECK_FAILS(neuron_device_open("sim:", 0, &none), -EINVAL, "sim:");
	CHECK_FAILS(neuron_device_open("sim:1x", 0, &none), -EINVAL, "sim:1x");
	CHECK_FAILS(neuron_device_open("sim:2", 2, &none), -ENODEV, "2");
	CHECK_FAILS(neuron_device_open("/dev/null", 0, &none), -ENODEV, "not a node");
	CHECK_FAILS(neuron_device_open("/dev/accel/accel99", 0, &none), -ENODEV,
		    "NEURON_RT_DEVICE=sim");
	CHECK_FAILS(neuron_device_open(NULL, 0, NULL), -EINVAL, "NULL");
	CHECK_FAILS(neuron_device_count(NULL, NULL), -EINVAL, "NULL");
	CHECK_OK(neuron_device_count("sim:16", &count));
	CHECK_EQ(count, 16);
	neuron_device_close(NULL);
	if (access("/dev/accel", F_OK))
		CHECK_FAILS(neuron_device_count("drm", &count), -ENODEV,
			    "tools/neuron-vm, or set NEURON_RT_DEVICE=sim");

	memset(&info, 0x55, sizeof(info));
	CHECK_OK(neuron_device_get_info(device, &info, sizeof(info)));
	CHECK_STR(info.backend, t_sim() ? "sim" : "drm");
	CHECK_EQ(info.cores, 4);
	CHECK_EQ(info.isa_version, NEURON_ISA_VERSION);
	CHECK(info.sbuf_size && info.psum_size && info.dram_size && info.clock_khz);
	CHECK(info.host_kernels[0] && strlen(info.host_kernels) < sizeof(info.host_kernels));
	CHECK(info.dma_queues && info.max_buffer_size && info.max_bindings >= 64);
	if (!t_sim())
		CHECK_EQ(strlen(info.address), 12);
	memset(&info, 0x55, sizeof(info));
	CHECK_OK(neuron_device_get_info(device, &info, 8));
	CHECK_EQ(info.name[0], 0x55);
	CHECK_FAILS(neuron_device_get_info(NULL, &info, 8), -EINVAL, "NULL");
}

static void cores(void)
{
	struct neuron_core_info info;
	struct neuron_device *other;

	CHECK_OK(neuron_device_open(NULL, 0, &other));
	CHECK_OK(neuron_cores_acquire(device, 0x5));
	CHECK_FAILS(neuron_cores_acquire(other, 0xc), -EBUSY, "another");
	CHECK_OK(neuron_core_get_info(other, 0, &info, sizeof(info)));
	CHECK_EQ(info.owned, NEURON_CORE_TAKEN);
	CHECK_EQ(info.owner_pid, getpid());
	CHECK_OK(neuron_core_get_info(device, 0, &info, sizeof(info)));
	CHECK_EQ(info.owned, NEURON_CORE_MINE);
	CHECK_OK(neuron_core_get_info(device, 3, &info, sizeof(info)));
	CHECK_EQ(info.owned, NEURON_CORE_FREE);
	CHECK_EQ(info.state, NEURON_CORE_IDLE);
	CHECK_FAILS(neuron_cores_acquire(device, 0), -EINVAL, "mask 0");
	CHECK_FAILS(neuron_cores_acquire(device, 0x10), -EINVAL, "mask 0x10");
	CHECK_FAILS(neuron_cores_release(other, 0x1), -EINVAL, "");
	CHECK_FAILS(neuron_core_get_info(device, 4, &info, sizeof(info)), -EINVAL,
		    "core 4");
	CHECK_OK(neuron_cores_release(device, 0x4));
	CHECK_OK(neuron_cores_acquire(other, 0xc));
	neuron_device_close(other);
	CHECK_OK(neuron_cores_acquire(device, 0xc));
	CHECK_OK(neuron_cores_release(device, 0xd));
}

/* The driver clears memory that was freed before it counts as free. */
static uint64_t free_dram(uint64_t expected)
{
	struct neuron_memory_info info = { 0 };
	int tries;

	for (tries = 0; tries < 200 && info.free != expected; tries++) {
		usleep(tries ? 10000 : 0);
		CHECK_OK(neuron_memory_get_info(device, &info, sizeof(info)));
	}
	return info.free;
}

static void buffers(void)
{
	struct neuron_memory_info before, during;
	struct neuron_buffer *host, *dram, *none;
	unsigned char bytes[100], *address, *again;
	int fd = -1;
	size_t i;

	CHECK_OK(neuron_memory_get_info(device, &before, sizeof(before)));
	CHECK_EQ(free_dram(before.total), before.total);
	before.free = before.total;
	host = buffer(NEURON_MEMORY_HOST, 5000);
	dram = buffer(NEURON_MEMORY_DRAM, 5000);
	CHECK_OK(neuron_memory_get_info(device, &during, sizeof(during)));
	CHECK_EQ(during.own_host - before.own_host, 8192);
	CHECK_EQ(during.own_dram - before.own_dram, 8192);
	CHECK_EQ(before.free - during.free, 8192);
	CHECK_EQ(neuron_buffer_size(dram), 5000);
	CHECK_EQ(neuron_buffer_size(NULL), 0);
	CHECK_OK(neuron_buffer_map(dram, (void **)&address));
	CHECK_OK(neuron_buffer_map(dram, (void **)&again));
	CHECK(address == again);
	for (i = 0; i < 5000; i++)
		address[i] = i;
	CHECK_OK(neuron_buffer_read(dram, 1000, bytes, 100));
	CHECK_EQ(bytes[0], 1000 % 256);
	CHECK_OK(neuron_buffer_copy(host, 3, dram, 7, 4990));
	CHECK_OK(neuron_buffer_read(host, 4900, bytes, 100));
	CHECK_EQ(bytes[0], 4904 % 256);
	CHECK_EQ(bytes[99], 0);
	CHECK_OK(neuron_buffer_fill(dram, 10, 0x99, 20));
	CHECK_EQ(address[9], 9);
	CHECK_EQ(address[10], 0x99);
	CHECK_EQ(address[29], 0x99);
	CHECK_EQ(address[30], 30);
	CHECK_FAILS(neuron_buffer_write(dram, 4999, bytes, 2), -ERANGE, "4999");
	CHECK_FAILS(neuron_buffer_read(dram, UINT64_MAX, bytes, 2), -ERANGE, "");
	CHECK_FAILS(neuron_buffer_fill(dram, 0, 0, 5001), -ERANGE, "5001");
	CHECK_FAILS(neuron_buffer_copy(dram, 0, host, 0, 5001), -ERANGE, "5001");
	CHECK_FAILS(neuron_buffer_copy(dram, 0, dram, 10, 11), -EINVAL, "overlap");
	CHECK_FAILS(neuron_buffer_create(device, NEURON_MEMORY_HOST, 0, &none), -EINVAL,
		    "0 bytes");
	CHECK_FAILS(neuron_buffer_create(device, (enum neuron_memory)2, 1, &none),
		    -EINVAL, "kind 2");
	CHECK_FAILS(neuron_buffer_create(device, NEURON_MEMORY_DRAM, 1ull << 50, &none),
		    -ENOSPC, "");
	if (t_sim()) {
		CHECK_FAILS(neuron_buffer_export(dram, &fd), -EOPNOTSUPP, "driver");
	} else {
		CHECK_OK(neuron_buffer_export(host, &fd));
		CHECK(fd >= 0);
		close(fd);
	}
	neuron_buffer_free(host);
	neuron_buffer_free(dram);
	neuron_buffer_free(NULL);
	CHECK_EQ(free_dram(before.free), before.free);
}

/* The "add" model's program in a buffer; its slots are program, a, b, c. */
static struct neuron_buffer *program(uint32_t *size)
{
	char error[NEFF_ERROR_SIZE];
	struct neuron_buffer *b;
	struct neff neff;
	size_t bytes;
	void *file = nb_add(N, &bytes);

	CHECK_EQ(neff_parse(file, bytes, true, &neff, error), NEFF_OK);
	b = buffer(NEURON_MEMORY_DRAM, neff.programs[0].size);
	*size = neff.programs[0].size;
	CHECK_OK(neuron_buffer_write(b, 0, neff.programs[0].data, *size));
	free(file);
	return b;
}

static void jobs(void)
{
	struct neuron_buffer *data = buffer(NEURON_MEMORY_HOST, 4 * 4096);
	struct neuron_binding b[5];
	struct neuron_submission s = {
		.core = 1, .num_bindings = 5, .bindings = b, .report_slot = 4,
	};
	struct neuron_job_result result;
	struct neuron_report *report;
	struct neuron_job *job, *many[150];
	struct neuron_device *other;
	float *x;
	int i;

	memset(b, 0, sizeof(b));
	b[0].buffer = program(&s.program_size);
	b[0].size = s.program_size;
	b[0].flags = NEURON_BIND_READ;
	for (i = 1; i < 5; i++) {
		b[i].buffer = data;
		b[i].offset = (i - 1) * 4096;
		b[i].size = i < 4 ? N * 4 : sizeof(*report);
		b[i].flags = i < 3 ? NEURON_BIND_READ : NEURON_BIND_WRITE;
	}
	CHECK_OK(neuron_buffer_map(data, (void **)&x));
	report = (void *)(x + 3 * 1024);
	for (i = 0; i < N; i++) {
		x[i] = i;
		x[1024 + i] = 2 * i;
	}
	CHECK_OK(neuron_submit(device, &s, &job));
	CHECK_OK(neuron_job_wait(job, -1, &result));
	CHECK_EQ(result.state, NEURON_JOB_DONE);
	CHECK_EQ(neuron_job_status(&result), NRT_SUCCESS);
	CHECK(result.cycles && result.cycles == report->cycles);
	CHECK_OK(neuron_job_wait(job, 0, &result));	/* it may be asked again */
	neuron_job_free(job);
	CHECK(x[2048 + N - 1] == 3 * (N - 1));

	/* With a record for each instruction; the program has no resident loads. */
	b[4].size = sizeof(*report) + 4 * sizeof(struct neuron_inst_record);
	s.flags = NEURON_SUBMIT_PROFILE | NEURON_SUBMIT_UNORDERED;
	s.resident = 3;
	for (i = 0; i < 2; i++) {
		const struct neuron_inst_record *record = (const void *)(report + 1);

		x[2048] = -1;
		CHECK_OK(neuron_submit(device, &s, &job));
		CHECK_OK(neuron_job_wait(job, -1, &result));
		CHECK_EQ(result.state, NEURON_JOB_DONE);
		CHECK_EQ(record[3].end, result.cycles);
		CHECK_EQ(report->bytes_host_in, 2 * N * 4);
		CHECK(!x[2048]);
		neuron_job_free(job);
	}
	/* Only make ready: nothing is written. */
	x[2048] = -1;
	s.flags = NEURON_SUBMIT_PREPARE;
	s.report_slot = NEURON_NO_BINDING;
	CHECK_OK(neuron_submit(device, &s, &job));
	CHECK_OK(neuron_job_wait(job, -1, &result));
	CHECK_EQ(result.state, NEURON_JOB_DONE);
	CHECK_EQ(result.cycles, 0);
	CHECK(x[2048] == -1);
	neuron_job_free(job);
	s.report_slot = 4;
	s.flags = 0;
	s.resident = 0;

	/* More than a ring holds; freeing waits. */
	for (i = 0; i < 150; i++)
		CHECK_OK(neuron_submit(device, &s, &many[i]));
	for (i = 0; i < 150; i++)
		neuron_job_free(many[i]);
	neuron_job_free(NULL);

	/* On one core after another, each when those before have ended. */
	for (i = 0; i < 12; i++) {
		s.core = i % 4;
		s.after = many;
		s.num_after = i;
		CHECK_OK(neuron_submit(device, &s, &many[i]));
	}
	CHECK_OK(neuron_job_wait(many[11], -1, &result));
	for (i = 0; i < 12; i++) {
		CHECK_OK(neuron_job_wait(many[i], 0, &result));
		CHECK_EQ(result.state, NEURON_JOB_DONE);
	}
	for (i = 0; i < 12; i++)
		neuron_job_free(many[i]);
	job = NULL;
	s.after = &job;
	s.num_after = 1;
	CHECK_FAILS(neuron_submit(device, &s, &job), -EINVAL, "job 0");
	s.after = NULL;
	CHECK_FAILS(neuron_submit(device, &s, &job), -EINVAL, "job 0");
	s.num_after = 0;
	s.core = 1;

	/* A slot that does not grant what the program does. */
	b[3].flags = NEURON_BIND_READ;
	CHECK_OK(neuron_submit(device, &s, &job));
	CHECK_OK(neuron_job_wait(job, 10000000000, &result));
	CHECK_EQ(result.state, NEURON_JOB_FAULT);
	CHECK_EQ(result.fault_kind, NEURON_FAULT_ACCESS_DENIED);
	CHECK_EQ(result.fault_inst, 3);
	CHECK_EQ(neuron_job_status(&result), NRT_EXEC_COMPLETED_WITH_ERR);
	neuron_job_free(job);
	b[3].flags = NEURON_BIND_WRITE;
	b[1].buffer = NULL;
	CHECK_OK(neuron_submit(device, &s, &job));
	CHECK_OK(neuron_job_wait(job, -1, &result));
	CHECK_EQ(result.state, NEURON_JOB_FAULT);
	neuron_job_free(job);
	b[1].buffer = data;

	/* What can never work is refused at once. */
	b[1].offset = 32;
	CHECK_FAILS(neuron_submit(device, &s, &job), -EINVAL, "multiple of 64");
	b[1].offset = 0;
	b[1].size = 4 * 4096 + 1;
	CHECK_FAILS(neuron_submit(device, &s, &job), -ERANGE, "");
	b[1].size = 0;
	CHECK_FAILS(neuron_submit(device, &s, &job), -EINVAL, "0 bytes");
	b[1].size = N * 4;
	b[1].flags = 8;
	CHECK_FAILS(neuron_submit(device, &s, &job), -EINVAL, "flags");
	b[1].flags = NEURON_BIND_READ;
	s.core = 4;
	CHECK_FAILS(neuron_submit(device, &s, &job), -EINVAL, "core 4");
	s.core = 1;
	s.flags = NEURON_SUBMIT_PREPARE << 1;
	CHECK_FAILS(neuron_submit(device, &s, &job), -EINVAL, "flags 0x10");
	s.flags = NEURON_SUBMIT_PREPARE;
	CHECK_FAILS(neuron_submit(device, &s, &job), -EINVAL, "report");
	s.flags = NEURON_SUBMIT_PROFILE;
	s.report_slot = NEURON_NO_BINDING;
	CHECK_FAILS(neuron_submit(device, &s, &job), -EINVAL, "report");
	s.report_slot = 4;
	s.flags = 0;
	s.program_slot = 5;
	CHECK_FAILS(neuron_submit(device, &s, &job), -EINVAL, "slot");
	s.program_slot = 0;
	s.num_bindings = 100000;
	CHECK_FAILS(neuron_submit(device, &s, &job), -EINVAL, "100000");
	s.num_bindings = 5;
	CHECK_FAILS(neuron_submit(device, &s, NULL), -EINVAL, "NULL");

	/* Nobody else's core, and nobody else's buffer. */
	CHECK_OK(neuron_device_open(NULL, 0, &other));
	CHECK_OK(neuron_cores_acquire(other, 1 << 1));
	CHECK_FAILS(neuron_submit(device, &s, &job), -EBUSY, "another");
	CHECK_FAILS(neuron_submit(other, &s, &job), -EINVAL, "another device");
	neuron_device_close(other);
	neuron_buffer_free(b[0].buffer);
	neuron_buffer_free(data);
}

static void statuses(void)
{
	static const NRT_STATUS expected[NEURON_FAULT_COUNT] = {
		NRT_HW_ERROR, NRT_INVALID, NRT_INVALID, NRT_INVALID, NRT_INVALID,
		NRT_EXEC_OOB, NRT_EXEC_COMPLETED_WITH_ERR, NRT_EXEC_HW_ERR_DMA_ABORT,
		NRT_EXEC_COMPLETED_WITH_ERR, NRT_RESOURCE, NRT_EXEC_HW_ERR_HBM_UE,
		NRT_EXEC_HW_ERR_NC_UE, NRT_FAILURE, NRT_HW_ERROR,
	};
	struct neuron_job_result r = { .state = NEURON_JOB_FAULT };
	unsigned int kind;

	for (kind = 0; kind < NEURON_FAULT_COUNT; kind++) {
		r.fault_kind = kind;
		CHECK_EQ(neuron_job_status(&r), expected[kind]);
	}
	r.fault_kind = 0xffff;
	CHECK_EQ(neuron_job_status(&r), NRT_HW_ERROR);
	r.state = NEURON_JOB_TIMEOUT;
	CHECK_EQ(neuron_job_status(&r), NRT_TIMEOUT);
	r.state = NEURON_JOB_LOST;
	CHECK_EQ(neuron_job_status(&r), NRT_EXEC_UNIT_UNRECOVERABLE);
	r.state = NEURON_JOB_CANCELLED;
	CHECK_EQ(neuron_job_status(&r), NRT_FAILURE);
	r.state = NEURON_JOB_PENDING;
	CHECK_EQ(neuron_job_status(&r), NRT_FAILURE);
	CHECK_EQ(neuron_job_status(NULL), NRT_INVALID);
}

/* A hung job is looked after by whoever waits; those behind it are not lost. */
static void hung_job(void)
{
	struct neuron_buffer *data = buffer(NEURON_MEMORY_DRAM, 4096);
	struct neuron_binding b[4];
	struct neuron_submission s = {
		.num_bindings = 4, .bindings = b, .report_slot = NEURON_NO_BINDING,
		.timeout_ms = 500,
	};
	struct neuron_job_result result;
	struct neuron_job *jobs[3];
	int i;

	if (!t_sim())
		return ktap_skip("this is the little driver of the simulator");
	memset(b, 0, sizeof(b));
	b[0].buffer = program(&s.program_size);
	b[0].size = s.program_size;
	b[0].flags = NEURON_BIND_READ;
	for (i = 1; i < 4; i++) {
		b[i].buffer = data;
		b[i].size = N * 4;
		b[i].offset = (i - 1) * 1024;
		b[i].flags = NEURON_BIND_READ | NEURON_BIND_WRITE;
	}
	CHECK_OK(neuron_inject(device, NEURON_INJECT_HANG_CORE, 0, 1, 0));
	for (i = 0; i < 3; i++)
		CHECK_OK(neuron_submit(device, &s, &jobs[i]));
	CHECK_EQ(neuron_job_wait(jobs[0], 0, &result), -ETIME);
	CHECK_EQ(result.state, NEURON_JOB_PENDING);
	CHECK_EQ(neuron_job_wait(jobs[0], 100000000, &result), -ETIME);
	CHECK_OK(neuron_job_wait(jobs[2], -1, &result));
	CHECK_EQ(result.state, NEURON_JOB_DONE);
	CHECK_OK(neuron_job_wait(jobs[1], 0, &result));
	CHECK_EQ(result.state, NEURON_JOB_DONE);
	CHECK_OK(neuron_job_wait(jobs[0], 0, &result));
	CHECK_EQ(result.state, NEURON_JOB_TIMEOUT);
	for (i = 0; i < 3; i++)
		neuron_job_free(jobs[i]);
	neuron_buffer_free(b[0].buffer);
	neuron_buffer_free(data);
}

int main(void)
{
	t_setup();
	if (neuron_device_open(NULL, 0, &device)) {
		printf("# %s\n", neuron_error());
		return 1;
	}
	ktap_run("device open and info", opening);
	ktap_run("device cores", cores);
	ktap_run("device buffers", buffers);
	ktap_run("device jobs", jobs);
	ktap_run("device statuses", statuses);
	ktap_run("device with a hung job", hung_job);
	neuron_device_close(device);
	return ktap_done();
}
