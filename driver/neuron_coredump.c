// SPDX-License-Identifier: GPL-2.0-only

#include <linux/devcoredump.h>
#include <linux/vmalloc.h>

#include <drm/drm_print.h>

#include "neuron_context.h"
#include "neuron_device.h"
#include "neuron_job.h"
#include "neuron_queue.h"

/**
 * DOC: Core dumps
 *
 * When a job faults or takes too long, /sys/class/devcoredump gets a text file
 * that says what is known: how the job ended, its submission entry and slot
 * table, and the registers of its queue. There is one at a time; what happens
 * before it is read or has expired is not dumped.
 */

#define NEURON_DUMP_SIZE	SZ_64K

struct neuron_name {
	unsigned int value;
	const char *name;
	const char *text;
};

#define X(name, value, text) { value, #name, text },
static const struct neuron_name neuron_faults[] = { NEURON_FAULTS(X) };
static const struct neuron_name neuron_engines[] = { NEURON_ENGINES(X) };
#undef X

/* The lists count from zero without gaps. */
static const struct neuron_name *neuron_name(const struct neuron_name *names, size_t count,
					     unsigned int value)
{
	static const struct neuron_name none = { 0, "NONE", "none" };

	return value < count ? &names[value] : &none;
}

static void neuron_dump_result(struct drm_printer *p, const struct neuron_job *job)
{
	const struct neuron_fault *fault = &job->result.fault;
	const struct neuron_name *kind = neuron_name(neuron_faults, ARRAY_SIZE(neuron_faults),
						     le16_to_cpu(fault->kind));
	const struct neuron_name *engine = neuron_name(neuron_engines, ARRAY_SIZE(neuron_engines),
						       fault->engine);

	drm_printf(p, "queue: %s\n", job->fence->queue->name);
	drm_printf(p, "context: %llu\n", job->ctx ? job->ctx->cookie : 0);
	drm_printf(p, "job: %llu\n", job->result.job);
	if (job->result.state == DRM_NEURON_JOB_TIMEOUT)
		drm_printf(p, "reason: took longer than %u ms\n", job->timeout_ms);
	else
		drm_printf(p, "reason: %s\n", kind->text);
	drm_printf(p, "fault: %s engine %s operand %u instruction %u info %#llx\n", kind->name,
		   engine->text, fault->operand, le32_to_cpu(fault->inst),
		   le64_to_cpu(fault->info));
}

static void neuron_dump_job(struct drm_printer *p, const struct neuron_job *job)
{
	unsigned int i, j;

	for (i = 0; i < job->num_ops; i++) {
		const struct neuron_op *op = &job->ops[i];
		const struct neuron_sqe *sqe = &op->sqe;

		drm_printf(p, "entry %u: opcode %u", i, sqe->opcode);
		if (sqe->opcode == NEURON_SQE_EXEC)
			drm_printf(p, " program slot %u offset %#llx size %#x",
				   le32_to_cpu(sqe->exec.program_slot),
				   le64_to_cpu(sqe->exec.program_offset),
				   le32_to_cpu(sqe->exec.program_size));
		drm_puts(p, "\n");

		for (j = 0; j < le32_to_cpu(sqe->num_slots); j++)
			drm_printf(p, "  slot %u: addr %#llx offset %#x length %#llx flags %#x\n",
				   j, le64_to_cpu(op->slots[j].addr),
				   le32_to_cpu(op->slots[j].offset),
				   le64_to_cpu(op->slots[j].length),
				   le32_to_cpu(op->slots[j].flags));
	}
}

static void neuron_dump_registers(struct drm_printer *p, struct neuron_queue *q)
{
	struct neuron_device *ndev = q->ndev;

	drm_printf(p, "status: %#x\n", neuron_read(ndev, NEURON_REG_STATUS));
	drm_printf(p, "error: %#x queue %u\n", neuron_read(ndev, NEURON_REG_ERROR),
		   neuron_read(ndev, NEURON_REG_ERROR_QUEUE));
	drm_printf(p, "core_reset: %#x\n", neuron_read(ndev, NEURON_REG_CORE_RESET));
	drm_printf(p, "queue_status: %#x\n", neuron_queue_read(q, NEURON_QUEUE_STATUS));
	drm_printf(p, "sq_head: %u\n", neuron_queue_read(q, NEURON_QUEUE_SQ_HEAD));
	drm_printf(p, "sq_tail: %u\n", neuron_queue_read(q, NEURON_QUEUE_SQ_TAIL));
	drm_printf(p, "cq_head: %u\n", neuron_queue_read(q, NEURON_QUEUE_CQ_HEAD));
}

static void neuron_dump(struct drm_printer *p, const struct neuron_job *job)
{
	struct neuron_device *ndev = job->ndev;
	int idx;

	drm_printf(p, "neuron %s, registers %#x, instruction set %u\n", pci_name(ndev->pdev),
		   ndev->hw_version, ndev->isa_version);
	neuron_dump_result(p, job);
	if (drm_dev_enter(&ndev->drm, &idx)) {
		neuron_dump_registers(p, job->fence->queue);
		drm_dev_exit(idx);
	}
	neuron_dump_job(p, job);
}

static void neuron_dump_work(struct work_struct *work)
{
	struct neuron_device *ndev = container_of(work, struct neuron_device, dump_work);
	struct neuron_job *job = ndev->dump_job;
	struct drm_print_iterator iter = {
		.remain = NEURON_DUMP_SIZE,
	};
	struct drm_printer p;

	iter.data = vzalloc(NEURON_DUMP_SIZE);
	if (iter.data) {
		p = drm_coredump_printer(&iter);
		neuron_dump(&p, job);
		dev_coredumpv(&ndev->pdev->dev, iter.data, NEURON_DUMP_SIZE - iter.remain,
			      GFP_KERNEL);
	}

	neuron_job_put(job);

	/* The place is free for the next one. */
	xchg(&ndev->dump_job, NULL);
}

/**
 * neuron_coredump() - dump a job that has gone wrong
 * @job: job with its result
 *
 * Callable from any context; the dump is made soon after.
 */
void neuron_coredump(struct neuron_job *job)
{
	struct neuron_device *ndev = job->ndev;

	if (cmpxchg(&ndev->dump_job, NULL, job))
		return;
	neuron_job_get(job);
	queue_work(system_unbound_wq, &ndev->dump_work);
}

/**
 * neuron_coredump_init() - get ready
 * @ndev: device
 */
void neuron_coredump_init(struct neuron_device *ndev)
{
	INIT_WORK(&ndev->dump_work, neuron_dump_work);
}

/**
 * neuron_coredump_fini() - wait for a dump that is being made
 * @ndev: device without jobs
 */
void neuron_coredump_fini(struct neuron_device *ndev)
{
	flush_work(&ndev->dump_work);
}
