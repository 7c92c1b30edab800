// SPDX-License-Identifier: MIT
/*
 * Fills in what operator cases put out, by ONNX Runtime's CPU provider.
 *
 *	reference <CASES >CASES
 *
 * Cases: see tests/unit/operator_case.h. Those that ONNX Runtime refuses are left out, as
 * are those that end it: it runs in a process of its own, and another goes on.
 *
 * tests/conformance/operator-fuzz builds it against the headers that
 * scripts/fetch-onnxruntime has fetched, and runs it with that folder's loader.
 */
#include <math.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/onnxruntime.h"
#include "tests/unit/operator_case.h"

static OrtSessionOptions *options;
static OrtMemoryInfo *memory;
static OrtEnv *env;

/* Whether it worked; the reason is of no interest. */
static bool did(OrtStatus *status)
{
	if (!status)
		return true;
	ort->ReleaseStatus(status);
	return false;
}

static void start(void)
{
	open_onnxruntime();
	must(ort->CreateEnv(ORT_LOGGING_LEVEL_FATAL, "reference", &env));
	must(ort->CreateSessionOptions(&options));
	must(ort->SetIntraOpNumThreads(options, 1));
	must(ort->SetInterOpNumThreads(options, 1));
	must(ort->SetSessionGraphOptimizationLevel(options, ORT_DISABLE_ALL));
	must(ort->CreateCpuMemoryInfo(OrtArenaAllocator, OrtMemTypeDefault, &memory));
}

static const char *short_name(enum nc_dtype dtype)
{
	unsigned int i;

	for (i = 0; i < sizeof(case_types) / sizeof(case_types[0]); i++)
		if (case_types[i].dtype == dtype)
			return case_types[i].name;
	return NULL;
}

/* Return: whether the output can be written as text. */
static bool print_output(FILE *out, OrtValue *value)
{
	ONNXTensorElementDataType type;
	OrtTensorTypeAndShapeInfo *info;
	int64_t dims[NC_MAX_RANK], i;
	struct nc_value elements = { 0 };
	size_t rank, count;
	const char *name;
	void *data;

	must(ort->GetTensorTypeAndShape(value, &info));
	must(ort->GetTensorElementType(info, &type));
	must(ort->GetDimensionsCount(info, &rank));
	must(ort->GetTensorShapeElementCount(info, &count));
	elements.dtype = nc_dtype_from_onnx((int)type);
	name = short_name(elements.dtype);
	if (!name || rank > NC_MAX_RANK || count * 8 > MAX_CASE_DATA)
		return false;
	must(ort->GetDimensions(info, dims, rank));
	ort->ReleaseTensorTypeAndShapeInfo(info);
	must(ort->GetTensorMutableData(value, &data));
	elements.data = data;
	fprintf(out, "out %s[", name);
	for (i = 0; i < (int64_t)rank; i++)
		fprintf(out, "%s%lld", i ? "," : "", (long long)dims[i]);
	fprintf(out, "]");
	for (i = 0; i < (int64_t)count; i++) {
		if (nc_dtype_is_float(elements.dtype))
			fprintf(out, " %.9g", nc_const_double(&elements, i));
		else if (elements.dtype == NC_U64)
			fprintf(out, " %llu", (unsigned long long)nc_const_int(&elements, i));
		else
			fprintf(out, " %lld", (long long)nc_const_int(&elements, i));
	}
	fprintf(out, "\n");
	return true;
}

static bool run_model(const struct builder *b, const struct test_case *c,
		      OrtValue *outputs[MAX_TENSORS])
{
	const char *in_names[MAX_TENSORS], *out_names[MAX_TENSORS];
	OrtValue *inputs[MAX_TENSORS];
	static char names[2][MAX_TENSORS][8];
	size_t size, ins = 0, outs = 0;
	void *bytes = builder_bytes(b, &size);
	OrtSession *session;
	unsigned int i;
	bool ok;

	for (i = 0; i < c->num_in; i++) {
		const struct tensor *t = &c->in[i];

		if (!t->present || t->constant)
			continue;
		snprintf(names[0][i], sizeof(names[0][i]), "x%u", i);
		in_names[ins] = names[0][i];
		must(ort->CreateTensorWithDataAsOrtValue(memory, (void *)t->data,
							 (size_t)t->count *
							 nc_dtype_size(t->dtype), t->dims,
							 (size_t)t->rank,
							 nc_dtype_to_onnx(t->dtype),
							 &inputs[ins++]));
	}
	for (i = 0; i < c->num_out; i++) {
		if (!c->out[i].present)
			continue;
		snprintf(names[1][i], sizeof(names[1][i]), "y%u", i);
		out_names[outs] = names[1][i];
		outputs[outs++] = NULL;
	}
	if (!did(ort->CreateSessionFromArray(env, bytes, size, options, &session)))
		return false;
	ok = did(ort->Run(session, NULL, in_names, (const OrtValue *const *)inputs, ins,
			  out_names, outs, outputs));
	ort->ReleaseSession(session);
	return ok;
}

/* The case of some lines. */
static bool parse(const char *lines, struct test_case *c)
{
	char *copy = strdup(lines), *save, *line;
	bool ok = true;

	for (line = strtok_r(copy, "\n", &save); line && ok;
	     line = strtok_r(NULL, "\n", &save)) {
		ok = strncmp(line, "node ", 5) ? parse_tensor_line(line, c) :
						 parse_node(line + 5, c, 0);
		if (!ok)
			warnx("this line makes no sense, or is too long: %s...", line);
	}
	free(copy);
	return ok;
}

static void fill_in(const char *lines)
{
	static struct test_case c;
	OrtValue *outputs[MAX_TENSORS];
	const void *unused[MAX_TENSORS];
	char *filled = NULL;
	size_t size = 0, n = 0;
	const char *line, *end;
	struct builder b;
	unsigned int i;
	FILE *out;
	bool ok = true;

	if (!parse(lines, &c))
		return;
	b = case_model(&c, false, unused);
	if (!run_model(&b, &c, outputs))
		return;
	out = open_memstream(&filled, &size);
	for (line = lines; *line; line = end + 1) {
		end = strchr(line, '\n');
		if (strncmp(line, "out", 3) && strncmp(line, "skip", 4))
			fprintf(out, "%.*s\n", (int)(end - line), line);
	}
	for (i = 0; i < c.num_out && ok; i++) {
		if (c.out[i].present)
			ok = print_output(out, outputs[n++]);
		else
			fprintf(out, "skip\n");
	}
	fclose(out);
	if (ok) {
		printf("%s\n", filled);
		fflush(stdout);
	}
	free(filled);
}

/* Standard input, cut up where nodes begin. */
static char **read_cases(size_t *count)
{
	char **cases = NULL, *line = NULL;
	size_t room = 0, size = 0;

	*count = 0;
	while (getline(&line, &room, stdin) > 0) {
		size_t length = strlen(line);

		if (*line == '\n' || *line == '#')
			continue;
		if (!strncmp(line, "node ", 5)) {
			cases = reallocarray(cases, *count + 1, sizeof(*cases));
			cases[(*count)++] = strdup("");
			size = 0;
		}
		if (!*count)
			errx(1, "this line belongs to no node: %s", line);
		cases[*count - 1] = realloc(cases[*count - 1], size + length + 1);
		memcpy(cases[*count - 1] + size, line, length + 1);
		size += length;
	}
	free(line);
	return cases;
}

int main(void)
{
	volatile size_t *next = mmap(NULL, sizeof(*next), PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	size_t count, crashed = 0;
	char **cases = read_cases(&count);

	while (*next < count) {
		pid_t child = fork();
		int status;

		if (child < 0)
			err(1, "fork");
		if (!child) {
			start();
			while (*next < count)
				fill_in(cases[(*next)++]);
			_exit(0);
		}
		if (waitpid(child, &status, 0) < 0)
			err(1, "waitpid");
		if (WIFEXITED(status) && WEXITSTATUS(status))
			return WEXITSTATUS(status);
		crashed += WIFSIGNALED(status);
	}
	fprintf(stderr, "# %zu cases, of which %zu ended ONNX Runtime\n", count, crashed);
	return 0;
}
