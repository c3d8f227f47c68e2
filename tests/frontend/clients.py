"""Small clients for tests: of the control socket (docs/control.md) and of the gdb stub. What does not come within PATIENCE
seconds is a failure: long, so that a busy host is none."""
import json
import os
import re
import socket
import time

PATIENCE = float(os.environ.get("UMBRA_PATIENCE", "120"))


class Control:
    """The control socket: answers in order, events kept until they are asked for."""

    def __init__(self, path):
        self.socket = connect(path)
        self.lines = self.socket.makefile("rb")
        self.events = []
        self.hello = self.read()

    def read(self):
        line = self.lines.readline()
        if not line:
            raise ConnectionError("the control socket is closed")
        return json.loads(line)

    def ask(self, line):
        """The whole answer to a line as the console takes it."""
        self.socket.sendall(json.dumps({"id": 1, "line": line}).encode() + b"\n")
        while True:
            got = self.read()
            if "event" not in got:
                return got
            self.events.append(got)

    def event(self, name):
        """The next event of that name; those before it are forgotten."""
        while True:
            got = self.events.pop(0) if self.events else self.read()
            if got.get("event") == name:
                return got

    def close(self):
        self.lines.close()
        self.socket.close()


def frame(body):
    """A packet of gdb's remote protocol."""
    escaped = b"".join(bytes([0x7D, c ^ 0x20]) if c in b"#$}*" else bytes([c]) for c in body)
    return b"$" + escaped + b"#%02x" % (sum(escaped) & 0xFF)


class Gdb:
    """Just enough of gdb's side of the protocol."""

    def __init__(self, where):
        self.socket = connect(where)
        self.data = b""

    def send(self, body):
        self.socket.sendall(frame(body))

    def reply(self):
        while True:
            packet = re.search(rb"\$([^#]*)#..", self.data)
            if packet:
                self.data = self.data[packet.end():]
                self.socket.sendall(b"+")
                return packet.group(1)
            more = self.socket.recv(65536)
            if not more:
                raise ConnectionError("the gdb stub has closed")
            self.data += more

    def ask(self, body):
        self.send(body)
        return self.reply()

    def waits(self, seconds=0.3):
        """Nothing comes: the guest runs, as far as gdb knows."""
        self.socket.settimeout(seconds)
        try:
            self.data += self.socket.recv(65536)
        except socket.timeout:
            pass
        self.socket.settimeout(PATIENCE)
        return not re.search(rb"\$", self.data)

    def close(self):
        self.socket.close()


def connect(where):
    """A path or (host, port); until somebody listens there."""
    end = time.monotonic() + PATIENCE
    while True:
        s = socket.socket(socket.AF_UNIX if isinstance(where, str) else socket.AF_INET)
        s.settimeout(PATIENCE)
        try:
            s.connect(where)
            return s
        except OSError:
            s.close()
            if time.monotonic() > end:
                raise
            time.sleep(0.05)
