/* SPDX-License-Identifier: MIT */
/* Loaded models: model.c loads them, execute.c runs them. */
#ifndef LIBNEURON_MODEL_H
#define LIBNEURON_MODEL_H

#include <pthread.h>
#include <stdatomic.h>
#include <neuron/neff.h>
#include <neuron/report.h>
#include "config.h"
#include "include/neuron.h"
#include "object.h"
#include "tensor.h"

/**
 * struct run - what one execution needs, kept for the next one
 * @next: in the list of those that nobody uses
 * @instance: that it is of
 * @profiled: there is room for records
 * @reports: host memory: for each core a struct neuron_report, and records of its
 *	     program's instructions behind it
 * @report: the same, mapped
 * @bindings: of the slots, and behind them of @reports
 * @copies: by tensor: host memory for one that the chip cannot reach; NULL until
 *	    first needed
 * @tensors: by tensor: the application's, with a reference; NULL between uses
 * @copied: by tensor: this execution uses the copy
 * @handover: device DRAM by slot, for what stages hand on; NULL for slots of other kinds
 * @jobs: by core
 * @submitted: by core: when its job was, in nanoseconds
 * @ended: by core: when that had been seen to have ended
 */
struct run {
	struct run *next;
	const struct instance *instance;
	bool profiled;
	struct neuron_buffer *reports;
	char *report;
	struct neuron_binding *bindings;
	struct neuron_buffer **copies;
	struct nrt_tensor **tensors;
	bool *copied;
	struct neuron_buffer **handover;
	struct neuron_job **jobs;
	int64_t *submitted;
	int64_t *ended;
};

/**
 * struct instance - a model on some cores of one device
 * @model: its model
 * @device: its device
 * @device_index: that device's number among those of the process
 * @vnc: its first core, of model->num_cores
 * @cores: numbers of the cores on the device
 * @programs: device DRAM: the programs of all cores
 * @weights: device DRAM: the weights, NULL if there are none
 * @scratch: device DRAM by slot; NULL for slots of other kinds
 * @resident: what executions leave on the cores: unlike that of any other instance
 * @active: executions under way
 * @quick: the last execution took less than QUICK_NS
 * @order: with several cores at once: held while jobs are submitted, so that executions
 *	   reach all cores in the same order
 * @lock: guards @idle
 * @idle: runs that nobody uses
 */
struct instance {
	struct nrt_model *model;
	struct neuron_device *device;
	unsigned int device_index;
	unsigned int vnc;
	unsigned int cores[NEURON_NEFF_MAX_CORES];
	struct neuron_buffer *programs;
	struct neuron_buffer *weights;
	struct neuron_buffer **scratch;
	uint32_t resident;
	atomic_uint active;
	atomic_bool quick;
	pthread_mutex_t order;
	pthread_mutex_t lock;
	struct run *idle;
};

/* Where a core's program is in instance.programs, and how many instructions it has. */
struct program {
	uint64_t offset;
	uint64_t size;
	uint32_t num_insts;
};

/**
 * struct nrt_model - a loaded model
 * @object: what has a handle
 * @id: of the model, never used again; parts of a model have the same
 * @part: of a model with steps: number of this chip program; else 0
 * @uuid: from the file; parts have the model's
 * @name: of the model
 * @config: from the environment at the time of loading
 * @num_inputs: leading entries of @tensors
 * @num_tensors: inputs and outputs
 * @tensors: from the file
 * @num_slots: slots of the programs
 * @slots: from the file
 * @program_slot: the one that is for the program
 * @num_cores: cores of an instance
 * @programs: by core
 * @num_stages: a stage's cores begin when those of the stage before have ended
 * @stages: by core: its stage, ascending
 * @profile: executions that begin from now on are profiled
 * @num_instances: instances
 * @instances: the instances
 * @steps: of a model with steps: all about them, and no instance has any memory; NULL:
 *	   the chip computes it as a whole
 * @stats_id: its number in the statistics; 0: it is not there
 * @lock: guards what follows
 * @times: for neuron_model_get_times()
 * @reports: by core, of the execution that ended last
 * @records: by core, of the profiled execution that ended last: one for each
 *	     instruction; NULL before there was one
 */
struct nrt_model {
	struct object object;
	uint64_t id;
	uint32_t part;
	uint8_t uuid[16];
	char name[NEURON_NEFF_NAME_SIZE];
	struct model_config config;
	uint32_t num_inputs;
	uint32_t num_tensors;
	struct neuron_neff_tensor *tensors;
	uint32_t num_slots;
	struct neuron_neff_slot *slots;
	uint32_t program_slot;
	uint32_t num_cores;
	struct program programs[NEURON_NEFF_MAX_CORES];
	uint32_t num_stages;
	uint32_t stages[NEURON_NEFF_MAX_CORES];
	atomic_bool profile;
	uint32_t num_instances;
	struct instance *instances;
	struct steps *steps;
	uint32_t stats_id;
	pthread_mutex_t lock;
	struct neuron_times times;
	struct neuron_report *reports;
	struct neuron_inst_record **records;
};

struct neff;
struct runtime;
struct steps;
struct tensor_set;

/**
 * model_load_part() - load a chip program of a model with steps
 * @runtime: the runtime
 * @whole: the model; its instances have been placed
 * @number: of the part
 * @neff: the part
 * @config: how it is executed
 * @consume: see neuron_load_once()
 * @part: receives the part, which has no handle; model_free_part() frees it
 */
NRT_STATUS model_load_part(struct runtime *runtime, const struct nrt_model *whole,
			   uint32_t number, const struct neff *neff, const struct model_config *config,
			   bool consume, struct nrt_model **part);
void model_free_part(struct nrt_model *part);

/* execute.c: execute a model that the chip computes as a whole, once. */
NRT_STATUS model_execute(struct nrt_model *model, struct tensor_set *inputs,
			 struct tensor_set *outputs);
/* Execute a model with a handle, of whichever kind, so many times. */
NRT_STATUS model_run(struct nrt_model *model, struct tensor_set *inputs,
		     struct tensor_set *outputs, int count);
/* What a handle is not, in a call that has several. */
#define NO_MODEL	"the model is none, or it has been unloaded"
#define NO_INPUT_SET	"the input set is no tensor set, or it has been destroyed"
#define NO_OUTPUT_SET	"the output set is no tensor set, or it has been destroyed"

/* The tensor for the model's tensor @i, with a reference, after all checks. */
NRT_STATUS model_find_tensor(const struct nrt_model *model, uint32_t i,
			     struct tensor_set *set, struct nrt_tensor **tensor);

/* execute.c: the report and the records of a core in @run, and what comes behind. */
struct neuron_report *run_report(const struct nrt_model *model, const struct run *run,
				 uint32_t core);

/*
 * execute.c: make the cores ready, so that the first execution takes no longer than the
 * others. Where the chip fails to, executions do it, and this is only a warning; a
 * core that is lost, or no memory, fails.
 */
NRT_STATUS instance_prepare(struct instance *instance);

/* nan.c: whether an execution that stored NaN has failed by that. */
NRT_STATUS check_nan(const struct nrt_model *model, const struct run *run);

/* Free the runs of an instance that is not active. */
void instance_free_runs(struct instance *instance);

#endif /* LIBNEURON_MODEL_H */
