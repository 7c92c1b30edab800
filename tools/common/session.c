// SPDX-License-Identifier: MIT
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <compiler/graph.h>
#include <neuron.h>
#include <neuron/neff.h>
#include <nrt/nrt.h>
#include <nrt/nrt_experimental.h>
#include <nrt/nrt_profile.h>
#include "log.h"
#include "say.h"
#include "session.h"

struct session_priv {
	nrt_model_t *model;
	nrt_tensor_set_t *in_set;
	nrt_tensor_set_t *out_set;
	nrt_tensor_t **in;
	nrt_tensor_t **out;
	char *names;
};

double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

bool runtime_open(void)
{
	NRT_STATUS status;

	log_take();
	status = nrt_init(NRT_FRAMEWORK_TYPE_NO_FW, "", "");
	if (status == NRT_SUCCESS)
		return true;
	say_error("%s (%s)", neuron_error(), nrt_get_status_as_str(status));
	return false;
}

void runtime_close(void)
{
	nrt_close();
}

static enum nc_dtype port_dtype(uint32_t dtype)
{
	static const enum nc_dtype map[NEURON_NEFF_NUM_DTYPES] = {
		[NEURON_NEFF_F32] = NC_F32, [NEURON_NEFF_BF16] = NC_BF16,
		[NEURON_NEFF_F16] = NC_F16, [NEURON_NEFF_I8] = NC_I8,
		[NEURON_NEFF_U8] = NC_U8, [NEURON_NEFF_I32] = NC_I32,
		[NEURON_NEFF_I64] = NC_I64, [NEURON_NEFF_BOOL] = NC_BOOL,
		[NEURON_NEFF_F64] = NC_F64, [NEURON_NEFF_I16] = NC_I16,
		[NEURON_NEFF_U16] = NC_U16, [NEURON_NEFF_U32] = NC_U32,
		[NEURON_NEFF_U64] = NC_U64, [NEURON_NEFF_STRING] = NC_STRING,
	};

	return dtype < NEURON_NEFF_NUM_DTYPES ? map[dtype] : NC_NONE;
}

static void fill_port(struct port *port, const struct neuron_neff_tensor *tensor,
		      char *name)
{
	uint32_t i;

	memcpy(name, tensor->name, sizeof(tensor->name));
	name[sizeof(tensor->name) - 1] = '\0';
	port->name = name;
	port->dtype = port_dtype(tensor->dtype);
	port->rank = tensor->rank <= NC_MAX_RANK ? (int)tensor->rank : 0;
	for (i = 0; i < (uint32_t)port->rank; i++)
		port->dims[i] = tensor->dims[i];
	port->size = tensor->size;
	port->open = tensor->flags & NEURON_NEFF_TENSOR_OPEN ?
		     (1u << port->rank) - 1 : 0;
}

/* Which cores there are reports of. */
static void read_programs(struct session *session, const void *neff)
{
	const struct neuron_neff_header *header = neff, *part;
	const struct neuron_neff_section *section = (const void *)(header + 1);
	unsigned int i;

	session->cores = calloc(header->num_sections + 1, sizeof(*session->cores));
	if (!session->cores)
		die_oom();
	if (!(header->flags & NEURON_NEFF_HAS_STEPS))
		session->cores[session->num_programs++] = header->num_cores;
	for (i = 0; i < header->num_sections; i++) {
		if (section[i].type != NEURON_NEFF_MODEL)
			continue;
		part = (const void *)((const char *)neff + section[i].offset);
		session->cores[session->num_programs++] = part->num_cores;
	}
}

static void *copy_of(const void *data, size_t size)
{
	void *copy = malloc(size + 1);

	if (!copy)
		die_oom();
	return memcpy(copy, data, size);
}

/* The ports of a file that nrt_load() has accepted: its tables are sound. */
static bool read_ports(struct session *session, const void *neff, size_t size)
{
	const struct neuron_neff_header *header = neff;
	const struct neuron_neff_section *section = (const void *)(header + 1);
	const struct neuron_neff_tensor *tensors = NULL;
	unsigned int total, i;

	if (size < sizeof(*header))
		return false;
	for (i = 0; i < header->num_sections; i++) {
		const void *data = (const char *)neff + section[i].offset;

		if (section[i].type == NEURON_NEFF_TENSORS)
			tensors = data;
		else if (section[i].type == NEURON_NEFF_STAGES)
			session->stages = copy_of(data, section[i].size);
	}
	total = header->num_inputs + header->num_outputs;
	session->num_inputs = header->num_inputs;
	session->num_outputs = header->num_outputs;
	session->inputs = calloc((size_t)total + 1, sizeof(*session->inputs));
	session->priv->names = calloc((size_t)total + 1, NEURON_NEFF_NAME_SIZE);
	if (!session->inputs || !session->priv->names)
		die_oom();
	session->outputs = session->inputs + session->num_inputs;
	read_programs(session, neff);
	for (i = 0; i < total && tensors; i++)
		fill_port(&session->inputs[i], &tensors[i],
			  session->priv->names + (size_t)i * NEURON_NEFF_NAME_SIZE);
	return tensors || !total;
}

static bool make_tensors(nrt_tensor_set_t **set, nrt_tensor_t ***tensors,
			 const struct port *ports, unsigned int count)
{
	NRT_STATUS status;
	unsigned int i;

	*tensors = calloc((size_t)count + 1, sizeof(**tensors));
	if (!*tensors)
		die_oom();
	status = nrt_allocate_tensor_set(set);
	for (i = 0; i < count && status == NRT_SUCCESS; i++) {
		status = nrt_tensor_allocate(NRT_TENSOR_PLACEMENT_DEVICE, 0,
					     ports[i].size, ports[i].name,
					     &(*tensors)[i]);
		if (status == NRT_SUCCESS)
			status = nrt_add_tensor_to_tensor_set(*set, ports[i].name,
							      (*tensors)[i]);
	}
	if (status == NRT_SUCCESS)
		return true;
	say_error("no tensors for the model's inputs and outputs: %s (%s)",
		  neuron_error(), nrt_get_status_as_str(status));
	return false;
}

static struct session *open_session(const char *name, void *neff, size_t size, bool once)
{
	struct session *session = calloc(1, sizeof(*session));
	struct session_priv *priv = calloc(1, sizeof(*priv));
	double start = now();
	NRT_STATUS status;

	if (!session || !priv)
		die_oom();
	session->priv = priv;
	if (once)
		status = neuron_load_once(neff, size, -1, -1, &priv->model);
	else
		status = nrt_load(neff, size, -1, -1, &priv->model);
	if (status != NRT_SUCCESS) {
		say_error("%s: %s (%s)", name, neuron_error(),
			  nrt_get_status_as_str(status));
		goto failed;
	}
	session->load_seconds = now() - start;
	if (!read_ports(session, neff, size)) {
		say_error("%s: cannot be loaded: it has no table of tensors: compile the model again", name);
		goto failed;
	}
	if (make_tensors(&priv->in_set, &priv->in, session->inputs,
			 session->num_inputs) &&
	    make_tensors(&priv->out_set, &priv->out, session->outputs,
			 session->num_outputs))
		return session;
failed:
	session_close(session);
	return NULL;
}

struct session *session_open(const char *name, const void *neff, size_t size)
{
	return open_session(name, (void *)neff, size, false);
}

struct session *session_open_once(const char *name, void *neff, size_t size)
{
	return open_session(name, neff, size, true);
}

void session_close(struct session *session)
{
	struct session_priv *priv;
	unsigned int i;

	if (!session)
		return;
	priv = session->priv;
	if (priv->model)
		nrt_unload(priv->model);
	for (i = 0; priv->in && i < session->num_inputs; i++)
		nrt_tensor_free(&priv->in[i]);
	for (i = 0; priv->out && i < session->num_outputs; i++)
		nrt_tensor_free(&priv->out[i]);
	nrt_destroy_tensor_set(&priv->in_set);
	nrt_destroy_tensor_set(&priv->out_set);
	free(priv->in);
	free(priv->out);
	free(priv->names);
	free(priv);
	free(session->stages);
	free(session->cores);
	free(session->inputs);
	free(session);
}

static bool fits(const struct port *port, const struct tensor *tensor)
{
	if (tensor->size != port->size)
		return false;
	if (tensor->dtype == NC_NONE)
		return true;
	return tensor->dtype == port->dtype && tensor->rank == port->rank &&
	       !memcmp(tensor->dims, port->dims,
		       (size_t)port->rank * sizeof(port->dims[0]));
}

bool session_set_input(struct session *session, unsigned int index,
		       const struct tensor *tensor)
{
	const struct port *port = &session->inputs[index];
	char want[NC_SHAPE_TEXT], have[NC_SHAPE_TEXT];
	struct nc_value a = { .rank = port->rank }, b = { .rank = tensor->rank };
	NRT_STATUS status = NRT_SUCCESS;

	if (!fits(port, tensor)) {
		memcpy(a.dims, port->dims, sizeof(a.dims));
		memcpy(b.dims, tensor->dims, sizeof(b.dims));
		say_error("input '%s' is %s %s of %zu bytes, the data for it is %s %s of %zu bytes: give data of its type and shape",
			  port->name, nc_dtype_name(port->dtype),
			  nc_shape_text(&a, want), port->size,
			  tensor->dtype ? nc_dtype_name(tensor->dtype) : "bare",
			  nc_shape_text(&b, have), tensor->size);
		return false;
	}
	if (tensor->size)
		status = nrt_tensor_write(session->priv->in[index], tensor->data,
					  0, tensor->size);
	if (status == NRT_SUCCESS)
		return true;
	say_error("input '%s' cannot be written: %s (%s)", port->name, neuron_error(),
		  nrt_get_status_as_str(status));
	return false;
}

bool session_run(struct session *session, double *seconds, bool *nans)
{
	double start = now();
	NRT_STATUS status;

	status = nrt_execute(session->priv->model, session->priv->in_set,
			     session->priv->out_set);
	*seconds = now() - start;
	/* The outputs are complete then, too. */
	*nans = status == NRT_EXEC_COMPLETED_WITH_NUM_ERR;
	if (status == NRT_SUCCESS || *nans)
		return true;
	say_error("the execution failed: %s (%s)", neuron_error(),
		  nrt_get_status_as_str(status));
	return false;
}

/* What the last execution has put there, of the most that there can be. */
static void settle_shape(const nrt_tensor_t *from, struct tensor *tensor)
{
	uint32_t shape[NEURON_MAX_DIMS], rank, i;

	if (neuron_tensor_get_shape(from, &rank, shape))
		return;
	if (tensor->dtype == NC_STRING && rank)
		rank--;		/* the bytes of a string */
	tensor->rank = (int)rank;
	for (i = 0; i < rank; i++)
		tensor->dims[i] = shape[i];
	tensor->size = (size_t)tensor_count(tensor) * nc_dtype_size(tensor->dtype);
}

bool session_get_output(struct session *session, unsigned int index,
			struct tensor *tensor)
{
	const struct port *port = &session->outputs[index];
	NRT_STATUS status = NRT_SUCCESS;

	*tensor = (struct tensor) {
		.name = strdup(port->name), .dtype = port->dtype,
		.rank = port->rank, .size = port->size,
		.data = malloc(port->size + 1),
	};
	if (!tensor->name || !tensor->data)
		die_oom();
	memcpy(tensor->dims, port->dims, sizeof(tensor->dims));
	if (port->open)
		settle_shape(session->priv->out[index], tensor);
	if (tensor->size)
		status = nrt_tensor_read(session->priv->out[index], tensor->data,
					 0, tensor->size);
	if (status == NRT_SUCCESS)
		return true;
	say_error("output '%s' cannot be read: %s (%s)", port->name, neuron_error(),
		  nrt_get_status_as_str(status));
	tensor_free(tensor);
	return false;
}

void session_output_shape(const struct session *session, unsigned int index,
			  struct nc_value *shape)
{
	const struct port *port = &session->outputs[index];
	struct tensor tensor = { .dtype = port->dtype, .rank = port->rank };

	memcpy(tensor.dims, port->dims, sizeof(tensor.dims));
	if (port->open)
		settle_shape(session->priv->out[index], &tensor);
	*shape = (struct nc_value) { .dtype = port->dtype, .rank = tensor.rank };
	memcpy(shape->dims, tensor.dims, sizeof(shape->dims));
}

/* The library counts the cores of all programs. */
static unsigned int core_index(const struct session *session, unsigned int program,
			       unsigned int core)
{
	unsigned int i;

	for (i = 0; i < program; i++)
		core += session->cores[i];
	return core;
}

bool session_report(struct session *session, unsigned int program, unsigned int core,
		    struct neuron_report *report)
{
	return !neuron_model_get_report(session->priv->model,
					core_index(session, program, core), report,
					sizeof(*report));
}

struct neuron_step *session_steps(struct session *session, size_t *count)
{
	struct neuron_step *steps;

	*count = 0;
	if (neuron_model_get_steps(session->priv->model, NULL, count) || !*count)
		return NULL;
	steps = calloc(*count, sizeof(*steps));
	if (!steps)
		die_oom();
	if (!neuron_model_get_steps(session->priv->model, steps, count))
		return steps;
	free(steps);
	return NULL;
}

static bool recorded(NRT_STATUS status)
{
	if (status != NRT_SUCCESS)
		say_error("%s (%s)", neuron_error(), nrt_get_status_as_str(status));
	return status == NRT_SUCCESS;
}

bool session_record(struct session *session, const char *path)
{
	return recorded(nrt_profile_start(session->priv->model, path));
}

bool session_record_end(const char *path)
{
	return recorded(nrt_profile_stop(path));
}

void session_profile(struct session *session)
{
	neuron_model_profile(session->priv->model, true);
}

struct neuron_inst_record *session_records(struct session *session, unsigned int program,
					   unsigned int core, size_t *count)
{
	unsigned int index = core_index(session, program, core);
	struct neuron_inst_record *records;
	int err;

	*count = 0;
	err = neuron_model_get_records(session->priv->model, index, NULL, count);
	records = calloc(*count + 1, sizeof(*records));
	if (!records)
		die_oom();
	if (!err)
		err = neuron_model_get_records(session->priv->model, index, records, count);
	if (!err)
		return records;
	say_error("there is no profile: %s", neuron_error());
	free(records);
	return NULL;
}
