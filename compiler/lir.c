/* SPDX-License-Identifier: MIT */
/* The back end's program: its lists, and its dump. */
#include <inttypes.h>
#include <string.h>

#include "lir.h"
#include "pass.h"

struct nc_buf *nc_buf_new(struct nc_ctx *ctx, enum nc_buf_kind kind,
			  uint64_t size)
{
	struct nc_program *prog = ctx->program;
	struct nc_buf *buf = nc_alloc(ctx->arena, 1, sizeof(*buf));

	if (prog->num_bufs == prog->bufs_room) {
		uint32_t room = prog->bufs_room ? 2 * prog->bufs_room : 64;

		prog->bufs = nc_grow(ctx->arena, prog->bufs, prog->num_bufs, room,
				     sizeof(*prog->bufs));
		prog->bufs_room = room;
	}
	buf->id = prog->num_bufs;
	buf->kind = kind;
	buf->size = size;
	buf->first = NC_NO_POS;
	buf->last = NC_NO_POS;
	prog->bufs[prog->num_bufs++] = buf;
	return buf;
}

struct nc_inst *nc_inst_add(struct nc_ctx *ctx, struct nc_inst_list *list,
			    const struct nc_inst *inst)
{
	if (list->count == list->room) {
		uint32_t room = list->room ? 2 * list->room : 64;

		list->insts = nc_grow(ctx->arena, list->insts, list->count, room,
				      sizeof(*list->insts));
		list->room = room;
	}
	list->insts[list->count] = *inst;
	return &list->insts[list->count++];
}

#define COUNT(role, direction, spaces, dtypes)	+ 1

unsigned int nc_opcode_operands(unsigned int opcode)
{
	static const uint8_t count[] = {
#define X(name, value, engines, meaning) [value] = 0 NEURON_OPERANDS_##name(COUNT),
		NEURON_OPCODES(X)
#undef X
	};

	return count[opcode];
}

bool nc_operand_is_out(unsigned int opcode, unsigned int operand)
{
	/* Every opcode that has operands has one result, in front. */
	return operand == 0 && nc_opcode_operands(opcode) > 0;
}

bool nc_buf_on_chip(const struct nc_buf *buf)
{
	switch (buf->kind) {
	case NC_BUF_STAGE:
	case NC_BUF_PSUM:
		return true;
	case NC_BUF_TEMP:
		return buf->resident;
	default:
		return false;
	}
}

static void dump_view(const struct nc_view *view, FILE *out)
{
	static const char *const kinds[] = {
		[NC_BUF_TEMP] = "t", [NC_BUF_CONST] = "c",
		[NC_BUF_INPUT] = "in", [NC_BUF_OUTPUT] = "out",
		[NC_BUF_STAGE] = "s", [NC_BUF_PSUM] = "psum",
	};
	int i;

	if (!view) {
		fputs(" -", out);
		return;
	}
	fprintf(out, " %s%u", kinds[view->buf->kind], view->buf->id);
	if (view->offset)
		fprintf(out, "+%" PRId64, view->offset);
	fprintf(out, ":%s[", neuron_dtype_name(view->dtype));
	for (i = 0; i < view->rank; i++)
		fprintf(out, "%s%" PRId64, i ? " " : "", view->dims[i]);
	fputs("]", out);
	if (!nc_view_is_dense(view)) {
		fputs("/[", out);
		for (i = 0; i < view->rank; i++)
			fprintf(out, "%s%" PRId64, i ? " " : "",
				view->strides[i]);
		fputs("]", out);
	}
}

void nc_dump_program(struct nc_ctx *ctx, FILE *out)
{
	const struct nc_program *prog = ctx->program;
	uint32_t i, j;

	if (!prog)
		return;
	for (i = 0; i < prog->list.count; i++) {
		const struct nc_inst *inst = &prog->list.insts[i];

		fprintf(out, "%6u %-7s %-10s L%u", i,
			neuron_engine_name(inst->engine),
			neuron_opcode_name(inst->opcode), inst->layer);
		for (j = 0; j < nc_opcode_operands(inst->opcode); j++)
			dump_view(inst->operands[j], out);
		if (inst->flags & NEURON_INST_ACCUMULATE)
			fputs(" accumulate", out);
		for (j = 0; j < inst->num_deps; j++)
			fprintf(out, " after %u", inst->deps[j]);
		fputc('\n', out);
	}
}
