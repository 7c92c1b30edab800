// SPDX-License-Identifier: MIT
/* Compiles an ONNX model to a .neff file. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <tools/common/file.h>
#include <tools/common/model.h>
#include <tools/common/options.h>
#include <tools/common/print.h>
#include <tools/common/say.h>
#include <tools/common/session.h>

static const char help[] =
"Usage: neuron-compile MODEL.onnx -o MODEL.neff [OPTION]...\n"
"Compile an ONNX model to a program for the chip.\n"
"\n"
"  -o, --output FILE        file to write; by default the model's name with .neff\n"
"  -i, --input NAME:DIMS    shape of an input whose dimensions the model leaves\n"
"                           open, such as input:1,3,224,224; may be repeated\n"
"  -c, --const NAME=VALUE   contents of an input that must be known when compiling\n"
"                           (a shape, axes): integers such as 1,-1, or a .pb or\n"
"                           .npy file; it is no input of the result; may be repeated\n"
"  -a, --auto-cast TYPE     type of matrix operands: none, bf16 (default), fp16\n"
"  -n, --cores N            cores that the model may use for an execution\n"
"                           (default 1)\n"
"      --spread WAY         what several cores are for: auto (default) and parts,\n"
"                           the fastest execution; stages, the most a second\n"
"      --max-dim N          the most that a dimension is which depends on data, where\n"
"                           nothing else says how large it can be (4096)\n"
"      --no-scratchpad      send every intermediate through device DRAM\n"
"  -s, --summary            print what each layer costs\n"
"  -j, --json               print the summary as JSON\n"
"  -d, --dump PASS          print the program after a pass; \"all\" for every pass\n"
"  -h, --help               print this\n"
"\n"
"All problems of a model are reported, a line each. The exit status is 0 when the\n"
"file was written, 1 when the model cannot be compiled, 2 for a bad command line.\n";

/* What the command line says. */
struct settings {
	const char *model;
	const char *output;
	struct nc_options options;
	struct nc_shape_arg *shapes;
	struct nc_const_arg *consts;
	struct tensor *tensors;		/* hold what @consts point to */
	bool summary;
	bool json;
};

static void parse_shape(struct settings *settings, char *text)
{
	struct nc_options *options = &settings->options;
	char *colon = strrchr(text, ':'), *p;
	struct nc_shape_arg *shape;

	if (!colon)
		usage_error("--input '%s' is not NAME:DIMS", text);
	settings->shapes = realloc(settings->shapes,
				   (options->num_shapes + 1) * sizeof(*shape));
	if (!settings->shapes)
		die_oom();
	shape = &settings->shapes[options->num_shapes++];
	memset(shape, 0, sizeof(*shape));
	options->shapes = settings->shapes;
	*colon = '\0';
	shape->name = text;
	for (p = colon + 1; *p;) {
		char *end;
		long long dim;

		errno = 0;
		dim = strtoll(p, &end, 10);
		if (end == p || errno || dim < 0 || shape->rank == NC_MAX_RANK ||
		    (*end && *end != ',') || (*end == ',' && !end[1]))
			usage_error("--input '%s': '%s' is not a list of at most %d dimensions",
				    text, colon + 1, NC_MAX_RANK);
		shape->dims[shape->rank++] = dim;
		p = *end ? end + 1 : end;
	}
}

static bool parse_const(struct settings *settings, char *text)
{
	struct nc_options *options = &settings->options;
	unsigned int n = options->num_consts, i;
	char *equals = strchr(text, '=');
	struct nc_const_arg *arg;
	struct tensor *tensor;

	if (!equals)
		usage_error("--const '%s' is not NAME=VALUE", text);
	*equals = '\0';
	settings->consts = realloc(settings->consts, (n + 1) * sizeof(*arg));
	settings->tensors = realloc(settings->tensors, (n + 1) * sizeof(*tensor));
	if (!settings->consts || !settings->tensors)
		die_oom();
	tensor = &settings->tensors[n];
	if (has_suffix(equals + 1, ".bin"))
		usage_error("--const '%s': a .bin file does not say its type; give a .npy or .pb file",
			    text);
	if (has_suffix(equals + 1, ".pb") || has_suffix(equals + 1, ".npy")) {
		if (!tensor_load(tensor, equals + 1))
			return false;
	} else if (!tensor_from_text(tensor, equals + 1)) {
		usage_error("--const '%s': '%s' is neither integers nor a .pb or .npy file",
			    text, equals + 1);
	}
	arg = &settings->consts[n];
	*arg = (struct nc_const_arg) {
		.name = text, .dtype = tensor->dtype, .rank = tensor->rank,
	};
	memcpy(arg->dims, tensor->dims, sizeof(arg->dims));
	options->num_consts++;
	options->consts = settings->consts;
	for (i = 0; i <= n; i++)
		settings->consts[i].data = settings->tensors[i].data;
	return true;
}

static bool parse_options(struct settings *settings, int argc, char **argv)
{
	static const struct option options[] = {
		{ "output", required_argument, NULL, 'o' },
		{ "input", required_argument, NULL, 'i' },
		{ "const", required_argument, NULL, 'c' },
		COMPILE_OPTIONS,
		{ "summary", no_argument, NULL, 's' },
		{ "json", no_argument, NULL, 'j' },
		{ "dump", required_argument, NULL, 'd' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 }
	};
	int c;

	while ((c = getopt_long(argc, argv, COMPILE_LETTERS "o:i:c:sjd:h", options, NULL)) != -1) {
		switch (c) {
		case 'o':
			settings->output = optarg;
			break;
		case 'i':
			parse_shape(settings, optarg);
			break;
		case 'c':
			if (!parse_const(settings, optarg))
				return false;
			break;
		case 's':
			settings->summary = true;
			break;
		case 'j':
			settings->json = true;
			break;
		case 'd':
			settings->options.dump = optarg;
			settings->options.dump_to = stdout;
			break;
		case 'h':
			fputs(help, stdout);
			exit(EXIT_OK);
		default:
			if (!compile_option(c, optarg, &settings->options))
				usage_error("the command line is not understood");
		}
	}
	settings->model = only_model(argc, argv);
	return true;
}

static char *default_output(const char *model)
{
	size_t len = strlen(model);
	char *output;

	if (has_suffix(model, ".onnx"))
		len -= strlen(".onnx");
	if (asprintf(&output, "%.*s.neff", (int)len, model) < 0)
		die_oom();
	return output;
}

static void print_result(const struct settings *settings,
			 const struct nc_result *result, const char *output,
			 double seconds)
{
	char time[32], size[32];
	cJSON *json;

	if (settings->json) {
		json = json_summary(&result->summary);
		cJSON_AddStringToObject(json, "model", settings->model);
		cJSON_AddStringToObject(json, "output", output);
		cJSON_AddNumberToObject(json, "bytes", (double)result->neff_size);
		cJSON_AddNumberToObject(json, "seconds", seconds);
		json_print(stdout, json);
		return;
	}
	if (!settings->summary)
		return;
	print_summary(stdout, &result->summary);
	printf("%s: %s, compiled in %s\n", output,
	       bytes_text(result->neff_size, size), duration_text(seconds, time));
}

int main(int argc, char **argv)
{
	struct settings settings = { 0 };
	struct nc_result result;
	char *output, *name, *folder;
	int status = EXIT_FAILED;
	double seconds;
	size_t size;
	void *onnx;

	unsigned int i;

	if (!parse_options(&settings, argc, argv))
		return EXIT_FAILED;
	onnx = file_read(settings.model, &size);
	if (!onnx)
		return EXIT_FAILED;
	name = model_name(settings.model);
	folder = model_folder(settings.model);
	settings.options.folder = folder;
	output = settings.output ? strdup(settings.output) :
				   default_output(settings.model);
	if (!output)
		die_oom();

	progress("compiling %s", settings.model);
	seconds = now();
	if (nc_compile(onnx, size, name, &settings.options, &result)) {
		seconds = now() - seconds;
		progress(NULL);
		if (result.note)
			say_lines(result.note);
		if (file_write(output, result.neff, result.neff_size)) {
			print_result(&settings, &result, output, seconds);
			status = EXIT_OK;
		}
	} else if (!model_says_unreadable(settings.model, onnx, size)) {
		say_lines(result.errors);
	}
	if (fflush(stdout) || ferror(stdout)) {
		say_error("standard output: %s", strerror(errno));
		status = EXIT_FAILED;
	}
	nc_result_free(&result);
	for (i = 0; i < settings.options.num_consts; i++)
		tensor_free(&settings.tensors[i]);
	free(settings.shapes);
	free(settings.consts);
	free(settings.tensors);
	free(name);
	free(folder);
	free(output);
	free(onnx);
	return status;
}
