/* SPDX-License-Identifier: MIT */
/* One line for each thing worth saying; see neuron_set_log() in neuron.h. */
#ifndef LIBNEURON_LOG_H
#define LIBNEURON_LOG_H

#include <stdbool.h>
#include "include/neuron.h"

/**
 * neuron_log_configure() - read NEURON_RT_LOG_LEVEL and NEURON_RT_LOG_LOCATION
 *
 * Done by the first message, and again by each nrt_init().
 *
 * Return: NULL, or the name of the variable that could not be understood.
 */
const char *neuron_log_configure(void);

/* Would a message of that level go anywhere? */
bool neuron_log_enabled(enum neuron_log_level level);

/* In a child of fork(): the lock may have been held. */
void neuron_log_forget(void);

void neuron_log(enum neuron_log_level level, const char *function,
		const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* What all say that get no memory from the system. */
#define NO_MEMORY	"not enough host memory: end other programs, or raise this one's limit (ulimit -v, the cgroup's memory.max)"

/* Log an error, remember it for neuron_error(), and have the value of @status. */
#define fail(status, ...)						\
	(neuron_log(NEURON_LOG_ERROR, __func__, __VA_ARGS__), (status))

/* The same where there is nobody to have a status. */
#define complain(...)	neuron_log(NEURON_LOG_ERROR, __func__, __VA_ARGS__)
#define warn(...)	neuron_log(NEURON_LOG_WARN, __func__, __VA_ARGS__)
#define info(...)							\
	do {								\
		if (neuron_log_enabled(NEURON_LOG_INFO))		\
			neuron_log(NEURON_LOG_INFO, __func__, __VA_ARGS__); \
	} while (0)
#define debug(...)							\
	do {								\
		if (neuron_log_enabled(NEURON_LOG_DEBUG))		\
			neuron_log(NEURON_LOG_DEBUG, __func__, __VA_ARGS__); \
	} while (0)

#endif /* LIBNEURON_LOG_H */
