/* SPDX-License-Identifier: MIT */
/*
 * The machine's IOMMU (Intel VT-d in legacy mode), set up by hand.
 *
 * Intel Virtualization Technology for Directed I/O, revision 4.1: sections 3.4 and 3.7 (root,
 * context and page tables), 11.4 (registers). The machine needs
 * "-device intel-iommu,aw-bits=39".
 */
#ifndef TESTS_QTEST_VTD_H
#define TESTS_QTEST_VTD_H

#include <stdbool.h>
#include <stdint.h>

#include "qtest.h"

#define VTD_PAGE	4096u
#define VTD_READ	1u
#define VTD_WRITE	2u

/**
 * struct vtd - an IOMMU and its tables in the machine's memory
 * @qt: the machine
 * @tables: where the next table goes
 * @root: the root table
 * @pages: the device's topmost page table, 0 before the first mapping
 */
struct vtd {
	struct qtest *qt;
	uint64_t tables;
	uint64_t root;
	uint64_t pages;
};

/* A fault that the IOMMU has recorded. */
struct vtd_fault {
	uint64_t addr;		/* of the page */
	uint16_t source;	/* bus << 8 | devfn */
	uint8_t reason;
	bool read;
};

/**
 * vtd_enable() - translate, with nothing mapped for anyone
 * @vtd: filled in
 * @qt: the machine
 * @tables: a stretch of its memory for tables, some 64 KiB
 */
void vtd_enable(struct vtd *vtd, struct qtest *qt, uint64_t tables);

/**
 * vtd_map() - let a function on bus 0 reach memory
 * @vtd: the IOMMU
 * @devfn: the function; one for each IOMMU
 * @iova: address that the function uses, on a page's boundary
 * @addr: address in memory, the same
 * @size: bytes, whole pages
 * @rights: VTD_READ, VTD_WRITE; none take a mapping away
 */
void vtd_map(struct vtd *vtd, unsigned int devfn, uint64_t iova, uint64_t addr, uint64_t size,
	     unsigned int rights);

/* The oldest fault that was recorded and not taken yet. */
bool vtd_take_fault(struct vtd *vtd, struct vtd_fault *fault);

#endif /* TESTS_QTEST_VTD_H */
