// SPDX-License-Identifier: MIT
/*
 * What the back end makes of models, in figures: bytes moved, instructions, what
 * stays on the chip. Times are not measured here.
 */
#include "tests/ktap.h"
#include "compiler_back_model.h"

/* What a program's transfers move; @again: when the core has run it before. */
static uint64_t bytes_moved(const struct model *m, bool again)
{
	const struct nc_program *prog = m->ctx.program;
	const struct neuron_tensor *tensors = neuron_program_tensors(prog->image);
	const struct neuron_inst *insts = neuron_program_insts(prog->image);
	uint64_t bytes = 0, n;
	uint32_t i, j;

	for (i = 0; i < neuron_program_header(prog->image)->num_insts; i++) {
		const struct neuron_tensor *slot;

		if (insts[i].opcode != NEURON_OP_LOAD &&
		    insts[i].opcode != NEURON_OP_STORE)
			continue;
		if (again && insts[i].flags & NEURON_INST_RESIDENT)
			continue;
		slot = &tensors[insts[i].operand[insts[i].opcode == NEURON_OP_LOAD]];
		for (n = 1, j = 0; j < slot->rank; j++)
			n *= slot->dims[j];
		bytes += n * neuron_dtype_size(slot->dtype);
	}
	return bytes;
}

static uint32_t count_insts(const struct model *m, unsigned int opcode)
{
	const struct nc_program *prog = m->ctx.program;
	const struct neuron_inst *insts = neuron_program_insts(prog->image);
	uint32_t i, n = 0;

	for (i = 0; i < neuron_program_header(prog->image)->num_insts; i++)
		n += insts[i].opcode == opcode;
	return n;
}

/* Convolutions in a row: [1, 16, 32, 32], kernels of 3 x 3. */
enum { LAYERS = 12, CHANNELS = 16, SIZE = 32 };

static void conv_chain(struct model *m)
{
	int64_t d[4] = { 1, CHANNELS, SIZE, SIZE };
	int64_t w[4] = { CHANNELS, CHANNELS, 3, 3 }, pads[4] = { 1, 1, 1, 1 };
	struct nc_value *x;
	unsigned int i;

	model_begin(m, 7);
	x = model_input(m, 4, d);
	for (i = 0; i < LAYERS; i++) {
		x = model_node(m, NC_OP_Conv, 4, d, x, model_const(m, 4, w),
			       model_const(m, 1, w));
		nc_set_attr_ints(&m->ctx, x->producer, "pads", pads, 4);
	}
	model_output(m, x);
}

/* All constants stay: then only the input and the output move. */
static void all_stays(void)
{
	const uint64_t io = 2 * CHANNELS * SIZE * SIZE * 4;
	struct model m, n;

	conv_chain(&m);
	CHECK(model_compile(&m));
	CHECK_EQ(bytes_moved(&m, true), io);
	CHECK(bytes_moved(&m, false) > io + LAYERS * CHANNELS * CHANNELS * 9 * 4);
	/* One load for several constants. */
	CHECK(count_insts(&m, NEURON_OP_LOAD) < LAYERS);

	conv_chain(&n);
	n.options.no_scratchpad = true;
	CHECK(model_compile(&n));
	CHECK(bytes_moved(&n, true) > 5 * io);
	CHECK_EQ(bytes_moved(&n, true), bytes_moved(&n, false));
	model_end(&m);
	model_end(&n);
}

/* Where not all fits, some constants stay, and what is in use has its room. */
static void some_stays(void)
{
	const uint64_t io = 2 * CHANNELS * SIZE * SIZE * 4;
	uint64_t last = UINT64_MAX;
	uint32_t size;

	/* Two intermediates take 128 KiB, the constants 108 KiB. */
	for (size = 180 << 10; size <= 260 << 10; size += 40 << 10) {
		struct model m;

		conv_chain(&m);
		m.options.sbuf_size = size;
		CHECK(model_compile(&m));
		CHECK(((struct nc_program *)m.ctx.program)->pinned_size);
		CHECK(bytes_moved(&m, true) < bytes_moved(&m, false));
		CHECK(bytes_moved(&m, true) <= last);
		last = bytes_moved(&m, true);
		model_end(&m);
	}
	CHECK_EQ(last, io);
}

/* Give a resident load another destination, or another place to load from. */
static void overwrites_are_found(void)
{
	const struct neuron_program_header *header;
	const struct nc_program *prog;
	struct neuron_tensor *tensors;
	struct neuron_inst *insts;
	struct model m;
	uint8_t *copy;
	uint32_t i, at, found = 0;

	conv_chain(&m);
	CHECK(model_compile(&m));
	prog = m.ctx.program;
	header = prog->image;
	CHECK(!nc_find_overwrite(m.ctx.arena, prog->image, &at));
	for (i = 0; i < header->num_insts; i++) {
		copy = nc_memdup(m.ctx.arena, prog->image, prog->image_size);
		tensors = (void *)(copy + header->tensors);
		insts = (void *)(copy + header->insts);
		if (insts[i].opcode == NEURON_OP_LOAD) {
			/* An input is another one the next time. */
			if (!(insts[i].flags & NEURON_INST_RESIDENT)) {
				insts[i].flags |= NEURON_INST_RESIDENT;
				CHECK(nc_find_overwrite(m.ctx.arena, copy, &at));
				CHECK_EQ(at, i);
			}
			continue;
		}
		if (insts[i].opcode != NEURON_OP_CONV)
			continue;
		tensors[insts[i].operand[0]].offset = prog->pinned_size - 4;
		CHECK(nc_find_overwrite(m.ctx.arena, copy, &at));
		found++;
	}
	CHECK_EQ(found, LAYERS);
	model_end(&m);
}

/* A model too large for the scratchpad, several times over. */
static void long_input(void)
{
	int64_t d[3] = { 1, 16, 300000 }, w[3] = { 16, 16, 7 }, pads[2] = { 3, 3 };
	struct nc_value *x, *y;
	const struct nc_program *prog;
	struct model m;
	uint32_t i, loads = 0, first = 0;

	model_begin(&m, 9);
	m.options.sbuf_size = 8 << 20;
	x = model_input(&m, 3, d);
	for (i = 0; i < 4; i++) {
		y = model_node(&m, NC_OP_Conv, 3, d, x, model_const(&m, 3, w),
			       model_const(&m, 1, w));
		nc_set_attr_ints(&m.ctx, y->producer, "pads", pads, 2);
		x = model_node(&m, NC_OP_Add, 3, d, x, y, NULL);
	}
	model_output(&m, x);
	CHECK(model_compile(&m));
	prog = m.ctx.program;
	CHECK(!ktap_failed && prog->scratch_size);
	CHECK(prog->sbuf_used <= prog->sbuf_size);
	/* Pieces are large, and the next is loaded during the work on one. */
	CHECK(prog->list.count < 3000);
	for (i = 0; i < prog->list.count; i++) {
		if (prog->list.insts[i].opcode == NEURON_OP_LOAD)
			loads++;
		else if (!first)
			first = i;
	}
	CHECK(loads > 8);
	CHECK(first >= 2);
	model_end(&m);
}

/* Begins a model with few layers on an image; gives its 8 channels. */
static struct nc_value *layers(struct model *m, uint64_t seed, int64_t d[4])
{
	int64_t w[4] = { 8, 1, 3, 3 }, pads[4] = { 1, 1, 1, 1 };
	struct nc_value *x;
	unsigned int i;

	model_begin(m, seed);
	x = model_input(m, 4, d);
	d[1] = 8;
	for (i = 0; i < 4; i++) {
		x = model_node(m, NC_OP_Conv, 4, d, x, model_const(m, 4, w),
			       model_const(m, 1, w));
		nc_set_attr_ints(&m->ctx, x->producer, "pads", pads, 4);
		w[1] = 8;
	}
	return x;
}

/* Few layers on an image, and its pixels moved at the end. */
static void image(struct model *m)
{
	int64_t d[4] = { 1, 1, 128, 128 }, o[4] = { 1, 2, 256, 256 };
	struct nc_value *x = layers(m, 13, d);

	x = model_node(m, NC_OP_DepthToSpace, 4, o, x, NULL, NULL);
	nc_set_attr_int(&m->ctx, x->producer, "blocksize", 2);
	model_output(m, model_node(m, NC_OP_Sigmoid, 4, o, x, NULL, NULL));
}

/* Few layers on an image; then all of it matters for each pixel. */
static void image_and_mean(struct model *m)
{
	int64_t d[4] = { 1, 1, 128, 128 }, one[4] = { 1, 8, 1, 1 };
	int64_t eight[2] = { 8, 8 }, axes[2] = { 2, 3 };
	struct nc_value *x = layers(m, 14, d), *mean;

	d[2] = 16;
	d[3] = 16;
	x = model_node(m, NC_OP_MaxPool, 4, d, x, NULL, NULL);
	nc_set_attr_ints(&m->ctx, x->producer, "kernel_shape", eight, 2);
	nc_set_attr_ints(&m->ctx, x->producer, "strides", eight, 2);
	mean = model_node(m, NC_OP_ReduceMean, 4, one, x,
			  nc_const_ints_new(&m->ctx, "axes", axes, 2), NULL);
	model_output(m, model_node(m, NC_OP_Sub, 4, d, x, mean, NULL));
}

/* What does not fit layer by layer is made in stretches, and stays on the chip. */
static void stretch(void (*make)(struct model *m))
{
	const uint64_t layer = 8 * 128 * 128 * 4;
	float *expected, *seen;
	size_t i, n = 0;
	struct model m, s;

	make(&m);
	CHECK(model_compile(&m));
	make(&s);
	s.options.sbuf_size = 600 << 10;
	CHECK(model_compile(&s));
	CHECK_EQ(((struct nc_program *)m.ctx.program)->scratch_size, 0);
	CHECK_EQ(((struct nc_program *)s.ctx.program)->scratch_size, 0);
	/* The image and the result, and no layer in between. */
	CHECK(bytes_moved(&s, true) < 2 * layer);
	CHECK(count_insts(&s, NEURON_OP_CONV) >= 8);
	expected = model_run(&m, 1, 0, &n);
	seen = model_run(&s, 1, 2, &n);
	CHECK(expected && seen);
	for (i = 0; expected && seen && i < n && !ktap_failed; i++)
		CHECK(!memcmp(&expected[i], &seen[i], sizeof(*seen)));
	free(expected);
	free(seen);
	model_end(&m);
	model_end(&s);
}

static void stretches(void)
{
	stretch(image);
}

static void stretches_in_front(void)
{
	stretch(image_and_mean);
}

int main(void)
{
	ktap_run("constants that fit stay on the chip", all_stays);
	ktap_run("of constants that do not all fit some stay", some_stays);
	ktap_run("a write to what stays is found", overwrites_are_found);
	ktap_run("inputs much larger than the scratchpad", long_input);
	ktap_run("stretches of an image stay on the chip", stretches);
	ktap_run("stretches in front of what looks at all of it", stretches_in_front);
	return ktap_done();
}
