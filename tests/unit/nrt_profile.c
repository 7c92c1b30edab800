// SPDX-License-Identifier: MIT
/*
 * Profiles: what is in their files is what the chip's counters say, and the calls
 * refuse what makes no sense, and go on.
 */
#include <dirent.h>
#include <errno.h>
#include <nrt/nrt_async.h>
#include <nrt/nrt_profile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <neuron/report.h>
#include "tests/unit/nrt_test.h"
#include "tools/common/profile.h"

#define N	300

static char dir[64];

static const char *in_dir(const char *name)
{
	static char path[2][128];
	static int i;

	i ^= 1;
	snprintf(path[i], sizeof(path[i]), "%s/%s", dir, name);
	return path[i];
}

/* Read a profile that has to be sound; its bytes are for free(). */
static void *read_profile(const char *path, struct profile *profile)
{
	char error[PROFILE_ERROR_SIZE];
	FILE *f = fopen(path, "r");
	size_t size = 0;
	char *bytes = calloc(1, 1 << 20);

	memset(profile, 0, sizeof(*profile));
	CHECK(f);
	if (f) {
		size = fread(bytes, 1, 1 << 20, f);
		fclose(f);
	}
	if (!profile_parse(bytes, size, profile, error))
		CHECK_STR(error, "");
	return bytes;
}

static unsigned int count_events(const struct profile *p, unsigned int type)
{
	unsigned int n = 0;
	uint64_t i;

	for (i = 0; i < p->header->num_events; i++)
		n += p->events[i].type == type;
	return n;
}

/* A model and what it needs. */
struct work {
	nrt_model_t *model;
	nrt_tensor_set_t *in, *out;
	nrt_tensor_info_array_t *info;
};

static struct work begin_work(void *(*build)(uint32_t n, size_t *size))
{
	struct work w;
	size_t size;
	void *file = build(N, &size);

	w.model = t_load(file, size);
	CHECK_OK(nrt_get_model_tensor_info(w.model, &w.info));
	w.in = t_all(w.model, NRT_TENSOR_USAGE_INPUT, NRT_TENSOR_PLACEMENT_DEVICE);
	w.out = t_all(w.model, NRT_TENSOR_USAGE_OUTPUT, NRT_TENSOR_PLACEMENT_DEVICE);
	return w;
}

static nrt_tensor_t *tensor_of(const struct work *w, uint64_t i)
{
	const nrt_tensor_info_t *t = &w->info->tensor_array[i];
	nrt_tensor_t *tensor = NULL;

	CHECK_OK(nrt_get_tensor_from_tensor_set(t->usage == NRT_TENSOR_USAGE_INPUT ? w->in :
						w->out, t->name, &tensor));
	return tensor;
}

static void end_work(struct work *w)
{
	for (uint64_t i = 0; i < w->info->tensor_count; i++) {
		nrt_tensor_t *tensor = tensor_of(w, i);

		nrt_tensor_free(&tensor);
	}
	nrt_free_model_tensor_info(w->info);
	nrt_destroy_tensor_set(&w->in);
	nrt_destroy_tensor_set(&w->out);
	CHECK_OK(nrt_unload(w->model));
}

/* The records of a job add up to what its report says; no engine does two things at once. */
static void check_job(const struct profile *p, const struct neuron_profile_job *job)
{
	uint64_t last = 0;

	CHECK_EQ(job->report.version, NEURON_REPORT_VERSION);
	for (uint32_t i = 0; i < job->num_records; i++) {
		const struct neuron_inst_record *r = &p->records[job->first_record + i];

		CHECK(r->end > r->start);
		if (r->end > last)
			last = r->end;
	}
	CHECK_EQ(last, job->report.cycles);
	CHECK(job->submit_ns >= p->header->begin_ns && job->done_ns <= p->header->end_ns);
}

static void model_profile(void)
{
	const char *path = in_dir("model.ntff");
	struct work w = begin_work(nb_add), other = begin_work(nb_add);
	nrt_tensor_t *a = tensor_of(&w, 0);
	struct neuron_report report;
	float data[N] = { 0 };
	struct profile p;
	void *bytes;

	CHECK_OK(nrt_execute(w.model, w.in, w.out));
	CHECK_OK(nrt_profile_start(w.model, path));
	CHECK_FAILS(nrt_profile_start(w.model, path), NRT_INVALID, "nrt_profile_stop()");
	CHECK_OK(nrt_tensor_write(a, data, 0, sizeof(data)));
	CHECK_OK(nrt_execute_repeat(w.model, w.in, w.out, 2));
	CHECK_OK(nrt_execute(other.model, other.in, other.out));
	CHECK_OK(nrt_tensor_read(a, data, 0, 100));
	CHECK_EQ(neuron_model_get_report(w.model, 0, &report, sizeof(report)), 0);
	CHECK_OK(nrt_profile_stop(path));
	CHECK_OK(nrt_execute(w.model, w.in, w.out));
	CHECK_FAILS(nrt_profile_stop(path), NRT_INVALID, "nrt_profile_start()");

	bytes = read_profile(path, &p);
	CHECK_EQ(p.header->num_jobs, 2);
	CHECK_EQ(p.header->num_models, 2);
	CHECK_EQ(p.header->dropped_events + p.header->dropped_jobs, 0);
	CHECK_STR(p.header->backend, t_sim() ? "sim" : "drm");
	CHECK_EQ(p.header->pid, getpid());
	CHECK_EQ(count_events(&p, NEURON_PROFILE_EXECUTE), 2);
	CHECK_EQ(count_events(&p, NEURON_PROFILE_WAIT), 3);
	CHECK_EQ(count_events(&p, NEURON_PROFILE_TENSOR_WRITE), 1);
	CHECK_EQ(count_events(&p, NEURON_PROFILE_TENSOR_READ), 1);
	for (uint32_t i = 0; i < p.header->num_jobs; i++) {
		check_job(&p, &p.jobs[i]);
		CHECK_EQ(p.jobs[i].num_records, 4);
		CHECK_STR(p.models[p.jobs[i].model].name, "add");
	}
	CHECK(p.jobs[0].execution != p.jobs[1].execution);
	CHECK(p.jobs[1].submit_ns >= p.jobs[0].done_ns);
	CHECK(!memcmp(&p.jobs[1].report, &report, sizeof(report)));
	/* The chip's time is the same each time. */
	CHECK_EQ(p.jobs[0].report.cycles, p.jobs[1].report.cycles);
	for (uint64_t i = 0; i < p.header->num_events; i++) {
		const struct neuron_profile_event *e = &p.events[i];

		CHECK(e->begin_ns >= p.header->begin_ns && e->end_ns <= p.header->end_ns);
		if (e->type == NEURON_PROFILE_TENSOR_WRITE)
			CHECK_EQ(e->bytes, sizeof(data));
	}
	free(bytes);
	end_work(&other);
	end_work(&w);
}

/* The model may go before its profile is written, and a folder may come. */
static void late(void)
{
	struct work w = begin_work(nb_two_cores);
	struct profile p;
	char path[160], folder[128];
	void *bytes;

	snprintf(folder, sizeof(folder), "%s", in_dir("sub"));
	CHECK_EQ(mkdir(folder, 0777), 0);
	snprintf(path, sizeof(path), "%s/late.ntff", folder);
	CHECK_OK(nrt_profile_start(w.model, path));
	CHECK_OK(nrt_execute(w.model, w.in, w.out));
	end_work(&w);
	CHECK_EQ(rmdir(folder), 0);
	CHECK_FAILS(nrt_profile_stop(path), NRT_FAILURE, "can't be written to");
	CHECK_EQ(mkdir(folder, 0777), 0);
	CHECK_OK(nrt_profile_stop(path));
	bytes = read_profile(path, &p);
	CHECK_EQ(p.header->num_jobs, 2);
	for (uint32_t i = 0; i < p.header->num_jobs; i++) {
		check_job(&p, &p.jobs[i]);
		CHECK_EQ(p.jobs[i].core, i);
		CHECK_EQ(p.jobs[i].vnc, p.jobs[0].vnc + i);
		CHECK_EQ(p.jobs[i].execution, p.jobs[0].execution);
	}
	CHECK_EQ(count_events(&p, NEURON_PROFILE_UNLOAD), 1);
	free(bytes);
}

static void refused(void)
{
	struct work w = begin_work(nb_add);

	CHECK_FAILS(nrt_profile_start(w.model, NULL), NRT_INVALID, "NULL");
	CHECK_FAILS(nrt_profile_start(w.model, ""), NRT_INVALID, "empty");
	CHECK_FAILS(nrt_profile_start(NULL, in_dir("x")), NRT_INVALID_HANDLE, "no model");
	CHECK_FAILS(nrt_profile_start(w.model, in_dir("none/x")), NRT_INVALID,
		    "No such file");
	CHECK_FAILS(nrt_profile_stop(NULL), NRT_INVALID, "NULL");
	CHECK_FAILS(nrt_trace_stop(NULL), NRT_INVALID, "NULL");
	CHECK_FAILS(nrt_trace_stop("x"), NRT_INVALID, "nrt_trace_start()");
	CHECK_FAILS(nrt_inspect_stop(), NRT_INVALID, "nrt_inspect_begin()");
	CHECK_FAILS(nrt_profile_continuous_stop(), NRT_INVALID, "not been started");
	CHECK_FAILS(nrt_profile_continuous_start(NULL), NRT_INVALID, "NULL");
	CHECK_FAILS(nrt_profile_continuous_save(0, NULL), NRT_INVALID, "NULL");
	end_work(&w);
}

static void traces(void)
{
	struct work w, v;
	nrt_tensor_t *tensor;
	struct profile p;
	void *bytes;

	CHECK_OK(nrt_trace_start(true));
	CHECK_FAILS(nrt_trace_start(true), NRT_INVALID, "nrt_trace_stop()");
	w = begin_work(nb_add);
	v = begin_work(nb_stages);
	tensor = tensor_of(&w, 0);
	CHECK_OK(nrt_tensor_memset(tensor, 0, 0, N));
	CHECK_OK(nrt_execute(w.model, w.in, w.out));
	CHECK_OK(nrt_execute(v.model, v.in, v.out));
	CHECK_OK(nrt_trace_stop(in_dir("trace.ntff")));
	bytes = read_profile(in_dir("trace.ntff"), &p);
	CHECK_EQ(p.header->num_models, 2);
	CHECK(p.header->num_jobs > 2);
	CHECK_EQ(count_events(&p, NEURON_PROFILE_LOAD), 2);
	CHECK_EQ(count_events(&p, NEURON_PROFILE_TENSOR_MEMSET), 1);
	CHECK(count_events(&p, NEURON_PROFILE_TENSOR_ALLOCATE) >= 3);
	for (uint32_t i = 0; i < p.header->num_jobs; i++)
		check_job(&p, &p.jobs[i]);
	free(bytes);
	CHECK_OK(nrt_trace_start(false));
	tensor = t_tensor(NRT_TENSOR_PLACEMENT_HOST, 8);
	nrt_tensor_free(&tensor);
	CHECK_OK(nrt_trace_stop(in_dir("trace.ntff")));
	bytes = read_profile(in_dir("trace.ntff"), &p);
	CHECK_EQ(p.header->num_events, 0);
	CHECK_EQ(p.header->num_jobs, 0);
	free(bytes);
	end_work(&v);
	end_work(&w);
}

static void continuous(void)
{
	nrt_profile_continuous_options_t *options;
	struct work w = begin_work(nb_two_cores), v = begin_work(nb_add);
	nrt_model_info_t info = { 0 };
	struct profile p;
	char name[64];
	void *bytes;

	CHECK_FAILS(nrt_profile_continuous_options_allocate(NULL), NRT_INVALID, "NULL");
	CHECK_OK(nrt_profile_continuous_options_allocate(&options));
	CHECK_FAILS(nrt_profile_continuous_options_set_output_dir(options, ""), NRT_INVALID,
		    "empty");
	CHECK_OK(nrt_profile_continuous_options_set_output_dir(options, in_dir("c/d")));
	CHECK_FAILS(nrt_profile_continuous_save(0, options), NRT_INVALID, "first");
	CHECK_OK(nrt_profile_continuous_start(options));
	CHECK_FAILS(nrt_profile_continuous_start(options), NRT_INVALID, "before");
	CHECK_FAILS(nrt_profile_continuous_save(999, options), NRT_INVALID, "core 999");
	CHECK_FAILS(nrt_profile_continuous_save(0, options), NRT_FAILURE, "nothing has been");
	CHECK_OK(nrt_execute_repeat(w.model, w.in, w.out, 5));
	CHECK_OK(nrt_execute(v.model, v.in, v.out));
	CHECK_OK(nrt_get_model_info(w.model, &info, sizeof(info), NULL));
	CHECK_OK(nrt_profile_continuous_save(info.vnc + 1, options));
	CHECK_OK(nrt_profile_continuous_save(info.vnc + 1, options));
	for (int i = 0; i < 2; i++) {
		snprintf(name, sizeof(name), "c/d/vnc_%u_%d.ntff", info.vnc + 1, i);
		bytes = read_profile(in_dir(name), &p);
		CHECK_EQ(p.header->num_jobs, 2);
		check_job(&p, &p.jobs[0]);
		check_job(&p, &p.jobs[1]);
		free(bytes);
	}
	CHECK_OK(nrt_profile_continuous_stop());
	CHECK_OK(nrt_profile_continuous_options_free(options));
	CHECK_OK(nrt_profile_continuous_options_free(NULL));
	end_work(&v);
	end_work(&w);
}

/* The one folder of a process in @name; its name, or NULL. */
static const char *process_dir(const char *name)
{
	static char path[512];
	struct dirent *entry;
	DIR *d = opendir(in_dir(name));
	bool found = false;

	while (d && (entry = readdir(d))) {
		if (entry->d_name[0] == '.')
			continue;
		CHECK(!found);
		found = true;
		snprintf(path, sizeof(path), "%s/%s", in_dir(name), entry->d_name);
	}
	if (d)
		closedir(d);
	return found ? path : NULL;
}

static void check_session(const char *name, const char *file, unsigned int jobs,
			  unsigned int executions)
{
	const char *folder = process_dir(name);
	struct profile p;
	char path[600];
	void *bytes;

	CHECK(folder);
	snprintf(path, sizeof(path), "%s/%s", folder ? folder : "", file);
	bytes = read_profile(path, &p);
	CHECK_EQ(p.header->num_jobs, jobs);
	CHECK_EQ(count_events(&p, NEURON_PROFILE_EXECUTE), executions);
	free(bytes);
}

static void options(void)
{
	nrt_inspect_config_t *o;
	const char **types;
	size_t count;

	CHECK_FAILS(nrt_inspect_config_allocate(NULL), NRT_INVALID, "NULL");
	CHECK_OK(nrt_inspect_config_allocate(&o));
	CHECK_OK(nrt_inspect_config_get_all_activity_types(&types, &count));
	CHECK_EQ(count, 4);
	CHECK_STR(types[0], "system_profile");
	nrt_inspect_config_free_activity_types(types, count);
	nrt_inspect_config_free_activity_types(NULL, 0);
	CHECK_OK(nrt_inspect_config_set_activity(o, "all", false));
	CHECK_OK(nrt_inspect_config_set_activity(o, "device_profile", true));
	CHECK_OK(nrt_inspect_config_get_enabled_activity_types(o, &types, &count));
	CHECK_EQ(count, 1);
	CHECK_STR(types[0], "device_profile");
	nrt_inspect_config_free_activity_types(types, count);
	CHECK_FAILS(nrt_inspect_config_set_activity(o, "nope", true), NRT_INVALID,
		    "give system_profile");
	CHECK_FAILS(nrt_inspect_config_set_activity(NULL, "all", true), NRT_INVALID, "NULL");
	CHECK_FAILS(nrt_inspect_config_set_capture_enabled_for_event_type_string(o, "nope", true),
		    NRT_INVALID, "'nope'");
	CHECK_FAILS(nrt_inspect_config_set_capture_enabled_for_nc(o, 999, true), NRT_INVALID,
		    "core 999");
	CHECK_FAILS(nrt_inspect_config_set_sys_trace_max_events_per_nc(o, 0), NRT_INVALID,
		    "0");
	CHECK_FAILS(nrt_inspect_config_set_output_dir(o, NULL), NRT_INVALID, "NULL");
	CHECK_FAILS(nrt_inspect_config_set_session_id(NULL, 1), NRT_INVALID, "NULL");
	CHECK_FAILS(nrt_inspect_config_set_enable_inspect(NULL, 1), NRT_INVALID, "NULL");
	CHECK_FAILS(nrt_inspect_config_set_enable_inspect_on_fail(NULL, 1), NRT_INVALID, "NULL");
	CHECK_FAILS(nrt_inspect_config_set_defaults(NULL), NRT_INVALID, "NULL");
	CHECK_FAILS(nrt_inspect_config_get_enabled_activity_types(NULL, &types, &count),
		    NRT_INVALID, "NULL");
	CHECK_FAILS(nrt_inspect_config_get_all_activity_types(NULL, &count), NRT_INVALID,
		    "NULL");
	CHECK_OK(nrt_inspect_config_free(o));
	CHECK_OK(nrt_inspect_config_free(NULL));
}

static void inspection(void)
{
	nrt_profile_continuous_options_t *c;
	struct work w = begin_work(nb_add);
	nrt_inspect_config_t *o;
	struct profile p;
	char path[600];
	void *bytes;

	CHECK_OK(nrt_profile_continuous_options_allocate(&c));
	CHECK_OK(nrt_inspect_config_allocate(&o));
	CHECK_OK(nrt_inspect_config_set_output_dir(o, in_dir("i")));
	CHECK_OK(nrt_inspect_config_set_session_id(o, 7));
	CHECK_OK(nrt_inspect_config_set_enable_inspect(o, true));
	CHECK_OK(nrt_inspect_config_set_capture_enabled_for_event_type_string(o, "finish", false));
	CHECK_OK(nrt_inspect_config_set_sys_trace_max_events_per_nc(o, 6));
	CHECK_OK(nrt_inspect_begin_with_options(o));
	CHECK_FAILS(nrt_inspect_begin_with_options(o), NRT_INVALID, "before");
	CHECK_FAILS(nrt_inspect_begin(), NRT_INVALID, "before");
	CHECK_FAILS(nrt_profile_continuous_start(c), NRT_INVALID, "nrt_inspect_stop()");
	CHECK_OK(nrt_execute_repeat(w.model, w.in, w.out, 3));
	CHECK_OK(nrt_inspect_stop());
	CHECK_FAILS(nrt_inspect_stop(), NRT_INVALID, "first");
	snprintf(path, sizeof(path), "%s/session_7.ntff", process_dir("i"));
	bytes = read_profile(path, &p);
	CHECK_EQ(p.header->num_jobs, 1);	/* the first execution */
	CHECK_EQ(count_events(&p, NEURON_PROFILE_FINISH), 0);
	CHECK_EQ(p.header->num_events, 6);
	CHECK_EQ(p.header->dropped_events, 4);
	free(bytes);

	/* Nothing is enabled, and nothing is written. */
	CHECK_OK(nrt_inspect_config_set_enable_inspect(o, false));
	CHECK_OK(nrt_inspect_config_set_output_dir(o, in_dir("nothing")));
	CHECK_OK(nrt_inspect_begin_with_options(o));
	CHECK_OK(nrt_execute(w.model, w.in, w.out));
	CHECK_OK(nrt_inspect_stop());
	CHECK(!process_dir("nothing"));
	CHECK_OK(nrt_inspect_begin_with_options(NULL));
	CHECK_OK(nrt_inspect_stop());
	CHECK_OK(nrt_inspect_config_free(o));
	CHECK_OK(nrt_profile_continuous_options_free(c));
	end_work(&w);
}

/* An execution that fails leaves a file; the one after it does not. */
static void on_failure(void)
{
	nrt_inspect_config_t *o;
	struct work w = begin_work(nb_add);
	struct profile p;
	char path[600];
	void *bytes;

	if (!t_can_inject()) {
		end_work(&w);
		return ktap_skip("faults cannot be injected: no debugfs, or debug=off");
	}
	CHECK_OK(nrt_inspect_config_allocate(&o));
	CHECK_OK(nrt_inspect_config_set_output_dir(o, in_dir("f")));
	CHECK_OK(nrt_inspect_config_set_enable_inspect_on_fail(o, true));
	CHECK_OK(nrt_inspect_begin_with_options(o));
	CHECK_OK(nrt_execute(w.model, w.in, w.out));
	CHECK(t_inject(NEURON_INJECT_FAIL_DMA, 0, 1, 0));
	CHECK_FAILS(nrt_execute(w.model, w.in, w.out), NRT_EXEC_HW_ERR_DMA_ABORT, "refused");
	CHECK_OK(nrt_execute(w.model, w.in, w.out));
	CHECK_OK(nrt_inspect_stop());
	snprintf(path, sizeof(path), "%s/session_1_failed_0.ntff", process_dir("f"));
	bytes = read_profile(path, &p);
	CHECK_EQ(p.header->num_jobs, 1);
	CHECK_EQ(p.jobs[0].status, NRT_EXEC_HW_ERR_DMA_ABORT);
	free(bytes);
	snprintf(path, sizeof(path), "%s/session_1_failed_1.ntff", process_dir("f"));
	CHECK(access(path, F_OK));
	CHECK_OK(nrt_inspect_config_free(o));
	end_work(&w);
}

/* Everything by the environment: nrt_init() begins it, nrt_close() ends it. */
static void environment(void)
{
	struct work w;

	nrt_close();
	setenv("NEURON_RT_INSPECT_ENABLE", "maybe", 1);
	CHECK_FAILS(nrt_init(NRT_FRAMEWORK_TYPE_NO_FW, "", ""), NRT_INVALID,
		    "NEURON_RT_INSPECT_ENABLE=maybe");
	setenv("NEURON_RT_INSPECT_ENABLE", "1", 1);
	setenv("NEURON_RT_INSPECT_OUTPUT_DIR", "/dev/null/x", 1);
	CHECK_FAILS(nrt_init(NRT_FRAMEWORK_TYPE_NO_FW, "", ""), NRT_FAILURE, "can't be made");
	setenv("NEURON_RT_INSPECT_OUTPUT_DIR", in_dir("e1"), 1);
	t_init();
	CHECK_OK(nrt_inspect_begin());	/* no harm */
	w = begin_work(nb_add);
	CHECK_OK(nrt_execute_repeat(w.model, w.in, w.out, 3));
	end_work(&w);
	nrt_close();
	check_session("e1", "session_1.ntff", 1, 1);

	setenv("NEURON_RT_INSPECT_DEVICE_PROFILE", "session", 1);
	setenv("NEURON_RT_INSPECT_SYSTEM_PROFILE", "0", 1);
	setenv("NEURON_RT_INSPECT_OUTPUT_DIR", in_dir("e2"), 1);
	t_init();
	w = begin_work(nb_add);
	CHECK_OK(nrt_execute_repeat(w.model, w.in, w.out, 3));
	CHECK_OK(nrt_inspect_stop());
	CHECK_OK(nrt_execute(w.model, w.in, w.out));
	end_work(&w);
	nrt_close();
	check_session("e2", "session_1.ntff", 3, 0);
	unsetenv("NEURON_RT_INSPECT_ENABLE");
	unsetenv("NEURON_RT_INSPECT_SYSTEM_PROFILE");
	setenv("NEURON_RT_INSPECT_DEVICE_PROFILE", "0", 1);
	setenv("NEURON_RT_INSPECT_OUTPUT_DIR", in_dir("e3"), 1);
	t_init();
	w = begin_work(nb_add);
	CHECK_OK(nrt_inspect_begin());
	CHECK_OK(nrt_execute(w.model, w.in, w.out));
	CHECK_OK(nrt_inspect_stop());
	end_work(&w);
	check_session("e3", "session_1.ntff", 0, 1);
	unsetenv("NEURON_RT_INSPECT_DEVICE_PROFILE");
	unsetenv("NEURON_RT_INSPECT_OUTPUT_DIR");
}

/* What is being recorded when the runtime closes, or a child takes over. */
static void closing(void)
{
	struct work w = begin_work(nb_add);
	int status = -1;
	pid_t child;

	CHECK_OK(nrt_profile_start(w.model, in_dir("lost.ntff")));
	fflush(stdout);
	child = fork();
	if (!child)
		_exit(nrt_profile_stop(in_dir("lost.ntff")) == NRT_UNINITIALIZED ? 0 : 1);
	waitpid(child, &status, 0);
	CHECK_EQ(status, 0);
	end_work(&w);
	t_messages = 0;
	nrt_close();
	CHECK_EQ(t_messages, 1);
	CHECK(strstr(t_message, "nrt_profile_stop() before nrt_close()"));
	CHECK_FAILS(nrt_profile_stop(in_dir("lost.ntff")), NRT_CLOSED, "nrt_init()");
	CHECK(access(in_dir("lost.ntff"), F_OK));
	t_init();
}

int main(void)
{
	char command[96];

	t_setup();
	snprintf(dir, sizeof(dir), "%s/profile.XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") :
		 "/tmp");
	if (!mkdtemp(dir))
		return 2;
	CHECK_FAILS(nrt_profile_stop("x"), NRT_UNINITIALIZED, "nrt_init()");
	t_init();
	ktap_run("a model's profile", model_profile);
	ktap_run("a profile after its model", late);
	ktap_run("what is refused", refused);
	ktap_run("traces", traces);
	ktap_run("continuous profiles", continuous);
	ktap_run("options", options);
	ktap_run("inspection", inspection);
	ktap_run("inspection of failures", on_failure);
	ktap_run("inspection by the environment", environment);
	ktap_run("closing and forking", closing);
	nrt_close();
	snprintf(command, sizeof(command), "rm -r '%s'", dir);
	if (system(command))
		return 2;
	return ktap_done();
}
