/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Virtual NeuronCore accelerator: the PCI device
 *
 * PCI, interrupts, DMA and reset; nothing about neurons. The chip behind it
 * (qemu-device/chip) is plain C with threads of its own: neither vCPUs nor the
 * main loop ever compute, and the chip never takes the big QEMU lock.
 *
 * DMA. The chip's threads access guest memory directly. Behind a vIOMMU they
 * must not: a translation fault raises an interrupt, which needs the big lock,
 * with the vIOMMU's own lock held. There, a guarded bottom half makes the
 * access for the thread, which waits; a reset aborts the wait, so that nobody
 * waits for the thread with the big lock held.
 *
 * Stop and migration. When the machine stops, the chip finishes its jobs, which
 * takes their time, and starts none. So there is no half of a job to migrate:
 * chip/state.h says what there is. Device DRAM is a RAM block like any other,
 * whose pages the chip's threads mark as they write.
 */

#include "qemu/osdep.h"
#include "qemu/log.h"
#include "qemu/main-loop.h"
#include "qemu/module.h"
#include "qemu/rcu.h"
#include "qemu/thread.h"
#include "qemu/units.h"
#include "qemu/cutils.h"
#include "qapi/error.h"
#include "exec/memory.h"
#include "exec/cpu-common.h"
#include "exec/address-spaces.h"
#include "hw/pci/pci_device.h"
#include "hw/pci/pcie.h"
#include "hw/pci/pcie_aer.h"
#include "hw/pci/msix.h"
#include "hw/qdev-properties.h"
#include "migration/misc.h"
#include "migration/vmstate.h"
#include "system/runstate.h"
#include "trace.h"

#include "chip/chip.h"
#include "chip/state.h"

#define TYPE_NEURON "neuron"
OBJECT_DECLARE_SIMPLE_TYPE(NeuronState, NEURON)

/* The least that the guest may be given as device DRAM. */
#define NEURON_MIN_DRAM_SIZE    (1 * MiB)
#define NEURON_MAX_SRAM_SIZE    (256 * MiB)

#define NEURON_AER_OFFSET       0x100

#define NEURON_NUM_VECTORS      (1 + NEURON_MAX_QUEUES)

/* A DMA access that a chip thread waits for, on the thread's own stack. */
typedef struct NeuronDMA {
    uint64_t addr;
    void *buf;
    size_t len;
    bool is_write;
    bool done;
    int result;
    QTAILQ_ENTRY(NeuronDMA) next;
} NeuronDMA;

struct NeuronState {
    PCIDevice parent_obj;

    MemoryRegion regs;
    MemoryRegion dram_bar;      /* a power of two, as BARs are */
    MemoryRegion dram;

    struct neuron_chip *chip;
    struct neuron_chip_state saved;     /* on its way in or out */
    VMChangeStateEntry *vm_state;

    QEMUBH *irq_bh;
    uint32_t irq_pending;       /* bit per vector; atomic */

    bool dma_deferred;          /* behind a vIOMMU */
    QEMUBH *dma_bh;
    QemuMutex dma_lock;         /* protects what follows, and NeuronDMA */
    QemuCond dma_cond;
    bool dma_abort;
    QTAILQ_HEAD(, NeuronDMA) dma_queue;

    /* properties */
    uint32_t cores;
    uint32_t dma_queues;
    uint64_t sbuf_size;
    uint64_t psum_size;
    uint64_t dram_size;
    uint32_t clock_khz;
    uint32_t dram_mibps;
    uint32_t link_mibps;
    uint32_t threads;
    bool reference;
    bool debug;
    bool forgetful;
};

/*
 * Threads that read guest memory are RCU readers. The chip's threads register
 * when they first do, and leave when they end.
 */
static pthread_key_t rcu_reader_key;

static void neuron_rcu_leave(void *unused)
{
    rcu_unregister_thread();
}

static void neuron_rcu_enter(void)
{
    if (!pthread_getspecific(rcu_reader_key)) {
        rcu_register_thread();
        pthread_setspecific(rcu_reader_key, &rcu_reader_key);
    }
}

static int neuron_dma_now(NeuronState *s, uint64_t addr, void *buf, size_t len,
                          bool is_write)
{
    PCIDevice *pci = PCI_DEVICE(s);
    /* Memory only: a device can't be talked into writing to another's BAR. */
    MemTxAttrs attrs = {
        .memory = 1,
        .requester_id = pci_requester_id(pci),
    };
    MemTxResult res;

    res = pci_dma_rw(pci, addr, buf, len,
                     is_write ? DMA_DIRECTION_FROM_DEVICE
                              : DMA_DIRECTION_TO_DEVICE, attrs);
    trace_neuron_dma(addr, len, is_write, res);
    return res == MEMTX_OK ? 0 : -1;
}

/* Make the next access for a chip thread. False: none waits. */
static bool neuron_dma_serve(NeuronState *s)
{
    NeuronDMA *dma;

    qemu_mutex_lock(&s->dma_lock);
    dma = QTAILQ_FIRST(&s->dma_queue);
    if (dma) {
        QTAILQ_REMOVE(&s->dma_queue, dma, next);
        dma->result = neuron_dma_now(s, dma->addr, dma->buf, dma->len,
                                     dma->is_write);
        dma->done = true;
        qemu_cond_broadcast(&s->dma_cond);
        if (!QTAILQ_EMPTY(&s->dma_queue)) {
            qemu_bh_schedule(s->dma_bh);
        }
    }
    qemu_mutex_unlock(&s->dma_lock);
    return dma;
}

static void neuron_dma_bh(void *opaque)
{
    /*
     * One access per run: a chip thread has at most one under way and each is
     * bounded, so the main loop is never held up for long.
     */
    neuron_dma_serve(opaque);
}

static int neuron_dma(NeuronState *s, uint64_t addr, void *buf, size_t len,
                      bool is_write)
{
    NeuronDMA dma = {
        .addr = addr, .buf = buf, .len = len, .is_write = is_write,
        .result = -1,
    };

    if (!s->dma_deferred) {
        neuron_rcu_enter();
        return neuron_dma_now(s, addr, buf, len, is_write);
    }

    qemu_mutex_lock(&s->dma_lock);
    if (!s->dma_abort) {
        QTAILQ_INSERT_TAIL(&s->dma_queue, &dma, next);
        qemu_bh_schedule(s->dma_bh);
        while (!dma.done && !s->dma_abort) {
            qemu_cond_wait(&s->dma_cond, &s->dma_lock);
        }
        if (!dma.done) {
            QTAILQ_REMOVE(&s->dma_queue, &dma, next);
        }
    }
    qemu_mutex_unlock(&s->dma_lock);
    return dma.result;
}

static void neuron_dma_set_abort(NeuronState *s, bool abort)
{
    qemu_mutex_lock(&s->dma_lock);
    s->dma_abort = abort;
    qemu_cond_broadcast(&s->dma_cond);
    qemu_mutex_unlock(&s->dma_lock);
}

static int neuron_op_dma_read(void *opaque, uint64_t addr, void *buf,
                              size_t len)
{
    return neuron_dma(opaque, addr, buf, len, false);
}

static int neuron_op_dma_write(void *opaque, uint64_t addr, const void *buf,
                               size_t len)
{
    return neuron_dma(opaque, addr, (void *)buf, len, true);
}

static void neuron_irq_bh(void *opaque)
{
    NeuronState *s = opaque;
    PCIDevice *pci = PCI_DEVICE(s);
    uint32_t pending = qatomic_xchg(&s->irq_pending, 0);

    while (pending) {
        unsigned vector = ctz32(pending);

        pending &= pending - 1;
        trace_neuron_irq(vector);
        if (msix_enabled(pci)) {
            msix_notify(pci, vector);
        }
    }
}

static void neuron_op_raise_irq(void *opaque, unsigned int vector)
{
    NeuronState *s = opaque;

    assert(vector < NEURON_NUM_VECTORS);    /* the chip's, not the guest's */
    qatomic_or(&s->irq_pending, BIT(vector));
    qemu_bh_schedule(s->irq_bh);
}

static void neuron_op_dram_written(void *opaque, uint64_t offset,
                                   uint64_t length)
{
    NeuronState *s = opaque;

    neuron_rcu_enter();
    memory_region_set_dirty(&s->dram, offset, length);
}

/* From any thread that is an RCU reader, as vCPUs are. */
static void neuron_dram_discard(NeuronState *s, uint64_t offset,
                                uint64_t length)
{
    uint64_t page = qemu_real_host_page_size();
    uint64_t start = ROUND_UP(offset, page);
    uint64_t end = ROUND_DOWN(offset + length, page);
    uint8_t *dram = memory_region_get_ram_ptr(&s->dram);

    memory_region_set_dirty(&s->dram, offset, length);
    /* A page that is given back in postcopy would come anew from the source. */
    if (start >= end || migration_in_incoming_postcopy() ||
        ram_block_discard_range(s->dram.ram_block, start, end - start)) {
        memset(dram + offset, 0, length);
        return;
    }
    memset(dram + offset, 0, start - offset);
    memset(dram + end, 0, offset + length - end);
}

static void neuron_op_dram_discard(void *opaque, uint64_t offset,
                                   uint64_t length)
{
    neuron_rcu_enter();
    neuron_dram_discard(opaque, offset, length);
}

static void neuron_op_guest_error(void *opaque, const char *message)
{
    qemu_log_mask(LOG_GUEST_ERROR, "neuron: %s\n", message);
}

static const struct neuron_chip_ops neuron_ops = {
    .dma_read = neuron_op_dma_read,
    .dma_write = neuron_op_dma_write,
    .raise_irq = neuron_op_raise_irq,
    .dram_discard = neuron_op_dram_discard,
    .dram_written = neuron_op_dram_written,
    .guest_error = neuron_op_guest_error,
};

static uint64_t neuron_regs_read(void *opaque, hwaddr addr, unsigned size)
{
    NeuronState *s = opaque;
    uint32_t value = neuron_chip_read(s->chip, addr);

    trace_neuron_mmio_read(addr, value);
    return value;
}

static void neuron_regs_write(void *opaque, hwaddr addr, uint64_t value,
                              unsigned size)
{
    NeuronState *s = opaque;

    trace_neuron_mmio_write(addr, value);
    neuron_chip_write(s->chip, addr, value);
}

static const MemoryRegionOps neuron_regs_ops = {
    .read = neuron_regs_read,
    .write = neuron_regs_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = { .min_access_size = 4, .max_access_size = 4 },
    .impl = { .min_access_size = 4, .max_access_size = 4 },
};

static bool neuron_check_properties(NeuronState *s, Error **errp)
{
    if (s->cores < 1 || s->cores > NEURON_MAX_CORES) {
        error_setg(errp, "neuron: cores must be 1 to %d", NEURON_MAX_CORES);
    } else if (s->dma_queues < 1 || s->dma_queues > NEURON_MAX_DMA_QUEUES) {
        error_setg(errp, "neuron: dma-queues must be 1 to %d",
                   NEURON_MAX_DMA_QUEUES);
    } else if (!s->sbuf_size || s->sbuf_size > NEURON_MAX_SRAM_SIZE ||
               !QEMU_IS_ALIGNED(s->sbuf_size, 4 * KiB)) {
        error_setg(errp, "neuron: sbuf-size must be a multiple of 4 KiB, at "
                   "most 256 MiB");
    } else if (!s->psum_size || s->psum_size > NEURON_MAX_SRAM_SIZE ||
               !QEMU_IS_ALIGNED(s->psum_size, 4 * KiB)) {
        error_setg(errp, "neuron: psum-size must be a multiple of 4 KiB, at "
                   "most 256 MiB");
    } else if (s->dram_size < NEURON_MIN_DRAM_SIZE ||
               !QEMU_IS_ALIGNED(s->dram_size, 4 * KiB)) {
        error_setg(errp, "neuron: dram-size must be a multiple of 4 KiB, at "
                   "least 1 MiB");
    } else if (!s->clock_khz || !s->dram_mibps || !s->link_mibps) {
        error_setg(errp, "neuron: clock-khz, dram-mibps and link-mibps must "
                   "not be zero");
    } else {
        return true;
    }
    return false;
}

/* Power management: D0 and D3hot, in which registers keep their values. */
static bool neuron_pm_init(PCIDevice *pci, Error **errp)
{
    int cap = pci_pm_init(pci, 0, errp);

    if (cap < 0) {
        return false;
    }
    pci_set_word(pci->config + cap + PCI_PM_PMC, PCI_PM_CAP_VER_1_2);
    pci_set_word(pci->config + cap + PCI_PM_CTRL, PCI_PM_CTRL_NO_SOFT_RESET);
    pci_set_word(pci->wmask + cap + PCI_PM_CTRL, PCI_PM_CTRL_STATE_MASK);
    return true;
}

static bool neuron_in_d0(PCIDevice *pci)
{
    return !(pci_get_word(pci->config + pci->pm_cap + PCI_PM_CTRL) &
             PCI_PM_CTRL_STATE_MASK);
}

/* A sleeping function is no bus master, whatever COMMAND says. */
static void neuron_update_bus_master(PCIDevice *pci)
{
    memory_region_set_enabled(&pci->bus_master_enable_region,
                              neuron_in_d0(pci) && pci->enabled &&
                              (pci_get_word(pci->config + PCI_COMMAND) &
                               PCI_COMMAND_MASTER));
}

static void neuron_vm_state_change(void *opaque, bool running, RunState state)
{
    NeuronState *s = opaque;

    if (running) {
        neuron_chip_quiesce(s->chip, false);
        return;
    }
    /* Jobs that end may need what only this thread can do for them. */
    while (!neuron_chip_pause(s->chip)) {
        if (!neuron_dma_serve(s)) {
            g_usleep(50);
        }
    }
    neuron_irq_bh(s);
}

static void neuron_realize(PCIDevice *pci, Error **errp)
{
    NeuronState *s = NEURON(pci);
    struct neuron_chip_config config;
    const char *reason = NULL;
    int i;

    if (!neuron_check_properties(s, errp)) {
        return;
    }

    /* Lazily backed: pages that nobody touches cost nothing. */
    if (!memory_region_init_ram_flags_nomigrate(&s->dram, OBJECT(s),
                                                "neuron-dram", s->dram_size,
                                                RAM_NORESERVE, errp)) {
        return;
    }
    vmstate_register_ram(&s->dram, DEVICE(s));
    memory_region_init(&s->dram_bar, OBJECT(s), "neuron-dram-bar",
                       pow2ceil(s->dram_size));
    memory_region_add_subregion(&s->dram_bar, 0, &s->dram);
    memory_region_init_io(&s->regs, OBJECT(s), &neuron_regs_ops, s,
                          "neuron-regs", NEURON_REGS_SIZE);

    pci_register_bar(pci, NEURON_BAR_REGS,
                     PCI_BASE_ADDRESS_SPACE_MEMORY |
                     PCI_BASE_ADDRESS_MEM_TYPE_64, &s->regs);
    pci_register_bar(pci, NEURON_BAR_DRAM,
                     PCI_BASE_ADDRESS_SPACE_MEMORY |
                     PCI_BASE_ADDRESS_MEM_TYPE_64 |
                     PCI_BASE_ADDRESS_MEM_PREFETCH, &s->dram_bar);

    if (pcie_endpoint_cap_init(pci, 0) < 0) {
        error_setg(errp, "neuron: needs a PCI Express bus");
        return;
    }
    pcie_cap_flr_init(pci);
    if (!neuron_pm_init(pci, errp) ||
        pcie_aer_init(pci, PCI_ERR_VER, NEURON_AER_OFFSET, PCI_ERR_SIZEOF,
                      errp) < 0) {
        pcie_cap_exit(pci);
        return;
    }

    if (msix_init_exclusive_bar(pci, NEURON_NUM_VECTORS, NEURON_BAR_MSIX,
                                errp)) {
        pcie_aer_exit(pci);
        pcie_cap_exit(pci);
        return;
    }
    for (i = 0; i < NEURON_NUM_VECTORS; i++) {
        msix_vector_use(pci, i);
    }

    qemu_mutex_init(&s->dma_lock);
    qemu_cond_init(&s->dma_cond);
    QTAILQ_INIT(&s->dma_queue);
    s->irq_bh = qemu_bh_new_guarded(neuron_irq_bh, s,
                                    &DEVICE(s)->mem_reentrancy_guard);
    s->dma_bh = qemu_bh_new_guarded(neuron_dma_bh, s,
                                    &DEVICE(s)->mem_reentrancy_guard);

    config = (struct neuron_chip_config) {
        .cores = s->cores,
        .dma_queues = s->dma_queues,
        .sbuf_size = s->sbuf_size,
        .psum_size = s->psum_size,
        .dram = memory_region_get_ram_ptr(&s->dram),
        .dram_size = s->dram_size,
        .clock_khz = s->clock_khz,
        .dram_mibps = s->dram_mibps,
        .link_mibps = s->link_mibps,
        .threads = s->threads,
        .reference = s->reference,
        .debug = s->debug,
    };
    s->chip = neuron_chip_create(&config, &neuron_ops, s, &reason);
    if (!s->chip) {
        error_setg(errp, "neuron: %s", reason ? reason : "no chip");
        qemu_bh_delete(s->dma_bh);
        qemu_bh_delete(s->irq_bh);
        qemu_cond_destroy(&s->dma_cond);
        qemu_mutex_destroy(&s->dma_lock);
        msix_uninit_exclusive_bar(pci);
        pcie_aer_exit(pci);
        pcie_cap_exit(pci);
        vmstate_unregister_ram(&s->dram, DEVICE(s));
        return;
    }
    if (!runstate_is_running()) {
        neuron_chip_pause(s->chip);
    }
    s->vm_state = qdev_add_vm_change_state_handler(DEVICE(s),
                                                   neuron_vm_state_change, s);
}

static void neuron_exit(PCIDevice *pci)
{
    NeuronState *s = NEURON(pci);

    qemu_del_vm_change_state_handler(s->vm_state);
    neuron_dma_set_abort(s, true);
    neuron_chip_destroy(s->chip);
    qemu_bh_delete(s->dma_bh);
    qemu_bh_delete(s->irq_bh);
    qemu_cond_destroy(&s->dma_cond);
    qemu_mutex_destroy(&s->dma_lock);
    msix_uninit_exclusive_bar(pci);
    pcie_aer_exit(pci);
    pcie_cap_exit(pci);
    vmstate_unregister_ram(&s->dram, DEVICE(s));
}

static void neuron_reset_hold(Object *obj, ResetType type)
{
    NeuronState *s = NEURON(obj);

    trace_neuron_reset(type);
    neuron_dma_set_abort(s, true);
    neuron_chip_reset(s->chip);
    neuron_dma_set_abort(s, false);
    qatomic_set(&s->irq_pending, 0);

    /* All devices exist by the time of the first reset. */
    s->dma_deferred = pci_device_iommu_address_space(PCI_DEVICE(s)) !=
                      &address_space_memory;
}

static void neuron_write_config(PCIDevice *pci, uint32_t addr, uint32_t val,
                                int len)
{
    NeuronState *s = NEURON(pci);
    bool was_in_d0 = neuron_in_d0(pci), in_d0;

    pci_default_write_config(pci, addr, val, len);
    pcie_cap_flr_write_config(pci, addr, val, len);
    pcie_aer_write_config(pci, addr, val, len);

    in_d0 = neuron_in_d0(pci);
    if (in_d0 != was_in_d0) {
        trace_neuron_power(in_d0);
    }
    if (!in_d0 || !was_in_d0) {
        neuron_update_bus_master(pci);
    }
    if (in_d0 && !was_in_d0 && s->forgetful) {
        neuron_dram_discard(s, 0, s->dram_size);
    }
}

/*
 * "inject": arm a fault over QMP, for example
 *   qom-set path=/machine/peripheral/npu0 property=inject \
 *           value=hang-core,queue=1,count=1
 */
static void neuron_set_inject(Object *obj, const char *value, Error **errp)
{
    static const struct {
        const char *name;
        unsigned int value;
    } names[] = {
#define X(name, value, qom, arg) { qom, value },
        NEURON_INJECTIONS(X)
#undef X
    };
    NeuronState *s = NEURON(obj);
    g_auto(GStrv) parts = g_strsplit(value, ",", -1);
    uint64_t queue = 0, count = 1, arg = 0;
    unsigned int injection = 0;
    int i;

    if (!s->chip) {
        error_setg(errp, "inject: the device is not realized");
        return;
    }
    for (i = 0; parts[0] && i < ARRAY_SIZE(names); i++) {
        if (!strcmp(parts[0], names[i].name)) {
            injection = names[i].value;
        }
    }
    if (!injection) {
        error_setg(errp, "inject: unknown fault '%s'",
                   parts[0] ? parts[0] : "");
        for (i = 0; i < ARRAY_SIZE(names); i++) {
            error_append_hint(errp, "%s\n", names[i].name);
        }
        return;
    }
    for (i = 1; parts[i]; i++) {
        const char *number;
        uint64_t *field;

        if (strstart(parts[i], "queue=", &number)) {
            field = &queue;
        } else if (strstart(parts[i], "count=", &number)) {
            field = &count;
        } else if (strstart(parts[i], "arg=", &number)) {
            field = &arg;
        } else {
            error_setg(errp, "inject: '%s' is none of queue=, count=, arg=",
                       parts[i]);
            return;
        }
        if (qemu_strtou64(number, NULL, 0, field)) {
            error_setg(errp, "inject: '%s' is not a number", number);
            return;
        }
    }
    if (queue > UINT32_MAX || count > UINT32_MAX ||
        !neuron_chip_inject(s->chip, injection, queue, count, arg)) {
        error_setg(errp, "inject: an argument is out of range");
    }
}

static int neuron_pre_save(void *opaque)
{
    NeuronState *s = opaque;

    neuron_chip_save(s->chip, &s->saved);
    return 0;
}

static int neuron_pre_load(void *opaque)
{
    NeuronState *s = opaque;

    s->saved = (struct neuron_chip_state) { 0 };
    return 0;
}

static int neuron_post_load(void *opaque, int version_id)
{
    NeuronState *s = opaque;
    const char *wrong;

    neuron_dma_set_abort(s, true);
    wrong = neuron_chip_load(s->chip, &s->saved);
    neuron_dma_set_abort(s, false);
    if (wrong) {
        error_report("neuron: the state of the chip can't be loaded: %s",
                     wrong);
        return -EINVAL;
    }
    neuron_update_bus_master(PCI_DEVICE(s));
    return 0;
}

/* Faults that were injected: most machines have none. */
static bool neuron_faults_needed(void *opaque)
{
    NeuronState *s = opaque;
    const struct neuron_chip_state *state = &s->saved;
    int i;

    for (i = 0; i < ARRAY_SIZE(state->injection); i++) {
        if (state->injection[i].count) {
            return true;
        }
    }
    return state->num_ecc || state->vanished || state->refused_reset ||
           state->refused_cores || state->debug_queue || state->debug_count ||
           state->debug_arg;
}

static const VMStateDescription neuron_vmstate_injection = {
    .name = "neuron/injection",
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT32(count, struct neuron_injection_state),
        VMSTATE_UINT64(arg, struct neuron_injection_state),
        VMSTATE_END_OF_LIST()
    }
};

static const VMStateDescription neuron_vmstate_ecc = {
    .name = "neuron/ecc-line",
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT64(line, struct neuron_ecc_state),
        VMSTATE_UINT32(count, struct neuron_ecc_state),
        VMSTATE_BOOL(uncorrectable, struct neuron_ecc_state),
        VMSTATE_END_OF_LIST()
    }
};

static const VMStateDescription neuron_vmstate_faults = {
    .name = "neuron/faults",
    .version_id = 1,
    .minimum_version_id = 1,
    .needed = neuron_faults_needed,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT32(saved.debug_queue, NeuronState),
        VMSTATE_UINT32(saved.debug_count, NeuronState),
        VMSTATE_UINT64(saved.debug_arg, NeuronState),
        VMSTATE_UINT32(saved.refused_cores, NeuronState),
        VMSTATE_BOOL(saved.refused_reset, NeuronState),
        VMSTATE_BOOL(saved.vanished, NeuronState),
        VMSTATE_UINT32(saved.num_ecc, NeuronState),
        VMSTATE_STRUCT_ARRAY(saved.ecc, NeuronState, NEURON_STATE_ECC_LINES, 1,
                             neuron_vmstate_ecc, struct neuron_ecc_state),
        VMSTATE_STRUCT_ARRAY(saved.injection, NeuronState,
                             NEURON_MAX_QUEUES * NEURON_STATE_INJECTIONS, 1,
                             neuron_vmstate_injection,
                             struct neuron_injection_state),
        VMSTATE_END_OF_LIST()
    }
};

static const VMStateDescription neuron_vmstate_queue = {
    .name = "neuron/queue",
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT64(sq_base, struct neuron_queue_state),
        VMSTATE_UINT64(cq_base, struct neuron_queue_state),
        VMSTATE_UINT32(shift, struct neuron_queue_state),
        VMSTATE_UINT32(sq_tail, struct neuron_queue_state),
        VMSTATE_UINT32(sq_head, struct neuron_queue_state),
        VMSTATE_UINT32(cq_head, struct neuron_queue_state),
        VMSTATE_UINT32(cq_tail, struct neuron_queue_state),
        VMSTATE_BOOL(enabled, struct neuron_queue_state),
        VMSTATE_BOOL(error, struct neuron_queue_state),
        VMSTATE_BOOL(phase, struct neuron_queue_state),
        VMSTATE_BOOL(full, struct neuron_queue_state),
        VMSTATE_BOOL(raise_error, struct neuron_queue_state),
        VMSTATE_UINT8(waits, struct neuron_queue_state),
        VMSTATE_END_OF_LIST()
    }
};

static const VMStateDescription neuron_vmstate = {
    .name = TYPE_NEURON,
    .version_id = 2,    /* the guest may use what VERSION 1.1 has */
    .minimum_version_id = 1,
    .pre_save = neuron_pre_save,
    .pre_load = neuron_pre_load,
    .post_load = neuron_post_load,
    .fields = (const VMStateField[]) {
        VMSTATE_PCI_DEVICE(parent_obj, NeuronState),
        VMSTATE_STRUCT(parent_obj.exp.aer_log, NeuronState, 0,
                       vmstate_pcie_aer_log, PCIEAERLog),
        VMSTATE_MSIX(parent_obj, NeuronState),
        /* The size of DRAM is compared with that of its RAM block. */
        VMSTATE_UINT32_EQUAL(cores, NeuronState, "cores= differs"),
        VMSTATE_UINT32_EQUAL(dma_queues, NeuronState, "dma-queues= differs"),
        VMSTATE_UINT64_EQUAL(sbuf_size, NeuronState, "sbuf-size= differs"),
        VMSTATE_UINT64_EQUAL(psum_size, NeuronState, "psum-size= differs"),
        VMSTATE_UINT32(saved.error, NeuronState),
        VMSTATE_UINT32(saved.error_queue, NeuronState),
        VMSTATE_UINT32(saved.ecc_corrected, NeuronState),
        VMSTATE_UINT32(saved.ecc_uncorrected, NeuronState),
        VMSTATE_STRUCT_ARRAY(saved.queue, NeuronState, NEURON_MAX_QUEUES, 1,
                             neuron_vmstate_queue, struct neuron_queue_state),
        VMSTATE_END_OF_LIST()
    },
    .subsections = (const VMStateDescription * const []) {
        &neuron_vmstate_faults,
        NULL
    }
};

static const Property neuron_properties[] = {
    DEFINE_PROP_UINT32("cores", NeuronState, cores, NEURON_CHIP_CORES),
    DEFINE_PROP_UINT32("dma-queues", NeuronState, dma_queues,
                       NEURON_CHIP_DMA_QUEUES),
    DEFINE_PROP_SIZE("sbuf-size", NeuronState, sbuf_size,
                     NEURON_CHIP_SBUF_SIZE),
    DEFINE_PROP_SIZE("psum-size", NeuronState, psum_size,
                     NEURON_CHIP_PSUM_SIZE),
    DEFINE_PROP_SIZE("dram-size", NeuronState, dram_size,
                     NEURON_CHIP_DRAM_SIZE),
    DEFINE_PROP_UINT32("clock-khz", NeuronState, clock_khz,
                       NEURON_CHIP_CLOCK_KHZ),
    DEFINE_PROP_UINT32("dram-mibps", NeuronState, dram_mibps,
                       NEURON_CHIP_DRAM_MIBPS),
    DEFINE_PROP_UINT32("link-mibps", NeuronState, link_mibps,
                       NEURON_CHIP_LINK_MIBPS),
    DEFINE_PROP_UINT32("threads", NeuronState, threads, 0),
    DEFINE_PROP_BOOL("reference", NeuronState, reference, false),
    DEFINE_PROP_BOOL("debug", NeuronState, debug, false),
    /* DRAM loses what it holds in D3hot, as without refresh. */
    DEFINE_PROP_BOOL("forgetful", NeuronState, forgetful, false),
};

static void neuron_class_init(ObjectClass *klass, void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);
    PCIDeviceClass *k = PCI_DEVICE_CLASS(klass);
    ResettableClass *rc = RESETTABLE_CLASS(klass);

    rc->phases.hold = neuron_reset_hold;

    k->realize = neuron_realize;
    k->exit = neuron_exit;
    k->config_write = neuron_write_config;
    k->vendor_id = NEURON_PCI_VENDOR_ID;
    k->device_id = NEURON_PCI_DEVICE_ID;
    k->revision = 1;
    k->class_id = NEURON_PCI_CLASS;

    dc->desc = "Virtual NeuronCore inference accelerator";
    dc->vmsd = &neuron_vmstate;
    device_class_set_props(dc, neuron_properties);
    set_bit(DEVICE_CATEGORY_MISC, dc->categories);

    object_class_property_add_str(klass, "inject", NULL, neuron_set_inject);
    object_class_property_set_description(klass, "inject",
        "Arm a fault: NAME[,queue=N][,count=N][,arg=N]");
}

static const TypeInfo neuron_info = {
    .name = TYPE_NEURON,
    .parent = TYPE_PCI_DEVICE,
    .class_init = neuron_class_init,
    .instance_size = sizeof(NeuronState),
    .interfaces = (InterfaceInfo[]) {
        { INTERFACE_PCIE_DEVICE },
        { },
    },
};

static void neuron_register_types(void)
{
    int ret = pthread_key_create(&rcu_reader_key, neuron_rcu_leave);

    assert(!ret);
    type_register_static(&neuron_info);
}

type_init(neuron_register_types)
