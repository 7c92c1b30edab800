/* SPDX-License-Identifier: MIT */
/*
 * A machine whose chip has little to do: a job that copies 16 floats, on core 0, and a
 * copy of two pages, on the first DMA queue; both from DRAM to host memory.
 */
#ifndef TESTS_COPYING_MACHINE_H
#define TESTS_COPYING_MACHINE_H

#include "tests/unit/mini_driver.h"
#include "tests/unit/program_builder.h"

#define COPY_SIZE	8192		/* bytes, from COPY_FROM of DRAM to host */
#define COPY_FROM	(1 << 20)

static struct machine m;
static struct ring core, dma;
static struct slots slots;
static struct neuron_cqe cqe;
static struct neuron_sqe job, copy, nop;
static uint64_t host;

/* Slots: the program, DRAM from COPY_FROM on, host memory. */
static void set_up(void)
{
	struct program p;
	uint16_t s, a, d;

	m_create(&m);
	q_init(&m, &core, 0, 3);
	q_init(&m, &dma, 4, 3);
	s_init(&m, &slots);
	host = m_alloc(&m, COPY_SIZE);

	pb_init(&p);
	s = pb_slot(&p, 1, NEURON_F32, 0, 1, 16);
	a = pb_sbuf(&p, NEURON_F32, 0, 1, 16);
	d = pb_slot(&p, 2, NEURON_F32, 0, 1, 16);
	pb_signal(pb_inst(&p, NEURON_OP_LOAD, NEURON_ENGINE_DMA_IN, a, s), 0, 1);
	pb_wait(pb_inst(&p, NEURON_OP_STORE, NEURON_ENGINE_DMA_OUT, d, a), 0, 1);
	pb_finish(&p);
	memcpy(m.dram, p.bytes, p.size);
	pb_free(&p);

	s_dram(&slots, 0, 4096, READ);
	s_dram(&slots, COPY_FROM, COPY_SIZE, READ | WRITE);
	s_host(&slots, host, COPY_SIZE, READ | WRITE);
	s_add(&slots, &(struct neuron_slot){ 0 });
	job = sqe_exec(&slots, 1, 0, p.size, NEURON_SQE_NO_SLOT);
	copy = sqe_copy(&slots, 2, 0, 1, 0, COPY_SIZE);
	nop = sqe_nop(0);
	job.id = 5;
	copy.id = 6;
	nop.id = 7;
}

static void tear_down(void)
{
	m_destroy(&m);
}

#endif /* TESTS_COPYING_MACHINE_H */
