/* SPDX-License-Identifier: MIT */
/* The runtime between nrt_init() and nrt_close(): its devices and cores. */
#ifndef LIBNEURON_RUNTIME_H
#define LIBNEURON_RUNTIME_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include "backend.h"
#include "include/neuron.h"

#define MAX_DEVICES	64
#define MAX_CORES	256

/**
 * struct runtime_core - a core of this process; its vnc is its position
 * @device: its device
 * @index: its number there
 * @models: models loaded on it; guarded by the lock of struct runtime
 */
struct runtime_core {
	struct neuron_device *device;
	unsigned int index;
	unsigned int models;
};

/**
 * struct runtime - what nrt_init() made
 * @lock: guards runtime_core.models
 * @num_devices: open devices
 * @devices: those of which the process has a core
 * @num_cores: cores of this process
 * @cores: the cores, in the order of their numbers on this machine
 * @init_ns: time that nrt_init() took
 * @announce: executions are told to the callback of nrt_register_async_exec_callback()
 */
struct runtime {
	pthread_mutex_t lock;
	unsigned int num_devices;
	struct neuron_device *devices[MAX_DEVICES];
	unsigned int num_cores;
	struct runtime_core cores[MAX_CORES];
	uint64_t init_ns;
	bool announce;
};

/**
 * runtime_enter() - begin a call of the API
 * @function: its name
 * @runtime: receives the runtime, which lives until runtime_leave()
 *
 * Return: NRT_SUCCESS, NRT_UNINITIALIZED or NRT_CLOSED; runtime_leave() only
 * after the first.
 */
NRT_STATUS runtime_enter(const char *function, struct runtime **runtime);
void runtime_leave(void);

/* The same for calls that work at any time; NULL: there is no runtime. */
struct runtime *runtime_enter_any(void);

/* A status for an errno value of neuron.h; the failure has been logged. */
NRT_STATUS runtime_status(int error);

/* tensor.c, model.c: free all that belongs to the devices. */
void tensor_revoke_all(void);
void model_unload_all(void);

/* completion.c: wake whoever waits for a tensor. */
void completion_close(void);

/* In a child of fork(). */
void tensor_forget(void);
void completion_forget(void);

#endif /* LIBNEURON_RUNTIME_H */
