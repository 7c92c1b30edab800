# SPDX-License-Identifier: MIT
"""Reads the kernel's log for signs that the kernel, not the command, failed."""

import re

# What a kernel prints when something is wrong with it: oopses, warnings, and the
# reports of KASAN, UBSAN, lockdep, kmemleak, the DMA API and the watchdogs.
TROUBLE = re.compile(
    rb"Kernel panic - not syncing|BUG: |Oops: |general protection fault|------------\[ cut here \]|"
    rb"WARNING: (?:CPU: |possible |suspicious |inconsistent |bad |lock held|Nested lock|held lock)|"
    rb"UBSAN: |DMA-API: |kmemleak: [0-9]+ new suspected|INFO: task .* blocked for more than|"
    rb"rcu: INFO: |watchdog: BUG|unregister_netdevice: waiting|double free|refcount_t: ")
# Not a fault: how the debug kernel introduces itself, and what TCG makes slow.
HARMLESS = re.compile(rb"DMA-API: (?:preallocated|debugging enabled)|UBSAN: .*enabled")


def read(path):
    try:
        with open(path, "rb") as f:
            return f.read()
    except OSError:
        return b""


def first_trouble(path):
    """The first line of PATH that tells of trouble, or None."""
    for line in read(path).splitlines():
        if TROUBLE.search(line) and not HARMLESS.search(line):
            return line.decode(errors="replace").strip()
    return None


def tail(path, lines=40):
    return [line.decode(errors="replace").rstrip() for line in read(path).splitlines()[-lines:]]


def around_trouble(path, before=3, after=40):
    """The lines to show: from the first trouble on, else the last ones."""
    text = read(path).splitlines()
    for i, line in enumerate(text):
        if TROUBLE.search(line) and not HARMLESS.search(line):
            text = text[max(0, i - before):i + after]
            return [t.decode(errors="replace").rstrip() for t in text]
    return tail(path)
