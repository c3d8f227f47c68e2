"""What the fuzzers of the gdb stub and of the control socket share: options, a running umbra that is watched, bytes made
worse."""
import argparse
import os
import random
import select
import socket
import subprocess
import sys
import tempfile
import time

from prelude import umbra_of

PATIENCE = 200  # seconds: what takes longer hangs


def options():
    """BUILD SOURCE [--seconds N] [--seed N] of the command line (or UMBRA_FUZZ_SECONDS, UMBRA_FUZZ_SEED)."""
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("source", nargs="?")
    parser.add_argument("--seconds", type=float, default=float(os.environ.get("UMBRA_FUZZ_SECONDS", "8")))
    parser.add_argument("--seed", type=int,
                        default=int(os.environ.get("UMBRA_FUZZ_SEED", random.randrange(1 << 32))))
    o = parser.parse_args()
    o.umbra = umbra_of(o.build)
    o.rnd = random.Random(o.seed)
    print(f"seed {o.seed}, {o.seconds} seconds", flush=True)
    return o


def mutate(rnd, data, inserts, times):
    """data with some bytes put in, changed, taken out; inserts are what breaks parsers; now and then a part of it twice."""
    data = bytearray(data)
    for _ in range(times):
        what, at = rnd.randrange(5), rnd.randrange(len(data) + 1)
        if what == 0:
            data[at:at] = bytes(rnd.choices(range(256), k=rnd.randrange(1, 8)))
        elif what == 1 and at < len(data):
            data[at] = rnd.randrange(256)
        elif what == 2:
            del data[at:at + rnd.randrange(1, 6)]
        elif what == 3:
            data[at:at] = rnd.choice(inserts)
        else:
            data += data[:at] * rnd.randrange(1, 3)
    return bytes(data)


def drain(s):
    """Takes what was sent to us. False: the other side has closed."""
    while select.select([s], [], [], 0)[0]:
        if not s.recv(1 << 20):
            return False
    return True


class Umbra:
    """umbra run, with a socket at self.path that option makes it listen at. A guest that ended its run is told from a
    crash by check()."""

    def __init__(self, o, option):
        self.o = o
        self.folder = tempfile.TemporaryDirectory()
        self.path = os.path.join(self.folder.name, "socket")
        self.error = open(os.path.join(self.folder.name, "error"), "w+b")
        self.p = subprocess.Popen(
            [o.umbra, "run", "--display", "none", "--timeout", "3600", option, "unix:" + self.path],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self.error)
        end = time.monotonic() + PATIENCE
        while not os.path.exists(self.path):
            if time.monotonic() > end or (self.p.poll() is not None and self.check() is not None):
                self.fail("it does not listen")
            time.sleep(0.02)

    def text(self):
        size = self.error.seek(0, 2)
        self.error.seek(max(0, size - 20000))
        return self.error.read()

    def fail(self, why):
        if self.p.poll() is None:
            self.p.kill()
        print(f"FAIL: {why} (seed {self.o.seed})")
        print(self.text().decode(errors="replace"))
        sys.exit(1)

    def check(self):
        """False when the guest ended the run, which written memory may well make it do."""
        status = self.p.poll()
        if status is None:
            return True
        text = self.text()
        if b"no control socket" in text:
            print("SKIP: this build has no JSON library")
            sys.exit(77)
        if status not in (0, 4) or b"Sanitizer" in text or b"runtime error" in text:
            self.fail(f"umbra ended with {status}")
        return False

    def has_ended(self, why):
        """Something went wrong: the run may be on its way out. If it is not, that is a failure for this reason."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if not self.check():
                return True
            time.sleep(0.1)
        self.fail(why)

    def connect(self):
        """None when the run has ended."""
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(PATIENCE)
        end = time.monotonic() + PATIENCE
        try:
            while time.monotonic() < end:
                try:
                    s.connect(self.path)
                    return s
                except (BlockingIOError, ConnectionRefusedError):  # many wait already; not yet, or no more
                    if not self.check():
                        return None
                    time.sleep(0.1)
            self.fail("it lets nobody in any more")
        except OSError as error:
            self.has_ended(f"cannot connect: {error}")
        return None

    def end(self):
        self.p.terminate()
        try:
            self.p.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.fail("it does not end on SIGTERM")
        self.check()
