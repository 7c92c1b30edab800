/* SPDX-License-Identifier: MIT */
/* The options that all tools have which compile models. */
#ifndef TOOLS_COMMON_OPTIONS_H
#define TOOLS_COMMON_OPTIONS_H

#include <getopt.h>
#include <compiler/neffc.h>

#define OPT_NO_SCRATCHPAD	0x100
#define OPT_SPREAD		0x101
#define OPT_MAX_DIM		0x102

/* Rows for getopt_long(), and letters for its short options. */
#define COMPILE_OPTIONS							\
	{ "auto-cast", required_argument, NULL, 'a' },			\
	{ "cores", required_argument, NULL, 'n' },			\
	{ "spread", required_argument, NULL, OPT_SPREAD },		\
	{ "max-dim", required_argument, NULL, OPT_MAX_DIM },		\
	{ "no-scratchpad", no_argument, NULL, OPT_NO_SCRATCHPAD }
#define COMPILE_LETTERS	"a:n:"

/**
 * compile_option() - one of COMPILE_OPTIONS
 * @c: what getopt_long() returned
 * @argument: its optarg
 * @options: changed
 *
 * A bad argument ends the program. Return: false when @c is another option.
 */
bool compile_option(int c, const char *argument, struct nc_options *options);

/* The only argument behind the options: a model. None, or another one, ends it all. */
const char *only_model(int argc, char **argv);

/* "none", "bf16", "fp16". Return: false for anything else. */
bool parse_auto_cast(const char *text, enum nc_auto_cast *auto_cast);

/* A number within bounds. */
bool parse_number(const char *text, long min, long max, long *number);

#endif /* TOOLS_COMMON_OPTIONS_H */
