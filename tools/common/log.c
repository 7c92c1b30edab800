// SPDX-License-Identifier: MIT
#include <stdlib.h>
#include <neuron.h>
#include "log.h"
#include "say.h"

static void take(void *opaque, enum neuron_log_level level, const char *function,
		 const char *message)
{
	(void)opaque;
	(void)function;
	if (level != NEURON_LOG_ERROR)
		say_error("%s", message);
}

void log_take(void)
{
	if (!getenv("NEURON_RT_LOG_LEVEL") && !getenv("NEURON_RT_LOG_LOCATION"))
		neuron_set_log(take, NULL);
}
