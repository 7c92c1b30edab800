/* SPDX-License-Identifier: MIT */
/*
 * Small models made in memory and sent through the compiler's back end.
 */
#ifndef COMPILER_BACK_MODEL_H
#define COMPILER_BACK_MODEL_H

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "compiler/backend.h"

#define MODEL_MAX_IO	8

struct model {
	struct nc_ctx ctx;
	struct nc_options options;
	struct nc_result result;
	struct nc_graph graph;
	struct nc_node_list nodes;
	struct nc_value *inputs[MODEL_MAX_IO];
	struct nc_value *outputs[MODEL_MAX_IO];
	const char *layer;
	uint64_t seed;
	bool fuse;
	unsigned int cores;	/* 2 or more: in parts, whether they are worth it or not */
	bool front;		/* in parts, if it can be, up to some node */
	unsigned int fronts;	/* whether it was */
	unsigned int stages;	/* 2 or more: in stages of some cores each, by lot */
	jmp_buf oom;
};

void model_begin(struct model *m, uint64_t seed);
void model_end(struct model *m);

/* A number below n, drawn by lot from the model's seed. */
uint32_t model_random(struct model *m, uint32_t n);

struct nc_value *model_input(struct model *m, int rank, const int64_t *dims);
/* Random numbers between -1 and 1. */
struct nc_value *model_const(struct model *m, int rank, const int64_t *dims);
/* A node; @output's type is fp32. Attributes can be set on producer. */
struct nc_value *model_node(struct model *m, enum nc_op op, int rank,
			    const int64_t *dims, struct nc_value *a,
			    struct nc_value *b, struct nc_value *c);
void model_output(struct model *m, struct nc_value *value);

/*
 * All passes of the back end, with @fuse those before it that join operators.
 * False: m->ctx.diag has the reasons.
 */
bool model_compile(struct model *m);

/* Run it on inputs drawn by lot; the outputs one behind the other, malloc'd. */
float *model_run(struct model *m, uint64_t data_seed, uint64_t order_seed,
		 size_t *count);

#endif /* COMPILER_BACK_MODEL_H */
