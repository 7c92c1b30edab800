/* SPDX-License-Identifier: MIT */
/* The library's log, in a tool. */
#ifndef TOOLS_COMMON_LOG_H
#define TOOLS_COMMON_LOG_H

/**
 * log_take() - let the tool say what the library has to say
 *
 * Warnings become lines of the tool's. Errors are left to the tool, which has
 * them from neuron_error(). Who asked for the library's log by
 * NEURON_RT_LOG_LEVEL or NEURON_RT_LOG_LOCATION gets that instead.
 */
void log_take(void);

#endif /* TOOLS_COMMON_LOG_H */
