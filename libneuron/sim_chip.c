// SPDX-License-Identifier: MIT
/*
 * Chips in this process. A bus address is an address of the process; the bus lets
 * the chip reach only what has been added to it, as an IOMMU would.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "log.h"
#include "sim.h"

static pthread_mutex_t chips_lock = PTHREAD_MUTEX_INITIALIZER;
static struct sim_chip *chips[SIM_MAX_CHIPS];

/*
 * The bus
 */

/* The first region that ends after @addr. */
static size_t find_region(const struct sim_chip *chip, uint64_t addr)
{
	size_t low = 0, high = chip->num_regions;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (chip->regions[middle].end <= addr)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

int sim_bus_add(struct sim_chip *chip, const void *memory, uint64_t size,
		pthread_mutex_t *lock)
{
	uint64_t start = (uintptr_t)memory;
	struct sim_region *more;
	size_t i;
	int ret = 0;

	pthread_rwlock_wrlock(&chip->bus);
	if (chip->num_regions == chip->max_regions) {
		size_t max = chip->max_regions ? 2 * chip->max_regions : 64;

		more = realloc(chip->regions, max * sizeof(*more));
		if (!more) {
			ret = -ENOMEM;
			goto unlock;
		}
		chip->regions = more;
		chip->max_regions = max;
	}
	i = find_region(chip, start);
	memmove(&chip->regions[i + 1], &chip->regions[i],
		(chip->num_regions - i) * sizeof(*chip->regions));
	chip->regions[i] = (struct sim_region) {
		.start = start, .end = start + size, .lock = lock,
	};
	chip->num_regions++;
unlock:
	pthread_rwlock_unlock(&chip->bus);
	return ret;
}

void sim_bus_remove(struct sim_chip *chip, const void *memory)
{
	size_t i;

	pthread_rwlock_wrlock(&chip->bus);
	i = find_region(chip, (uintptr_t)memory);
	if (i < chip->num_regions && chip->regions[i].start == (uintptr_t)memory) {
		chip->num_regions--;
		memmove(&chip->regions[i], &chip->regions[i + 1],
			(chip->num_regions - i) * sizeof(*chip->regions));
	}
	pthread_rwlock_unlock(&chip->bus);
}

static int access_bus(struct sim_chip *chip, uint64_t addr, void *buf, size_t len,
		      bool write)
{
	const struct sim_region *region;
	size_t i;
	int ret = -1;

	pthread_rwlock_rdlock(&chip->bus);
	i = find_region(chip, addr);
	region = &chip->regions[i];
	if (i < chip->num_regions && addr >= region->start &&
	    len <= region->end - addr) {
		if (region->lock)
			pthread_mutex_lock(region->lock);
		if (write)
			memcpy((void *)(uintptr_t)addr, buf, len);
		else
			memcpy(buf, (void *)(uintptr_t)addr, len);
		if (region->lock)
			pthread_mutex_unlock(region->lock);
		ret = 0;
	}
	pthread_rwlock_unlock(&chip->bus);
	return ret;
}

static int dma_read(void *opaque, uint64_t addr, void *buf, size_t len)
{
	return access_bus(opaque, addr, buf, len, false);
}

static int dma_write(void *opaque, uint64_t addr, const void *buf, size_t len)
{
	return access_bus(opaque, addr, (void *)buf, len, true);
}

static void raise_irq(void *opaque, unsigned int vector)
{
	struct sim_chip *chip = opaque;
	uint32_t error;

	if (vector != NEURON_VECTOR_ERROR) {
		if (vector - 1 < chip->num_queues)
			sim_queue_irq(&chip->queues[vector - 1]);
		return;
	}
	error = neuron_chip_read(chip->chip, NEURON_REG_ERROR);
	neuron_chip_write(chip->chip, NEURON_REG_ERROR, error);
	warn("sim:%u: the chip reports errors %#x, the latest on queue %u",
	     chip->index, error,
	     neuron_chip_read(chip->chip, NEURON_REG_ERROR_QUEUE));
}

static void dram_discard(void *opaque, uint64_t offset, uint64_t length)
{
	struct sim_chip *chip = opaque;

	madvise(chip->dram + offset, length, MADV_DONTNEED);
}

static void guest_error(void *opaque, const char *message)
{
	struct sim_chip *chip = opaque;

	warn("sim:%u: %s", chip->index, message);
}

static const struct neuron_chip_ops ops = {
	.dma_read = dma_read,
	.dma_write = dma_write,
	.raise_irq = raise_irq,
	.dram_discard = dram_discard,
	.guest_error = guest_error,
};

/*
 * Device DRAM
 */

int sim_dram_alloc(struct sim_chip *chip, uint64_t size, uint64_t *offset)
{
	struct sim_block **link, *block;
	uint64_t end = 0;
	int ret = -ENOSPC;

	if (size > NEURON_CHIP_DRAM_SIZE)
		return -ENOSPC;
	size = (size + SIM_PAGE_SIZE - 1) / SIM_PAGE_SIZE * SIM_PAGE_SIZE;
	block = malloc(sizeof(*block));
	if (!block)
		return -ENOMEM;
	pthread_mutex_lock(&chip->lock);
	for (link = &chip->blocks; *link && (*link)->offset - end < size;
	     link = &(*link)->next)
		end = (*link)->offset + (*link)->size;
	if (*link || NEURON_CHIP_DRAM_SIZE - end >= size) {
		*block = (struct sim_block) {
			.offset = end, .size = size, .next = *link,
		};
		*link = block;
		*offset = end;
		block = NULL;
		ret = 0;
	}
	pthread_mutex_unlock(&chip->lock);
	free(block);
	return ret;
}

void sim_dram_free(struct sim_chip *chip, uint64_t offset)
{
	struct sim_block **link, *block;

	pthread_mutex_lock(&chip->lock);
	for (link = &chip->blocks; *link; link = &(*link)->next) {
		block = *link;
		if (block->offset != offset)
			continue;
		/* The next owner gets zeros, and the system the pages. */
		dram_discard(chip, offset, block->size);
		*link = block->next;
		free(block);
		break;
	}
	pthread_mutex_unlock(&chip->lock);
}

void sim_dram_usage(struct sim_chip *chip, uint64_t *free, uint64_t *largest)
{
	uint64_t end = 0, gap;
	const struct sim_block *block;

	*free = 0;
	*largest = 0;
	pthread_mutex_lock(&chip->lock);
	for (block = chip->blocks;; block = block->next) {
		gap = (block ? block->offset : NEURON_CHIP_DRAM_SIZE) - end;
		*free += gap;
		if (gap > *largest)
			*largest = gap;
		if (!block)
			break;
		end = block->offset + block->size;
	}
	pthread_mutex_unlock(&chip->lock);
}

/*
 * Chips
 */

static void destroy(struct sim_chip *chip)
{
	struct sim_block *block;
	unsigned int i;

	/* First the chip, which may still be running what a closed context left. */
	neuron_chip_destroy(chip->chip);
	for (i = 0; i < chip->num_queues; i++)
		sim_queue_destroy(&chip->queues[i]);
	if (chip->dram)
		munmap(chip->dram, NEURON_CHIP_DRAM_SIZE);
	while ((block = chip->blocks)) {
		chip->blocks = block->next;
		free(block);
	}
	free(chip->regions);
	pthread_rwlock_destroy(&chip->bus);
	pthread_mutex_destroy(&chip->lock);
	free(chip);
}

static int create(unsigned int index, struct sim_chip **result)
{
	struct neuron_chip_config config = {
		.cores = NEURON_CHIP_CORES,
		.dma_queues = NEURON_CHIP_DMA_QUEUES,
		.sbuf_size = NEURON_CHIP_SBUF_SIZE,
		.psum_size = NEURON_CHIP_PSUM_SIZE,
		.dram_size = NEURON_CHIP_DRAM_SIZE,
		.clock_khz = NEURON_CHIP_CLOCK_KHZ,
		.dram_mibps = NEURON_CHIP_DRAM_MIBPS,
		.link_mibps = NEURON_CHIP_LINK_MIBPS,
		.debug = true,
	};
	struct sim_chip *chip = calloc(1, sizeof(*chip));
	const char *error = NULL;
	unsigned int i;
	int ret;

	if (!chip)
		return fail(-ENOMEM, NO_MEMORY);
	chip->index = index;
	pthread_mutex_init(&chip->lock, NULL);
	pthread_rwlock_init(&chip->bus, NULL);
	chip->dram = mmap(NULL, NEURON_CHIP_DRAM_SIZE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (chip->dram == MAP_FAILED) {
		chip->dram = NULL;
		ret = fail(-ENOMEM, "sim:%u: no address space for device DRAM: %s: raise the limit (ulimit -v)",
			   index, strerror(errno));
		goto destroy;
	}
	config.dram = chip->dram;
	chip->chip = neuron_chip_create(&config, &ops, chip, &error);
	if (!chip->chip) {
		ret = fail(-ENOMEM, "sim:%u: %s", index,
			   error ? error : NO_MEMORY);
		goto destroy;
	}
	for (i = 0; i < config.cores + config.dma_queues; i++) {
		ret = sim_queue_create(&chip->queues[i], chip, i);
		if (ret)
			goto destroy;
	}
	*result = chip;
	return 0;

destroy:
	destroy(chip);
	return ret;
}

/*
 * A child of fork() has none of the chips' threads. It forgets them, without
 * freeing: the parent's other threads may have held any lock.
 */
static void forget_chips(void)
{
	pthread_mutex_init(&chips_lock, NULL);
	memset(chips, 0, sizeof(chips));
}

static void watch_forks(void)
{
	pthread_atfork(NULL, NULL, forget_chips);
}

int sim_chip_get(unsigned int index, struct sim_chip **chip)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	int ret = 0;

	pthread_once(&once, watch_forks);
	pthread_mutex_lock(&chips_lock);
	if (!chips[index])
		ret = create(index, &chips[index]);
	if (!ret) {
		chips[index]->users++;
		*chip = chips[index];
	}
	pthread_mutex_unlock(&chips_lock);
	return ret;
}

void sim_chip_put(struct sim_chip *chip)
{
	pthread_mutex_lock(&chips_lock);
	if (!--chip->users) {
		if (chips[chip->index] == chip)
			chips[chip->index] = NULL;
		destroy(chip);
	}
	pthread_mutex_unlock(&chips_lock);
}
