// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "options.h"
#include "say.h"

bool parse_auto_cast(const char *text, enum nc_auto_cast *auto_cast)
{
	if (!strcmp(text, "none"))
		*auto_cast = NC_CAST_NONE;
	else if (!strcmp(text, "bf16"))
		*auto_cast = NC_CAST_BF16;
	else if (!strcmp(text, "fp16"))
		*auto_cast = NC_CAST_F16;
	else
		return false;
	return true;
}

static bool parse_spread(const char *text, enum nc_spread_goal *spread)
{
	if (!strcmp(text, "auto"))
		*spread = NC_SPREAD_LATENCY;
	else if (!strcmp(text, "parts"))
		*spread = NC_SPREAD_PARTS;
	else if (!strcmp(text, "stages"))
		*spread = NC_SPREAD_STAGES;
	else
		return false;
	return true;
}

bool parse_number(const char *text, long min, long max, long *number)
{
	char *end;

	errno = 0;
	*number = strtol(text, &end, 10);
	return !errno && end != text && !*end && *number >= min && *number <= max;
}

bool compile_option(int c, const char *argument, struct nc_options *options)
{
	long number;

	switch (c) {
	case 'a':
		if (!parse_auto_cast(argument, &options->auto_cast))
			usage_error("--auto-cast '%s' is none of none, bf16, fp16",
				    argument);
		return true;
	case 'n':
		if (!parse_number(argument, 1, 64, &number))
			usage_error("--cores '%s' is no number from 1 to 64", argument);
		options->cores = (unsigned int)number;
		return true;
	case OPT_SPREAD:
		if (!parse_spread(argument, &options->spread))
			usage_error("--spread '%s' is none of auto, parts, stages",
				    argument);
		return true;
	case OPT_MAX_DIM:
		if (!parse_number(argument, 1, INT32_MAX - 1, &number))
			usage_error("--max-dim '%s' is no number from 1 to %d", argument,
				    INT32_MAX - 1);
		options->max_dim = (uint32_t)number;
		return true;
	case OPT_NO_SCRATCHPAD:
		options->no_scratchpad = true;
		return true;
	default:
		return false;
	}
}

const char *only_model(int argc, char **argv)
{
	if (optind == argc)
		usage_error("no model is given");
	if (optind + 1 < argc)
		usage_error("more than one model is given: '%s'", argv[optind + 1]);
	return argv[optind];
}
