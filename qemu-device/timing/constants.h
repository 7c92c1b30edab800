/* SPDX-License-Identifier: MIT */
/*
 * Every number of the timing model, with its source. Cycles are core clock
 * cycles (1.0 GHz, public). "Ours" means that nothing is published: an
 * assumption. "Fitted" means: chosen so that published inference rates come out
 * (SPEC.md, "Timing").
 */
#ifndef TIMING_CONSTANTS_H
#define TIMING_CONSTANTS_H

enum {
	/* The PE array: 8192 MACs at 1 GHz are the public 16 TFLOPS; shape ours. */
	TIMING_PE_ROWS		= 128,	/* of the sum: K */
	TIMING_PE_COLUMNS	= 64,	/* of the output: N */
	/* Shifting 128 rows of weights in, one a cycle, beside the computation; ours. */
	TIMING_PE_LOAD		= 128,
	/* Until the first sum leaves the array: through its rows and columns; ours. */
	TIMING_PE_FILL		= TIMING_PE_ROWS + TIMING_PE_COLUMNS,
	/* Rows that pass at most before the weights have to be loaded anew: sums of
	 * 512 fp32 are a bank of PSUM in the chip's next generation; ours.
	 */
	TIMING_PE_PASS		= 512,
	/* What a pass costs beside its rows: issue, load, waiting for the bank;
	 * fitted (tests/bench/calibrate, SPEC.md).
	 */
	TIMING_PE_PASS_OVERHEAD	= 500,
	/* Half cycles a row: bf16 and fp16 one (public), int8 half (the chip's
	 * public 128 TOPS), fp32 four cycles (ours).
	 */
	TIMING_PE_HALVES_16	= 2,
	TIMING_PE_HALVES_8	= 1,
	TIMING_PE_HALVES_32	= 8,

	/* Operations a cycle of the two other engines: public. */
	TIMING_ACT_FLOPS	= 512,
	TIMING_POOL_FLOPS	= 256,
	/* Filling their pipeline; ours. */
	TIMING_VECTOR_FILL	= 32,

	/* Fetching and decoding an instruction; ours. */
	TIMING_ISSUE		= 16,
	/* From an instruction's end to its signals' effect on other engines; ours. */
	TIMING_SIGNAL		= 8,

	/* From a DMA's start to its first byte; ours. */
	TIMING_DRAM_LATENCY	= 200,
	TIMING_LINK_LATENCY	= 1000,
	/* Least a contiguous piece of memory costs, in bytes: one burst; ours. */
	TIMING_DMA_BURST	= 64,

	/* Operations an element, by kind of function; ours. */
	TIMING_FLOPS_SIMPLE	= 1,	/* compare, add, multiply, move, convert */
	TIMING_FLOPS_DIVIDE	= 4,	/* divide, square root, remainder */
	TIMING_FLOPS_TABLE	= 4,	/* exp, tanh, ...: interpolated from a table */
	TIMING_FLOPS_SOFTMAX	= 8,	/* max, subtract, exp, sum, multiply */
	TIMING_FLOPS_NORM	= 6,	/* sum, subtract, square, sum, two multiply-adds */
};

#endif /* TIMING_CONSTANTS_H */
