/* SPDX-License-Identifier: MIT */
/*
 * The compiler as a library: ONNX bytes in, .neff bytes out.
 */
#ifndef COMPILER_NEFFC_H
#define COMPILER_NEFFC_H

#include <stdio.h>
#include "ir.h"

/**
 * struct nc_shape_arg - a shape given by the user (--input NAME:DIMS)
 * @name: input of the graph
 * @rank: number of dimensions
 * @dims: dimensions
 */
struct nc_shape_arg {
	const char *name;
	int rank;
	int64_t dims[NC_MAX_RANK];
};

/**
 * struct nc_const_arg - contents of an input, known at compile time
 * @name: input of the graph; it is none of the compiled model's
 * @dtype: element type, the model's
 * @rank: number of dimensions
 * @dims: dimensions
 * @data: elements, dense, row-major; must outlive the result
 */
struct nc_const_arg {
	const char *name;
	enum nc_dtype dtype;
	int rank;
	int64_t dims[NC_MAX_RANK];
	const void *data;
};

/* What several cores are for. */
enum nc_spread_goal {
	NC_SPREAD_LATENCY = 0,	/* whatever makes one execution fastest, fewer if need be */
	NC_SPREAD_PARTS,	/* the same, but side by side only */
	NC_SPREAD_STAGES,	/* a pipeline of stages: the most executions a second */
};

/**
 * struct nc_options - how to compile
 * @auto_cast: type of matrix operands
 * @shapes: shapes for inputs whose dimensions the model leaves open
 * @num_shapes: entries of @shapes
 * @consts: inputs whose contents are fixed: shapes, axes, sampling rates
 * @num_consts: entries of @consts
 * @cores: cores that the model may run on; 0 and 1: one
 * @spread: what they are for
 * @chips: that have them, in a pipeline of stages; 0: one. libneuron loads models of one
 * @max_dim: the most that a dimension is which depends on data and for which nothing
 *	     else says how large it can be; 0: NC_MAX_DIM, but a model in which a few
 *	     numbers of an input say it is refused: they had better be constants
 * @sbuf_size: scratchpad bytes a core; 0: the chip's default
 * @psum_size: accumulator bytes a core; 0: the chip's default
 * @no_scratchpad: send every intermediate through device DRAM
 * @expose_layers: make what layers put out further outputs, "layer N" by the
 *		   layer's number: to compare, not to use
 * @folder: where files that the model names beside itself are; "" for the
 *	    current one, NULL when it is not known
 * @dump: name of a pass after which the program is written to @dump_to;
 *	  "all" for every pass; NULL for none
 * @dump_to: stream for @dump
 */
struct nc_options {
	enum nc_auto_cast auto_cast;
	const struct nc_shape_arg *shapes;
	unsigned int num_shapes;
	const struct nc_const_arg *consts;
	unsigned int num_consts;
	unsigned int cores;
	enum nc_spread_goal spread;
	unsigned int chips;
	uint32_t max_dim;
	uint32_t sbuf_size;
	uint32_t psum_size;
	bool no_scratchpad;
	bool expose_layers;
	const char *folder;
	const char *dump;
	FILE *dump_to;
};

/**
 * struct nc_layer_summary - what one layer costs
 * @name: of the ONNX node
 * @op: its operator (fused ones joined with '+')
 * @engine: busiest engine
 * @host: why the host executes it, and no engine; NULL: the chip does
 * @in_rank: of its first input that is no constant; -1: it has none
 * @in_dims: of that
 * @in_open: a bit for each of @in_dims that is the most that it can be
 * @open: the same for @dims
 * @rank: of the output
 * @dims: of the output
 * @stage: of the model, that it belongs to
 * @macs: multiply-accumulates
 * @bytes_in: bytes that each execution brings into the scratchpad
 * @bytes_kept: bytes of constants that the first execution brings in and that stay
 *	       there; they are counted where they are first used, with others
 *	       beside them
 * @bytes_out: bytes that go from the scratchpad to memory
 * @spills: what it makes goes through device DRAM, because it does not fit
 * @cycles: busy cycles of its busiest engine in the first execution
 */
struct nc_layer_summary {
	const char *name;
	const char *op;
	enum neuron_engine engine;
	const char *host;
	int in_rank;
	int64_t in_dims[NC_MAX_RANK];
	unsigned int in_open;
	unsigned int open;
	int rank;
	int64_t dims[NC_MAX_RANK];
	unsigned int stage;
	uint64_t macs;
	uint64_t bytes_in;
	uint64_t bytes_kept;
	uint64_t bytes_out;
	bool spills;
	uint64_t cycles;
};

/**
 * struct nc_core_summary - what one of a model's cores does
 * @stage: its stage
 * @cycles: of its program when the weights that stay on the chip are there
 * @kept_bytes: weights that stay in its scratchpad
 */
struct nc_core_summary {
	unsigned int stage;
	uint64_t cycles;
	uint64_t kept_bytes;
};

/**
 * struct nc_try - a way to spread a model over cores
 * @what: in words
 * @cores: that it takes
 * @cycles: of one execution with weights in place
 * @interval: cycles between executions when all cores work
 * @chosen: it is the one
 */
struct nc_try {
	const char *what;
	unsigned int cores;
	uint64_t cycles;
	uint64_t interval;
	bool chosen;
};

/**
 * struct nc_summary - what the compiler made
 * @layers: per layer that costs anything
 * @num_layers: entries of @layers
 * @num_nodes: operators of the model
 * @num_host_steps: of these, what the host executes
 * @num_programs: chip programs that the host steps part the model into; 0 without
 *		  host steps. The figures are then the sums of theirs
 * @num_piecewise: of these, programs that are run on a piece at a time of what is as long
 *		   as data says; they count for one piece
 * @num_params: elements of the weights
 * @weight_bytes: bytes of the weights as stored
 * @kept_bytes: of these, what stays in the scratchpad between executions
 * @scratch_bytes: device DRAM for what does not stay in the scratchpad
 * @num_insts: instructions
 * @report: the timing model's word on one execution: its cycles from the first
 *	    stage's beginning to the last one's end, all else of all cores together
 * @warm: the same for an execution after another one
 * @cores: cores that the model runs on
 * @stages: that follow each other, each on cores of its own
 * @core: by core, in the order of their stages; NULL for one core
 * @interval: cycles from one execution to the next, when each stage works on another
 *	      and the weights that stay on the chip are there
 * @handover_bytes: device DRAM for what stages hand on, for each execution under way
 * @tries: with several cores asked for: what has been looked at
 * @num_tries: entries of @tries
 */
struct nc_summary {
	struct nc_layer_summary *layers;
	unsigned int num_layers;
	unsigned int num_nodes;
	unsigned int num_host_steps;
	unsigned int num_programs;
	unsigned int num_piecewise;
	uint64_t num_params;
	uint64_t weight_bytes;
	uint64_t kept_bytes;
	uint64_t scratch_bytes;
	uint32_t num_insts;
	struct neuron_report report;
	struct neuron_report warm;
	unsigned int cores;
	unsigned int stages;
	const struct nc_core_summary *core;
	uint64_t interval;
	uint64_t handover_bytes;
	const struct nc_try *tries;
	unsigned int num_tries;
};

/**
 * struct nc_result - outcome of nc_compile(); release with nc_result_free()
 * @neff: the model file, or NULL after an error
 * @neff_size: bytes of it
 * @errors: every problem found, one line each, NUL-terminated; NULL without any
 * @num_errors: lines of @errors
 * @num_faults: errors that are the compiler's own, and not the model's
 * @needed: after an error: inputs that would have to be constants
 *	    (nc_options.consts), because shapes or conditions depend on them. After
 *	    success: inputs that choose between programs while the model runs; as
 *	    constants they would leave the chip one
 * @num_needed: entries of @needed
 * @summary: filled in after success
 * @note: lines that the user should read, NULL without any
 * @graph: the model as the front end left it; NULL when it could not be read
 * @memory: what the summary and the graph live in
 */
struct nc_result {
	void *neff;
	size_t neff_size;
	char *errors;
	unsigned int num_errors;
	unsigned int num_faults;
	const char **needed;
	unsigned int num_needed;
	struct nc_summary summary;
	const char *note;
	struct nc_graph *graph;
	void *memory;
};

/**
 * nc_compile() - compile a model
 * @onnx: a serialised ModelProto; may be hostile
 * @size: bytes of it
 * @name: name for the model when the file has none
 * @options: how
 * @result: outcome, also after an error; may refer to @onnx until freed
 *
 * Deterministic: equal input gives equal bytes. Thread-safe.
 *
 * Return: true when there is a .neff.
 */
bool nc_compile(const void *onnx, size_t size, const char *name,
		const struct nc_options *options, struct nc_result *result);

/**
 * nc_result_free() - release what nc_compile() returned
 * @result: the outcome; its fields are cleared
 */
void nc_result_free(struct nc_result *result);

/**
 * struct nc_io - an input or output as the model declares it
 * @name: its name
 * @is_tensor: false for sequences, maps, optional values; true where the model does not say
 * @dtype: element type; NC_NONE for one that is not known
 * @rank: number of dimensions; -1 where the model does not say
 * @dims: dimensions; -1 for an open one
 */
struct nc_io {
	const char *name;
	bool is_tensor;
	enum nc_dtype dtype;
	int rank;
	int64_t dims[NC_MAX_RANK];
};

/**
 * struct nc_probe - what a model takes and gives; release with nc_probe_free()
 * @inputs: in the model's order, without those that initializers provide
 * @num_inputs: entries of @inputs
 * @outputs: in the model's order
 * @num_outputs: entries of @outputs
 * @memory: what all of it lives in
 */
struct nc_probe {
	struct nc_io *inputs;
	unsigned int num_inputs;
	struct nc_io *outputs;
	unsigned int num_outputs;
	void *memory;
};

/**
 * nc_probe() - look at a model without compiling it
 * @onnx: a serialised ModelProto; may be hostile
 * @size: bytes of it
 * @probe: filled in
 *
 * Return: NULL, or why the model cannot be read, as a static text.
 */
const char *nc_probe(const void *onnx, size_t size, struct nc_probe *probe);
void nc_probe_free(struct nc_probe *probe);

#endif /* COMPILER_NEFFC_H */
