/* SPDX-License-Identifier: MIT */
/*
 * What the tests of the runtime share. They run on either backend: on the one
 * that NEURON_RT_DEVICE names, else on the driver where there is one, else on the
 * simulator.
 */
#ifndef TESTS_NRT_TEST_H
#define TESTS_NRT_TEST_H

#include <glob.h>
#include <neuron.h>
#include <nrt/nrt.h>
#include <nrt/nrt_experimental.h>
#include <stdlib.h>
#include <unistd.h>
#include <neuron/regs.h>
#include "tests/ktap.h"
#include "tests/unit/neff_builder.h"

/* The last message, and how many there were since expect_messages(). */
static char t_message[1024];
static _Atomic int t_messages;

static void t_log(void *opaque, enum neuron_log_level level, const char *function,
		  const char *message)
{
	(void)opaque;
	(void)function;
	if (level > NEURON_LOG_WARN)
		return;
	t_messages++;
	snprintf(t_message, sizeof(t_message), "%s", message);
}

static inline void t_setup(void)
{
	if (!getenv("NEURON_RT_DEVICE") && access("/dev/accel/accel0", F_OK))
		setenv("NEURON_RT_DEVICE", "sim", 1);
	unsetenv("NEURON_RT_VISIBLE_CORES");
	unsetenv("NEURON_RT_NUM_CORES");
	neuron_set_log(t_log, NULL);
}

static inline bool t_sim(void)
{
	const char *device = getenv("NEURON_RT_DEVICE");

	return device && !strncmp(device, "sim", 3);
}

/* The driver's debug window for the first device, or NULL. */
static inline FILE *t_window(void)
{
	glob_t found;
	FILE *f = NULL;

	if (!glob("/sys/kernel/debug/accel/*/inject", 0, NULL, &found))
		f = fopen(found.gl_pathv[0], "w");
	globfree(&found);
	return f;
}

/*
 * Nothing is armed, and faults can be. The driver has its file for each device, but one
 * that was made without the property "debug" refuses what is written to it.
 */
static inline bool t_can_inject(void)
{
	FILE *f;

	if (t_sim())
		return true;
	f = t_window();
	if (!f)
		return false;
	fputs("clear\n", f);
	return !fclose(f);
}

/* Arm a fault: on the simulator through the library, else through the driver. */
static inline bool t_inject(unsigned int injection, unsigned int queue,
			    unsigned int count, uint64_t arg)
{
	static const char *const names[] = {
#define X(name, value, qom, arg) [value] = qom,
		NEURON_INJECTIONS(X)
#undef X
	};
	FILE *f;

	if (t_sim())
		return !neuron_inject(neuron_runtime_device(0), injection, queue, count,
				      arg);
	f = t_window();
	if (!f)
		return false;
	fprintf(f, "%s %u %u %llu\n", names[injection], queue, count,
		(unsigned long long)arg);
	return !fclose(f);
}

/* The call fails with a status, and logs one line with a word in it. */
#define CHECK_FAILS(call, expected, word)				\
	do {								\
		t_messages = 0;						\
		t_message[0] = '\0';					\
		CHECK_EQ(call, expected);				\
		CHECK_EQ(t_messages, 1);				\
		if (!strstr(t_message, word))				\
			CHECK_STR(t_message, word);			\
	} while (0)

/* The call succeeds without a word. */
#define CHECK_OK(call)							\
	do {								\
		t_messages = 0;						\
		CHECK_EQ(call, NRT_SUCCESS);				\
		if (t_messages)						\
			CHECK_STR(t_message, "nothing");		\
	} while (0)

static inline void t_init(void)
{
	CHECK_OK(nrt_init(NRT_FRAMEWORK_TYPE_NO_FW, "", ""));
}

static inline nrt_tensor_t *t_tensor(nrt_tensor_placement_t placement, size_t size)
{
	nrt_tensor_t *tensor = NULL;

	CHECK_OK(nrt_tensor_allocate(placement, 0, size, "t", &tensor));
	return tensor;
}

static inline nrt_model_t *t_load(void *file, size_t size)
{
	nrt_model_t *model = NULL;

	CHECK_OK(nrt_load(file, size, -1, -1, &model));
	free(file);
	return model;
}

/* A set with a tensor for each input or output that the model has. */
static inline nrt_tensor_set_t *t_all(nrt_model_t *model, nrt_tensor_usage_t usage,
				      nrt_tensor_placement_t placement)
{
	nrt_tensor_info_array_t *info;
	nrt_tensor_set_t *set = NULL;

	CHECK_OK(nrt_allocate_tensor_set(&set));
	CHECK_OK(nrt_get_model_tensor_info(model, &info));
	for (uint64_t i = 0; i < info->tensor_count; i++) {
		const nrt_tensor_info_t *t = &info->tensor_array[i];
		nrt_tensor_t *tensor;

		if (t->usage != usage)
			continue;
		tensor = t_tensor(placement, t->size);
		CHECK_OK(nrt_add_tensor_to_tensor_set(set, t->name, tensor));
	}
	nrt_free_model_tensor_info(info);
	return set;
}

/* A set with one tensor of each name: up to a NULL. */
static inline nrt_tensor_set_t *t_set(const char *name, nrt_tensor_t *tensor, ...)
{
	nrt_tensor_set_t *set = NULL;
	va_list args;

	CHECK_OK(nrt_allocate_tensor_set(&set));
	va_start(args, tensor);
	while (name) {
		CHECK_OK(nrt_add_tensor_to_tensor_set(set, name, tensor));
		name = va_arg(args, const char *);
		if (name)
			tensor = va_arg(args, nrt_tensor_t *);
	}
	va_end(args);
	return set;
}

#endif /* TESTS_NRT_TEST_H */
