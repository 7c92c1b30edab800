// SPDX-License-Identifier: MIT
#include <stdlib.h>
#include <string.h>
#include <compiler/graph.h>
#include <neuron/report.h>
#include <tools/common/say.h>
#include "net.h"

static const struct port *find(const struct port *ports, unsigned int count,
			       const char *name, unsigned int *index)
{
	unsigned int i;

	for (i = 0; i < count; i++) {
		if (strcmp(ports[i].name, name))
			continue;
		*index = i;
		return &ports[i];
	}
	return NULL;
}

static void make_tensor(struct tensor *tensor, const struct net_input *input)
{
	struct nc_value value = { .dtype = input->dtype, .rank = input->rank };

	memcpy(value.dims, input->dims, sizeof(value.dims));
	*tensor = (struct tensor) {
		.name = strdup(input->name), .dtype = input->dtype,
		.rank = input->rank, .size = nc_bytes(&value),
	};
	memcpy(tensor->dims, input->dims, sizeof(tensor->dims));
	tensor->data = calloc(1, tensor->size + 1);
	if (!tensor->name || !tensor->data)
		die_oom();
	if (input->data)
		memcpy(tensor->data, input->data, tensor->size);
}

/* An input that became a constant needs no data any more. */
static bool set_all(struct net *net, const struct model *model,
		    const struct tensor *tensors)
{
	unsigned int i, index;

	for (i = 0; i < model->probe.num_inputs; i++)
		if (find(net->session->inputs, net->session->num_inputs,
			 model->probe.inputs[i].name, &index) &&
		    !session_set_input(net->session, index, &tensors[i]))
			return false;
	return true;
}

static bool load(struct net *net, const struct model *model,
		 enum nc_auto_cast auto_cast, const struct tensor *tensors)
{
	const struct nc_options options = { .auto_cast = auto_cast };
	struct nc_result result;

	if (model_compile(model, &options, tensors, &result))
		net->session = session_open(model->path, result.neff, result.neff_size);
	else
		say_lines(result.errors);
	nc_result_free(&result);
	return net->session && set_all(net, model, tensors);
}

bool net_open(struct net *net, const char *path, enum nc_auto_cast auto_cast,
	      const struct net_input *inputs, unsigned int count)
{
	struct tensor *tensors;
	struct model model;
	unsigned int i, j, n;
	bool ok = true;

	*net = (struct net) { 0 };
	if (!model_open(&model, path))
		return false;
	n = model.probe.num_inputs;
	tensors = calloc((size_t)n + 1, sizeof(*tensors));
	if (!tensors)
		die_oom();
	for (i = 0; i < n; i++) {
		for (j = 0; j < count; j++)
			if (!strcmp(inputs[j].name, model.probe.inputs[i].name))
				break;
		if (j == count) {
			say_error("%s has an input '%s'", path, model.probe.inputs[i].name);
			ok = false;
			continue;
		}
		make_tensor(&tensors[i], &inputs[j]);
	}
	ok = ok && load(net, &model, auto_cast, tensors);
	for (i = 0; i < n; i++)
		tensor_free(&tensors[i]);
	free(tensors);
	model_close(&model);
	if (!ok)
		net_close(net);
	return ok;
}

void net_close(struct net *net)
{
	session_close(net->session);
	net->session = NULL;
}

bool net_set(struct net *net, const char *name, const void *data, size_t size)
{
	struct session *session = net->session;
	const struct port *port;
	struct tensor tensor;
	unsigned int index;

	port = find(session->inputs, session->num_inputs, name, &index);
	if (!port || port->size != size) {
		say_error("there is no input '%s' of %zu bytes", name, size);
		return false;
	}
	tensor = (struct tensor) {
		.dtype = port->dtype, .rank = port->rank,
		.data = (void *)data, .size = size,
	};
	memcpy(tensor.dims, port->dims, sizeof(tensor.dims));
	return session_set_input(session, index, &tensor);
}

bool net_run(struct net *net)
{
	struct neuron_report report;
	double seconds;
	bool nans;

	if (!session_run(net->session, &seconds, &nans))
		return false;
	if (nans) {
		say_error("the model produced NaN");
		return false;
	}
	if (session_report(net->session, 0, 0, &report))
		net->cycles += report.cycles;
	net->runs++;
	return true;
}

/* Reads an output; release with tensor_free(). */
static bool read_output(struct net *net, const char *name, struct tensor *tensor)
{
	struct session *session = net->session;
	unsigned int index;

	if (find(session->outputs, session->num_outputs, name, &index))
		return session_get_output(session, index, tensor);
	say_error("there is no output '%s'", name);
	return false;
}

bool net_get(struct net *net, const char *name, void *data, size_t size)
{
	struct tensor tensor;
	bool ok;

	if (!read_output(net, name, &tensor))
		return false;
	ok = tensor.size == size;
	if (ok)
		memcpy(data, tensor.data, size);
	else
		say_error("output '%s' has %zu bytes, not %zu", name, tensor.size, size);
	tensor_free(&tensor);
	return ok;
}

bool net_feed_back(struct net *net, const char *output, const char *input)
{
	struct tensor tensor;
	bool ok;

	if (!read_output(net, output, &tensor))
		return false;
	ok = net_set(net, input, tensor.data, tensor.size);
	tensor_free(&tensor);
	return ok;
}
