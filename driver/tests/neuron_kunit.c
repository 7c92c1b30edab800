// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of what the driver computes by itself: rings, slots, the allocator
 * of device DRAM, arguments from user space. They need no device; what only a
 * device shows is in tests/kselftest.
 */

#include <kunit/test.h>
#include <kunit/visibility.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "../compat.h"
#include "../neuron_device.h"
#include "../neuron_dram.h"
#include "../neuron_job.h"
#include "../neuron_queue.h"
#include "../neuron_submit.h"
#include "../neuron_sync.h"

/* Rings */

#define RING_ENTRIES	16u
#define RING_SHIFT	ilog2(RING_ENTRIES)

/**
 * struct fake - a queue whose device is the test
 * @ndev: no more of it than queues look at
 * @q: under test
 * @barks: calls of the watchdog
 * @device_id: id of the next completion
 * @device_at: where it goes, counted since the queue was enabled
 */
struct fake {
	struct neuron_device *ndev;
	struct neuron_queue *q;
	atomic_t barks;
	u64 device_id;
	u32 device_at;
};

static struct neuron_device *fake_device(struct kunit *test)
{
	struct neuron_device *ndev = kunit_kzalloc(test, sizeof(*ndev), GFP_KERNEL);
	struct pci_dev *pdev = kunit_kzalloc(test, sizeof(*pdev), GFP_KERNEL);
	void *regs = kunit_kzalloc(test, NEURON_REG_QUEUE(NEURON_MAX_QUEUES), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, ndev);
	KUNIT_ASSERT_NOT_NULL(test, pdev);
	KUNIT_ASSERT_NOT_NULL(test, regs);
	pdev->dev.init_name = "neuron-kunit";
	ndev->pdev = pdev;
	ndev->drm.dev = &pdev->dev;
	ndev->regs = (void __iomem __force *)regs;
	ndev->num_cores = 4;
	init_waitqueue_head(&ndev->jobs_freed);

	return ndev;
}

static struct fake *the_fake;

static void watchdog_barks(struct work_struct *work)
{
	atomic_inc(&the_fake->barks);
}

static int ring_init(struct kunit *test)
{
	struct fake *f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);
	struct neuron_queue *q = kunit_kzalloc(test, sizeof(*q), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, f);
	KUNIT_ASSERT_NOT_NULL(test, q);
	f->ndev = fake_device(test);
	f->ndev->reset_wq = alloc_ordered_workqueue("neuron-kunit", 0);
	KUNIT_ASSERT_NOT_NULL(test, f->ndev->reset_wq);
	f->q = q;
	q->ndev = f->ndev;
	q->index = 2;
	strscpy(q->name, "neuron-core2", sizeof(q->name));
	q->shift = RING_SHIFT;
	q->table_slots = 2;
	q->credits = RING_ENTRIES / 2 - 1;
	q->sq = kunit_kcalloc(test, RING_ENTRIES, sizeof(*q->sq), GFP_KERNEL);
	q->cq = kunit_kcalloc(test, RING_ENTRIES, sizeof(*q->cq), GFP_KERNEL);
	q->tables = kunit_kcalloc(test, RING_ENTRIES * q->table_slots, sizeof(*q->tables),
				  GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, q->sq);
	KUNIT_ASSERT_NOT_NULL(test, q->cq);
	KUNIT_ASSERT_NOT_NULL(test, q->tables);
	kref_init(&q->ref);
	spin_lock_init(&q->lock);
	spin_lock_init(&q->fence_lock);
	INIT_LIST_HEAD(&q->jobs);
	INIT_DELAYED_WORK(&q->watchdog, watchdog_barks);
	q->state = NEURON_QUEUE_LIVE;
	/* A base that is no multiple of the ring: positions count from it. */
	q->next_id = 1000003;
	q->done_id = q->next_id;
	q->base_id = q->next_id;
	f->device_id = q->next_id;
	the_fake = f;
	test->priv = f;

	return 0;
}

static void ring_exit(struct kunit *test)
{
	struct fake *f = test->priv;

	if (!f)
		return;
	cancel_delayed_work_sync(&f->q->watchdog);
	destroy_workqueue(f->ndev->reset_wq);
}

static struct neuron_job *fake_job(struct kunit *test, unsigned int num_ops)
{
	struct fake *f = test->priv;
	struct neuron_job *job = kunit_kzalloc(test, sizeof(*job), GFP_KERNEL);
	struct neuron_fence *fence = kunit_kzalloc(test, sizeof(*fence), GFP_KERNEL);
	struct neuron_op *ops = kunit_kcalloc(test, num_ops, sizeof(*ops), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, job);
	KUNIT_ASSERT_NOT_NULL(test, fence);
	KUNIT_ASSERT_NOT_NULL(test, ops);
	for (i = 0; i < num_ops; i++) {
		ops[i].slots = kunit_kcalloc(test, 2, sizeof(*ops[i].slots), GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, ops[i].slots);
		ops[i].slots[1].addr = cpu_to_le64(i);
		ops[i].sqe.num_slots = cpu_to_le32(2);
	}
	kref_init(&fence->base.refcount);
	INIT_LIST_HEAD(&job->link);
	job->ndev = f->ndev;
	job->fence = fence;
	job->ops = ops;
	job->num_ops = num_ops;
	job->timeout_ms = 60000;

	return job;
}

/* What the device writes, phase last. */
static struct neuron_cqe *device_completes(struct fake *f)
{
	struct neuron_queue *q = f->q;
	struct neuron_cqe *cqe = &q->cq[f->device_at % RING_ENTRIES];

	memset(cqe, 0, sizeof(*cqe));
	cqe->id = cpu_to_le64(f->device_id);
	cqe->queue = cpu_to_le16(q->index);
	cqe->sq_head = cpu_to_le16((f->device_id + 1 - q->base_id) % RING_ENTRIES);
	cqe->cycles = cpu_to_le64(10);
	cqe->phase = cpu_to_le32(!(f->device_at / RING_ENTRIES % 2));
	f->device_at++;
	f->device_id++;

	return cqe;
}

static unsigned int poll(struct fake *f, struct list_head *done)
{
	struct list_head *at;
	unsigned int n = 0;

	spin_lock_irq(&f->q->lock);
	neuron_queue_poll_locked(f->q, done);
	spin_unlock_irq(&f->q->lock);
	list_for_each(at, done)
		n++;

	return n;
}

/* Thirty turns of the ring, jobs of all sizes: each is taken once, in order. */
static void ring_wraps(struct kunit *test)
{
	struct fake *f = test->priv;
	struct neuron_queue *q = f->q;
	unsigned int i, n, ops, sent = 0;
	struct neuron_job *job;
	LIST_HEAD(done);

	for (i = 0; sent < 30 * RING_ENTRIES; i++) {
		ops = 1 + i % q->credits;
		job = fake_job(test, ops);
		neuron_queue_push(q, job);
		for (n = 0; n < ops; n++) {
			u32 pos = (sent + n) % RING_ENTRIES;

			KUNIT_ASSERT_EQ(test, le64_to_cpu(q->sq[pos].id), job->first_id + n);
			KUNIT_ASSERT_EQ(test, le64_to_cpu(q->sq[pos].slots),
					q->tables_dma + pos * 2 * sizeof(*q->tables));
			KUNIT_ASSERT_EQ(test, le64_to_cpu(q->tables[pos * 2 + 1].addr), n);
		}
		sent += ops;
		KUNIT_ASSERT_EQ(test, neuron_queue_read(q, NEURON_QUEUE_SQ_TAIL),
				sent % RING_ENTRIES);

		for (n = 0; n < ops; n++) {
			KUNIT_ASSERT_FALSE(test, neuron_queue_has_completion(q));
			device_completes(f);
			KUNIT_ASSERT_TRUE(test, neuron_queue_has_completion(q));
			KUNIT_ASSERT_EQ(test, poll(f, &done), n == ops - 1);
		}
		KUNIT_ASSERT_PTR_EQ(test, list_first_entry(&done, struct neuron_job, link), job);
		KUNIT_ASSERT_EQ(test, job->result.state, DRM_NEURON_JOB_DONE);
		KUNIT_ASSERT_EQ(test, job->result.cycles, 10 * ops);
		list_del_init(&job->link);
	}
	KUNIT_EXPECT_EQ(test, q->bad_completions, 0);
	/* The device learns in time what it may overwrite. */
	KUNIT_EXPECT_LE(test, q->cq_head - q->cq_acked, RING_ENTRIES / 4);
	KUNIT_EXPECT_FALSE(test, q->broken);
}

/* Several at once, over the end of the ring. */
static void ring_batch(struct kunit *test)
{
	struct fake *f = test->priv;
	unsigned int turn, i;
	LIST_HEAD(done);

	for (turn = 0; turn < 9; turn++) {
		for (i = 0; i < f->q->credits; i++)
			neuron_queue_push(f->q, fake_job(test, 1));
		for (i = 0; i < f->q->credits; i++)
			device_completes(f);
		KUNIT_ASSERT_EQ(test, poll(f, &done), f->q->credits);
		INIT_LIST_HEAD(&done);
	}
	KUNIT_EXPECT_EQ(test, f->q->jobs_done, turn * f->q->credits);
	KUNIT_EXPECT_EQ(test, f->q->bad_completions, 0);
}

struct damage {
	const char *name;
	void (*apply)(struct fake *f, struct neuron_cqe *cqe);
	bool harmless;
};

static void wrong_queue(struct fake *f, struct neuron_cqe *cqe)
{
	cqe->queue = cpu_to_le16(f->q->index + 1);
}

static void later_id(struct fake *f, struct neuron_cqe *cqe)
{
	cqe->id = cpu_to_le64(f->q->done_id + 1);
}

static void id_of_nobody(struct fake *f, struct neuron_cqe *cqe)
{
	cqe->id = cpu_to_le64(f->q->next_id);
}

static void greatest_id(struct fake *f, struct neuron_cqe *cqe)
{
	cqe->id = cpu_to_le64(U64_MAX);
}

static void earlier_id(struct fake *f, struct neuron_cqe *cqe)
{
	cqe->id = cpu_to_le64(f->q->done_id - 1);
}

static void head_behind_tail(struct fake *f, struct neuron_cqe *cqe)
{
	cqe->sq_head = cpu_to_le16((f->q->next_id + 1 - f->q->base_id) % RING_ENTRIES);
}

static void head_not_moved(struct fake *f, struct neuron_cqe *cqe)
{
	cqe->sq_head = cpu_to_le16((f->q->done_id - f->q->base_id) % RING_ENTRIES);
}

static void head_outside(struct fake *f, struct neuron_cqe *cqe)
{
	cqe->sq_head = cpu_to_le16(RING_ENTRIES);
}

static void reserved_phase(struct fake *f, struct neuron_cqe *cqe)
{
	cqe->phase |= cpu_to_le32(2);
}

static void reserved_bytes(struct fake *f, struct neuron_cqe *cqe)
{
	((u8 *)cqe->reserved)[sizeof(cqe->reserved) - 1] = 1;
}

static const struct damage damages[] = {
	{ "another queue's", wrong_queue },
	{ "a job that waits", later_id },
	{ "a job that nobody submitted", id_of_nobody },
	{ "the greatest id", greatest_id },
	{ "one that was completed", earlier_id, true },
	{ "a head beyond the tail", head_behind_tail },
	{ "a head that did not move", head_not_moved },
	{ "a head outside the ring", head_outside },
	{ "reserved bits of the phase", reserved_phase },
	{ "reserved bytes", reserved_bytes },
};

KUNIT_ARRAY_PARAM_DESC(damage, damages, name);

/* The job is not completed by it; the queue goes to the watchdog unless it is old news. */
static void ring_damaged(struct kunit *test)
{
	const struct damage *damage = test->param_value;
	struct fake *f = test->priv;
	LIST_HEAD(done);

	neuron_queue_push(f->q, fake_job(test, 1));
	neuron_queue_push(f->q, fake_job(test, 1));
	device_completes(f);
	KUNIT_ASSERT_EQ(test, poll(f, &done), 1);
	INIT_LIST_HEAD(&done);

	damage->apply(f, device_completes(f));
	KUNIT_EXPECT_EQ(test, poll(f, &done), 0);
	KUNIT_EXPECT_EQ(test, f->q->bad_completions, 1);
	KUNIT_EXPECT_EQ(test, f->q->broken, !damage->harmless);
	flush_delayed_work(&f->q->watchdog);
	KUNIT_EXPECT_EQ(test, atomic_read(&f->barks), 1);

	/* The right one comes too late for a broken queue, else in time. */
	f->device_id--;
	device_completes(f);
	KUNIT_EXPECT_EQ(test, poll(f, &done), damage->harmless);
}

/* A device that fills the whole ring again and again is not followed for ever. */
static void ring_storm(struct kunit *test)
{
	struct fake *f = test->priv;
	unsigned int i;
	LIST_HEAD(done);

	neuron_queue_push(f->q, fake_job(test, 1));
	for (i = 0; i < RING_ENTRIES; i++) {
		f->device_id = f->q->done_id - 1;
		device_completes(f);
	}
	KUNIT_EXPECT_EQ(test, poll(f, &done), 0);
	KUNIT_EXPECT_EQ(test, f->q->cq_head, RING_ENTRIES);
	KUNIT_EXPECT_FALSE(test, neuron_queue_has_completion(f->q));
	KUNIT_EXPECT_FALSE(test, f->q->broken);
	KUNIT_EXPECT_EQ(test, f->q->bad_completions, RING_ENTRIES);
}

/* While a queue is recovered, jobs only line up. */
static void ring_stopped(struct kunit *test)
{
	struct fake *f = test->priv;
	struct neuron_job *job = fake_job(test, 3);

	f->q->state = NEURON_QUEUE_STOPPED;
	neuron_queue_push(f->q, job);
	KUNIT_EXPECT_FALSE(test, job->queued);
	KUNIT_EXPECT_EQ(test, f->q->next_id, f->q->base_id);
	KUNIT_EXPECT_EQ(test, neuron_queue_read(f->q, NEURON_QUEUE_SQ_TAIL), 0);

	neuron_queue_resume(f->q);
	KUNIT_EXPECT_TRUE(test, job->queued);
	KUNIT_EXPECT_EQ(test, neuron_queue_read(f->q, NEURON_QUEUE_SQ_TAIL), 3);
}

/* A context gets a quarter of the queue, or one job. */
static void ring_turns(struct kunit *test)
{
	struct fake *f = test->priv;
	struct neuron_job *first = fake_job(test, 1), *large = fake_job(test, 1);
	struct dma_fence *fence;
	/* Only compared, never looked into. */
	struct neuron_context *a = (void *)first, *b = (void *)large;

	f->q->credits = 8;
	large->num_ops = 8;
	large->ctx = a;
	KUNIT_EXPECT_NULL(test, neuron_queue_wait_turn(f->q, large));

	spin_lock_irq(&f->q->lock);
	first->ctx = a;
	list_add_tail(&first->link, &f->q->jobs);
	spin_unlock_irq(&f->q->lock);
	large->num_ops = 1;
	KUNIT_EXPECT_NULL(test, neuron_queue_wait_turn(f->q, large));
	large->num_ops = 2;
	fence = neuron_queue_wait_turn(f->q, large);
	KUNIT_EXPECT_PTR_EQ(test, fence, &first->fence->base);
	KUNIT_EXPECT_EQ(test, kref_read(&first->fence->base.refcount), 2);
	large->ctx = b;
	KUNIT_EXPECT_NULL(test, neuron_queue_wait_turn(f->q, large));
	list_del_init(&first->link);
}

/* Past the scheduler only where nobody is overtaken. */
static void ring_idle(struct kunit *test)
{
	struct fake *f = test->priv;
	struct neuron_job *first = fake_job(test, 1), *second = fake_job(test, 1);
	struct neuron_job *third = fake_job(test, 1);
	LIST_HEAD(done);

	kref_init(&first->ref);
	kref_init(&third->ref);

	f->q->state = NEURON_QUEUE_STOPPED;
	KUNIT_EXPECT_FALSE(test, neuron_queue_push_idle(f->q, first));
	f->q->state = NEURON_QUEUE_DEAD;
	KUNIT_EXPECT_FALSE(test, neuron_queue_push_idle(f->q, first));
	KUNIT_EXPECT_FALSE(test, first->direct);
	KUNIT_EXPECT_EQ(test, f->q->next_id, f->q->base_id);

	f->q->state = NEURON_QUEUE_LIVE;
	KUNIT_EXPECT_TRUE(test, neuron_queue_push_idle(f->q, first));
	KUNIT_EXPECT_TRUE(test, first->direct && first->queued);
	KUNIT_EXPECT_EQ(test, kref_read(&first->ref), 2);
	KUNIT_EXPECT_EQ(test, neuron_queue_read(f->q, NEURON_QUEUE_SQ_TAIL), 1);

	/* One executes. */
	KUNIT_EXPECT_FALSE(test, neuron_queue_push_idle(f->q, third));
	/* None does, but the scheduler has one. */
	neuron_queue_expect(f->q, second);
	device_completes(f);
	KUNIT_EXPECT_EQ(test, poll(f, &done), 1);
	KUNIT_EXPECT_FALSE(test, neuron_queue_push_idle(f->q, third));
	neuron_queue_push(f->q, second);
	KUNIT_EXPECT_FALSE(test, neuron_queue_push_idle(f->q, third));
	device_completes(f);
	KUNIT_EXPECT_EQ(test, poll(f, &done), 2);
	KUNIT_EXPECT_TRUE(test, neuron_queue_push_idle(f->q, third));
	KUNIT_EXPECT_EQ(test, f->q->waiting, 0);
	KUNIT_EXPECT_EQ(test, third->fence->base.seqno, first->fence->base.seqno + 1);
}

/* The device hears what has been seen before it would interrupt for it. */
static void late_interrupt(struct kunit *test)
{
	struct neuron_job *job[3] = { fake_job(test, 1), fake_job(test, 1), fake_job(test, 1) };
	struct fake *f = test->priv;
	unsigned int i;
	LIST_HEAD(done);

	for (i = 0; i < ARRAY_SIZE(job); i++) {
		kref_init(&job[i]->ref);
		job[i]->late = i == 1;
		KUNIT_ASSERT_TRUE(test, neuron_queue_push_idle(f->q, job[i]));
		KUNIT_EXPECT_EQ(test, f->q->sq[i].flags, i == 1 ? NEURON_SQE_LATE_IRQ : 0);
		KUNIT_EXPECT_EQ(test, neuron_queue_read(f->q, NEURON_QUEUE_CQ_HEAD),
				i == 2 ? 2 : 0);
		device_completes(f);
		KUNIT_ASSERT_EQ(test, poll(f, &done), i + 1);
	}
	KUNIT_EXPECT_FALSE(test, f->q->owed);
}

static struct kunit_case ring_cases[] = {
	KUNIT_CASE(ring_wraps),
	KUNIT_CASE(ring_batch),
	KUNIT_CASE_PARAM(ring_damaged, damage_gen_params),
	KUNIT_CASE(ring_storm),
	KUNIT_CASE(ring_stopped),
	KUNIT_CASE(ring_turns),
	KUNIT_CASE(ring_idle),
	KUNIT_CASE(late_interrupt),
	{}
};

static struct kunit_suite ring_suite = {
	.name = "neuron_ring",
	.init = ring_init,
	.exit = ring_exit,
	.test_cases = ring_cases,
};

/* Slots */

struct slot_part {
	const char *name;
	u32 index;
	u32 flag;
	u64 offset;
	u64 size;
	bool inside;
};

static const struct slot_part parts[] = {
	{ "all of it", 0, DRM_NEURON_SLOT_READ, 0, 4096, true },
	{ "its last byte", 0, DRM_NEURON_SLOT_READ, 4095, 1, true },
	{ "nothing at its end", 0, DRM_NEURON_SLOT_READ, 4096, 0, true },
	{ "a byte too many", 0, DRM_NEURON_SLOT_READ, 1, 4096, false },
	{ "behind it", 0, DRM_NEURON_SLOT_READ, 4097, 0, false },
	{ "a sum that wraps", 0, DRM_NEURON_SLOT_READ, U64_MAX, 2, false },
	{ "a size that wraps", 0, DRM_NEURON_SLOT_READ, 1, U64_MAX, false },
	{ "to be written, of one to read", 0, DRM_NEURON_SLOT_WRITE, 0, 64, false },
	{ "an empty slot", 1, DRM_NEURON_SLOT_READ, 0, 0, false },
	{ "a slot to write", 2, DRM_NEURON_SLOT_WRITE, 0, 64, true },
	{ "behind the table", 3, DRM_NEURON_SLOT_READ, 0, 0, false },
	{ "far behind the table", U32_MAX, DRM_NEURON_SLOT_READ, 0, 0, false },
};

KUNIT_ARRAY_PARAM_DESC(part, parts, name);

static void slot_parts(struct kunit *test)
{
	const struct neuron_submit_slot slots[] = {
		{ .bo = 0, .flags = DRM_NEURON_SLOT_READ, .size = 4096 },
		{ .bo = -1 },
		{ .bo = 1, .flags = DRM_NEURON_SLOT_READ | DRM_NEURON_SLOT_WRITE, .size = 64 },
	};
	const struct slot_part *r = test->param_value;

	KUNIT_EXPECT_EQ(test, r->inside,
			neuron_submit_in_slot(slots, ARRAY_SIZE(slots), r->index, r->flag,
					      r->offset, r->size));
}

static struct kunit_case slot_cases[] = {
	KUNIT_CASE_PARAM(slot_parts, part_gen_params),
	{}
};

static struct kunit_suite slot_suite = {
	.name = "neuron_slot",
	.test_cases = slot_cases,
};

/* Arguments from user space */

#define ELEMENT		16
#define FIRST_ELEMENT	8

static u8 __user *user_page(struct kunit *test)
{
	unsigned long at = kunit_vm_mmap(test, NULL, 0, 2 * PAGE_SIZE, PROT_READ | PROT_WRITE,
					 MAP_ANONYMOUS | MAP_PRIVATE, 0);

	KUNIT_ASSERT_NE_MSG(test, at, 0, "no memory of a user");
	KUNIT_ASSERT_LT_MSG(test, at, (unsigned long)TASK_SIZE, "no memory of a user");

	return (u8 __user *)at;
}

static u8 *get_array(struct kunit *test, u8 __user *from, u32 count, u32 stride)
{
	struct drm_neuron_array array = {
		.ptr = (uintptr_t)from, .count = count, .stride = stride,
	};

	return neuron_array_get(&array, ELEMENT, FIRST_ELEMENT, 8);
}

static void array_of_this_version(struct kunit *test)
{
	u8 __user *user = user_page(test);
	u8 bytes[3 * ELEMENT], *got;
	unsigned int i;

	for (i = 0; i < sizeof(bytes); i++)
		bytes[i] = i + 1;
	KUNIT_ASSERT_EQ(test, copy_to_user(user, bytes, sizeof(bytes)), 0);
	got = get_array(test, user, 3, ELEMENT);
	KUNIT_ASSERT_FALSE(test, IS_ERR_OR_NULL(got));
	KUNIT_EXPECT_MEMEQ(test, got, bytes, sizeof(bytes));
	kvfree(got);
}

/* Fields that a caller does not know of are zero. */
static void array_of_an_older_version(struct kunit *test)
{
	u8 __user *user = user_page(test);
	u8 bytes[2 * FIRST_ELEMENT], want[2 * ELEMENT] = {}, *got;
	unsigned int i;

	for (i = 0; i < sizeof(bytes); i++)
		bytes[i] = i + 1;
	memcpy(want, bytes, FIRST_ELEMENT);
	memcpy(want + ELEMENT, bytes + FIRST_ELEMENT, FIRST_ELEMENT);
	KUNIT_ASSERT_EQ(test, copy_to_user(user, bytes, sizeof(bytes)), 0);
	got = get_array(test, user, 2, FIRST_ELEMENT);
	KUNIT_ASSERT_FALSE(test, IS_ERR_OR_NULL(got));
	KUNIT_EXPECT_MEMEQ(test, got, want, sizeof(want));
	kvfree(got);
}

/* Fields that the driver does not know of must not mean anything. */
static void array_of_a_newer_version(struct kunit *test)
{
	u8 __user *user = user_page(test);
	u8 *got, one = 1;

	got = get_array(test, user, 2, ELEMENT + 8);
	KUNIT_ASSERT_FALSE(test, IS_ERR_OR_NULL(got));
	kvfree(got);
	KUNIT_ASSERT_EQ(test, copy_to_user(user + 2 * (ELEMENT + 8) - 1, &one, 1), 0);
	KUNIT_EXPECT_PTR_EQ(test, get_array(test, user, 2, ELEMENT + 8), ERR_PTR(-E2BIG));
}

static void array_refused(struct kunit *test)
{
	u8 __user *user = user_page(test);

	KUNIT_EXPECT_NULL(test, get_array(test, user, 0, ELEMENT));
	KUNIT_EXPECT_NULL(test, get_array(test, NULL, 0, 0));
	KUNIT_EXPECT_PTR_EQ(test, get_array(test, user, 9, ELEMENT), ERR_PTR(-EINVAL));
	KUNIT_EXPECT_PTR_EQ(test, get_array(test, user, U32_MAX, ELEMENT), ERR_PTR(-EINVAL));
	KUNIT_EXPECT_PTR_EQ(test, get_array(test, user, 1, 0), ERR_PTR(-EINVAL));
	KUNIT_EXPECT_PTR_EQ(test, get_array(test, user, 1, FIRST_ELEMENT - 1), ERR_PTR(-EINVAL));
	KUNIT_EXPECT_PTR_EQ(test, get_array(test, user, 1, NEURON_MAX_STRIDE + 1),
			    ERR_PTR(-EINVAL));
	KUNIT_EXPECT_PTR_EQ(test, get_array(test, user, 1, U32_MAX), ERR_PTR(-EINVAL));
	KUNIT_EXPECT_PTR_EQ(test, get_array(test, NULL, 1, ELEMENT), ERR_PTR(-EFAULT));
	KUNIT_EXPECT_PTR_EQ(test, get_array(test, user + 2 * PAGE_SIZE - ELEMENT, 8, ELEMENT),
			    ERR_PTR(-EFAULT));
	KUNIT_EXPECT_PTR_EQ(test, get_array(test, (u8 __user *)(ULONG_MAX - 7), 2, ELEMENT),
			    ERR_PTR(-EFAULT));
}

static void time_outs(struct kunit *test)
{
	u32 standard = neuron_job_timeout(0);

	KUNIT_EXPECT_EQ(test, standard, neuron_default_timeout_ms());
	KUNIT_EXPECT_GT(test, standard, 0);
	KUNIT_EXPECT_EQ(test, neuron_job_timeout(1), 1);
	KUNIT_EXPECT_EQ(test, neuron_job_timeout(standard), standard);
	KUNIT_EXPECT_EQ(test, neuron_job_timeout(U32_MAX), 0);
}

static struct kunit_case argument_cases[] = {
	KUNIT_CASE(array_of_this_version),
	KUNIT_CASE(array_of_an_older_version),
	KUNIT_CASE(array_of_a_newer_version),
	KUNIT_CASE(array_refused),
	KUNIT_CASE(time_outs),
	{}
};

static struct kunit_suite argument_suite = {
	.name = "neuron_arguments",
	.test_cases = argument_cases,
};

/* Device DRAM */

#define DRAM_SIZE	SZ_1M

/* Stands in for the DMA queues: what is dirty becomes free. */
static void scrub(struct work_struct *work)
{
	struct neuron_dram *dram = container_of(work, struct neuron_dram, work);
	struct neuron_dram_block *block, *next;

	mutex_lock(&dram->lock);
	list_for_each_entry_safe(block, next, &dram->dirty, link) {
		list_del(&block->link);
		drm_mm_remove_node(&block->node);
		kfree(block);
		WRITE_ONCE(dram->scrubbed, dram->scrubbed + 1);
	}
	mutex_unlock(&dram->lock);
	wake_up_all(&dram->progress);
}

static int dram_init(struct kunit *test)
{
	struct neuron_device *ndev = fake_device(test);
	struct neuron_dram *dram = &ndev->dram;

	/* Runtime PM is off: references are counted, nothing is suspended. */
	spin_lock_init(&ndev->pdev->dev.power.lock);
	ndev->pdev->dev.power.disable_depth = 1;
	ndev->dram_size = DRAM_SIZE;
	mutex_init(&dram->lock);
	INIT_LIST_HEAD(&dram->dirty);
	INIT_LIST_HEAD(&dram->failed);
	INIT_WORK(&dram->work, scrub);
	init_waitqueue_head(&dram->progress);
	drm_mm_init(&dram->mm, 0, DRAM_SIZE);
	test->priv = ndev;

	return 0;
}

static void dram_exit(struct kunit *test)
{
	struct neuron_device *ndev = test->priv;

	if (!ndev)
		return;
	flush_work(&ndev->dram.work);
	KUNIT_EXPECT_EQ(test, ndev->dram.used, 0);
	KUNIT_EXPECT_EQ(test, ndev->dram.queued, ndev->dram.scrubbed);
	KUNIT_EXPECT_TRUE(test, drm_mm_clean(&ndev->dram.mm));
	drm_mm_takedown(&ndev->dram.mm);
	mutex_destroy(&ndev->dram.lock);
}

static struct neuron_dram_block *take(struct kunit *test, u64 size)
{
	struct neuron_dram_block *block = neuron_dram_alloc(test->priv, size);

	KUNIT_ASSERT_FALSE_MSG(test, IS_ERR(block), "%llu bytes: %ld", size, PTR_ERR(block));
	KUNIT_EXPECT_EQ(test, block->node.start % PAGE_SIZE, 0);
	KUNIT_EXPECT_EQ(test, block->node.size, size);
	KUNIT_EXPECT_LE(test, block->node.start + block->node.size, DRAM_SIZE);

	return block;
}

/* To the last page, each page once. */
static void dram_full(struct kunit *test)
{
	struct neuron_device *ndev = test->priv;
	unsigned int i, n = DRAM_SIZE / PAGE_SIZE;
	struct neuron_dram_block **blocks = kunit_kcalloc(test, n, sizeof(*blocks), GFP_KERNEL);
	DECLARE_BITMAP(taken, DRAM_SIZE / PAGE_SIZE) = {};
	u64 free, largest;

	KUNIT_ASSERT_NOT_NULL(test, blocks);
	for (i = 0; i < n; i++) {
		blocks[i] = take(test, PAGE_SIZE);
		KUNIT_EXPECT_FALSE(test, test_and_set_bit(blocks[i]->node.start >> PAGE_SHIFT,
							  taken));
	}
	KUNIT_EXPECT_PTR_EQ(test, neuron_dram_alloc(ndev, PAGE_SIZE), ERR_PTR(-ENOSPC));
	KUNIT_EXPECT_EQ(test, neuron_dram_usage(ndev, &free, &largest), 0);
	KUNIT_EXPECT_EQ(test, free, 0);
	KUNIT_EXPECT_EQ(test, largest, 0);

	/* Every other page: half is free, and nothing larger than a page is. */
	for (i = 0; i < n; i++)
		if (blocks[i]->node.start >> PAGE_SHIFT & 1) {
			neuron_dram_free(ndev, blocks[i]);
			blocks[i] = NULL;
		}
	KUNIT_EXPECT_EQ(test, neuron_dram_usage(ndev, &free, &largest), 0);
	KUNIT_EXPECT_EQ(test, free, DRAM_SIZE / 2);
	KUNIT_EXPECT_EQ(test, largest, PAGE_SIZE);
	KUNIT_EXPECT_PTR_EQ(test, neuron_dram_alloc(ndev, 2 * PAGE_SIZE), ERR_PTR(-ENOSPC));
	for (i = 0; i < n; i++)
		if (blocks[i])
			neuron_dram_free(ndev, blocks[i]);

	neuron_dram_free(ndev, take(test, DRAM_SIZE));
}

/* What was given back is nobody's before it has been zeroed. */
static void dram_dirty(struct kunit *test)
{
	struct neuron_device *ndev = test->priv;
	struct neuron_dram *dram = &ndev->dram;
	struct neuron_dram_block *first = take(test, DRAM_SIZE / 2), *second;
	u64 start = first->node.start;

	/* Nobody scrubs for now. */
	disable_work_sync(&dram->work);
	neuron_dram_free(ndev, first);
	second = take(test, DRAM_SIZE / 2);
	KUNIT_EXPECT_NE(test, second->node.start, start);
	KUNIT_EXPECT_EQ(test, dram->queued - dram->scrubbed, 1);

	enable_work(&dram->work);
	queue_work(system_unbound_wq, &dram->work);
	flush_work(&dram->work);
	first = take(test, DRAM_SIZE / 2);
	KUNIT_EXPECT_EQ(test, first->node.start, start);
	neuron_dram_free(ndev, first);
	neuron_dram_free(ndev, second);
}

/* After a loss of power what is free has to be zeroed, too; what is owned stays. */
static void dram_distrusted(struct kunit *test)
{
	struct neuron_device *ndev = test->priv;
	struct neuron_dram *dram = &ndev->dram;
	struct neuron_dram_block *a = take(test, PAGE_SIZE), *b = take(test, 3 * PAGE_SIZE);
	struct neuron_dram_block *c = take(test, PAGE_SIZE);
	u64 free, largest;

	neuron_dram_free(ndev, b);
	flush_work(&dram->work);
	mutex_lock(&dram->lock);
	neuron_dram_distrust_locked(dram);
	KUNIT_EXPECT_FALSE(test, list_empty(&dram->dirty));
	b = kzalloc(sizeof(*b), GFP_KERNEL);
	KUNIT_EXPECT_EQ(test, drm_mm_insert_node(&dram->mm, &b->node, PAGE_SIZE), -ENOSPC);
	kfree(b);
	mutex_unlock(&dram->lock);

	neuron_dram_start(ndev);
	KUNIT_EXPECT_EQ(test, neuron_dram_usage(ndev, &free, &largest), 0);
	KUNIT_EXPECT_EQ(test, free, DRAM_SIZE - 2 * PAGE_SIZE);
	KUNIT_EXPECT_TRUE(test, a->owned && c->owned);
	neuron_dram_free(ndev, a);
	neuron_dram_free(ndev, c);
}

static void dram_dead(struct kunit *test)
{
	struct neuron_device *ndev = test->priv;
	struct neuron_dram_block *block = take(test, PAGE_SIZE);

	WRITE_ONCE(ndev->dead, true);
	KUNIT_EXPECT_PTR_EQ(test, neuron_dram_alloc(ndev, PAGE_SIZE), ERR_PTR(-EIO));
	WRITE_ONCE(ndev->dead, false);
	WRITE_ONCE(ndev->dram.stopped, true);
	KUNIT_EXPECT_PTR_EQ(test, neuron_dram_alloc(ndev, PAGE_SIZE), ERR_PTR(-ENODEV));
	/* Unplugged: there is nothing left to be zeroed. */
	neuron_dram_free(ndev, block);
	KUNIT_EXPECT_EQ(test, ndev->dram.queued, 0);
}

static struct kunit_case dram_cases[] = {
	KUNIT_CASE(dram_full),
	KUNIT_CASE(dram_dirty),
	KUNIT_CASE(dram_distrusted),
	KUNIT_CASE(dram_dead),
	{}
};

static struct kunit_suite dram_suite = {
	.name = "neuron_dram",
	.init = dram_init,
	.exit = dram_exit,
	.test_cases = dram_cases,
};

kunit_test_suites(&ring_suite, &slot_suite, &argument_suite, &dram_suite);

MODULE_DESCRIPTION("KUnit tests of the neuron driver");
MODULE_LICENSE("GPL");
NEURON_IMPORT_NS_KUNIT;
