#!/usr/bin/env python3
"""Throws malformed and random packets at the gdb stub for some seconds: no crash, no sanitizer report, no hang; afterwards a
well-behaved client is served.

    test_gdb_fuzz.py BUILD SOURCE [--seconds N] [--seed N]      (or UMBRA_FUZZ_SECONDS, UMBRA_FUZZ_SEED)"""
import re
import socket
import time

import fuzzing

options = fuzzing.options()
rnd = options.rnd

SEEDS = [
    b"?", b"g", b"p8", b"p28", b"p40", b"pffffffff", b"P0=12345678", b"P8=000c0000", b"Pa=1000",
    b"G" + b"00" * 200, b"m0,40", b"mffffffff,ff", b"m7c00,4000", b"M500,2:1234", b"X500,3:abc",
    b"X500,0:", b"s", b"c", b"s1000", b"C05", b"S05;7c00", b"vCont?", b"vCont;c", b"vCont;s:1;c",
    b"vCont;t", b"vCont;r7c00,7c10:1;c", b"vCont;rfff0,ffff", b"Z0,7c00,1", b"z0,7c00,1", b"Z1,fff0,1", b"Z2,500,4", b"Z3,0,1000", b"Z4,500,1",
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


BREAKERS = [b"ffffffff", b"0", b",", b";", b":", b"-", b"ffffffffffffffffffff"]


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
    body = fuzzing.mutate(rnd, rnd.choice(SEEDS), BREAKERS, rnd.randrange(4))
    if ends_it(body):
        return b"+"
    packet = frame(body)
    if kind == 3:
        return packet[:rnd.randrange(len(packet) + 1)]
    if kind == 4:
        return packet[:-1] + bytes([rnd.randrange(256)])
    return packet


def bother(u):
    """One client's life."""
    s = u.connect()
    if not s:
        return
    try:
        for _ in range(rnd.randrange(1, 60)):
            s.sendall(junk())
            if rnd.random() < 0.7 and not fuzzing.drain(s):
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
    end = time.monotonic() + fuzzing.PATIENCE
    while True:  # the one before may still be being seen off
        s = u.connect()
        if not s:
            return
        try:
            if ask(u, s, b"?")[:1] != b"T":
                u.fail("no stop reply")
            if len(ask(u, s, b"g")) < 400:
                u.fail("short registers")
            if ask(u, s, b"m0,10") == b"":
                u.fail("no memory")
            ask(u, s, b"D")
            return
        except OSError as error:
            if not u.check():
                return
            if time.monotonic() > end:
                u.fail(f"a good client is not served: {error}")
            time.sleep(0.05)
        finally:
            s.close()


u = fuzzing.Umbra(options, "--gdb")
lives = restarts = 0
end = time.monotonic() + options.seconds
while time.monotonic() < end:
    bother(u)
    lives += 1
    if not u.check():
        restarts += 1
        u = fuzzing.Umbra(options, "--gdb")
behave(u)
u.end()
print(f"{lives} clients, {restarts} guests ended by what was written to them")
