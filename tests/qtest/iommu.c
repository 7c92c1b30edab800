// SPDX-License-Identifier: MIT
/* The device behind an IOMMU. */
#include <string.h>

#include "machine.h"
#include "tests.h"
#include "tests/ktap.h"
#include "vtd.h"

#define IOMMU_TABLES	0x2000000	/* in the machine's memory */

/* A machine whose IOMMU lets the device reach nothing. */
static void start_confined(struct vtd *vtd)
{
	struct vtd_fault fault;

	start_machine("", "-device", "intel-iommu,aw-bits=39");
	pci_setup();
	vtd_enable(vtd, qt, IOMMU_TABLES);
	CHECK(!vtd_take_fault(vtd, &fault));
}

static void expect_fault(struct vtd *vtd, uint64_t addr, bool read)
{
	struct vtd_fault fault = { 0 };

	CHECK(vtd_take_fault(vtd, &fault));
	CHECK_EQ(fault.addr, addr);
	CHECK_EQ(fault.source, DEVFN);
	CHECK_EQ(fault.read, read);
	CHECK(fault.reason);
	while (vtd_take_fault(vtd, &fault))
		CHECK_EQ(fault.source, DEVFN);
}

/* Whatever a ring or a page list says, the device reaches what is mapped for it, and no more. */
void iommu_confines(void)
{
	static uint8_t in[2 * NEURON_PAGE_SIZE], out[sizeof(in)], kept[sizeof(in)];
	struct neuron_sqe nop = { .opcode = NEURON_SQE_NOP }, sqe;
	struct neuron_slot slots[2];
	struct vtd_fault fault;
	struct vtd vtd;

	/* Nothing is: the ring is out of reach. */
	start_confined(&vtd);
	queue_enable(0);
	submit(0, &nop);
	CHECK(wait_reg(NEURON_REG_ERROR, NEURON_ERROR_RING_DMA, NEURON_ERROR_RING_DMA));
	expect_fault(&vtd, SQ(0), true);
	stop();

	/* All below BUFFER_B is, and the rings. */
	start_confined(&vtd);
	vtd_map(&vtd, DEVFN, 0, 0, BUFFER_B, VTD_READ | VTD_WRITE);
	vtd_map(&vtd, DEVFN, SQ(0), SQ(0), IOMMU_TABLES - SQ(0), VTD_READ | VTD_WRITE);
	queue_enable(DMA_QUEUE);
	pattern(in, sizeof(in), 1);
	pattern(kept, sizeof(kept), 2);
	qtest_write(qt, BAR_DRAM, in, sizeof(in));
	qtest_write(qt, BUFFER_B, kept, sizeof(kept));

	dram_slot(slots, 0, 0, sizeof(in), NEURON_SLOT_READ);
	host_slot(slots, 1, BUFFER_A, sizeof(in), NEURON_SLOT_WRITE);
	sqe = copy_sqe(slots, 2, sizeof(in));
	expect_done(DMA_QUEUE, submit(DMA_QUEUE, &sqe), NEURON_FAULT_NONE);
	qtest_read(qt, BUFFER_A, out, sizeof(out));
	CHECK(!memcmp(out, in, sizeof(in)));
	CHECK(!vtd_take_fault(&vtd, &fault));

	host_slot(slots, 1, BUFFER_B, sizeof(in), NEURON_SLOT_WRITE);
	sqe = copy_sqe(slots, 2, sizeof(in));
	expect_done(DMA_QUEUE, submit(DMA_QUEUE, &sqe), NEURON_FAULT_DMA_ABORT);
	expect_fault(&vtd, BUFFER_B, false);

	/* The last page that is mapped, and the first that is not. */
	host_slot(slots, 1, BUFFER_B - NEURON_PAGE_SIZE, sizeof(in), NEURON_SLOT_WRITE);
	sqe = copy_sqe(slots, 2, sizeof(in));
	expect_done(DMA_QUEUE, submit(DMA_QUEUE, &sqe), NEURON_FAULT_DMA_ABORT);
	expect_fault(&vtd, BUFFER_B, false);

	/* A page to read is none to write. */
	vtd_map(&vtd, DEVFN, BUFFER_B, BUFFER_B, sizeof(in), VTD_READ);
	host_slot(slots, 1, BUFFER_B, sizeof(in), NEURON_SLOT_WRITE);
	sqe = copy_sqe(slots, 2, sizeof(in));
	expect_done(DMA_QUEUE, submit(DMA_QUEUE, &sqe), NEURON_FAULT_DMA_ABORT);
	expect_fault(&vtd, BUFFER_B, false);
	qtest_read(qt, BUFFER_B, out, sizeof(out));
	CHECK(!memcmp(out, kept, sizeof(kept)));
	host_slot(slots, 0, BUFFER_B, sizeof(in), NEURON_SLOT_READ);
	dram_slot(slots, 1, 0, sizeof(in), NEURON_SLOT_WRITE);
	sqe = copy_sqe(slots, 2, sizeof(in));
	expect_done(DMA_QUEUE, submit(DMA_QUEUE, &sqe), NEURON_FAULT_NONE);
	qtest_read(qt, BAR_DRAM, out, sizeof(out));
	CHECK(!memcmp(out, kept, sizeof(kept)));

	/* What has been reached is out of reach once its mapping is gone. */
	vtd_map(&vtd, DEVFN, BUFFER_B, BUFFER_B, sizeof(in), 0);
	expect_done(DMA_QUEUE, submit(DMA_QUEUE, &sqe), NEURON_FAULT_DMA_ABORT);
	expect_fault(&vtd, BUFFER_B, true);
	stop();
}

/* Its addresses are the IOMMU's, not memory's. */
void iommu_translates(void)
{
	static uint8_t in[NEURON_PAGE_SIZE], out[sizeof(in)], kept[sizeof(in)];
	struct neuron_slot slots[2];
	struct neuron_sqe sqe;
	struct vtd_fault fault;
	struct vtd vtd;

	start_confined(&vtd);
	vtd_map(&vtd, DEVFN, 0, 0, BUFFER_A, VTD_READ | VTD_WRITE);
	vtd_map(&vtd, DEVFN, SQ(0), SQ(0), IOMMU_TABLES - SQ(0), VTD_READ | VTD_WRITE);
	vtd_map(&vtd, DEVFN, BUFFER_A, BUFFER_B, sizeof(in), VTD_WRITE);
	queue_enable(DMA_QUEUE);
	pattern(in, sizeof(in), 3);
	pattern(kept, sizeof(kept), 4);
	qtest_write(qt, BAR_DRAM, in, sizeof(in));
	qtest_write(qt, BUFFER_A, kept, sizeof(kept));
	dram_slot(slots, 0, 0, sizeof(in), NEURON_SLOT_READ);
	host_slot(slots, 1, BUFFER_A, sizeof(in), NEURON_SLOT_WRITE);
	sqe = copy_sqe(slots, 2, sizeof(in));
	expect_done(DMA_QUEUE, submit(DMA_QUEUE, &sqe), NEURON_FAULT_NONE);
	qtest_read(qt, BUFFER_B, out, sizeof(out));
	CHECK(!memcmp(out, in, sizeof(in)));
	qtest_read(qt, BUFFER_A, out, sizeof(out));
	CHECK(!memcmp(out, kept, sizeof(kept)));
	CHECK(!vtd_take_fault(&vtd, &fault));
	stop();
}
