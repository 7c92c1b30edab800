/* SPDX-License-Identifier: MIT */
/* A model behind the runtime's interface, for measurements. */
#ifndef BENCH_LOADED_H
#define BENCH_LOADED_H

#include <stddef.h>
#include <nrt/nrt.h>

/* A model and its tensors. */
struct loaded {
	nrt_model_t *model;
	nrt_tensor_set_t *in;
	nrt_tensor_set_t *out;
};

/* The whole file, or the end of the process with a message. */
void *bench_read_file(const char *path, size_t *size);
/* nrt_init(), or the end of the process. */
void loaded_init(void);
/**
 * loaded_open() - load a model and make tensors for it
 * @loaded: receives them
 * @core: where
 * @shared: the model, or NULL: one of its own
 * @file: the .neff
 * @size: bytes of it
 *
 * Inputs are zeros: neither what is modelled nor what is computed depends on them.
 */
void loaded_open(struct loaded *loaded, int core, nrt_model_t *shared, const void *file,
		 size_t size);
void loaded_execute(const struct loaded *loaded);

#endif /* BENCH_LOADED_H */
