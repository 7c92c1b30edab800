/* SPDX-License-Identifier: MIT */
/* neff_write.c: what all .neff files have. */
#ifndef COMPILER_NEFF_FILE_H
#define COMPILER_NEFF_FILE_H

#include <neuron/neff.h>
#include "pass.h"

/**
 * nc_neff_new() - a file for ctx->graph with its header and its section table
 * @ctx: the compilation; ctx->result receives the file
 * @sections: types, indices and sizes; receive their offsets
 * @count: entries of @sections
 *
 * What the sections hold is zero, and so are the header's cores, memory and flags.
 *
 * Return: the file, or NULL after nc_error().
 */
uint8_t *nc_neff_new(struct nc_ctx *ctx, struct neuron_neff_section *sections,
		     unsigned int count);
/* When all is there: the uuid and the checksum. */
void nc_neff_seal(uint8_t *file);

/* The graph's inputs and outputs; @slots: they have slots of a program. */
void nc_put_tensors(const struct nc_graph *graph, bool slots,
		    struct neuron_neff_tensor *to);
void nc_put_layers(const struct nc_graph *graph, struct neuron_neff_layer *to);

#endif /* COMPILER_NEFF_FILE_H */
