#!/usr/bin/env python3
"""gdb, the control socket and a second of each at one machine: who stops or lets go the guest is heard by the others, and a
client that vanishes takes nothing with it.

Arguments: build folder, source folder."""
import os
import re
import subprocess
import sys
import tempfile
import time

from clients import PATIENCE, Control, Gdb
from prelude import expect, umbra_of, watch

umbra = umbra_of(sys.argv[1])
folder = tempfile.TemporaryDirectory()
process = None


def start(*options):
    """The control client, and where gdb may attach."""
    global process
    path = os.path.join(folder.name, "control")
    process = subprocess.Popen([umbra, "run", "--display", "none", "--timeout", "600", "--gdb", "127.0.0.1:0",
                                "--control", "unix:" + path, *options],
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    watch(process)
    line = b""
    while not re.search(rb"127\.0\.0\.1:\d+", line):
        line = process.stderr.readline()
        if b"no control socket" in line:
            print("SKIP: this build has no JSON library")
            sys.exit(77)
        expect(line, "umbra starts")
    return Control(path), ("127.0.0.1", int(re.search(rb":(\d+)\n", line).group(1)))


def running(control):
    return control.ask("status")["result"]["running"]


def until(what, why):
    end = time.monotonic() + PATIENCE
    while not what():
        expect(time.monotonic() < end, why)
        time.sleep(0.05)


control, port = start("-S")
other = Control(os.path.join(folder.name, "control"))
gdb = Gdb(port)
expect(gdb.ask(b"qSupported:swbreak+").startswith(b"PacketSize"), "gdb is served")
expect(gdb.ask(b"vCont?").endswith(b";r"), "range steps are offered")

# --- gdb lets it go and stops it: both clients of the socket hear
expect(gdb.ask(b"Z0,7c00,1") == b"OK", "gdb's breakpoint")
gdb.send(b"vCont;c")
for c in (control, other):
    expect(c.hello["event"] == "hello", "a greeting")
    c.event("resumed")
    e = c.event("stopped")
    expect(e["reason"] == "breakpoint" and e["pc"] == 0x7C00 and "breakpoint" not in e, "gdb's stop is told", e)
expect(b"swbreak" in gdb.reply(), "and to gdb")
expect(control.ask("list")["result"]["breakpoints"] == [], "gdb's breakpoints are its own")

# --- the socket stops what gdb let go, and at a breakpoint of its own
gdb.send(b"vCont;c")
control.event("resumed")
expect(control.ask("pause")["ok"], "pause")
expect(gdb.reply().startswith(b"T02"), "gdb hears of the pause")
expect(other.event("stopped")["reason"] == "paused", "so does the other client")
expect(control.ask("break on interrupt")["ok"], "a breakpoint of the socket")
gdb.send(b"vCont;c")
expect(gdb.reply().startswith(b"T05"), "stops for gdb, too")
expect(other.event("stopped")["reason"] == "event", "with its reason for the socket")
control.ask("delete all")

# --- the socket lets go what gdb believes to stand: gdb's next "continue" waits for the next stop
expect(control.ask("continue")["ok"], "continue")
expect(running(other), "it runs")
expect(gdb.ask(b"g")[:1] != b"E", "gdb may look meanwhile")
gdb.send(b"vCont;c")
expect(gdb.waits(), "gdb waits")
expect(other.ask("pause")["ok"] and gdb.reply().startswith(b"T02"), "the next stop is gdb's, too")

# --- range steps: through code, out of it; a pause ends one that would go on for ever
pc = control.ask("status")["result"]["pc"]
gdb.send(b"vCont;r%x,%x:1" % (pc, pc + 1))
expect(gdb.reply().startswith(b"T05"), "a range step ends")
expect(control.ask("status")["result"]["pc"] != pc, "outside of the range")
gdb.send(b"vCont;r0,ffffffff")
expect(gdb.waits(), "this range holds all that runs")
gdb.socket.sendall(b"\x03")
expect(gdb.reply().startswith(b"T02"), "Ctrl-C ends it")
for bad in (b"vCont;r", b"vCont;r5", b"vCont;r5,4", b"vCont;r0,fffffffff"):
    expect(gdb.ask(bad).startswith(b"E"), "a bad range", bad)

# --- a second gdb is refused; a client of the socket vanishes; gdb vanishes
second = Gdb(port)
try:
    second.ask(b"?")
    expect(False, "two gdbs")
except ConnectionError:
    pass
expect(gdb.ask(b"?").startswith(b"T"), "the first one is still served")
other.close()
expect(not running(control), "a client that goes changes nothing")
expect(gdb.ask(b"Z0,7c00,1") == b"OK", "one more breakpoint")
gdb.close()
until(lambda: running(control), "without gdb the guest goes on")
gdb = Gdb(port)  # in the middle of a packet, then gone
gdb.socket.sendall(b"$m0,1000")
until(lambda: not running(control), "the next gdb stops it")
gdb.close()
until(lambda: running(control), "and lets it go")

# --- both gone while it is stopped; then the machine is still there for the next ones
gdb = Gdb(port)
until(lambda: not running(control), "gdb is there again")
control.close()
gdb.close()
control = Control(os.path.join(folder.name, "control"))
until(lambda: running(control), "the guest goes on")
gdb = Gdb(port)
control.event("stopped")  # by the new one; it may hear of the old one's going before
gdb.send(b"vCont;c")
control.event("resumed")
control.ask("quit")
expect(gdb.reply().startswith(b"W00"), "the end is told to gdb")
expect(control.event("ended")["status"] == 0, "and to the socket")
expect(process.wait(PATIENCE) == 0, "the exit status")
print("all passed")
