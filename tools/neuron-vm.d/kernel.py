# SPDX-License-Identifier: MIT
"""The guest's kernel as scripts/fetch-kernel and scripts/build-debug-kernel
lay it out, and the initramfs that neuron-vm makes for it.

A kernel folder holds: release (its version), vmlinuz or vmlinux, modules/ (the
kernel's own module folder) and headers/ (what modules are built against).
"""

import os
import subprocess
import tempfile

import cpio

# What the guest needs before it can reach the host's files. virtio itself is
# built into the kernels that we use; a module that is built in is skipped.
BOOT_MODULES = ("virtio_console", "9pnet_virtio", "9p", "overlay")


class KernelError(Exception):
    pass


# What makes each kernel, and the driver for it.
TARGETS = {"debug": "debug-kernel module-debug", "kcsan": "module-kcsan"}


class Kernel:
    def __init__(self, folder):
        target = TARGETS.get(os.path.basename(folder), "setup")
        self.folder = folder
        try:
            with open(os.path.join(folder, "release")) as f:
                self.release = f.read().strip()
        except OSError:
            raise KernelError(f"no kernel at {folder}: run 'make {target}'") from None
        # An uncompressed kernel saves the guest the unpacking.
        for name in ("vmlinux", "vmlinuz"):
            self.image = os.path.join(folder, name)
            if os.path.exists(self.image):
                break
        else:
            raise KernelError(f"no kernel image in {folder}: run 'make {target}'")
        self.modules = os.path.join(folder, "modules")

    def dependencies(self):
        """modules.dep as {name: (path, [paths to load first, in order])}."""
        deps = {}
        try:
            with open(os.path.join(self.modules, "modules.dep")) as f:
                for line in f:
                    path, _, rest = line.partition(":")
                    name = os.path.basename(path).split(".")[0].replace("-", "_")
                    deps[name] = (path, rest.split()[::-1])
        except OSError:
            pass
        return deps

    def load_order(self, names):
        """Module files that have to be loaded, in order, to get NAMES."""
        deps = self.dependencies()
        order = []
        for name in names:
            if name in deps:
                path, first = deps[name]
                order += [p for p in first + [path] if p not in order]
        return order


def make_initramfs(kernel, init_source, build):
    """Return the path of an initramfs for KERNEL, made anew when it is out of
    date."""
    folder = os.path.join(build, "vm")
    path = os.path.join(folder, f"initramfs-{kernel.release}.cpio")
    here = os.path.dirname(os.path.abspath(__file__))
    sources = [init_source, os.path.join(here, "cpio.py"), os.path.join(here, "kernel.py"),
               os.path.join(os.path.realpath(kernel.folder), "release")]
    try:
        made = os.stat(path).st_mtime_ns
        if all(os.stat(s).st_mtime_ns < made for s in sources):
            return path
    except OSError:
        pass
    os.makedirs(folder, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as tmp:
        init = os.path.join(tmp, "init")
        cc = os.environ.get("CC", "gcc").split()
        cmd = cc + ["-Os", "-static", "-s", "-Wall", "-Wextra", "-o", init, init_source]
        done = subprocess.run(cmd, stderr=subprocess.PIPE, text=True)
        if done.returncode:
            raise KernelError(f"can't build the guest's init: {' '.join(cmd)}\n{done.stderr}")
        with open(init, "rb") as f:
            binary = f.read()
    archive = cpio.Writer()
    for name in ("dev", "modules", "newroot"):
        archive.folder(name)
    archive.char_device("dev/console", 5, 1)
    archive.file("init", binary, 0o755)
    names = []
    for rel in kernel.load_order(BOOT_MODULES):
        with open(os.path.join(kernel.modules, rel), "rb") as f:
            archive.file("modules/" + os.path.basename(rel), f.read())
        names.append("/modules/" + os.path.basename(rel))
    archive.file("modules/order", "".join(n + "\n" for n in names).encode())
    archive.save(path)
    return path
