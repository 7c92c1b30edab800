// SPDX-License-Identifier: MIT
/* Runs a model on the chip. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <compiler/graph.h>
#include <neuron.h>
#include <qemu-device/timing/timing.h>
#include <tools/common/file.h>
#include <tools/common/model.h>
#include <tools/common/options.h>
#include <tools/common/print.h>
#include <tools/common/reference.h>
#include <tools/common/say.h>
#include <tools/common/session.h>

static const char help[] =
"Usage: neuron-run MODEL --output-dir DIR [OPTION]...\n"
"       neuron-run MODEL --profile | --compare-reference [OPTION]...\n"
"Run a model on the chip. MODEL is a .neff file, or an .onnx file, which is\n"
"compiled first.\n"
"\n"
"  -i, --input NAME=FILE    data for an input: a .pb (TensorProto), .npy or .bin\n"
"                           (bare elements) file; may be repeated\n"
"  -I, --input-dir DIR      take DIR/input_0.pb, input_1.pb ... in graph order\n"
"  -o, --output-dir DIR     write DIR/output_0.pb, output_1.pb ...; made if missing\n"
"  -a, --auto-cast TYPE     when compiling: none, bf16 (default), fp16\n"
"  -n, --cores N            when compiling: cores that the model runs on\n"
"      --spread WAY         what several cores are for: auto (default) and parts,\n"
"                           the fastest execution; stages, the most a second\n"
"      --max-dim N          when compiling: the most that a dimension is which depends\n"
"                           on data, where nothing else says how large it can be (4096)\n"
"      --no-scratchpad      when compiling: every intermediate through DRAM\n"
"  -r, --repeat N           execute N times\n"
"  -p, --profile            print what each layer cost: cycles, engine, MACs, bytes,\n"
"                           elements clamped, NaNs and infinities that it wrote\n"
"  -c, --compare-reference  compute each layer with the reference kernels, too, and\n"
"                           print how far they are apart; and, for an .onnx model with\n"
"                           16-bit operands, how far each layer is from fp32\n"
"  -j, --json               print times and counters as JSON\n"
"  -q, --quiet              print nothing but errors\n"
"  -h, --help               print this\n"
"\n"
"The device is the first one with a driver, or the one in this process with\n"
"NEURON_RT_DEVICE=sim. The exit status is 0 after success, 1 after a failure, 2 for\n"
"a bad command line.\n";

/* Data for an input, by name. */
struct input_arg {
	const char *name;
	const char *path;
};

struct settings {
	const char *model;
	const char *input_dir;
	const char *output_dir;
	struct input_arg *inputs;
	unsigned int num_inputs;
	struct nc_options options;
	unsigned int repeat;
	bool profile;
	bool compare;
	bool json;
	bool quiet;
};

static void add_input(struct settings *settings, char *text)
{
	char *equals = strchr(text, '=');

	if (!equals)
		usage_error("--input '%s' is not NAME=FILE", text);
	*equals = '\0';
	settings->inputs = realloc(settings->inputs,
				   (settings->num_inputs + 1) *
				   sizeof(*settings->inputs));
	if (!settings->inputs)
		die_oom();
	settings->inputs[settings->num_inputs++] = (struct input_arg) {
		text, equals + 1
	};
}

static void parse_options(struct settings *settings, int argc, char **argv)
{
	static const struct option options[] = {
		{ "input", required_argument, NULL, 'i' },
		{ "input-dir", required_argument, NULL, 'I' },
		{ "output-dir", required_argument, NULL, 'o' },
		COMPILE_OPTIONS,
		{ "repeat", required_argument, NULL, 'r' },
		{ "profile", no_argument, NULL, 'p' },
		{ "compare-reference", no_argument, NULL, 'c' },
		{ "json", no_argument, NULL, 'j' },
		{ "quiet", no_argument, NULL, 'q' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 }
	};
	long number;
	int c;

	settings->repeat = 1;
	while ((c = getopt_long(argc, argv, COMPILE_LETTERS "i:I:o:r:pcjqh", options, NULL)) != -1) {
		switch (c) {
		case 'i':
			add_input(settings, optarg);
			break;
		case 'I':
			settings->input_dir = optarg;
			break;
		case 'o':
			settings->output_dir = optarg;
			break;
		case 'r':
			if (!parse_number(optarg, 1, 100000000, &number))
				usage_error("--repeat '%s' is no number from 1 on",
					    optarg);
			settings->repeat = (unsigned int)number;
			break;
		case 'p':
			settings->profile = true;
			break;
		case 'c':
			settings->compare = true;
			break;
		case 'j':
			settings->json = true;
			break;
		case 'q':
			settings->quiet = true;
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
	if (!settings->output_dir && !settings->profile && !settings->compare)
		usage_error("--output-dir is missing");
}

/* The inputs' names: from the ONNX file, or from the loaded model. */
struct names {
	const char **name;
	unsigned int count;
};

static int find_name(const struct names *names, const char *name)
{
	unsigned int i;

	for (i = 0; i < names->count; i++)
		if (!strcmp(names->name[i], name))
			return (int)i;
	return -1;
}

static void say_no_input(const struct settings *settings,
			 const struct names *names, const char *name)
{
	char text[400] = "";
	size_t len = 0;
	unsigned int i;

	for (i = 0; i < names->count && len < sizeof(text); i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s'%.60s'",
					i ? ", " : "", names->name[i]);
	say_error("%s has no input '%s'; its inputs are: %s", settings->model,
		  name, names->count ? text : "none");
}

static char *dir_path(const char *dir, const char *kind, unsigned int i)
{
	char *path;

	if (asprintf(&path, "%s/%s_%u.pb", dir, kind, i) < 0)
		die_oom();
	return path;
}

/*
 * input_0.pb is the first input, and so on. A .neff can have fewer inputs than
 * its ONNX model, when some became constants: then names decide.
 */
static bool load_dir(const struct settings *settings, const struct names *names,
		     struct tensor *tensors, bool by_name)
{
	struct tensor tensor;
	unsigned int i;
	int at;

	for (i = 0; ; i++) {
		char *path = dir_path(settings->input_dir, "input", i);

		if (access(path, F_OK)) {
			free(path);
			break;
		}
		if (!tensor_load(&tensor, path)) {
			free(path);
			return false;
		}
		free(path);
		at = by_name ? find_name(names, tensor.name) : -1;
		if (at < 0 && i < names->count)
			at = (int)i;
		if (at < 0 && !by_name)
			say_error("%s has more inputs than the model's %u: take the others away, or give them by name with --input",
				  settings->input_dir, names->count);
		if (at < 0) {
			tensor_free(&tensor);
			if (by_name)
				continue;
			return false;
		}
		tensor_free(&tensors[at]);
		tensors[at] = tensor;
	}
	if (i)
		return true;
	say_error("%s has no input_0.pb: give a folder of an ONNX test case, or --input NAME=FILE",
		  settings->input_dir);
	return !names->count;
}

static bool load_inputs(const struct settings *settings,
			const struct names *names, struct tensor *tensors,
			bool by_name)
{
	unsigned int i;

	if (settings->input_dir && names->count &&
	    !load_dir(settings, names, tensors, by_name))
		return false;
	for (i = 0; i < settings->num_inputs; i++) {
		const struct input_arg *arg = &settings->inputs[i];
		int at = find_name(names, arg->name);

		if (at < 0) {
			say_no_input(settings, names, arg->name);
			return false;
		}
		tensor_free(&tensors[at]);
		if (!tensor_load(&tensors[at], arg->path))
			return false;
	}
	for (i = 0; i < names->count; i++) {
		if (tensors[i].data)
			continue;
		say_error("no data for input '%s'; give it with --input '%s=FILE'",
			  names->name[i], names->name[i]);
		return false;
	}
	return true;
}

static bool write_outputs(const struct settings *settings,
			  struct session *session)
{
	struct tensor tensor;
	unsigned int i;
	char *path;
	bool ok;

	if (!make_dirs(settings->output_dir))
		return false;
	for (i = 0; i < session->num_outputs; i++) {
		if (!session_get_output(session, i, &tensor))
			return false;
		path = dir_path(settings->output_dir, "output", i);
		ok = tensor_save(&tensor, path);
		free(path);
		tensor_free(&tensor);
		if (!ok)
			return false;
	}
	return true;
}

static cJSON *json_outputs(const struct settings *settings,
			   const struct session *session)
{
	cJSON *outputs = cJSON_CreateArray();
	unsigned int i;
	int d;

	for (i = 0; i < session->num_outputs; i++) {
		const struct port *port = &session->outputs[i];
		cJSON *output = cJSON_CreateObject();
		cJSON *shape = cJSON_AddArrayToObject(output, "shape");
		char *path = dir_path(settings->output_dir, "output", i);
		struct nc_value now;

		session_output_shape(session, i, &now);
		cJSON_AddStringToObject(output, "name", port->name);
		cJSON_AddStringToObject(output, "dtype", nc_dtype_name(port->dtype));
		for (d = 0; d < now.rank; d++)
			cJSON_AddItemToArray(shape,
					     cJSON_CreateNumber((double)now.dims[d]));
		cJSON_AddStringToObject(output, "file", path);
		cJSON_AddItemToArray(outputs, output);
		free(path);
	}
	return outputs;
}

static void print_outputs(const struct settings *settings,
			  const struct session *session)
{
	unsigned int i;

	for (i = 0; i < session->num_outputs; i++) {
		const struct port *port = &session->outputs[i];
		struct nc_value shape;
		char text[NC_SHAPE_TEXT];

		session_output_shape(session, i, &shape);
		printf("output   %s %s%s -> %s/output_%u.pb\n", port->name,
		       nc_dtype_name(port->dtype), nc_shape_text(&shape, text),
		       settings->output_dir, i);
	}
}

/**
 * struct run - a model on its way through this program
 * @model: the file
 * @neff: what is loaded, from @model or compiled from it
 * @size: bytes of it
 * @names: of the inputs that there is data for
 * @tensors: the data, by @names
 * @session: loaded
 * @times: how long it took
 */
struct run {
	const struct model *model;
	const void *neff;
	size_t size;
	struct names names;
	struct tensor *tensors;
	struct session *session;
	struct run_times times;
};

/* Add up what the cores of one chip program said. */
static bool profile_program(const struct run *run, unsigned int program,
			    const struct neff *neff, struct layer_profile *profiles)
{
	struct neuron_inst_record *records;
	unsigned int i;
	size_t count;

	for (i = 0; i < run->session->cores[program]; i++) {
		records = session_records(run->session, program, i, &count);
		if (!records)
			return false;
		layers_profile(neff, i, records, count, profiles);
		free(records);
	}
	return true;
}

/* What the last execution cost, layer by layer, into @json or for people. */
static bool print_profile(const struct run *run, cJSON *json)
{
	struct layer_profile *profiles;
	struct neff part;
	char error[NEFF_ERROR_SIZE];
	struct neff neff;
	bool ok = true;
	unsigned int i;

	if (neff_parse(run->neff, run->size, false, &neff, error) != NEFF_OK) {
		say_error("%s", error);
		return false;
	}
	profiles = calloc((size_t)neff.num_layers + 1, sizeof(*profiles));
	if (!profiles)
		die_oom();
	if (!neff_has_steps(&neff))
		ok = profile_program(run, 0, &neff, profiles);
	/* The programs of one model have the same layers. */
	for (i = 0; i < neff.num_models && ok; i++) {
		ok = neff_parse(neff.models[i].data, neff.models[i].size, false, &part,
				error) == NEFF_OK && part.num_layers == neff.num_layers &&
		     profile_program(run, i, &part, profiles);
	}
	if (json)
		cJSON_AddItemToObject(json, "layers", layers_json_profile(&neff, profiles));
	else
		layers_print_profile(stdout, &neff, profiles);
	free(profiles);
	return ok;
}

static bool print_comparison(const struct settings *settings, const struct run *run,
			     cJSON *json)
{
	const unsigned int n = run->session->num_inputs;
	struct reference reference;
	struct tensor *inputs = calloc((size_t)n + 1, sizeof(*inputs));
	unsigned int i;
	bool ok;

	if (!inputs)
		die_oom();
	for (i = 0; i < n; i++)
		inputs[i] = run->tensors[find_name(&run->names,
						   run->session->inputs[i].name)];
	progress("computing with the reference kernels");
	ok = reference_compare(&reference, run->session, run->neff, run->size, inputs,
			       run->model->is_onnx ? run->model : NULL,
			       &settings->options, run->tensors);
	progress(NULL);
	if (ok && json)
		cJSON_AddItemToObject(json, "reference",
				      reference_json(&reference, run->session));
	else if (ok)
		reference_print(stdout, &reference, run->session);
	reference_free(&reference);
	free(inputs);
	return ok;
}

/* The chip's counters of one program, into @cores or for people. Return: its cycles. */
static uint64_t print_program(struct session *session, unsigned int program, cJSON *cores)
{
	uint64_t cycles = 0, slowest = 0;
	struct neuron_report report;
	unsigned int i;
	cJSON *json;

	for (i = 0; i < session->cores[program]; i++) {
		/* Cores of a stage work side by side, the next ones follow. */
		if (session->stages && i && session->stages[i] != session->stages[i - 1]) {
			cycles += slowest + neuron_timing_handover();
			slowest = 0;
		}
		if (!session_report(session, program, i, &report))
			continue;
		if (report.cycles > slowest)
			slowest = report.cycles;
		if (cores) {
			json = json_report(&report);
			if (session->num_programs > 1)
				cJSON_AddNumberToObject(json, "program", program);
			cJSON_AddItemToArray(cores, json);
			continue;
		}
		if (session->num_programs > 1)
			printf("program %u, ", program);
		printf("core %u, last execution:\n", i);
		print_report(stdout, &report);
	}
	return cycles + slowest;
}

/* What the host did, into @json or for people. */
static void print_steps(struct session *session, cJSON *json)
{
	cJSON *list = json ? cJSON_AddArrayToObject(json, "host_steps") : NULL, *item;
	struct neuron_step *steps;
	char text[32];
	size_t count, i;

	steps = session_steps(session, &count);
	if (steps && !json)
		printf("on the host, last execution:\n");
	for (i = 0; i < count; i++) {
		double seconds = (double)steps[i].nanoseconds * 1e-9;

		if (!steps[i].on_host)
			continue;
		if (!json) {
			printf("  %-20s %-28.28s %10s  %s\n", steps[i].op, steps[i].layer,
			       duration_text(seconds, text), steps[i].reason);
			continue;
		}
		item = cJSON_CreateObject();
		cJSON_AddStringToObject(item, "op", steps[i].op);
		cJSON_AddStringToObject(item, "layer", steps[i].layer);
		cJSON_AddStringToObject(item, "reason", steps[i].reason);
		cJSON_AddNumberToObject(item, "seconds", seconds);
		cJSON_AddItemToArray(list, item);
	}
	free(steps);
}

static bool print_run(const struct settings *settings, struct run *run)
{
	struct session *session = run->session;
	struct run_times *times = &run->times;
	cJSON *json = NULL, *cores = NULL;
	bool ok = true;
	uint64_t cycles = 0;
	unsigned int i;

	run_times_sort(times);
	if (settings->json) {
		json = cJSON_CreateObject();
		cJSON_AddStringToObject(json, "model", settings->model);
		cJSON_AddItemToObject(json, "seconds", json_times(times));
		if (settings->output_dir)
			cJSON_AddItemToObject(json, "outputs",
					      json_outputs(settings, session));
		cores = cJSON_AddArrayToObject(json, "cores");
	} else {
		print_times(stdout, times);
		if (settings->output_dir)
			print_outputs(settings, session);
	}
	for (i = 0; i < session->num_programs; i++)
		cycles += print_program(session, i, cores);
	print_steps(session, json);
	if (settings->json)
		cJSON_AddNumberToObject(json, "cycles", (double)cycles);
	if (settings->profile)
		ok = print_profile(run, json);
	if (ok && settings->compare)
		ok = print_comparison(settings, run, json);
	if (settings->json)
		json_print(stdout, json);
	return ok;
}

static bool execute(const struct settings *settings, struct session *session,
		    struct run_times *times)
{
	double next = now() + 0.1;
	bool nans = false;
	unsigned int i;

	times->execute = calloc(settings->repeat, sizeof(*times->execute));
	if (!times->execute)
		die_oom();
	for (i = 0; i < settings->repeat; i++) {
		if (!session_run(session, &times->execute[i], &nans))
			return false;
		times->count++;
		if (now() > next) {
			progress("%u of %u executions", i + 1, settings->repeat);
			next = now() + 0.1;
		}
	}
	progress(NULL);
	if (nans)
		say_error("warning: the model produced NaN: find the layer with --compare-reference");
	return true;
}

/* The tensors belong to @names; constants among them are no inputs any more. */
static bool set_inputs(struct session *session, const struct names *names,
		       const struct tensor *tensors)
{
	unsigned int i;
	int at;

	for (i = 0; i < session->num_inputs; i++) {
		at = find_name(names, session->inputs[i].name);
		if (at < 0) {
			say_error("no data for input '%s'; give it with --input '%s=FILE'",
				  session->inputs[i].name, session->inputs[i].name);
			return false;
		}
		if (!session_set_input(session, i, &tensors[at]))
			return false;
	}
	return true;
}

static bool run_loaded(const struct settings *settings, struct run *run)
{
	run->times.load = run->session->load_seconds;
	if (settings->profile)
		session_profile(run->session);
	return set_inputs(run->session, &run->names, run->tensors) &&
	       execute(settings, run->session, &run->times) &&
	       (!settings->output_dir || write_outputs(settings, run->session)) &&
	       (settings->quiet || print_run(settings, run));
}

static void alloc_inputs(struct names *names, struct tensor **tensors,
			 unsigned int count)
{
	names->count = count;
	names->name = calloc((size_t)count + 1, sizeof(*names->name));
	*tensors = calloc((size_t)count + 1, sizeof(**tensors));
	if (!names->name || !*tensors)
		die_oom();
}

static void free_inputs(struct names *names, struct tensor *tensors)
{
	unsigned int i;

	for (i = 0; i < names->count; i++)
		tensor_free(&tensors[i]);
	free(tensors);
	free(names->name);
}

/* The reference works with the weights in the file. */
static struct session *open_session(const struct settings *settings, void *neff,
				    size_t size)
{
	if (settings->compare)
		return session_open(settings->model, neff, size);
	return session_open_once(settings->model, neff, size);
}

static bool run_neff(const struct settings *settings, const struct model *model)
{
	struct run run = {
		.model = model, .neff = model->bytes, .size = model->size,
		.times.compile = -1,
	};
	unsigned int i;
	bool ok;

	progress("loading %s", settings->model);
	run.session = open_session(settings, model->bytes, model->size);
	if (!run.session)
		return false;
	alloc_inputs(&run.names, &run.tensors, run.session->num_inputs);
	for (i = 0; i < run.session->num_inputs; i++)
		run.names.name[i] = run.session->inputs[i].name;
	ok = load_inputs(settings, &run.names, run.tensors, true) &&
	     run_loaded(settings, &run);
	free_inputs(&run.names, run.tensors);
	session_close(run.session);
	free(run.times.execute);
	return ok;
}

static bool run_onnx(const struct settings *settings, const struct model *model)
{
	struct run run = { .model = model };
	struct nc_result result = { 0 };
	bool ok = false;
	unsigned int i;

	alloc_inputs(&run.names, &run.tensors, model->probe.num_inputs);
	for (i = 0; i < run.names.count; i++)
		run.names.name[i] = model->probe.inputs[i].name;
	if (!load_inputs(settings, &run.names, run.tensors, false))
		goto out;
	progress("compiling %s", settings->model);
	run.times.compile = now();
	if (!model_compile(model, &settings->options, run.tensors, &result)) {
		say_lines(result.errors);
		goto out;
	}
	run.times.compile = now() - run.times.compile;
	if (result.note)
		say_lines(result.note);
	progress("loading %s", settings->model);
	run.neff = result.neff;
	run.size = result.neff_size;
	run.session = open_session(settings, result.neff, result.neff_size);
	ok = run.session && run_loaded(settings, &run);
	session_close(run.session);
out:
	nc_result_free(&result);
	free_inputs(&run.names, run.tensors);
	free(run.times.execute);
	return ok;
}

int main(int argc, char **argv)
{
	struct settings settings = { 0 };
	struct model model;
	bool ok;

	parse_options(&settings, argc, argv);
	if (!model_open(&model, settings.model))
		return EXIT_FAILED;
	model.says_consts = !settings.quiet;
	ok = runtime_open();
	if (ok) {
		ok = model.is_onnx ? run_onnx(&settings, &model) :
				     run_neff(&settings, &model);
		progress(NULL);
		runtime_close();
	}
	if (fflush(stdout) || ferror(stdout)) {
		say_error("standard output: %s", strerror(errno));
		ok = false;
	}
	model_close(&model);
	free(settings.inputs);
	return ok ? EXIT_OK : EXIT_FAILED;
}
