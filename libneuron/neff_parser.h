/* SPDX-License-Identifier: MIT */
/* What the parts of the reader of .neff files share. */
#ifndef LIBNEURON_NEFF_PARSER_H
#define LIBNEURON_NEFF_PARSER_H

#include "neff.h"

/**
 * struct neff_parser - a file being read
 * @data: its bytes
 * @size: number of them
 * @neff: what has been found so far
 * @error: receives what is wrong
 * @chip_steps: models so far that a step runs
 * @products: by model: it is one of PRODUCT steps
 */
struct neff_parser {
	const uint8_t *data;
	uint64_t size;
	struct neff *neff;
	char *error;
	uint32_t chip_steps;
	bool products[NEURON_NEFF_MAX_MODELS];
};

/* Say what is wrong, and return @status. */
enum neff_status neff_refuse(struct neff_parser *p, enum neff_status status,
			     const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#define damaged(p, ...)	neff_refuse(p, NEFF_DAMAGED, __VA_ARGS__)

/* neff_steps.c: the tables of a model with steps; its tensors are sound already. */
enum neff_status neff_parse_steps(struct neff_parser *p);

#endif /* LIBNEURON_NEFF_PARSER_H */
