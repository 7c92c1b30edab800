// SPDX-License-Identifier: MIT
/* Statuses: their names, and which one stands for what the chip reports, in what words. */
#include <errno.h>
#include <stdio.h>
#include <neuron/isa.h>
#include <neuron/report.h>
#include "backend.h"
#include "export.h"
#include "status.h"

static const struct {
	NRT_STATUS status;
	const char *name;
} names[] = {
#define N(x)	{ x, #x }
	N(NRT_SUCCESS),
	N(NRT_FAILURE),
	N(NRT_INVALID),
	N(NRT_INVALID_HANDLE),
	N(NRT_RESOURCE),
	N(NRT_TIMEOUT),
	N(NRT_HW_ERROR),
	N(NRT_QUEUE_FULL),
	N(NRT_LOAD_NOT_ENOUGH_NC),
	N(NRT_UNSUPPORTED_NEFF_VERSION),
	N(NRT_FAIL_HOST_MEM_ALLOC),
	N(NRT_UNINITIALIZED),
	N(NRT_CLOSED),
	N(NRT_QUEUE_EMPTY),
	N(NRT_EXEC_UNIT_UNRECOVERABLE),
	N(NRT_EXEC_BAD_INPUT),
	N(NRT_EXEC_COMPLETED_WITH_NUM_ERR),
	N(NRT_EXEC_COMPLETED_WITH_ERR),
	N(NRT_EXEC_NC_BUSY),
	N(NRT_EXEC_OOB),
	N(NRT_COLL_PENDING),
	N(NRT_EXEC_HW_ERR_COLLECTIVES),
	N(NRT_EXEC_HW_ERR_HBM_UE),
	N(NRT_EXEC_HW_ERR_NC_UE),
	N(NRT_EXEC_HW_ERR_DMA_ABORT),
	N(NRT_EXEC_SW_NQ_OVERFLOW),
	N(NRT_EXEC_HW_ERR_REPAIRABLE_HBM_UE),
	N(NRT_NETWORK_PROXY_FAILURE),
#undef N
};

EXPORT const char *nrt_get_status_as_str(NRT_STATUS status)
{
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (names[i].status == status)
			return names[i].name;
	}
	return "NRT_UNKNOWN_STATUS";
}

#define EXECUTE_AGAIN	"do it again; if that happens again, "
#define COMPILE_AGAIN	"compile the model again, with the neuron-compile of this version"

/*
 * Each kind of fault has one status. A program that the chip finds malformed is
 * an invalid model; one that goes wrong while it runs completed with an error;
 * what the hardware did has the hardware's statuses.
 */
static const struct {
	NRT_STATUS status;
	const char *remedy;
} of_fault[NEURON_FAULT_COUNT] = {
	[NEURON_FAULT_NONE] = { NRT_SUCCESS, "nothing is to be done" },
	[NEURON_FAULT_BAD_DESCRIPTOR] = { NRT_INVALID,
		"libneuron and the driver may not fit each other: install both from one release" },
	[NEURON_FAULT_BAD_PROGRAM] = { NRT_INVALID, COMPILE_AGAIN },
	[NEURON_FAULT_BAD_INST] = { NRT_INVALID, COMPILE_AGAIN },
	[NEURON_FAULT_BAD_OPERAND] = { NRT_INVALID, COMPILE_AGAIN },
	[NEURON_FAULT_OUT_OF_BOUNDS] = { NRT_EXEC_OOB,
		"the model is damaged, or made for larger buffers: compile it again" },
	[NEURON_FAULT_ACCESS_DENIED] = { NRT_EXEC_COMPLETED_WITH_ERR,
		"the model is damaged, it writes where it may only read or reads where it may only write: compile it again" },
	[NEURON_FAULT_DMA_ABORT] = { NRT_EXEC_HW_ERR_DMA_ABORT,
		EXECUTE_AGAIN "look for what the IOMMU says in the kernel's log (dmesg)" },
	[NEURON_FAULT_DEADLOCK] = { NRT_EXEC_COMPLETED_WITH_ERR, COMPILE_AGAIN },
	[NEURON_FAULT_LIMIT] = { NRT_RESOURCE,
		"compile the model for this chip, or spread it over more cores (neuron-compile --cores)" },
	[NEURON_FAULT_DRAM_ECC] = { NRT_EXEC_HW_ERR_HBM_UE,
		"write the tensors again, or load the model again; if that happens again, reset the chip with neuron-reset" },
	[NEURON_FAULT_SBUF_ECC] = { NRT_EXEC_HW_ERR_NC_UE,
		EXECUTE_AGAIN "reset the core with neuron-reset" },
	[NEURON_FAULT_CANCELLED] = { NRT_FAILURE, "do it again" },
	[NEURON_FAULT_INTERNAL] = { NRT_HW_ERROR,
		EXECUTE_AGAIN "see whether the host has memory left, reset the chip with neuron-reset, and report it" },
};

/* A kind that this version does not know is a failure inside the chip. */
static unsigned int kind_of(const struct neuron_job_result *result)
{
	return result->fault_kind && result->fault_kind < NEURON_FAULT_COUNT ?
	       result->fault_kind : NEURON_FAULT_INTERNAL;
}

EXPORT NRT_STATUS neuron_job_status(const struct neuron_job_result *result)
{
	if (!result)
		return NRT_INVALID;
	switch (result->state) {
	case NEURON_JOB_DONE:
		return NRT_SUCCESS;
	case NEURON_JOB_FAULT:
		return of_fault[kind_of(result)].status;
	case NEURON_JOB_TIMEOUT:
		return NRT_TIMEOUT;
	case NEURON_JOB_CANCELLED:
		return of_fault[NEURON_FAULT_CANCELLED].status;
	case NEURON_JOB_LOST:
		return NRT_EXEC_UNIT_UNRECOVERABLE;
	default:
		return NRT_FAILURE;
	}
}

int job_error(const struct neuron_job_result *result)
{
	switch (neuron_job_status(result)) {
	case NRT_SUCCESS:
		return 0;
	case NRT_TIMEOUT:
		return -ETIMEDOUT;
	case NRT_FAILURE:
		return -ECANCELED;
	case NRT_EXEC_HW_ERR_HBM_UE:
		return -EBADMSG;
	case NRT_EXEC_HW_ERR_DMA_ABORT:
		return -EFAULT;
	case NRT_EXEC_UNIT_UNRECOVERABLE:
		return -ENODEV;
	default:
		return -EREMOTEIO;
	}
}

const char *fault_remedy(unsigned int kind)
{
	return of_fault[kind < NEURON_FAULT_COUNT ? kind : NEURON_FAULT_INTERNAL].remedy;
}

/* Where in the program, and in what: the parts of it that the chip has told. */
static void describe_place(const struct neuron_job_result *r, char *text, size_t size)
{
	const char *engine = neuron_engine_name(r->fault_engine);
	size_t used = 0;

	text[0] = '\0';
	if (engine)
		used += snprintf(text + used, size - used, ", engine %s", engine);
	if (r->fault_inst != NEURON_NO_INST)
		used += snprintf(text + used, size - used, ", instruction %u", r->fault_inst);
	if (r->fault_operand != NEURON_NO_OPERAND)
		used += snprintf(text + used, size - used, ", operand %u", r->fault_operand);
	if (engine && r->fault_inst != NEURON_NO_INST)
		snprintf(text + used, size - used, ", at %#llx",
			 (unsigned long long)r->fault_info);
}

void job_explain(struct neuron_device *device, const struct neuron_job_result *result,
		 char *text)
{
	char place[96];

	switch (result->state) {
	case NEURON_JOB_FAULT:
		describe_place(result, place, sizeof(place));
		snprintf(text, JOB_TEXT_SIZE, "%s%s%s%s: %s",
			 neuron_fault_text(kind_of(result)), place[0] ? " (" : "",
			 place[0] ? place + 2 : "", place[0] ? ")" : "",
			 fault_remedy(kind_of(result)));
		break;
	case NEURON_JOB_TIMEOUT:
		snprintf(text, JOB_TEXT_SIZE, "it took too long, and what worked on it was reset: " EXECUTE_AGAIN "reset the chip with neuron-reset");
		break;
	case NEURON_JOB_LOST:
		device->backend->lost(device, text, JOB_TEXT_SIZE);
		break;
	default:
		snprintf(text, JOB_TEXT_SIZE, "it was lost in a reset that something else caused: %s",
			 fault_remedy(NEURON_FAULT_CANCELLED));
	}
}
