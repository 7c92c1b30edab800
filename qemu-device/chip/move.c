// SPDX-License-Identifier: MIT
/*
 * LOAD and STORE: tensors between a slot and the scratchpad, both strided.
 *
 * The dimensions are walked in the order of the slot's strides, whatever their
 * order in the tensor, so that contiguous memory of the slot moves in one piece:
 * straight into the scratchpad where that is contiguous too, else through a
 * staging buffer. Memory between the elements of a slot's tensor is never
 * written; it may be read along when elements lie close together.
 */
#include <string.h>
#include "qemu-device/chip/chip_priv.h"
#include "qemu-device/kernels/nk.h"

/* Elements at most this far apart are fetched in windows, with what is between. */
#define CLOSE		512
#define WINDOW		4096

/**
 * struct walk - a loop nest over both tensors, outermost dimension first
 * @q: whose access it is
 * @slot: index of the slot
 * @slot_dtype: type there
 * @chip_dtype: type in the scratchpad
 * @slot_size: bytes of an element in the slot
 * @rank: loops, at least 1
 * @outer: loops around what moves in one piece
 * @dims: counts
 * @slot_step: strides in the slot, in bytes, none negative
 * @chip_step: strides in the scratchpad, in bytes
 * @offset: in the slot of the first element
 * @chip: address of the first element in the scratchpad
 * @block: elements that are contiguous in the slot, in the loops from @outer on;
 *	   1 when even neighbours are apart
 * @direct: such a block is contiguous in the scratchpad as well, in the same type
 * @poison: STORE: write NaN
 * @result: counters, and what failed
 */
struct walk {
	struct queue *q;
	uint32_t slot;
	unsigned int slot_dtype;
	unsigned int chip_dtype;
	unsigned int slot_size;
	unsigned int rank;
	unsigned int outer;
	uint64_t dims[NEURON_MAX_RANK];
	int64_t slot_step[NEURON_MAX_RANK];
	int64_t chip_step[NEURON_MAX_RANK];
	uint64_t offset;
	char *chip;
	uint64_t block;
	bool direct;
	bool poison;
	struct move_result *result;
};

/* Loops in descending order of the slot's strides; repetitions are outermost. */
static void add_loops(struct walk *w, const struct neuron_tensor *slot,
		      const struct neuron_tensor *chip)
{
	int64_t slot_size = neuron_dtype_size(slot->dtype);
	int64_t chip_size = neuron_dtype_size(chip->dtype);

	for (unsigned int i = 0; i < slot->rank; i++) {
		int64_t slot_step = slot->strides[i] * slot_size;
		int64_t chip_step = chip->strides[i] * chip_size;
		uint64_t last = slot->dims[i] - 1;
		unsigned int at = w->rank;

		if (!last)
			continue;
		if (slot_step < 0) {	/* walk it the other way round */
			w->offset += last * slot_step;
			w->chip += (int64_t)last * chip_step;
			slot_step = -slot_step;
			chip_step = -chip_step;
		}
		while (at > 0 && w->slot_step[at - 1] &&
		       (!slot_step || w->slot_step[at - 1] < slot_step)) {
			w->dims[at] = w->dims[at - 1];
			w->slot_step[at] = w->slot_step[at - 1];
			w->chip_step[at] = w->chip_step[at - 1];
			at--;
		}
		w->dims[at] = last + 1;
		w->slot_step[at] = slot_step;
		w->chip_step[at] = chip_step;
		w->rank++;
	}
	if (!w->rank) {
		w->dims[0] = 1;
		w->slot_step[0] = slot_size;
		w->chip_step[0] = chip_size;
		w->rank = 1;
	}
}

/* Make one loop of neighbours that both tensors walk as one. */
static void merge_loops(struct walk *w)
{
	unsigned int n = 1;

	for (unsigned int i = 1; i < w->rank; i++) {
		int64_t count = w->dims[i];

		if (w->slot_step[n - 1] == count * w->slot_step[i] &&
		    w->chip_step[n - 1] == count * w->chip_step[i]) {
			w->dims[n - 1] *= count;
		} else {
			w->dims[n] = count;
			n++;
		}
		w->slot_step[n - 1] = w->slot_step[i];
		w->chip_step[n - 1] = w->chip_step[i];
	}
	w->rank = n;
}

static void find_block(struct walk *w)
{
	int64_t next = w->slot_size;

	w->outer = w->rank;
	while (w->outer > 0 && w->slot_step[w->outer - 1] == next)
		next *= w->dims[--w->outer];
	w->block = next / w->slot_size;
	if (w->outer == w->rank)
		w->outer--;
	w->direct = w->block > 1 || w->dims[w->outer] == 1;
	w->direct = w->direct && w->outer == w->rank - 1 && !w->poison &&
		    w->chip_dtype == w->slot_dtype &&
		    w->chip_step[w->outer] == w->slot_size;
}

#define COPY_LOOP(type)								\
	for (size_t i = 0; i < n; i++, dst += dst_step, src += src_step) {	\
		type value;							\
										\
		memcpy(&value, src, sizeof(value));				\
		memcpy(dst, &value, sizeof(value));				\
	}

/* @n elements from one row to another, widened or narrowed as the types want. */
static void copy_row(char *dst, unsigned int dst_dtype, int64_t dst_step,
		     const char *src, unsigned int src_dtype, int64_t src_step,
		     size_t n, uint64_t *saturations)
{
	int64_t size = neuron_dtype_size(src_dtype);

	if (src_dtype != dst_dtype && NEURON_D_SLOT >> src_dtype & 1)
		nk_narrow(src_dtype, dst, dst_step, src, src_step, n, saturations);
	else if (src_dtype != dst_dtype)
		nk_widen(dst_dtype, dst, dst_step, src, src_step, n);
	else if (dst_step == size && src_step == size)
		memcpy(dst, src, n * size);
	else if (size == 1)
		COPY_LOOP(uint8_t)
	else if (size == 2)
		COPY_LOOP(uint16_t)
	else if (size == 4)
		COPY_LOOP(uint32_t)
	else
		COPY_LOOP(uint64_t)
}

/* Where row @row of the loops from @outer on begins, relative to the first. */
static int64_t row_offset(const struct walk *w, uint64_t row)
{
	int64_t offset = 0;

	for (unsigned int i = w->rank - 1; i-- > w->outer; ) {
		offset += (int64_t)(row % w->dims[i]) * w->chip_step[i];
		row /= w->dims[i];
	}
	return offset;
}

/*
 * Elements @first to @first + @n of a block between the staging buffer, where
 * they are dense, and the scratchpad.
 */
static void stage(struct walk *w, char *chip, uint64_t first, size_t n, bool load)
{
	char *staging = (char *)w->q->work->staging;
	unsigned int inner = w->rank - 1;
	int64_t step = w->chip_step[inner];

	while (n) {
		uint64_t column = first % w->dims[inner];
		size_t count = w->dims[inner] - column;
		char *row = chip + row_offset(w, first / w->dims[inner]) +
			    (int64_t)column * step;

		if (count > n)
			count = n;
		if (load)
			copy_row(row, w->chip_dtype, step, staging, w->slot_dtype,
				 w->slot_size, count, &w->result->saturations);
		else
			copy_row(staging, w->slot_dtype, w->slot_size, row,
				 w->chip_dtype, step, count,
				 &w->result->saturations);
		staging += count * w->slot_size;
		first += count;
		n -= count;
	}
}

static enum neuron_fault_kind load_block(struct walk *w, uint64_t offset, char *chip)
{
	__le64 *info = &w->result->info;

	if (w->direct)
		return slot_read(w->q, w->slot, offset, chip,
				 w->block * w->slot_size, info);

	for (uint64_t done = 0; done < w->block; ) {
		uint64_t n = w->block - done;
		enum neuron_fault_kind kind;

		if (n > CHIP_CHUNK / w->slot_size)
			n = CHIP_CHUNK / w->slot_size;
		kind = slot_read(w->q, w->slot, offset + done * w->slot_size,
				 w->q->work->staging, n * w->slot_size, info);
		if (kind != NEURON_FAULT_NONE)
			return kind;
		stage(w, chip, done, n, true);
		done += n;
	}
	return NEURON_FAULT_NONE;
}

/* A row whose elements lie apart in the slot. */
static enum neuron_fault_kind load_apart(struct walk *w, uint64_t offset, char *chip)
{
	uint64_t count = w->dims[w->outer], window = 1;
	int64_t slot_step = w->slot_step[w->outer];
	int64_t chip_step = w->chip_step[w->outer];

	if (!slot_step)
		window = count;
	else if (slot_step <= CLOSE)
		window = (WINDOW - w->slot_size) / slot_step + 1;

	for (uint64_t done = 0; done < count; ) {
		uint64_t n = count - done < window ? count - done : window;
		enum neuron_fault_kind kind;

		kind = slot_read(w->q, w->slot, offset + done * slot_step,
				 w->q->work->staging,
				 (n - 1) * slot_step + w->slot_size,
				 &w->result->info);
		if (kind != NEURON_FAULT_NONE)
			return kind;
		copy_row(chip + (int64_t)done * chip_step, w->chip_dtype, chip_step,
			 (char *)w->q->work->staging, w->slot_dtype, slot_step, n,
			 &w->result->saturations);
		done += n;
	}
	return NEURON_FAULT_NONE;
}

static void poison(unsigned int dtype, void *data, size_t n)
{
	uint32_t *f32 = data;
	uint16_t *f16 = data;

	for (size_t i = 0; i < n; i++) {
		if (dtype == NEURON_F32)
			f32[i] = 0x7fc00000;
		else if (dtype == NEURON_BF16)
			f16[i] = 0x7fc0;
		else if (dtype == NEURON_F16)
			f16[i] = 0x7e00;
	}
}

static void count_odd(struct walk *w, const void *stored, uint64_t n)
{
	uint64_t nans;

	w->result->infs += nk_count_infs(w->slot_dtype, stored, n, &nans);
	w->result->nans += nans;
}

static enum neuron_fault_kind store_block(struct walk *w, uint64_t offset, char *chip)
{
	__le64 *info = &w->result->info;

	if (w->direct) {
		count_odd(w, chip, w->block);
		return slot_write(w->q, w->slot, offset, chip,
				  w->block * w->slot_size, info);
	}

	for (uint64_t done = 0; done < w->block; ) {
		void *staging = w->q->work->staging;
		uint64_t n = w->block - done;
		enum neuron_fault_kind kind;

		if (n > CHIP_CHUNK / w->slot_size)
			n = CHIP_CHUNK / w->slot_size;
		stage(w, chip, done, n, false);
		if (w->poison)
			poison(w->slot_dtype, staging, n);
		count_odd(w, staging, n);
		kind = slot_write(w->q, w->slot, offset + done * w->slot_size,
				  staging, n * w->slot_size, info);
		if (kind != NEURON_FAULT_NONE)
			return kind;
		done += n;
	}
	return NEURON_FAULT_NONE;
}

static enum neuron_fault_kind store_apart(struct walk *w, uint64_t offset, char *chip)
{
	int64_t slot_step = w->slot_step[w->outer];
	uint64_t count = w->dims[w->outer];

	for (uint64_t done = 0; done < count; ) {
		char *staging = (char *)w->q->work->staging;
		enum neuron_fault_kind kind;
		uint64_t n = count - done;

		if (n > WINDOW / w->slot_size)
			n = WINDOW / w->slot_size;
		stage(w, chip, done, n, false);
		if (w->poison)
			poison(w->slot_dtype, staging, n);
		count_odd(w, staging, n);
		kind = slot_write_apart(w->q, w->slot, offset + done * slot_step, slot_step,
					staging, w->slot_size, n, &w->result->info);
		if (kind != NEURON_FAULT_NONE)
			return kind;
		done += n;
	}
	return NEURON_FAULT_NONE;
}

static enum neuron_fault_kind run(struct walk *w, bool load)
{
	uint64_t index[NEURON_MAX_RANK] = { 0 };
	bool apart = w->slot_step[w->rank - 1] != w->slot_size;
	uint64_t offset = w->offset;
	char *chip = w->chip;

	for (;;) {
		enum neuron_fault_kind kind;
		unsigned int i = w->outer;

		if (load)
			kind = apart ? load_apart(w, offset, chip) :
				       load_block(w, offset, chip);
		else
			kind = apart ? store_apart(w, offset, chip) :
				       store_block(w, offset, chip);
		if (kind != NEURON_FAULT_NONE)
			return kind;

		/* The next position of the outer loops, the last one fastest. */
		for (;;) {
			if (!i--)
				return NEURON_FAULT_NONE;
			offset += w->slot_step[i];
			chip += w->chip_step[i];
			if (++index[i] < w->dims[i])
				break;
			offset -= w->dims[i] * w->slot_step[i];
			chip -= (int64_t)w->dims[i] * w->chip_step[i];
			index[i] = 0;
		}
	}
}

static enum neuron_fault_kind move(struct queue *q, const struct neuron_tensor *slot,
				   const struct neuron_tensor *on_chip, char *chip,
				   uint32_t right, bool poison,
				   struct move_result *result)
{
	struct walk w = {
		.q = q,
		.slot = slot->slot,
		.slot_dtype = slot->dtype,
		.chip_dtype = on_chip->dtype,
		.slot_size = neuron_dtype_size(slot->dtype),
		.offset = slot->offset,
		.chip = chip,
		.poison = poison,
		.result = result,
	};
	enum neuron_fault_kind kind;
	uint64_t start, end;

	if (!neuron_tensor_extent(slot, &start, &end))
		return NEURON_FAULT_INTERNAL;	/* the validator has checked it */
	kind = slot_check(q, slot->slot, start, end - start, right, &result->info);
	if (kind != NEURON_FAULT_NONE)
		return kind;

	add_loops(&w, slot, on_chip);
	merge_loops(&w);
	find_block(&w);
	return run(&w, right == NEURON_SLOT_READ);
}

enum neuron_fault_kind move_load(struct queue *q, const struct neuron_tensor *out,
				 void *chip, const struct neuron_tensor *in,
				 struct move_result *result)
{
	result->operand = 1;
	return move(q, in, out, chip, NEURON_SLOT_READ, false, result);
}

enum neuron_fault_kind move_store(struct queue *q, const struct neuron_tensor *out,
				  const struct neuron_tensor *in, const void *chip,
				  bool poison, struct move_result *result)
{
	result->operand = 0;
	return move(q, out, in, (char *)chip, NEURON_SLOT_WRITE, poison, result);
}
