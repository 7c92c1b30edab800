# SPDX-License-Identifier: MIT
"""What the guest is told: mounts, modules, environment and the command."""

import os

# Harmless variables of the caller that a command may want to know.
PASSED = {"HOME", "USER", "LOGNAME", "SHELL", "PATH", "LANG", "LANGUAGE", "TZ", "TERM", "COLORTERM",
          "TMPDIR", "LD_LIBRARY_PATH", "OMP_NUM_THREADS", "ASAN_OPTIONS", "UBSAN_OPTIONS",
          "TSAN_OPTIONS", "LSAN_OPTIONS", "BUILD"}
PASSED_PREFIXES = ("NEURON_", "NRT_", "LC_", "DNNL_", "KSELFTEST_", "KTAP_")

# Host files change under the guest: attributes are always asked for again, file
# data is cached only while it is the same version of the file.
SHARE_OPTIONS = "trans=virtio,version=9p2000.L,msize=524288,cache=mmap"
# The operating system's own files don't change while a VM runs.
ROOT_OPTIONS = "trans=virtio,version=9p2000.L,msize=524288,cache=loose"


def environment(extra):
    """The command's environment: the caller's, filtered, and NAME[=VALUE]s."""
    env = {k: v for k, v in os.environ.items()
           if k in PASSED or k.startswith(PASSED_PREFIXES)}
    path = env.get("PATH", "/usr/local/bin:/usr/bin:/bin").split(":")
    path += [d for d in ("/usr/local/sbin", "/usr/sbin", "/sbin") if d not in path]
    env["PATH"] = ":".join(path)
    env.setdefault("HOME", "/root")
    env["NEURON_VM"] = "1"
    for item in extra:
        name, given, val = item.partition("=")
        if given:
            env[name] = val
        elif name in os.environ:
            env[name] = os.environ[name]
    return env


def shares(host_folders):
    """(tag, path, writable) of everything that the machine exports."""
    out = [("root", "/", False)]
    for i, folder in enumerate(host_folders):
        out.append((f"share{i}", folder, os.access(folder, os.W_OK)))
    return out


def description(opts, kernel, module_tree, load, exported, env, tty):
    """The job as the strings that guest-init.c obeys in order.

    MODULE_TREE is the folder that becomes /lib/modules/RELEASE, LOAD the
    modules below it to load, TTY (rows, columns, stderr too) or None."""
    items = [f"opts={ROOT_OPTIONS}", "lower=root /lower", "overlay=root /newroot /lower",
             "system="]
    modules = f"/lib/modules/{kernel.release}"
    items += [f"overlay=modules /newroot{modules} /lower{module_tree}"]
    items += [f"opts={SHARE_OPTIONS}"]
    items += [f"share={tag} {path}" for tag, path, _ in exported if path != "/"]
    items += ["enter=", "sysctl=/proc/sys/kernel/printk 7",
              # what a command writes to a file it keeps open is on the host soon
              "sysctl=/proc/sys/vm/dirty_writeback_centisecs 50",
              "sysctl=/proc/sys/vm/dirty_expire_centisecs 50"]
    items += [f"module={modules}/{path}" + (f" {args}" if args else "") for path, args in load]
    if opts.nvme:
        items += ["wait=/dev/nvme0n1"]
    items += [f"cwd={os.getcwd()}"]
    if tty:
        items += [f"tty={tty[0]} {tty[1]} {int(tty[2])}"]
    items += [f"arg={arg}" for arg in opts.command]
    items += [f"env={name}={val}" for name, val in sorted(env.items())]
    return b"".join(os.fsencode(item) + b"\0" for item in items)
