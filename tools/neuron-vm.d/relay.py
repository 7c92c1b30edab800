# SPDX-License-Identifier: MIT
"""Runs the job over the control port: input to the guest, output from it."""

import fcntl
import os
import selectors
import signal
import socket
import struct
import termios
import time
import tty

import protocol

ESCAPE = 0x1d           # Ctrl-], pressed three times within a second, ends the VM


class Stop(Exception):
    """A signal asked neuron-vm to end."""

    def __init__(self, number):
        super().__init__(number)
        self.number = number


class Timeout(Exception):
    pass


class GuestFailed(Exception):
    """The guest says that it could not be set up."""


class GuestDied(Exception):
    """QEMU went away before the command ended."""


def window_size(fd):
    rows, cols, _, _ = struct.unpack("HHHH", fcntl.ioctl(fd, termios.TIOCGWINSZ, bytes(8)))
    return rows or 24, cols or 80


def write_all(fd, data):
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(fd, view):]
        except BlockingIOError:
            # a terminal or pipe that someone else made non-blocking
            with selectors.DefaultSelector() as sel:
                sel.register(fd, selectors.EVENT_WRITE)
                sel.select()


class Terminal:
    """Raw mode while the command runs, restored whatever happens."""

    def __init__(self, fd):
        self.fd = fd
        self.saved = None

    def raw(self):
        self.saved = termios.tcgetattr(self.fd)
        tty.setraw(self.fd, termios.TCSANOW)

    def restore(self):
        if self.saved:
            termios.tcsetattr(self.fd, termios.TCSADRAIN, self.saved)
            self.saved = None


class Relay:
    """SOCK is our end of the control port, QEMU_FD a pidfd that becomes
    readable when QEMU ends, INPUT the fd to pass on or None, TERMINAL a
    Terminal when the command gets one."""

    def __init__(self, sock, qemu_fd, source, terminal):
        self.sock = sock
        self.source = source
        self.terminal = terminal
        self.parser = protocol.Parser()
        self.window = protocol.STDIN_WINDOW
        self.to_guest = bytearray()
        self.escapes = []
        self.started = False
        self.on_start = None
        self.result = None      # (wait status, kernel taint flags)
        self.sel = selectors.DefaultSelector()
        self.sel.register(sock, selectors.EVENT_READ, "sock")
        self.sel.register(qemu_fd, selectors.EVENT_READ, "qemu")
        sock.setblocking(False)

    def queue(self, kind, data=b""):
        self.to_guest += protocol.frame(kind, data)
        self._flush()

    def _flush(self):
        try:
            while self.to_guest:
                del self.to_guest[:self.sock.send(self.to_guest)]
        except BlockingIOError:
            pass
        except OSError as err:
            raise GuestDied() from err
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if self.to_guest else 0)
        self.sel.modify(self.sock, events, "sock")

    def _watch_source(self):
        """Read input only while the guest has room for it."""
        if self.source is None:
            return
        watched = self.source in self.sel.get_map()
        wanted = self.started and self.window > 0
        if wanted and not watched:
            try:
                self.sel.register(self.source, selectors.EVENT_READ, "source")
            except PermissionError:
                # a regular file can't be polled, and never has to be
                while self.source is not None and self.window > 0:
                    self._read_source()
        elif watched and not wanted:
            self.sel.unregister(self.source)

    def _read_source(self):
        try:
            data = os.read(self.source, min(self.window, protocol.STDIN_CHUNK))
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if self.terminal:
            self._look_for_escape(data)
        self.queue(protocol.STDIN, data)
        self.window -= len(data)
        if not data:
            if self.source in self.sel.get_map():
                self.sel.unregister(self.source)
            self.source = None

    def _look_for_escape(self, data):
        now = time.monotonic()
        self.escapes = [t for t in self.escapes if now - t < 1] + [now] * data.count(ESCAPE)
        if len(self.escapes) >= 3:
            raise Stop(signal.SIGTERM)

    def follow_window_size(self):
        """Tell the guest when the terminal's size changes. The handler only
        wakes the loop: it may run in the middle of anything."""
        if not self.terminal:
            return
        self.resized, wake = socket.socketpair()
        self.resized.setblocking(False)
        wake.setblocking(False)
        self.wake = wake
        signal.signal(signal.SIGWINCH, lambda *_: self._wake_up())
        self.sel.register(self.resized, selectors.EVENT_READ, "resized")

    def _wake_up(self):
        try:
            self.wake.send(b"w")
        except BlockingIOError:
            pass

    def send_window_size(self):
        if self.started and self.terminal:
            self.queue(protocol.WINCH, struct.pack("<HH", *window_size(self.terminal.fd)))

    def _frame(self, kind, data):
        if kind == protocol.STDOUT:
            write_all(1, data)
        elif kind == protocol.STDERR:
            write_all(2, data)
        elif kind == protocol.TAKEN:
            self.window += struct.unpack("<I", data)[0]
        elif kind == protocol.STARTED:
            self.started = True
            if self.on_start:
                self.on_start()
            if self.terminal:
                self.terminal.raw()
                self.send_window_size()
        elif kind == protocol.FAILED:
            raise GuestFailed(data.decode(errors="replace"))
        elif kind == protocol.EXIT:
            self.result = struct.unpack("<IQ", data)
        else:
            raise protocol.ProtocolError(f"unknown frame {kind}")

    def _read_sock(self):
        try:
            data = self.sock.recv(1 << 18)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            raise GuestDied()
        for kind, payload in self.parser.feed(data):
            self._frame(kind, payload)

    def run(self, description):
        """Send the job, relay until it ends; returns (wait status, taint)."""
        self.queue(protocol.JOB, description)
        while self.result is None:
            self._watch_source()
            for key, events in self.sel.select():
                if key.data == "sock":
                    if events & selectors.EVENT_WRITE:
                        self._flush()
                    if events & selectors.EVENT_READ:
                        self._read_sock()
                elif key.data == "source":
                    self._read_source()
                elif key.data == "resized":
                    self.resized.recv(4096)
                    self.send_window_size()
                elif key.data == "qemu":
                    # take what it sent before it ended
                    while self.result is None:
                        self._read_sock()
        return self.result
