# SPDX-License-Identifier: MIT
"""Frames of the control port between neuron-vm and guest-init.c.

A frame is a type (u8), three zero bytes, a length (le32) and so many bytes.
"""

import struct

JOB, STDIN, WINCH, SIGNAL = range(1, 5)
STARTED, STDOUT, STDERR, TAKEN, FAILED, EXIT = range(16, 22)

HEADER = struct.Struct("<BxxxI")
STDIN_WINDOW = 65536    # bytes of input that may be on their way
STDIN_CHUNK = 16384
FRAME_MAX = 1 << 20     # more than any frame of the guest's


class ProtocolError(Exception):
    """The guest sent something that is not a frame."""


def frame(kind, data=b""):
    return HEADER.pack(kind, len(data)) + data


class Parser:
    """Cuts a byte stream into frames."""

    def __init__(self):
        self.buf = bytearray()

    def feed(self, data):
        self.buf += data
        at = 0
        frames = []
        while len(self.buf) - at >= HEADER.size:
            kind, length = HEADER.unpack_from(self.buf, at)
            if length > FRAME_MAX:
                raise ProtocolError(f"a frame of {length} bytes")
            end = at + HEADER.size + length
            if len(self.buf) < end:
                break
            frames.append((kind, bytes(self.buf[at + HEADER.size:end])))
            at = end
        del self.buf[:at]
        return frames
