// SPDX-License-Identifier: MIT
/*
 * Cost of one instruction, from its shapes alone.
 *
 * All instructions: TIMING_ISSUE, and TIMING_SIGNAL when they signal. On top:
 *
 * PE (weights stay in the array, rows of the other operand stream through):
 *
 *	pieces * (max(rows * cycles a row, TIMING_PE_LOAD) +
 *		  ceil(rows / TIMING_PE_PASS) * TIMING_PE_PASS_OVERHEAD) + TIMING_PE_FILL
 *
 * where pieces are the weights cut to the array's size, ceil(K / 128) *
 * ceil(N / 64) for each batch and group. Groups that are smaller than the
 * array share it side by side, as blocks on its diagonal. Matrices of a batch that
 * are multiplied by the same weights are rows of one. A convolution is the
 * product of its windows: rows are output positions, K is input channels
 * times taps, N is output channels. A transposed one is the product before it
 * is added up: rows are input positions, N is output channels times taps.
 *
 * ACT, POOL: ceil(elements * operations an element / rate) + TIMING_VECTOR_FILL.
 *
 * DMA: latency of the memory + bytes / its bandwidth, where a contiguous piece
 * counts as whole bursts.
 */
#include "qemu-device/isa/isa_tables.h"
#include "qemu-device/timing/constants.h"
#include "qemu-device/timing/cost.h"

static uint64_t div_up(uint64_t a, uint64_t b)
{
	return a / b + !!(a % b);
}

static uint64_t mul_sat(uint64_t a, uint64_t b)
{
	uint64_t product;

	return __builtin_mul_overflow(a, b, &product) ? UINT64_MAX : product;
}

/* A product of matrices: [rows, k] * [k, columns], @groups different ones. */
struct product {
	uint64_t groups;
	uint64_t rows;
	uint64_t k;
	uint64_t columns;
};

static uint64_t positions(const struct neuron_tensor *t)
{
	uint64_t n = t->dims[0];

	for (unsigned int i = 2; i < t->rank; i++)
		n *= t->dims[i];
	return n;
}

static uint64_t taps(const struct neuron_tensor *weight)
{
	uint64_t n = 1;

	for (unsigned int i = 2; i < weight->rank; i++)
		n *= weight->dims[i];
	return n;
}

static struct product product_of(const struct neuron_inst *inst,
				 const struct neuron_tensor *out,
				 const struct neuron_tensor *x,
				 const struct neuron_tensor *w)
{
	struct product p = { 0 };

	switch (inst->opcode) {
	case NEURON_OP_MATMUL:
		p.rows = out->dims[out->rank - 2];
		p.columns = out->dims[out->rank - 1];
		p.k = x->dims[out->rank - 1];
		p.groups = 1;
		/* Where the weights repeat they stay, and the batch is more rows. */
		for (unsigned int i = 0; i + 2 < out->rank; i++)
			*(w->strides[i] ? &p.groups : &p.rows) *= out->dims[i];
		break;
	case NEURON_OP_CONV:
		p.groups = NEURON_CPARAMS(CONV, inst)->groups;
		p.rows = positions(out);
		p.k = w->dims[1] * taps(w);
		p.columns = out->dims[1] / p.groups;
		break;
	case NEURON_OP_CONV_TRANSPOSE:
		p.groups = NEURON_CPARAMS(CONV_TRANSPOSE, inst)->groups;
		p.rows = positions(x);
		p.k = x->dims[1] / p.groups;
		p.columns = w->dims[1] * taps(w);
		break;
	}
	return p;
}

/* How many small groups of a convolution fit the array at once. */
static uint64_t groups_at_once(const struct product *p)
{
	uint64_t by_rows = TIMING_PE_ROWS / p->k;
	uint64_t by_columns = TIMING_PE_COLUMNS / p->columns;
	uint64_t n = by_rows < by_columns ? by_rows : by_columns;

	return n ? n : 1;
}

static void cost_pe(const struct neuron_inst *inst, const struct neuron_tensor *out,
		    const struct neuron_tensor *x, const struct neuron_tensor *w,
		    struct timing_cost *cost)
{
	struct product p = product_of(inst, out, x, w);
	uint64_t halves, piece, pieces;

	switch (neuron_dtype_size(x->dtype)) {
	case 1:
		halves = TIMING_PE_HALVES_8;
		break;
	case 2:
		halves = TIMING_PE_HALVES_16;
		break;
	default:
		halves = TIMING_PE_HALVES_32;
		break;
	}

	pieces = div_up(p.k, TIMING_PE_ROWS) * div_up(p.columns, TIMING_PE_COLUMNS);
	if (inst->opcode == NEURON_OP_MATMUL)
		pieces *= p.groups;
	else
		pieces *= div_up(p.groups, groups_at_once(&p));
	piece = div_up(p.rows * halves, 2);
	if (piece < TIMING_PE_LOAD)
		piece = TIMING_PE_LOAD;
	piece += div_up(p.rows, TIMING_PE_PASS) * TIMING_PE_PASS_OVERHEAD;

	cost->macs = p.groups * p.rows * p.k * p.columns;
	cost->fixed += mul_sat(pieces, piece) + TIMING_PE_FILL;
}

static unsigned int act_flops(uint32_t act)
{
	switch (act) {
	case NEURON_ACT_IDENTITY:
	case NEURON_ACT_RELU:
	case NEURON_ACT_CLIP:
	case NEURON_ACT_LEAKY_RELU:
	case NEURON_ACT_HARDSIGMOID:
	case NEURON_ACT_HARDSWISH:
	case NEURON_ACT_ABS:
	case NEURON_ACT_NEG:
	case NEURON_ACT_SIGN:
	case NEURON_ACT_FLOOR:
	case NEURON_ACT_CEIL:
	case NEURON_ACT_ROUND:
	case NEURON_ACT_NOT:
	case NEURON_ACT_SQUARE:
	case NEURON_ACT_AFFINE:
	case NEURON_ACT_THRESHOLD:
		return TIMING_FLOPS_SIMPLE;
	case NEURON_ACT_SQRT:
	case NEURON_ACT_RSQRT:
	case NEURON_ACT_RECIPROCAL:
	case NEURON_ACT_SOFTSIGN:
		return TIMING_FLOPS_DIVIDE;
	default:
		return TIMING_FLOPS_TABLE;
	}
}

static unsigned int binary_flops(uint32_t func)
{
	switch (func) {
	case NEURON_BINARY_DIV:
	case NEURON_BINARY_MOD:
	case NEURON_BINARY_FMOD:
		return TIMING_FLOPS_DIVIDE;
	case NEURON_BINARY_POW:
		return 2 * TIMING_FLOPS_TABLE;
	default:
		return TIMING_FLOPS_SIMPLE;
	}
}

static unsigned int reduction_flops(uint32_t func)
{
	switch (func) {
	case NEURON_REDUCE_SUMSQ:
	case NEURON_REDUCE_L1:
	case NEURON_REDUCE_L2:
		return 2 * TIMING_FLOPS_SIMPLE;
	case NEURON_REDUCE_LOGSUMEXP:
		return 2 * TIMING_FLOPS_SIMPLE + TIMING_FLOPS_TABLE;
	default:
		return TIMING_FLOPS_SIMPLE;
	}
}

static uint64_t vector_flops(const struct neuron_inst *inst,
			     const struct neuron_tensor *out,
			     const struct neuron_tensor *in)
{
	const struct neuron_params_POOL *pool = NEURON_CPARAMS(POOL, inst);
	uint64_t n = isa_elements(out);

	switch (inst->opcode) {
	case NEURON_OP_ACT:
		return n * act_flops(NEURON_CPARAMS(ACT, inst)->func);
	case NEURON_OP_QUANTIZE:
	case NEURON_OP_DEQUANTIZE:
		return 2 * n * TIMING_FLOPS_SIMPLE;
	case NEURON_OP_ELTWISE:
		n *= binary_flops(NEURON_CPARAMS(ELTWISE, inst)->func);
		if (NEURON_CPARAMS(ELTWISE, inst)->act != NEURON_ACT_IDENTITY)
			n += isa_elements(out) *
			     act_flops(NEURON_CPARAMS(ELTWISE, inst)->act);
		return n;
	case NEURON_OP_REDUCE:
		return isa_elements(in) *
		       reduction_flops(NEURON_CPARAMS(REDUCE, inst)->func);
	case NEURON_OP_POOL:
		for (unsigned int i = 0; i < in->rank - 2u; i++)
			n *= pool->kernel[i];
		return n * (pool->func == NEURON_POOL_LP ? 2 * TIMING_FLOPS_TABLE :
							   TIMING_FLOPS_SIMPLE);
	case NEURON_OP_SOFTMAX:
		return n * TIMING_FLOPS_SOFTMAX;
	case NEURON_OP_NORM:
		return n * TIMING_FLOPS_NORM;
	default:
		return n * TIMING_FLOPS_SIMPLE;
	}
}

/*
 * Bytes that a transfer occupies the memory for: each contiguous piece counts
 * as whole bursts.
 */
static uint64_t bus_bytes(const struct neuron_tensor *t)
{
	uint64_t run = 1, elements = isa_elements(t), bytes;
	unsigned int size = neuron_dtype_size(t->dtype);
	bool grown;

	/* Extend the piece by the dimension that continues it, if there is one. */
	do {
		grown = false;
		for (unsigned int i = 0; i < t->rank && !grown; i++) {
			int64_t stride = t->strides[i];

			if (t->dims[i] == 1 || (stride != (int64_t)run &&
						-stride != (int64_t)run))
				continue;
			run *= t->dims[i];
			grown = true;
		}
	} while (grown);

	bytes = div_up(run * size, TIMING_DMA_BURST) * TIMING_DMA_BURST;
	return elements / run * bytes;
}

/* Cycles that @bytes take at @mibps. */
static uint64_t transfer_cycles(const struct neuron_timing_config *config,
				uint64_t bytes, uint32_t mibps)
{
	unsigned __int128 cycles = (unsigned __int128)bytes * config->clock_khz * 1000;
	uint64_t rate = (uint64_t)(mibps ? mibps : 1) << 20;

	cycles = (cycles + rate - 1) / rate;
	return cycles > UINT32_MAX * 1ull << 24 ? UINT32_MAX * 1ull << 24 : cycles;
}

static void cost_dma(const struct neuron_timing_config *config,
		     const struct neuron_tensor *slot, const bool *slot_is_dram,
		     uint32_t num_slots, struct timing_cost *cost)
{
	bool dram = slot->slot < num_slots && slot_is_dram[slot->slot];

	cost->memory = dram ? TIMING_DRAM : TIMING_LINK;
	cost->fixed += dram ? TIMING_DRAM_LATENCY : TIMING_LINK_LATENCY;
	cost->transfer = transfer_cycles(config, bus_bytes(slot),
					 dram ? config->dram_mibps :
						config->link_mibps);
	cost->bytes = isa_elements(slot) * neuron_dtype_size(slot->dtype);
}

void timing_cost(const struct neuron_timing_config *config, const void *program,
		 const struct neuron_inst *inst, const bool *slot_is_dram,
		 uint32_t num_slots, struct timing_cost *cost)
{
	const struct neuron_tensor *tensors = neuron_program_tensors(program);
	const struct neuron_tensor *op[3] = { NULL };

	for (unsigned int k = 0; k < 3; k++)
		if (inst->operand[k] != NEURON_NO_TENSOR)
			op[k] = &tensors[inst->operand[k]];

	*cost = (struct timing_cost) { .fixed = TIMING_ISSUE };
	for (unsigned int i = 0; i < NEURON_MAX_SIGNALS; i++) {
		if (inst->signal[i].value) {
			cost->fixed += TIMING_SIGNAL;
			break;
		}
	}

	if (inst->opcode == NEURON_OP_NOP)
		return;
	switch (inst->engine) {
	case NEURON_ENGINE_DMA_IN:
		cost_dma(config, op[1], slot_is_dram, num_slots, cost);
		break;
	case NEURON_ENGINE_DMA_OUT:
		cost_dma(config, op[0], slot_is_dram, num_slots, cost);
		break;
	case NEURON_ENGINE_PE:
		cost_pe(inst, op[0], op[1], op[2], cost);
		break;
	case NEURON_ENGINE_ACT:
		cost->fixed += div_up(vector_flops(inst, op[0], op[1]),
				      TIMING_ACT_FLOPS) + TIMING_VECTOR_FILL;
		break;
	default:
		cost->fixed += div_up(vector_flops(inst, op[0], op[1]),
				      TIMING_POOL_FLOPS) + TIMING_VECTOR_FILL;
		break;
	}
}

uint64_t neuron_timing_inst(const struct neuron_timing_config *config,
			    const void *program, uint32_t index,
			    const bool *slot_is_dram, uint32_t num_slots)
{
	struct timing_cost cost;

	timing_cost(config, program, &neuron_program_insts(program)[index],
		    slot_is_dram, num_slots, &cost);
	return cost.fixed + cost.transfer;
}

uint64_t neuron_timing_work(const void *program, uint32_t index, uint64_t *bytes)
{
	const struct neuron_timing_config config = { .clock_khz = 1 };
	struct timing_cost cost;

	timing_cost(&config, program, &neuron_program_insts(program)[index], NULL, 0, &cost);
	*bytes = cost.bytes;
	return cost.macs;
}

/*
 * The slower of the two memories sets the pace; a copy inside one memory crosses
 * it twice.
 */
uint64_t neuron_timing_copy(const struct neuron_timing_config *config,
			    uint64_t bytes, bool src_dram, bool dst_dram)
{
	uint64_t times = src_dram == dst_dram ? 2 : 1;
	uint64_t latency = TIMING_ISSUE, cycles = 0, c;

	if (src_dram || dst_dram) {
		latency += TIMING_DRAM_LATENCY;
		cycles = transfer_cycles(config, mul_sat(bytes, times),
					 config->dram_mibps);
	}
	if (!src_dram || !dst_dram) {
		latency += TIMING_LINK_LATENCY;
		c = transfer_cycles(config, mul_sat(bytes, times),
				    config->link_mibps);
		if (c > cycles)
			cycles = c;
	}
	return latency + cycles;
}

/* The completion crosses the link, and so does the next entry. */
uint64_t neuron_timing_handover(void)
{
	return 2 * TIMING_LINK_LATENCY;
}
