/* SPDX-License-Identifier: MIT */
/* A model's layers: what they cost and how exact they are. */
#ifndef TOOLS_COMMON_LAYERS_H
#define TOOLS_COMMON_LAYERS_H

#include <stdio.h>
#include <cjson/cJSON.h>
#include <libneuron/neff.h>
#include <neuron/report.h>
#include "lockstep.h"

/**
 * struct layer_profile - what a layer cost in an execution
 * @insts: instructions
 * @busy: cycles by engine
 * @stall: cycles that its instructions' engines waited for semaphores before them
 * @macs: multiply-accumulates
 * @bytes: moved between the scratchpad and DRAM or host memory
 * @saturations: elements clamped
 * @nans: NaN elements written
 * @infs: infinite elements written
 */
struct layer_profile {
	uint64_t insts;
	uint64_t busy[NEURON_NUM_ENGINES];
	uint64_t stall;
	uint64_t macs;
	uint64_t bytes;
	uint64_t saturations;
	uint64_t nans;
	uint64_t infs;
};

/**
 * layers_profile() - add up what the chip said about a core's instructions
 * @neff: the model
 * @core: index of the core
 * @records: one for each instruction of its program
 * @count: entries of @records
 * @profiles: one for each of the model's layers and one for what belongs to none;
 *	      added to
 */
void layers_profile(const struct neff *neff, uint32_t core,
		    const struct neuron_inst_record *records, size_t count,
		    struct layer_profile *profiles);

/* One line a layer, in the model's order; those without instructions are left out. */
void layers_print_profile(FILE *file, const struct neff *neff,
			  const struct layer_profile *profiles);
cJSON *layers_json_profile(const struct neff *neff, const struct layer_profile *profiles);

/**
 * struct layer_error - how far a layer's output is from that of fp32
 * @max_abs: largest difference
 * @max_rel: the same, relative to the largest value of fp32's output
 * @snr: of the output, in dB; NaN: not known
 */
struct layer_error {
	double max_abs;
	double max_rel;
	double snr;
};

/*
 * The same for differences. @errors may be NULL. The last line names the layers that
 * differ most.
 */
void layers_print_differences(FILE *file, const struct neff *neff,
			      const struct layer_difference *differences,
			      const struct layer_error *errors);
cJSON *layers_json_differences(const struct neff *neff,
			       const struct layer_difference *differences,
			       const struct layer_error *errors);

#endif /* TOOLS_COMMON_LAYERS_H */
