# SPDX-License-Identifier: MIT
"""Writes an initramfs: a cpio archive of the "newc" kind."""

import os
import stat


class Writer:
    """Entries in order; device nodes need no privilege, unlike cpio(1)."""

    def __init__(self):
        self.parts = []
        self.ino = 0

    def _add(self, name, mode, data=b"", rdev=(0, 0)):
        self.ino += 1
        raw = name.encode() + b"\0"
        fields = (self.ino, mode, 0, 0, 1, 0, len(data), 0, 0, *rdev, len(raw), 0)
        head = b"070701" + b"".join(b"%08x" % f for f in fields) + raw
        self.parts.append(head + bytes(-len(head) % 4) + data + bytes(-len(data) % 4))

    def folder(self, name, mode=0o755):
        self._add(name, stat.S_IFDIR | mode)

    def file(self, name, data, mode=0o644):
        self._add(name, stat.S_IFREG | mode, data)

    def char_device(self, name, major, minor, mode=0o600):
        self._add(name, stat.S_IFCHR | mode, rdev=(major, minor))

    def save(self, path):
        """Write the archive so that a reader sees all of it or the old one."""
        self._add("TRAILER!!!", 0)
        tmp = f"{path}.{os.getpid()}.tmp"
        with open(tmp, "wb") as f:
            f.write(b"".join(self.parts))
        os.rename(tmp, path)
