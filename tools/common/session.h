/* SPDX-License-Identifier: MIT */
/* A loaded model with its tensors, through libneuron. */
#ifndef TOOLS_COMMON_SESSION_H
#define TOOLS_COMMON_SESSION_H

#include <neuron/report.h>
#include "tensor.h"

/* A model's input or output, as its .neff has it. */
struct port {
	const char *name;
	enum nc_dtype dtype;
	int rank;
	int64_t dims[NC_MAX_RANK];
	size_t size;
};

/**
 * struct session - a loaded model
 * @inputs: in the model's order
 * @num_inputs: entries of @inputs
 * @outputs: in the model's order
 * @num_outputs: entries of @outputs
 * @cores: that the model runs on
 * @stages: by core: its stage, ascending; NULL: they work at the same time
 * @load_seconds: time that loading took
 * @priv: the library's handles
 */
struct session {
	struct port *inputs;
	unsigned int num_inputs;
	struct port *outputs;
	unsigned int num_outputs;
	unsigned int cores;
	uint32_t *stages;
	double load_seconds;
	struct session_priv *priv;
};

/*
 * All return false (NULL) after a line on standard error. runtime_open() is
 * called once, before the first session; runtime_close() at the end.
 */
bool runtime_open(void);
void runtime_close(void);

struct session *session_open(const char *name, const void *neff, size_t size);
/* The same when nobody needs the weights in @neff any more: they are lost. */
struct session *session_open_once(const char *name, void *neff, size_t size);
void session_close(struct session *session);

/**
 * session_set_input() - write an input
 * @session: the session
 * @index: which input
 * @tensor: its type and shape have to be the input's; bare elements need the
 *	    size alone
 */
bool session_set_input(struct session *session, unsigned int index,
		       const struct tensor *tensor);

/**
 * session_run() - execute once
 * @session: the session; all inputs have been set
 * @seconds: receives the time that it took
 * @nans: receives whether the model produced NaN
 */
bool session_run(struct session *session, double *seconds, bool *nans);

/* Reads an output; release with tensor_free(). */
bool session_get_output(struct session *session, unsigned int index,
			struct tensor *tensor);

/* The chip's report on the last execution, of one of the model's cores. */
bool session_report(struct session *session, unsigned int core,
		    struct neuron_report *report);

/* Have the executions to come profiled. */
void session_profile(struct session *session);

/**
 * session_records() - what the last execution's instructions cost
 * @session: the session; session_profile() came before the execution
 * @core: of the model's cores
 * @count: receives their number
 *
 * Return: a record for each, from malloc(); NULL after a line.
 */
struct neuron_inst_record *session_records(struct session *session, unsigned int core,
					   size_t *count);

/* Seconds on a clock that only runs forward. */
double now(void);

#endif /* TOOLS_COMMON_SESSION_H */
