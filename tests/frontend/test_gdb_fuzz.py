#!/usr/bin/env python3
"""Throws malformed and random packets at the gdb stub for some seconds (UMBRA_FUZZ_SECONDS): no
crash, no sanitizer report, no hang; afterwards a well-behaved client is served.

Arguments: build folder, source folder."""
import os
import random
import re
import select
import socket
import subprocess
import sys
import time

build = sys.argv[1]
umbra = os.path.join(build, "umbra")
if not os.access(umbra, os.X_OK) or not os.path.exists(os.path.join(build, "bios/bios.bin")):
    print("SKIP: umbra or its firmware is not built")
    sys.exit(77)
seconds = float(os.environ.get("UMBRA_FUZZ_SECONDS", "8"))
seed = int(os.environ.get("UMBRA_FUZZ_SEED", random.randrange(1 << 32)))
rnd = random.Random(seed)
print(f"seed {seed}, {seconds} seconds")

SEEDS = [
    b"?", b"g", b"p8", b"p28", b"p40", b"pffffffff", b"P0=12345678", b"P8=000c0000", b"Pa=1000",
    b"G" + b"00" * 200, b"m0,40", b"mffffffff,ff", b"m7c00,4000", b"M500,2:1234", b"X500,3:abc",
    b"X500,0:", b"s", b"c", b"s1000", b"C05", b"S05;7c00", b"vCont?", b"vCont;c", b"vCont;s:1;c",
    b"vCont;t", b"Z0,7c00,1", b"z0,7c00,1", b"Z1,fff0,1", b"Z2,500,4", b"Z3,0,1000", b"Z4,500,1",
    b"z2,500,4", b"Z5,1,1", b"H g0", b"Hg1", b"Hc-1", b"T1", b"T2", b"qC", b"qAttached",
    b"qSupported:swbreak+;xmlRegisters=i386", b"qfThreadInfo", b"qsThreadInfo", b"qOffsets",
    b"qThreadExtraInfo,1", b"qXfer:features:read:target.xml:0,ffb",
    b"qXfer:features:read:target.xml:ffffffffffffffff,1", b"qXfer:memory-map:read::0,1000",
    b"qXfer:features:read:other.xml:0,ff", b"QStartNoAckMode", b"vMustReplyEmpty", b"D", b"D;1",
    b"qRcmd," + b"help".hex().encode(), b"qRcmd," + b"info registers".hex().encode(),
    b"qRcmd," + b"mem read 0 4096".hex().encode(), b"qRcmd," + b"reset".hex().encode(), b"qRcmd,6",
]


def frame(body):
    escaped = b"".join(bytes([0x7D, c ^ 0x20]) if c in b"#$}*" else bytes([c]) for c in body)
    return b"$" + escaped + b"#%02x" % (sum(escaped) & 0xFF)


def mutate(body):
    body = bytearray(body)
    for _ in range(rnd.randrange(4)):
        what = rnd.randrange(5)
        at = rnd.randrange(len(body) + 1)
        if what == 0:
            body[at:at] = bytes(rnd.choices(range(256), k=rnd.randrange(1, 8)))
        elif what == 1 and at < len(body):
            body[at] = rnd.randrange(256)
        elif what == 2:
            del body[at:at + rnd.randrange(1, 5)]
        elif what == 3:
            body[at:at] = rnd.choice([b"ffffffff", b"0", b",", b";", b":", b"-", b"ffffffffffffffffffff"])
        else:
            body += body[:at] * rnd.randrange(1, 3)
    return bytes(body)


def ends_it(body):
    """What is meant to end the emulator is left out."""
    return body[:1] == b"k" or body[:5] == b"vKill" or b"71756974" in body or b"q" == body[:1] and b"quit" in body


def junk():
    kind = rnd.randrange(12)
    if kind == 0:
        return bytes(rnd.choices(range(256), k=rnd.randrange(1, 300)))
    if kind == 1:
        return b"$" + b"m" * rnd.choice([100, 0x4000, 0x4001, 40000]) + b"#00"
    if kind == 2:
        return rnd.choice([b"\x03", b"+", b"-", b"---", b"$", b"#", b"$#00", b"}", b"$}#zz", b"\x03\x03"])
    body = mutate(rnd.choice(SEEDS))
    if ends_it(body):
        return b"+"
    packet = frame(body)
    if kind == 3:
        return packet[:rnd.randrange(len(packet) + 1)]
    if kind == 4:
        return packet[:-1] + bytes([rnd.randrange(256)])
    return packet


class Umbra:
    def __init__(self):
        self.p = subprocess.Popen(
            [umbra, "run", "--display", "none", "--timeout", "900", "--gdb", "127.0.0.1:0"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        os.set_blocking(self.p.stderr.fileno(), False)
        self.text = b""
        end = time.time() + 30
        while not re.search(rb"127\.0\.0\.1:(\d+)\n", self.text):
            if time.time() > end or self.p.poll() is not None:
                self.fail("it does not listen")
            self.read()
            time.sleep(0.02)
        self.port = int(re.search(rb"127\.0\.0\.1:(\d+)\n", self.text).group(1))

    def read(self):
        while select.select([self.p.stderr], [], [], 0)[0]:
            more = self.p.stderr.read(65536)
            if not more:
                break
            self.text = (self.text + more)[-100000:]

    def fail(self, why):
        self.p.poll() is None and self.p.kill()
        self.read()
        print(f"FAIL: {why} (seed {seed})")
        print(self.text.decode(errors="replace")[-8000:])
        sys.exit(1)

    def check(self):
        """False when the guest ended the run, which written memory may well make it do."""
        self.read()
        status = self.p.poll()
        if status is None:
            return True
        time.sleep(0.1)
        self.read()
        if status not in (0, 4) or b"Sanitizer" in self.text or b"runtime error" in self.text:
            self.fail(f"umbra ended with {status}")
        return False


def connect(u):
    try:
        return socket.create_connection(("127.0.0.1", u.port), timeout=20)
    except OSError as error:
        for _ in range(100):  # it may be on its way out
            if not u.check():
                return None
            time.sleep(0.1)
        u.fail(f"cannot connect: {error}")


def drain(s):
    while select.select([s], [], [], 0)[0]:
        if not s.recv(65536):
            return False
    return True


def bother(u):
    """One client's life."""
    s = connect(u)
    if not s:
        return
    try:
        for _ in range(rnd.randrange(1, 60)):
            s.sendall(junk())
            if rnd.random() < 0.7 and not drain(s):
                break
            if rnd.random() < 0.05:
                time.sleep(0.002)
        if rnd.random() < 0.3:
            s.shutdown(rnd.choice([socket.SHUT_WR, socket.SHUT_RDWR]))
    except OSError:
        pass
    s.close()


def ask(u, s, body):
    s.sendall(frame(body))
    data = b""
    while not re.search(rb"\$[^#]*#..", data):
        more = s.recv(65536)
        if not more:
            raise ConnectionError(f"no answer to {body}")
        data += more
    s.sendall(b"+")
    return re.search(rb"\$([^#]*)#..", data).group(1)


def behave(u):
    for _ in range(50):  # the one before may still be being seen off
        s = connect(u)
        if not s:
            return
        try:
            s.settimeout(20)
            if ask(u, s, b"?")[:1] != b"T":
                u.fail("no stop reply")
            if len(ask(u, s, b"g")) < 400:
                u.fail("short registers")
            if ask(u, s, b"m0,10") == b"":
                u.fail("no memory")
            ask(u, s, b"D")
            s.close()
            return
        except SystemExit:
            raise
        except OSError as error:
            s.close()
            last = error
            time.sleep(0.05)
    if u.check():
        u.fail(f"a good client is not served: {last}")


u = Umbra()
lives = restarts = 0
end = time.time() + seconds
while time.time() < end:
    bother(u)
    lives += 1
    if not u.check():
        restarts += 1
        u = Umbra()
# A fresh machine, so that the last word is about the stub and not about a guest that was shot.
behave(u)
u.p.terminate()
try:
    u.p.wait(20)
except subprocess.TimeoutExpired:
    u.fail("it does not end on SIGTERM")
u.check()
print(f"{lives} clients, {restarts} guests ended by what was written to them")
