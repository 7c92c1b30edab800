// SPDX-License-Identifier: MIT
#include "vtd.h"

#define BASE		0xfed90000ull

/* Registers. */
#define CAP		0x08
#define ECAP		0x10
#define GCMD		0x18
#define RTADDR		0x20
#define CCMD		0x28
#define FSTS		0x34

#define GCMD_SET_ROOT	(1u << 30)
#define GCMD_TRANSLATE	(1u << 31)
#define CCMD_ALL_HI	(1u << 31 | 1u << 29)	/* invalidate, global */
#define IOTLB_ALL_HI	(1u << 31 | 1u << 28)
#define FSTS_OVERFLOW	1u
#define FRCD_FAULT	(1u << 31)		/* of the last word */
#define FRCD_READ	(1u << 30)

#define CONTEXT_PRESENT	1ull
#define CONTEXT_AW_39	1ull			/* three levels of tables */
#define LEVELS		3

static uint64_t read64(struct vtd *vtd, unsigned int reg)
{
	return qtest_readl(vtd->qt, BASE + reg) | (uint64_t)qtest_readl(vtd->qt, BASE + reg + 4) << 32;
}

static uint64_t new_table(struct vtd *vtd)
{
	static const uint8_t zeros[VTD_PAGE];
	uint64_t table = vtd->tables;

	vtd->tables += VTD_PAGE;
	qtest_write(vtd->qt, table, zeros, sizeof(zeros));
	return table;
}

static uint64_t get(struct vtd *vtd, uint64_t table, unsigned int index)
{
	uint64_t entry;

	qtest_read(vtd->qt, table + 8 * index, &entry, sizeof(entry));
	return entry;
}

static void set(struct vtd *vtd, uint64_t table, unsigned int index, uint64_t entry)
{
	qtest_write(vtd->qt, table + 8 * index, &entry, sizeof(entry));
}

/* What the IOMMU remembers of its tables. */
static void forget(struct vtd *vtd)
{
	const unsigned int iotlb = (read64(vtd, ECAP) >> 8 & 0x3ff) * 16 + 8;

	qtest_writel(vtd->qt, BASE + CCMD, 0);
	qtest_writel(vtd->qt, BASE + CCMD + 4, CCMD_ALL_HI);
	qtest_writel(vtd->qt, BASE + iotlb, 0);
	qtest_writel(vtd->qt, BASE + iotlb + 4, IOTLB_ALL_HI);
}

void vtd_enable(struct vtd *vtd, struct qtest *qt, uint64_t tables)
{
	*vtd = (struct vtd){ .qt = qt, .tables = tables };
	vtd->root = new_table(vtd);
	qtest_writel(qt, BASE + RTADDR, vtd->root);
	qtest_writel(qt, BASE + RTADDR + 4, 0);
	qtest_writel(qt, BASE + GCMD, GCMD_SET_ROOT);
	forget(vtd);
	qtest_writel(qt, BASE + GCMD, GCMD_TRANSLATE);
}

static void attach(struct vtd *vtd, unsigned int devfn)
{
	const uint64_t contexts = new_table(vtd);

	vtd->pages = new_table(vtd);
	set(vtd, contexts, 2 * devfn, vtd->pages | CONTEXT_PRESENT);
	set(vtd, contexts, 2 * devfn + 1, CONTEXT_AW_39 | 1 << 8);
	set(vtd, vtd->root, 0, contexts | CONTEXT_PRESENT);
}

static void map_page(struct vtd *vtd, uint64_t iova, uint64_t addr, unsigned int rights)
{
	uint64_t table = vtd->pages;
	int level;

	for (level = LEVELS - 1; level; level--) {
		const unsigned int index = iova >> (12 + 9 * level) & 0x1ff;
		uint64_t entry = get(vtd, table, index);

		if (!entry) {
			entry = new_table(vtd) | VTD_READ | VTD_WRITE;
			set(vtd, table, index, entry);
		}
		table = entry & ~(VTD_PAGE - 1ull);
	}
	set(vtd, table, iova >> 12 & 0x1ff, rights ? addr | rights : 0);
}

void vtd_map(struct vtd *vtd, unsigned int devfn, uint64_t iova, uint64_t addr, uint64_t size,
	     unsigned int rights)
{
	uint64_t at;

	if (!vtd->pages)
		attach(vtd, devfn);
	for (at = 0; at < size; at += VTD_PAGE)
		map_page(vtd, iova + at, addr + at, rights);
	forget(vtd);
}

bool vtd_take_fault(struct vtd *vtd, struct vtd_fault *fault)
{
	const uint64_t cap = read64(vtd, CAP);
	const unsigned int first = (cap >> 24 & 0x3ff) * 16, number = (cap >> 40 & 0xff) + 1;
	unsigned int i;

	for (i = 0; i < number; i++) {
		const unsigned int reg = first + 16 * i;
		const uint32_t last = qtest_readl(vtd->qt, BASE + reg + 12);

		if (!(last & FRCD_FAULT))
			continue;
		fault->addr = read64(vtd, reg);
		fault->source = qtest_readl(vtd->qt, BASE + reg + 8);
		fault->reason = last;
		fault->read = last & FRCD_READ;
		qtest_writel(vtd->qt, BASE + reg + 12, FRCD_FAULT);
		qtest_writel(vtd->qt, BASE + FSTS, FSTS_OVERFLOW);
		return true;
	}
	return false;
}
