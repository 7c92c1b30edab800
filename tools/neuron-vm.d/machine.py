# SPDX-License-Identifier: MIT
"""The QEMU command line: which machine the guest sees."""

import os

CHIPS_MAX = 16

# Where Debian's packages put the firmware and the option ROMs.
FIRMWARE_DIRS = ("/usr/share/seabios", "/usr/share/qemu")

# Folders that are the operating system's own: the guest sees them, and what it
# changes there stays in its memory.
SYSTEM_DIRS = {"bin", "sbin", "lib", "lib32", "lib64", "libx32", "libo32", "etc", "usr", "var",
               "boot", "dev", "proc", "sys", "run", "lost+found"}


class MachineError(Exception):
    pass


def host_shares():
    """Top-level folders that the guest reads and writes in place."""
    shares = []
    for entry in sorted(os.scandir("/"), key=lambda e: e.name):
        if (entry.is_dir(follow_symlinks=False) and entry.name not in SYSTEM_DIRS
                and not any(c in entry.name for c in ", \t\n\\")
                and os.access(entry.path, os.R_OK | os.X_OK)):
            shares.append(entry.path)
    return shares


def find_qemu(build):
    """QEMU= if given, else the one that 'make qemu' built."""
    qemu = os.environ.get("QEMU") or os.path.join(build, "qemu", "qemu-system-x86_64")
    if not os.access(qemu, os.X_OK):
        raise MachineError(f"no QEMU at {qemu}: run 'make qemu', or set QEMU=")
    return qemu


def use_kvm():
    """A /dev/kvm without a processor that virtualizes boots nothing."""
    try:
        with open("/proc/cpuinfo") as f:
            flags = next((line.split() for line in f if line.startswith("flags")), ())
    except OSError:
        return False
    return ("vmx" in flags or "svm" in flags) and os.access("/dev/kvm", os.R_OK | os.W_OK)


def kernel_command_line(opts):
    words = [
        "console=hvc0", "loglevel=7",
        # any crash ends QEMU at once (with -no-reboot), and so the run
        "panic=-1", "oops=panic", "hung_task_panic=1", "softlockup_panic=1",
        # a busy host must not look like a hung guest
        "watchdog_thresh=30", "rcupdate.rcu_cpu_stall_timeout=60",
        # the guest is thrown away: don't pay for its safety or for probing
        "mitigations=off", "nokaslr", "tsc=reliable", "no_timer_check", "random.trust_cpu=on",
        "cryptomgr.notests", "kunit.enable=1", "audit=0", "apparmor=0", "lsm=", "rcupdate.rcu_expedited=1",
    ]
    if opts.iommu:
        words += ["intel_iommu=on", "iommu.passthrough=0", "iommu.strict=1"]
    if opts.kernel == "kcsan":
        words.append("kcsan.early_enable=1")
    if opts.panic_on_warn:
        words.append("panic_on_warn=1")
    return " ".join(words + opts.append)


def chip_devices(opts):
    """Each chip sits below a root port of its own: FLR, error reporting and
    hot-unplug work there as on a real board."""
    args = []
    for i in range(opts.chips):
        slot, function = 0x10 + i // 8, i % 8
        args += ["-device", f"pcie-root-port,id=rp{i},chassis={i + 1},slot={i + 1},"
                            f"addr={slot:#x}.{function},multifunction=on"]
        device = f"neuron,id=neuron{i},bus=rp{i}"
        if opts.device_opts:
            device += "," + opts.device_opts
        args += ["-device", device]
    return args


def qemu_command(opts, qemu, kernel, initramfs, run_dir, control_fd, shares):
    """The argument list for QEMU.

    SHARES are (tag, path, writable) of host folders."""
    machine = "q35,smm=off,hpet=off,vmport=off,sata=off,smbus=off,i8042=off"
    args = [qemu, "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
            "-name", "neuron-vm", "-m", str(opts.memory), "-smp", "2"]
    for folder in FIRMWARE_DIRS:
        args += ["-L", folder]
    if use_kvm():
        args += ["-accel", "kvm", "-cpu", "host"]
        machine += ",kernel-irqchip=split" if opts.iommu else ""
    else:
        # five-level paging would make every page walk longer
        args += ["-accel", "tcg,thread=multi", "-cpu", "max,la57=off"]
    args += ["-machine", machine]
    if opts.iommu:
        args += ["-device", "intel-iommu,intremap=on,aw-bits=48"]
    args += ["-kernel", kernel.image, "-initrd", initramfs, "-append", kernel_command_line(opts)]
    args += ["-device", "virtio-serial-pci,max_ports=2",
             "-chardev", f"file,id=console,path={os.path.join(run_dir, 'console.log')}",
             "-device", "virtconsole,chardev=console,nr=0",
             "-chardev", f"socket,id=control,fd={control_fd}",
             "-device", "virtserialport,chardev=control,nr=1,name=neuron-vm"]
    args += ["-device", "virtio-rng-pci"]
    for tag, path, writable in shares:
        args += ["-fsdev", f"local,id={tag},path={path},security_model=none,multidevs=remap"
                           + ("" if writable else ",readonly=on"),
                 "-device", f"virtio-9p-pci,fsdev={tag},mount_tag={tag}"]
    if opts.nvme:
        image = os.path.join(run_dir, "nvme.img")
        args += ["-drive", f"file={image},if=none,id=nvme,format=raw,cache=writeback",
                 "-device", "nvme,drive=nvme,serial=scratch"]
    return args + chip_devices(opts) + opts.qemu_arg
