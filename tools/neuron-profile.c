// SPDX-License-Identifier: MIT
/* Records profiles of models, and shows them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tools/common/file.h>
#include <tools/common/options.h>
#include <tools/common/say.h>
#include <tools/common/session.h>
#include <tools/profile/view.h>

static const char help[] =
"Usage: neuron-profile capture -n NEFF [-s SESSION] [OPTION]... [NAME FILE]...\n"
"       neuron-profile view -n NEFF -s SESSION [OPTION]...\n"
"Record what a model does on the chip and on the host, and show it.\n"
"\n"
"capture executes the model once, with zeros for the inputs that no data is given for,\n"
"in .pb (TensorProto), .npy or .bin (bare elements) files:\n"
"  -n, --neff FILE           the model\n"
"  -s, --session-file FILE   where the profile goes (profile.ntff)\n"
"      --num-exec N          execute and record N times\n"
"      --profile-nth-exec N  execute N times, record the last of them; the file gets\n"
"                            _exec_N before its suffix\n"
"      --ignore-exec-errors  the profile of an execution that fails is no failure\n"
"\n"
"view:\n"
"  -n, --neff-path FILE      the model that was executed\n"
"  -s, --session-file FILE   the profile, of capture or of a program with\n"
"                            NEURON_RT_INSPECT_ENABLE=1\n"
"      --output-format FORMAT\n"
"                            summary-text (default): figures of each core's last job;\n"
"                            summary-json: the same; perfetto: a trace that\n"
"                            https://ui.perfetto.dev opens\n"
"      --output-file FILE    where that goes, instead of standard output; a trace\n"
"                            goes to ntff.json without it\n"
"      --show-perfetto-flows arrows from instructions to those that wait for them\n"
"\n"
"  -h, --help                print this\n"
"\n"
"The device is the first one with a driver, or the one in this process with\n"
"NEURON_RT_DEVICE=sim; view needs none. The exit status is 0 after success, 1 after a\n"
"failure, 2 for a bad command line.\n";

enum {
	OPT_NUM_EXEC = 0x200,
	OPT_NTH_EXEC,
	OPT_IGNORE_ERRORS,
	OPT_FORMAT,
	OPT_FILE,
	OPT_FLOWS,
};

enum format { SUMMARY_TEXT, SUMMARY_JSON, PERFETTO };

struct settings {
	const char *neff;
	const char *session;
	long count;
	long nth;
	bool ignore_errors;
	char **inputs;
	int num_inputs;
	enum format format;
	const char *output;
	bool flows;
};

static void need_neff(const struct settings *settings)
{
	if (!settings->neff)
		usage_error("which .neff file? Give it with -n");
}

/*
 * capture
 */

static void parse_capture(struct settings *settings, int argc, char **argv)
{
	static const struct option options[] = {
		{ "neff", required_argument, NULL, 'n' },
		{ "session-file", required_argument, NULL, 's' },
		{ "num-exec", required_argument, NULL, OPT_NUM_EXEC },
		{ "profile-nth-exec", required_argument, NULL, OPT_NTH_EXEC },
		{ "ignore-exec-errors", no_argument, NULL, OPT_IGNORE_ERRORS },
		{ "help", no_argument, NULL, 'h' },
		{ 0 }
	};
	int c;

	settings->session = "profile.ntff";
	settings->count = 1;
	while ((c = getopt_long(argc, argv, "n:s:h", options, NULL)) != -1) {
		switch (c) {
		case 'n':
			settings->neff = optarg;
			break;
		case 's':
			settings->session = optarg;
			break;
		case OPT_NUM_EXEC:
			if (!parse_number(optarg, 1, 1000000, &settings->count))
				usage_error("--num-exec '%s' is no number from 1 on", optarg);
			break;
		case OPT_NTH_EXEC:
			if (!parse_number(optarg, 1, 1000000, &settings->nth))
				usage_error("--profile-nth-exec '%s' is no number from 1 on",
					    optarg);
			break;
		case OPT_IGNORE_ERRORS:
			settings->ignore_errors = true;
			break;
		case 'h':
			fputs(help, stdout);
			exit(EXIT_OK);
		default:
			usage_error("the command line is not understood");
		}
	}
	need_neff(settings);
	settings->inputs = argv + optind;
	settings->num_inputs = argc - optind;
	if (settings->num_inputs % 2)
		usage_error("inputs are pairs: NAME FILE; '%s' has no file",
			    argv[argc - 1]);
}

static const char *file_for(const struct settings *settings, const char *name)
{
	int i;

	for (i = 0; i < settings->num_inputs; i += 2)
		if (!strcmp(settings->inputs[i], name))
			return settings->inputs[i + 1];
	return NULL;
}

static bool check_names(const struct settings *settings, const struct session *session)
{
	unsigned int k;
	int i;

	for (i = 0; i < settings->num_inputs; i += 2) {
		for (k = 0; k < session->num_inputs; k++)
			if (!strcmp(settings->inputs[i], session->inputs[k].name))
				break;
		if (k == session->num_inputs) {
			say_error("%s has no input '%s': neuron-dis --header lists them",
				  settings->neff, settings->inputs[i]);
			return false;
		}
	}
	return true;
}

static bool load_inputs(const struct settings *settings, const struct session *session,
			struct tensor *tensors)
{
	unsigned int i;

	for (i = 0; i < session->num_inputs; i++) {
		const char *path = file_for(settings, session->inputs[i].name);

		if (path) {
			if (!tensor_load(&tensors[i], path))
				return false;
			continue;
		}
		tensors[i].size = session->inputs[i].size;
		tensors[i].data = calloc(1, tensors[i].size + 1);
		if (!tensors[i].data)
			die_oom();
	}
	return true;
}

/* Once, as a program would: the inputs in, the model, the outputs out. */
static bool execute(struct session *session, const struct tensor *tensors)
{
	struct tensor output;
	bool nans, ok = true;
	double seconds;
	unsigned int i;

	for (i = 0; i < session->num_inputs && ok; i++)
		ok = session_set_input(session, i, &tensors[i]);
	ok = ok && session_run(session, &seconds, &nans);
	for (i = 0; i < session->num_outputs && ok; i++) {
		ok = session_get_output(session, i, &output);
		if (ok)
			tensor_free(&output);
	}
	return ok;
}

/* The session's name, or the one with the number of the execution; for free(). */
static char *session_path(const struct settings *settings)
{
	const char *path = settings->session;
	const size_t stem = strlen(path) - (has_suffix(path, ".ntff") ? 5 : 0);
	char *name;
	int n;

	if (settings->nth)
		n = asprintf(&name, "%.*s_exec_%ld%s", (int)stem, path, settings->nth,
			     path + stem);
	else
		n = asprintf(&name, "%s", path);
	if (n < 0)
		die_oom();
	return name;
}

static bool record(const struct settings *settings, struct session *session,
		   const struct tensor *tensors)
{
	char *path = session_path(settings);
	bool ok = true;
	long i;

	for (i = 1; i < settings->nth && ok; i++)
		ok = execute(session, tensors) || settings->ignore_errors;
	if (!ok || !session_record(session, path)) {
		free(path);
		return false;
	}
	for (i = 0; i < (settings->nth ? 1 : settings->count) && ok; i++) {
		progress("execution %ld", i + 1);
		ok = execute(session, tensors) || settings->ignore_errors;
	}
	progress(NULL);
	ok = session_record_end(path) && ok;
	free(path);
	return ok;
}

static bool capture_session(const struct settings *settings, struct session *session)
{
	struct tensor *tensors = calloc((size_t)session->num_inputs + 1, sizeof(*tensors));
	unsigned int i;
	bool ok;

	if (!tensors)
		die_oom();
	ok = check_names(settings, session) && load_inputs(settings, session, tensors) &&
	     record(settings, session, tensors);
	for (i = 0; i < session->num_inputs; i++)
		tensor_free(&tensors[i]);
	free(tensors);
	return ok;
}

static bool capture(int argc, char **argv)
{
	struct settings settings = { 0 };
	struct session *session;
	bool ok = false;
	size_t size;
	void *bytes;

	parse_capture(&settings, argc, argv);
	bytes = file_read(settings.neff, &size);
	if (!bytes)
		return false;
	if (runtime_open()) {
		session = session_open_once(settings.neff, bytes, size);
		ok = session && capture_session(&settings, session);
		session_close(session);
		runtime_close();
	}
	free(bytes);
	return ok;
}

/*
 * view
 */

static enum format parse_format(const char *text)
{
	static const char *const names[] = {
		[SUMMARY_TEXT] = "summary-text",
		[SUMMARY_JSON] = "summary-json",
		[PERFETTO] = "perfetto",
	};
	unsigned int i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(text, names[i]))
			return (enum format)i;
	usage_error("--output-format '%s' is none of summary-text, summary-json, perfetto",
		    text);
}

static void parse_view(struct settings *settings, int argc, char **argv)
{
	static const struct option options[] = {
		{ "neff-path", required_argument, NULL, 'n' },
		{ "session-file", required_argument, NULL, 's' },
		{ "output-format", required_argument, NULL, OPT_FORMAT },
		{ "output-file", required_argument, NULL, OPT_FILE },
		{ "show-perfetto-flows", no_argument, NULL, OPT_FLOWS },
		{ "help", no_argument, NULL, 'h' },
		{ 0 }
	};
	int c;

	while ((c = getopt_long(argc, argv, "n:s:h", options, NULL)) != -1) {
		switch (c) {
		case 'n':
			settings->neff = optarg;
			break;
		case 's':
			settings->session = optarg;
			break;
		case OPT_FORMAT:
			settings->format = parse_format(optarg);
			break;
		case OPT_FILE:
			settings->output = optarg;
			break;
		case OPT_FLOWS:
			settings->flows = true;
			break;
		case 'h':
			fputs(help, stdout);
			exit(EXIT_OK);
		default:
			usage_error("the command line is not understood");
		}
	}
	need_neff(settings);
	if (!settings->session)
		usage_error("which profile? Give it with -s");
	if (optind < argc)
		usage_error("'%s' is too much", argv[optind]);
}

static void print(FILE *file, const struct settings *settings, const struct view *view)
{
	switch (settings->format) {
	case SUMMARY_TEXT:
		view_print_summary(file, view);
		break;
	case SUMMARY_JSON:
		view_print_summary_json(file, view);
		break;
	case PERFETTO:
		view_print_trace(file, view, settings->flows);
		break;
	}
}

static bool print_to_file(const struct settings *settings, const struct view *view)
{
	const char *path = settings->output ? settings->output : "ntff.json";
	char *text = NULL;
	size_t size;
	FILE *memory = open_memstream(&text, &size);
	bool ok;

	if (!memory)
		die_oom();
	print(memory, settings, view);
	if (fclose(memory))
		die_oom();
	ok = file_write(path, text, size);
	free(text);
	if (ok && settings->format == PERFETTO)
		say_error("the trace is in %s: open it in https://ui.perfetto.dev", path);
	return ok;
}

static bool view_session(const struct settings *settings, const struct view *view)
{
	const struct neuron_profile_header *h = view->profile.header;

	if (view->others)
		say_error("%u jobs of other models, or of which the chip could not say anything, are left out",
			  view->others);
	if (h->dropped_events || h->dropped_jobs)
		say_error("%llu events and %llu jobs were not recorded, for want of room: record fewer executions at a time",
			  (unsigned long long)h->dropped_events,
			  (unsigned long long)h->dropped_jobs);
	if (settings->output || settings->format == PERFETTO)
		return print_to_file(settings, view);
	if (!view->num_jobs) {
		say_error("%s: no core has done anything: profile the device, too, with NEURON_RT_INSPECT_DEVICE_PROFILE=1",
			  settings->session);
		return false;
	}
	print(stdout, settings, view);
	return true;
}

static bool view(int argc, char **argv)
{
	struct settings settings = { 0 };
	size_t neff_size, session_size;
	void *neff = NULL, *session;
	struct view view;
	bool ok = false;

	parse_view(&settings, argc, argv);
	session = file_read(settings.session, &session_size);
	if (session)
		neff = file_read(settings.neff, &neff_size);
	if (neff && view_open(&view, session, session_size, neff, neff_size, settings.session,
			      settings.neff)) {
		ok = view_session(&settings, &view);
		view_close(&view);
	}
	free(neff);
	free(session);
	return ok;
}

int main(int argc, char **argv)
{
	const char *command = argc > 1 ? argv[1] : "";
	bool ok;

	if (!strcmp(command, "-h") || !strcmp(command, "--help")) {
		fputs(help, stdout);
		return EXIT_OK;
	}
	if (!strcmp(command, "capture"))
		ok = capture(argc - 1, argv + 1);
	else if (!strcmp(command, "view"))
		ok = view(argc - 1, argv + 1);
	else if (argc > 1)
		usage_error("'%s' is neither capture nor view", command);
	else
		usage_error("capture or view?");
	if (fflush(stdout) || ferror(stdout)) {
		say_error("standard output: %s", strerror(errno));
		ok = false;
	}
	return ok ? EXIT_OK : EXIT_FAILED;
}
