// SPDX-License-Identifier: MIT
/* Runs test cases in the layout of ONNX's backend tests, and prints KTAP. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <compiler/graph.h>
#include <tools/common/compare.h>
#include <tools/common/file.h>
#include <tools/common/model.h>
#include <tools/common/options.h>
#include <tools/common/say.h>
#include <tools/common/session.h>

static const char help[] =
"Usage: neuron-test [OPTION]... DIR...\n"
"Run test cases on the chip. Each DIR has a model.onnx and test_data_set_N folders\n"
"with input_N.pb and the expected output_N.pb, in graph order.\n"
"\n"
"  -R, --rtol R             relative tolerance of floats (default 1e-3)\n"
"  -A, --atol A             absolute tolerance of floats (default 1e-4, or 1e-5 of\n"
"                           the largest output where outputs are in the thousands)\n"
"  -a, --auto-cast TYPE     type of matrix operands: none (default), bf16, fp16. With\n"
"                           bf16 and fp16 and neither --rtol nor --atol, floats that\n"
"                           are beyond the tolerances have to have the same largest\n"
"                           element (tensors of one or two dimensions) and a signal\n"
"                           to noise ratio of at least 20 dB\n"
"  -n, --cores N            cores that the models run on\n"
"      --spread WAY         what several cores are for: auto (default) and parts,\n"
"                           the fastest execution; stages, the most a second\n"
"      --max-dim N          the most that a dimension is which depends on data, where\n"
"                           nothing else says how large it can be (4096)\n"
"      --no-scratchpad      send every intermediate through device DRAM\n"
"  -S, --save DIR           also write what came out to DIR/CASE/SET/output_N.pb\n"
"  -C, --compiled DIR       take compiled models from DIR/CASE/SET/model.neff, and\n"
"                           leave those there that it has not\n"
"  -v, --verbose            also print how far off each output is\n"
"  -h, --help               print this\n"
"\n"
"Integers have to be equal; 8-bit ones may be one step off, more in one of a hundred\n"
"elements. NaN equals NaN. Prints KTAP. The exit status is 0 when all cases pass, 1\n"
"when one does not, 2 for a bad command line.\n";

struct settings {
	struct nc_options options;
	struct tolerance tolerance;
	const char *save;
	const char *compiled;
	bool verbose;
};

/* A case that is being run. */
struct test {
	const struct settings *settings;
	const char *dir;
	const char *name;
	const char *set;
	struct model model;
	bool ok;
};

static void diagnose(struct test *test, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void print_safe(const char *text)
{
	for (; *text; text++)
		putchar(iscntrl((unsigned char)*text) ? '?' : *text);
}

/* A failing line; names of models may hold anything. */
static void diagnose(struct test *test, const char *format, ...)
{
	char line[1024];
	va_list args;

	progress(NULL);
	test->ok = false;
	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	printf("# %s%s%s: ", test->name, test->set ? "/" : "",
	       test->set ? test->set : "");
	print_safe(line);
	putchar('\n');
}

static void diagnose_lines(struct test *test, const char *text)
{
	while (text && *text) {
		size_t len = strcspn(text, "\n");

		diagnose(test, "%.*s", (int)len, text);
		text += len;
		text += *text == '\n';
	}
}

static char *path_of(const char *dir, const char *set, const char *kind,
		     unsigned int i)
{
	char *path;

	if (asprintf(&path, "%s/%s/%s_%u.pb", dir, set, kind, i) < 0)
		die_oom();
	return path;
}

/* An element's place, as "[0, 3]". */
static const char *place(const struct tensor *tensor, int64_t index,
			 char buf[NC_SHAPE_TEXT])
{
	struct nc_value at = { .rank = tensor->rank };
	int i;

	for (i = tensor->rank - 1; i >= 0; i--) {
		at.dims[i] = index % tensor->dims[i];
		index /= tensor->dims[i];
	}
	return nc_shape_text(&at, buf);
}

static void report(struct test *test, unsigned int output,
		   const struct tensor *expected,
		   const struct comparison *comparison, const char *name)
{
	const struct mismatch *first = &comparison->first;
	const struct mismatch *worst = &comparison->worst;
	char a[NC_SHAPE_TEXT], b[NC_SHAPE_TEXT], snr[40] = "";

	if (!isnan(comparison->snr))
		snprintf(snr, sizeof(snr), ", SNR %.1f dB", comparison->snr);
	if (comparison->ok) {
		if (test->settings->verbose || test->settings->tolerance.approximate) {
			printf("# %s/%s: output %u '", test->name, test->set,
			       output);
			print_safe(name);
			printf("': largest difference %g absolute, %g relative%s\n",
			       comparison->max_abs, comparison->max_rel, snr);
		}
		return;
	}
	if (*comparison->why)
		diagnose(test, "output %u '%.100s': %s", output, name,
			 comparison->why);
	if (!comparison->bad)
		return;
	diagnose(test,
		 "output %u '%.100s': %lld of %lld elements differ (largest difference %g absolute, %g relative%s); worst at %s: expected %.9g, saw %.9g; first at %s: expected %.9g, saw %.9g",
		 output, name, (long long)comparison->bad,
		 (long long)comparison->count, comparison->max_abs,
		 comparison->max_rel, snr, place(expected, worst->index, a),
		 worst->expected, worst->seen,
		 place(expected, first->index, b), first->expected, first->seen);
}

static void save(struct test *test, unsigned int output,
		 const struct tensor *tensor)
{
	char *dir, *path;

	if (asprintf(&dir, "%s/%s/%s", test->settings->save, test->name,
		     test->set) < 0 ||
	    asprintf(&path, "%s/output_%u.pb", dir, output) < 0)
		die_oom();
	if (!make_dirs(dir) || !tensor_save(tensor, path))
		test->ok = false;
	free(dir);
	free(path);
}

/*
 * ONNX's own vectors hold bfloat16 as the uint16 of its bits: numpy, which wrote
 * them, has no such type.
 */
static void settle_bfloat16(struct tensor *tensor, enum nc_dtype wanted)
{
	if (wanted == NC_BF16 && tensor->dtype == NC_U16)
		tensor->dtype = NC_BF16;
}

static void check_output(struct test *test, struct session *session,
			 unsigned int i)
{
	char *path = path_of(test->dir, test->set, "output", i);
	struct tensor seen, expected;
	struct comparison comparison;

	if (access(path, F_OK)) {
		diagnose(test, "it has no output_%u.pb", i);
	} else if (!tensor_load(&expected, path)) {
		diagnose(test, "output_%u.pb cannot be read", i);
	} else {
		if (session_get_output(session, i, &seen)) {
			settle_bfloat16(&expected, seen.dtype);
			compare(&seen, &expected, &test->settings->tolerance,
				&comparison);
			report(test, i, &expected, &comparison,
			       session->outputs[i].name);
			if (test->settings->save)
				save(test, i, &seen);
			tensor_free(&seen);
		} else {
			test->ok = false;
		}
		tensor_free(&expected);
	}
	free(path);
}

static bool load_inputs(struct test *test, struct tensor *inputs)
{
	const struct nc_probe *probe = &test->model.probe;
	unsigned int i;
	bool ok = true;
	char *path;

	for (i = 0; i < probe->num_inputs; i++) {
		path = path_of(test->dir, test->set, "input", i);
		/* The file of an optional input that is absent is, too. */
		if (!access(path, F_OK) && !tensor_load(&inputs[i], path)) {
			diagnose(test, "input_%u.pb cannot be read", i);
			ok = false;
		}
		settle_bfloat16(&inputs[i], probe->inputs[i].dtype);
		free(path);
	}
	return ok;
}

static const struct tensor *find_input(const struct test *test,
				       const struct tensor *inputs,
				       const char *name)
{
	const struct nc_probe *probe = &test->model.probe;
	unsigned int i;

	for (i = 0; i < probe->num_inputs; i++)
		if (!strcmp(probe->inputs[i].name, name) && inputs[i].data)
			return &inputs[i];
	return NULL;
}

static void run_session(struct test *test, const void *neff, size_t size,
			const struct tensor *inputs)
{
	struct session *session;
	double seconds;
	unsigned int i;
	bool nans;

	session = session_open(test->name, neff, size);
	if (!session) {
		diagnose(test, "the model cannot be loaded");
		return;
	}
	for (i = 0; i < session->num_inputs; i++) {
		const char *name = session->inputs[i].name;
		const struct tensor *tensor = find_input(test, inputs, name);

		if (!tensor)
			diagnose(test, "it has no data for input '%.100s'", name);
		else if (!session_set_input(session, i, tensor))
			diagnose(test, "input '%.100s' does not fit its data", name);
	}
	if (test->ok && !session_run(session, &seconds, &nans))
		diagnose(test, "the execution failed");
	for (i = 0; test->ok && i < session->num_outputs; i++)
		check_output(test, session, i);
	session_close(session);
}

/* Leave a compiled model for other runs. */
static void keep(struct test *test, const char *dir, const char *path,
		 const struct nc_result *result)
{
	if (!make_dirs(dir) || !file_write(path, result->neff, result->neff_size))
		test->ok = false;
}

static void compile_and_run(struct test *test, const struct tensor *inputs)
{
	char *dir = NULL, *path = NULL;
	struct nc_result result = { 0 };
	size_t size;
	void *neff;

	if (test->settings->compiled &&
	    (asprintf(&dir, "%s/%s/%s", test->settings->compiled, test->name,
		      test->set) < 0 || asprintf(&path, "%s/model.neff", dir) < 0))
		die_oom();
	if (path && !access(path, F_OK)) {
		neff = file_read(path, &size);
		if (neff)
			run_session(test, neff, size, inputs);
		else
			diagnose(test, "its model.neff cannot be read");
		free(neff);
	} else if (model_compile(&test->model, &test->settings->options, inputs,
				 &result)) {
		if (path)
			keep(test, dir, path, &result);
		run_session(test, result.neff, result.neff_size, inputs);
	} else {
		diagnose_lines(test, result.errors);
	}
	nc_result_free(&result);
	free(dir);
	free(path);
}

static void run_set(struct test *test)
{
	const struct nc_probe *probe = &test->model.probe;
	struct tensor *inputs;
	unsigned int i;

	inputs = calloc((size_t)probe->num_inputs + 1, sizeof(*inputs));
	if (!inputs)
		die_oom();
	if (load_inputs(test, inputs))
		compile_and_run(test, inputs);
	for (i = 0; i < probe->num_inputs; i++)
		tensor_free(&inputs[i]);
	free(inputs);
}

static int is_set(const struct dirent *entry)
{
	return !strncmp(entry->d_name, "test_data_set_", 14);
}

/* Sequences and the like have files that hold no TensorProto. */
static bool has_tensors_only(struct test *test)
{
	const struct nc_probe *probe = &test->model.probe;
	unsigned int i;
	bool ok = true;

	for (i = 0; i < probe->num_inputs; i++) {
		if (probe->inputs[i].is_tensor)
			continue;
		diagnose(test, "input '%.100s' is no tensor; sequences, maps and optional values are not supported",
			 probe->inputs[i].name);
		ok = false;
	}
	for (i = 0; i < probe->num_outputs; i++) {
		if (probe->outputs[i].is_tensor)
			continue;
		diagnose(test, "output '%.100s' is no tensor; sequences, maps and optional values are not supported",
			 probe->outputs[i].name);
		ok = false;
	}
	return ok;
}

static bool run_case(const struct settings *settings, const char *dir,
		     const char *name)
{
	struct test test = {
		.settings = settings, .dir = dir, .name = name, .ok = true,
	};
	struct dirent **sets = NULL;
	char *path;
	int n, i;

	if (asprintf(&path, "%s/model.onnx", dir) < 0)
		die_oom();
	if (!model_open(&test.model, path)) {
		diagnose(&test, "its model.onnx cannot be read");
		free(path);
		return false;
	}
	test.model.says_consts = settings->verbose;
	n = scandir(dir, &sets, is_set, versionsort);
	if (n <= 0)
		diagnose(&test, "it has no test_data_set_0");
	if (n > 0 && has_tensors_only(&test)) {
		for (i = 0; i < n; i++) {
			test.set = sets[i]->d_name;
			run_set(&test);
		}
	}
	for (i = 0; i < n; i++)
		free(sets[i]);
	free(sets);
	model_close(&test.model);
	free(path);
	return test.ok;
}

/* The last part of a path, without slashes at its end. */
static char *case_name(const char *dir)
{
	size_t len = strlen(dir), start;

	while (len > 1 && dir[len - 1] == '/')
		len--;
	for (start = len; start && dir[start - 1] != '/'; start--)
		;
	return strndup(dir + start, len - start);
}

static double parse_tolerance(const char *option, const char *text)
{
	char *end;
	double x;

	errno = 0;
	x = strtod(text, &end);
	if (errno || end == text || *end || !(x >= 0))
		usage_error("%s '%s' is no number from 0 on", option, text);
	return x;
}

static void parse_options(struct settings *settings, int argc, char **argv)
{
	static const struct option options[] = {
		{ "rtol", required_argument, NULL, 'R' },
		{ "atol", required_argument, NULL, 'A' },
		COMPILE_OPTIONS,
		{ "save", required_argument, NULL, 'S' },
		{ "compiled", required_argument, NULL, 'C' },
		{ "verbose", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 }
	};
	bool strict = false;
	int c;

	settings->options.auto_cast = NC_CAST_NONE;
	settings->tolerance = (struct tolerance) {
		.rtol = 1e-3, .atol = 1e-4, .scaled = true,
	};
	while ((c = getopt_long(argc, argv, COMPILE_LETTERS "R:A:S:C:vh", options, NULL)) != -1) {
		switch (c) {
		case 'R':
			settings->tolerance.rtol = parse_tolerance("--rtol", optarg);
			strict = true;
			break;
		case 'A':
			settings->tolerance.atol = parse_tolerance("--atol", optarg);
			settings->tolerance.scaled = false;
			strict = true;
			break;
		case 'S':
			settings->save = optarg;
			break;
		case 'C':
			settings->compiled = optarg;
			break;
		case 'v':
			settings->verbose = true;
			break;
		case 'h':
			fputs(help, stdout);
			exit(EXIT_OK);
		default:
			if (!compile_option(c, optarg, &settings->options))
				usage_error("the command line is not understood");
		}
	}
	settings->tolerance.approximate =
		!strict && settings->options.auto_cast != NC_CAST_NONE;
	if (optind == argc)
		usage_error("no case is given");
}

int main(int argc, char **argv)
{
	struct settings settings = { 0 };
	int i, count, failures = 0;
	char *name;
	bool ok;

	parse_options(&settings, argc, argv);
	if (!runtime_open())
		return EXIT_FAILED;
	setvbuf(stdout, NULL, _IOLBF, 0);
	count = argc - optind;
	printf("KTAP version 1\n1..%d\n", count);
	for (i = 0; i < count; i++) {
		const char *dir = argv[optind + i];

		name = case_name(dir);
		if (!name)
			die_oom();
		progress("case %d of %d: %s", i + 1, count, name);
		ok = run_case(&settings, dir, name);
		progress(NULL);
		failures += !ok;
		printf("%s %d - ", ok ? "ok" : "not ok", i + 1);
		print_safe(name);
		putchar('\n');
		free(name);
	}
	printf("# %d passed, %d failed\n", count - failures, failures);
	runtime_close();
	return failures ? EXIT_FAILED : EXIT_OK;
}
