/* SPDX-License-Identifier: MIT */
/* How a job ended, in words, in errno values and in statuses. */
#ifndef LIBNEURON_STATUS_H
#define LIBNEURON_STATUS_H

#include "include/neuron.h"

/* Room for the longest text of job_explain(). */
#define JOB_TEXT_SIZE	384

/**
 * job_explain() - what went wrong with a job, where, and what to do
 * @device: that it ran on
 * @result: how it ended, not NEURON_JOB_DONE
 * @text: receives a text of JOB_TEXT_SIZE bytes at most
 */
void job_explain(struct neuron_device *device, const struct neuron_job_result *result,
		 char *text);

/* What to do about a fault of that kind. */
const char *fault_remedy(unsigned int kind);

/**
 * job_error() - the errno value of a call that has done its work with a job
 * @result: how that ended
 *
 * runtime_status() makes the same status of it as neuron_job_status() of @result, but
 * for faults that only programs have.
 *
 * Return: 0 or a negative errno value.
 */
int job_error(const struct neuron_job_result *result);

#endif /* LIBNEURON_STATUS_H */
