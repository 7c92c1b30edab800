// SPDX-License-Identifier: MIT
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <compiler/graph.h>
#include "compare.h"
#include "reference.h"
#include "say.h"

/* Outputs of a model whose layers are exposed, executed. */
struct exposed {
	struct session *session;
	struct tensor *outputs;
};

static void close_exposed(struct exposed *e)
{
	for (unsigned int i = 0; e->session && e->outputs && i < e->session->num_outputs; i++)
		tensor_free(&e->outputs[i]);
	free(e->outputs);
	session_close(e->session);
}

static const struct tensor *find_input(const struct model *model, const struct tensor *inputs,
				       const char *name)
{
	for (unsigned int i = 0; i < model->probe.num_inputs; i++)
		if (!strcmp(model->probe.inputs[i].name, name))
			return &inputs[i];
	return NULL;
}

static bool open_exposed(struct exposed *e, const struct model *model,
			 const struct nc_options *options, enum nc_auto_cast auto_cast,
			 const struct tensor *inputs)
{
	struct nc_options exposing = *options;
	struct nc_result result;
	double seconds;
	bool nans;

	exposing.auto_cast = auto_cast;
	exposing.expose_layers = true;
	exposing.cores = 1;
	if (model_compile(model, &exposing, inputs, &result))
		e->session = session_open(model->path, result.neff, result.neff_size);
	else
		say_lines(result.errors);
	nc_result_free(&result);
	if (!e->session)
		return false;
	for (unsigned int i = 0; i < e->session->num_inputs; i++) {
		const struct tensor *tensor = find_input(model, inputs,
							 e->session->inputs[i].name);

		if (!tensor || !session_set_input(e->session, i, tensor))
			return false;
	}
	if (!session_run(e->session, &seconds, &nans))
		return false;
	e->outputs = calloc((size_t)e->session->num_outputs + 1, sizeof(*e->outputs));
	if (!e->outputs)
		die_oom();
	for (unsigned int i = 0; i < e->session->num_outputs; i++)
		if (!session_get_output(e->session, i, &e->outputs[i]))
			return false;
	return true;
}

static struct layer_error error_of(const struct tensor *seen, const struct tensor *expected)
{
	struct layer_error error = { 0 };
	double signal = 0, noise = 0, largest = 0;
	int64_t n = tensor_count(expected);

	for (int64_t i = 0; i < n; i++) {
		double a = tensor_get(seen, i), b = tensor_get(expected, i);
		double difference = a == b || (isnan(a) && isnan(b)) ? 0 : fabs(a - b);

		if (!(difference <= error.max_abs))
			error.max_abs = isnan(difference) ? INFINITY : difference;
		if (fabs(b) > largest)
			largest = fabs(b);
		if (isfinite(b))
			signal += b * b;
		noise += difference * difference;
	}
	error.max_rel = largest > 0 ? error.max_abs / largest : 0;
	error.snr = isnan(noise) ? -INFINITY : 10 * log10(signal / noise);
	if (isnan(error.snr))	/* all zeros, as expected */
		error.snr = INFINITY;
	return error;
}

static const struct tensor *find_output(const struct exposed *e, const char *name)
{
	for (unsigned int i = 0; i < e->session->num_outputs; i++)
		if (!strcmp(e->session->outputs[i].name, name))
			return &e->outputs[i];
	return NULL;
}

static void compare_exposed(struct reference *r, const struct session *session,
			    const struct exposed *cast, const struct exposed *fp32)
{
	for (unsigned int i = 0; i < cast->session->num_outputs; i++) {
		const char *name = cast->session->outputs[i].name;
		const struct tensor *expected = find_output(fp32, name);
		struct layer_error *to = NULL;
		unsigned int layer;

		if (sscanf(name, "layer %u", &layer) == 1 && layer < r->neff.num_layers)
			to = &r->errors[layer];
		for (unsigned int k = 0; k < session->num_outputs; k++)
			if (!strcmp(session->outputs[k].name, name))
				to = &r->outputs[k];
		if (to && expected && expected->dtype == cast->outputs[i].dtype &&
		    expected->size == cast->outputs[i].size)
			*to = error_of(&cast->outputs[i], expected);
	}
}

static bool compare_fp32(struct reference *r, const struct session *session,
			 const struct model *model, const struct nc_options *options,
			 const struct tensor *inputs)
{
	struct exposed cast = { 0 }, fp32 = { 0 };
	size_t n = r->neff.num_layers + 1, i;
	bool ok;

	r->errors = calloc(n, sizeof(*r->errors));
	r->outputs = calloc((size_t)session->num_outputs + 1, sizeof(*r->outputs));
	if (!r->errors || !r->outputs)
		die_oom();
	for (i = 0; i < n; i++)
		r->errors[i].snr = NAN;
	for (i = 0; i < session->num_outputs; i++)
		r->outputs[i].snr = NAN;
	ok = open_exposed(&cast, model, options, options->auto_cast, inputs) &&
	     open_exposed(&fp32, model, options, NC_CAST_NONE, inputs);
	if (ok)
		compare_exposed(r, session, &cast, &fp32);
	close_exposed(&cast);
	close_exposed(&fp32);
	return ok;
}

static bool same_outputs(struct session *session, const struct tensor *outputs)
{
	struct tensor tensor;
	bool same = true;

	for (unsigned int i = 0; i < session->num_outputs; i++) {
		if (!session_get_output(session, i, &tensor))
			return false;
		same &= tensor.size == outputs[i].size && outputs[i].data &&
			!memcmp(tensor.data, outputs[i].data, tensor.size);
		tensor_free(&tensor);
	}
	return same;
}

bool reference_compare(struct reference *reference, struct session *session,
		       const void *bytes, size_t size, const struct tensor *inputs,
		       const struct model *model, const struct nc_options *options,
		       const struct tensor *onnx_inputs)
{
	char error[NEFF_ERROR_SIZE];
	struct tensor *outputs;
	bool ok;

	*reference = (struct reference) { 0 };
	if (neff_parse(bytes, size, true, &reference->neff, error) != NEFF_OK) {
		say_error("%s", error);
		return false;
	}
	if (neff_has_steps(&reference->neff)) {
		say_error("the model has host steps, between which layers cannot be compared with the reference: compare the model without them");
		return false;
	}
	outputs = calloc((size_t)session->num_outputs + 1, sizeof(*outputs));
	reference->differences = calloc((size_t)reference->neff.num_layers + 1,
					sizeof(*reference->differences));
	if (!outputs || !reference->differences)
		die_oom();
	ok = lockstep_run("the model", &reference->neff, inputs, outputs,
			  reference->differences);
	reference->same = ok && same_outputs(session, outputs);
	for (unsigned int i = 0; i < session->num_outputs; i++)
		tensor_free(&outputs[i]);
	free(outputs);
	return ok && (!model || options->auto_cast == NC_CAST_NONE ||
		      compare_fp32(reference, session, model, options, onnx_inputs));
}

void reference_free(struct reference *reference)
{
	free(reference->differences);
	free(reference->errors);
	free(reference->outputs);
	*reference = (struct reference) { 0 };
}

void reference_print(FILE *file, const struct reference *r, const struct session *session)
{
	fprintf(file, "each layer: the chip's kernels against the reference kernels, on the same operands%s\n",
		r->errors ? " | what it puts out, against fp32" : "");
	layers_print_differences(file, &r->neff, r->differences, r->errors);
	for (unsigned int i = 0; r->outputs && i < session->num_outputs; i++)
		if (!isnan(r->outputs[i].snr))
			fprintf(file, "output '%s' against fp32: %.3g absolute, %.3g of the largest, SNR %.1f dB\n",
				session->outputs[i].name, r->outputs[i].max_abs,
				r->outputs[i].max_rel, r->outputs[i].snr);
	fprintf(file, "the chip's outputs are %s\n",
		r->same ? "the same, bit by bit" :
			  "not the same as these kernels': its processor or library is another one");
}

cJSON *reference_json(const struct reference *r, const struct session *session)
{
	cJSON *json = cJSON_CreateObject(), *outputs;

	cJSON_AddItemToObject(json, "layers",
			      layers_json_differences(&r->neff, r->differences, r->errors));
	cJSON_AddBoolToObject(json, "same", r->same);
	if (!r->outputs)
		return json;
	outputs = cJSON_AddArrayToObject(json, "outputs");
	for (unsigned int i = 0; i < session->num_outputs; i++) {
		cJSON *output = cJSON_CreateObject();

		cJSON_AddStringToObject(output, "name", session->outputs[i].name);
		if (!isnan(r->outputs[i].snr)) {
			cJSON_AddNumberToObject(output, "absolute", r->outputs[i].max_abs);
			cJSON_AddNumberToObject(output, "relative", r->outputs[i].max_rel);
			cJSON_AddNumberToObject(output, "snr", r->outputs[i].snr);
		}
		cJSON_AddItemToArray(outputs, output);
	}
	return json;
}
