/* SPDX-License-Identifier: MIT */
/* A loaded model with its tensors, through libneuron. */
#ifndef TOOLS_COMMON_SESSION_H
#define TOOLS_COMMON_SESSION_H

#include <neuron/report.h>
#include <compiler/ir.h>
#include "tensor.h"

struct neuron_step;

/*
 * A model's input or output, as its .neff has it. Where a bit of @open is set, the
 * dimensions depend on data and these are the most that they can be.
 */
struct port {
	const char *name;
	enum nc_dtype dtype;
	int rank;
	int64_t dims[NC_MAX_RANK];
	unsigned int open;
	size_t size;
};

/**
 * struct session - a loaded model
 * @inputs: in the model's order
 * @num_inputs: entries of @inputs
 * @outputs: in the model's order
 * @num_outputs: entries of @outputs
 * @num_programs: chip programs, one after the other; one for a model without host
 *		  steps
 * @cores: by program: cores that it runs on
 * @stages: by core of the only program: its stage, ascending; NULL: they work at the
 *	    same time
 * @load_seconds: time that loading took
 * @priv: the library's handles
 */
struct session {
	struct port *inputs;
	unsigned int num_inputs;
	struct port *outputs;
	unsigned int num_outputs;
	unsigned int num_programs;
	unsigned int *cores;
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

/* Reads an output, of the shape that it has now; release with tensor_free(). */
bool session_get_output(struct session *session, unsigned int index,
			struct tensor *tensor);

/* The shape that it has now. */
void session_output_shape(const struct session *session, unsigned int index,
			  struct nc_value *shape);

/* The chip's report on the last execution, of one of a program's cores. */
bool session_report(struct session *session, unsigned int program, unsigned int core,
		    struct neuron_report *report);

/* The model's steps, from malloc(); NULL: it has none. */
struct neuron_step *session_steps(struct session *session, size_t *count);

/* Record all from now on, and write it to a file; see nrt_profile_start(). */
bool session_record(struct session *session, const char *path);
bool session_record_end(const char *path);

/* Have the executions to come profiled. */
void session_profile(struct session *session);

/**
 * session_records() - what the last execution's instructions cost
 * @session: the session; session_profile() came before the execution
 * @program: of the model's chip programs
 * @core: of its cores
 * @count: receives their number
 *
 * Return: a record for each, from malloc(); NULL after a line.
 */
struct neuron_inst_record *session_records(struct session *session, unsigned int program,
					   unsigned int core, size_t *count);

/* Seconds on a clock that only runs forward. */
double now(void);

#endif /* TOOLS_COMMON_SESSION_H */
