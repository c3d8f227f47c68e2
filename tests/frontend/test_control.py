#!/usr/bin/env python3
"""The control socket: answers, events, several clients, bad requests, host paths, the socket's file.

Arguments: build folder, source folder."""
import base64
import json
import os
import socket
import stat
import subprocess
import sys
import tempfile
import time

from prelude import expect, umbra_of, watch

umbra = umbra_of(sys.argv[1])
folder = tempfile.TemporaryDirectory()
path = os.path.join(folder.name, "control")
process = None


def start(*options, command="debug"):
    global process
    process = subprocess.Popen([umbra, command, "--display", "none", "--timeout", "600", "--control", "unix:" + path,
                                *options], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    watch(process)
    for _ in range(2400):
        if os.path.exists(path) and process.poll() is None:
            try:
                return Client()
            except ConnectionError:
                pass
        if process.poll() is not None:
            expect(False, "umbra starts", process.communicate())
        time.sleep(0.05)
    expect(False, "the socket comes")


def ends(status):
    out, err = process.communicate(timeout=300)
    expect(process.returncode == status, f"exit status {process.returncode}, not {status}", err.decode())
    expect(not os.path.exists(path), "the socket's file goes")
    return err.decode()


class Client:
    def __init__(self):
        self.s = socket.socket(socket.AF_UNIX)
        self.s.settimeout(300)
        self.s.connect(path)
        self.f = self.s.makefile("rb")
        self.events = []
        self.id = 0
        self.hello = self.read()
        expect(self.hello.get("event") == "hello" and self.hello["protocol"] == 1, "a greeting", self.hello)

    def read(self):
        line = self.f.readline()
        return json.loads(line) if line else None

    def send(self, raw):
        self.s.sendall(raw)

    def answer(self, id):
        while True:
            got = self.read()
            expect(got is not None, "the connection goes on")
            if "event" in got:
                self.events.append(got)
            else:
                expect(got["id"] == id, f"the answer to {id}", got)
                return got

    def ask(self, verb, *args):
        """The result of a verb; a string when it failed: why."""
        self.id += 1
        self.send(json.dumps({"id": self.id, "verb": verb, "args": list(args)}).encode() + b"\n")
        got = self.answer(self.id)
        return got["result"] if got["ok"] else got["error"]

    def event(self, name):
        while True:
            for n, e in enumerate(self.events):
                if e["event"] == name:
                    return self.events.pop(n)
            got = self.read()
            expect(got is not None, f"event {name} comes")
            if "event" in got:
                self.events.append(got)

    def close(self):
        self.f.close()
        self.s.close()


def wrong(want, *options):
    p = subprocess.run([umbra, "run", "--display", "none", "--timeout", "60", *options], stdin=subprocess.DEVNULL,
                       capture_output=True, timeout=300)
    expect(p.returncode == want, f"{options}: exit {p.returncode}, not {want}", p.stderr.decode())


# --- the command line
wrong(2, "--control", "tcp:1234")
wrong(2, "--control-trusted")
wrong(2, "-S")
wrong(1, "--control", "unix:/no/such/folder/x")
open(os.path.join(folder.name, "file"), "w").write("precious")
wrong(1, "--control", "unix:" + os.path.join(folder.name, "file"))
expect(open(os.path.join(folder.name, "file")).read() == "precious", "a file in the way is left alone")
probe = subprocess.run([umbra, "run", "--display", "none", "--timeout", "1", "--control", "unix:" + path],
                       stdin=subprocess.DEVNULL, capture_output=True)
if b"no control socket" in probe.stderr:
    print("SKIP: this build has no JSON library")
    sys.exit(77)

# --- a file left behind by a killed run is replaced; one that is served is not
c = start()
process.kill()
process.communicate()
expect(os.path.exists(path), "a killed run leaves its file")
c.close()
c = start()
expect(stat.S_IMODE(os.stat(path).st_mode) == 0o600, "only its owner can open it", oct(os.stat(path).st_mode))
wrong(1, "--control", "unix:" + path)
expect(os.path.exists(path), "the second one takes nothing away")

# --- running and stopping
expect(c.hello["running"] is False and c.hello["pc"] == 0xFFFFFFF0, "stopped at reset", c.hello)
expect(c.ask("step", 2) == {}, "step")
expect(c.event("stopped")["reason"] == "stepped", "the step is told")
expect(c.ask("status")["instructions"] == 2, "two steps are two instructions")
b = c.ask("break", "0x7c00", "if", "dl == 0")
expect(b["number"] == 1 and b["condition"] == "dl == 0", "break", b)
expect(c.ask("continue") == {}, "continue")
expect(c.event("resumed"), "resumed")
e = c.event("stopped")
expect(e["reason"] == "breakpoint" and e["breakpoint"] == 1 and e["pc"] == 0x7C00 and e["cs"] == 0, "breakpoint", e)
expect("running: pause" not in str(c.ask("step")), "step")
c.event("stopped")
expect(c.ask("list")["breakpoints"][0]["hits"] == 1, "hits")
expect(c.ask("delete", "all") == {} and c.ask("list")["breakpoints"] == [], "delete all")
expect("no breakpoint" in c.ask("delete", 7), "none of that number")

# --- registers and memory, in both forms of a request
expect(c.ask("set", "ebx", "0x12345678")["ebx"] == 0x12345678, "set")
expect(c.ask("regs", "ebx", "xmm0") == {"ebx": 0x12345678, "xmm0": "00" * 16}, "regs")
expect(len(c.ask("regs")) > 50, "all registers")
expect(c.ask("mem read", "0x7dfe", 2)["bytes"] == "55aa", "memory")
expect(c.ask("mem write", "0600:0", "dead", 'text: "x" é')["written"] == 9, "bytes and text")
expect(c.ask("mem read", "phys:0x6000", 9)["bytes"] == "dead" + ' "x" é'.encode().hex(), "physical memory")
c.send(b'{"line":"mem read 0x6000 2", "id":"text"}\r\n')
expect(c.answer("text")["result"]["bytes"] == "dead", "a line")
expect(c.ask("eval", "bx == 0x5678 && byte [0x7dfe] == 'U'")["value"] == 1, "an expression")
expect(len(c.ask("disas", "0x7c00", 5)["instructions"]) == 5, "disassembly")
expect(c.ask("idt", 0x13)["entries"][0]["kind"] == "vector", "the vector table")
expect(c.ask("walk", "0x7c00")["physical"] == 0x7C00, "walk")
expect(c.ask("history", 3)["entries"][0]["kind"] in ("int", "interrupt", "exception", "mode"), "history")
expect(c.ask("devices", "pit")["registers"], "a device")
expect(c.ask("stats")["stats"]["instructions"] > 0, "stats")
expect(any(v["name"] == "break on" for v in c.ask("help")["verbs"]), "help")
c.send(b'{"id":1.5,"line":"status"}\n')
expect(c.answer(1.5)["ok"], "an id may be any number")

# --- requests that are none
for raw, why in [(b"hello\n", "JSON"), (b"[1]\n", "object"), (b"{}\n", "verb"), (b'"x"\n', "JSON"), (b'{"verb":7}\n', "verb"),
                 (b'{"verb":"status","args":[null]}\n', "args"), (b'{"verb":"status","args":{}}\n', "args"),
                 (b'{"verb":"status","verb":"quit"}\n', "JSON"), (b'{"id":[],"verb":"status"}\n', "id"),
                 (b'{"verb":"status"\xff}\n', "JSON"), (b'{"verb":""}\n', "verb"), (b'{"line":"break 0 if"}\n', "if"),
                 (b'{"verb":"mem"}\n', ""), (b'{"line":"\\"x"}\n', "quote"), (b"\0\n", "JSON"),
                 (b"[" * 100000 + b"\n", "JSON"), (b'{"a":' * 20000 + b"\n", "JSON"),
                 (b'{"verb":"eval","args":["' + b"(" * 5000 + b'"]}\n', ""), (b"x" * 3000000 + b"\n", "at most"),
                 (b'{"verb":"status","args":[' + b"1," * 300 + b"1]}\n", "args")]:
    c.send(raw)
    got = c.answer(None)
    expect(why == "" or (not got["ok"] and why in got["error"]), f"{raw[:40]} is refused for '{why}'", got)
for line in ["regs nosuch", "set eax", "mem read 0x7c00 99999", "break phys:", "watch", "break on", "break on port", "nonsense",
             "type {nokey}", "drive change fdb x", "screenshot a b", "set eflags 0x100000000", "break on int 256",
             "until on", "mem write 0 xyz", "history blocks maybe", "wait", "drive"]:
    expect("id" not in line and (isinstance(c.ask(*line.split()), str) or line == "drive"), f"'{line}' fails")
expect(c.ask("status")["running"] is False, "all that changed nothing")

# --- the host's files
other = os.path.join(folder.name, "other.png")
expect("not named" in c.ask("screenshot", other) and not os.path.exists(other), "screenshot to a file")
expect("not named" in c.ask("drive change", "fda", "/etc/passwd"), "another image")
expect(base64.b64decode(c.ask("screenshot")["png"])[:4] == b"\x89PNG", "a picture in the answer")

# --- several clients; one that vanishes in the middle of a request and one that does not read
d = Client()
d.send(b'{"verb":"sta')
d.close()
deaf = Client()
for _ in range(2400):
    deaf.send(b'{"verb":"help"}\n' * 20) if _ < 5 else None
e = Client()
expect(e.ask("continue") == {} and c.event("resumed") and e.event("resumed"), "all hear events")
expect("pause first" in e.ask("over"), "a running guest does no steps")
expect(e.ask("type", "{until demo ready}dma\\n") == {}, "type")
expect(c.event("dma-denied")["device"] == "dma8237", "a denial is told")
expect(e.event("dma-denied")["reason"] == "not RAM", "to all")
expect(any("Umbra demo" in row for row in e.ask("screen")["text"]), "the screen")
others = [Client() for _ in range(13)]
s = socket.socket(socket.AF_UNIX)
s.connect(path)
expect(b"too many" in s.recv(4096), "the seventeenth is refused")
s.close()
for o in others + [deaf]:
    o.close()
c.close()
one = subprocess.run([sys.executable, "-c", "import socket,sys\ns=socket.socket(socket.AF_UNIX)\ns.connect(sys.argv[1])\n"
                      "s.sendall(b'{\"verb\":\"pause\"}')\ns.shutdown(socket.SHUT_WR)\nsys.stdout.buffer.write(b''.join(iter(lambda: s.recv(4096), b'')))",
                      path], capture_output=True, timeout=300)
expect(b'"ok":true' in one.stdout.split(b"\n")[-2], "one shot, without line end, then closed", one)
expect(e.event("stopped")["reason"] == "paused", "paused")
expect(e.ask("status")["running"] is False, "and still so when that client is gone")

# --- the end
expect(e.ask("continue") == {}, "continue")
e.ask("type", "off\\n")
e.event("powered-off")
last = e.event("ended")
expect(last["why"] == "powered-off" and last["status"] == 0, "the end is told", last)
expect(e.read() is None, "and is the last word")
ends(0)

# --- a triple fault is shown before it ends the run; what was named at start-up may be opened
boot = os.path.join(folder.name, "boot.img")
code = bytes([0xFA, 0x0F, 0x01, 0x1E, 0x00, 0x7D, 0xCC])  # cli; lidt [7D00] (zeros); int3
open(boot, "wb").write(code + bytes(510 - len(code)) + b"\x55\xaa")
disc = os.path.join(folder.name, "disc.img")
open(disc, "wb").write(bytes(1474560))
shot = os.path.join(folder.name, "shot.png")
c = start("--allow", disc, "--screenshot", shot, boot)
c.ask("continue")
e = c.event("stopped")
expect(e["reason"] == "triple-fault" and e["explanation"], "a triple fault is explained", e)
expect(c.ask("screenshot", shot)["width"] and os.path.exists(shot), "the screenshot's file")
expect(c.ask("drive change", "fda", disc) == {}, "an allowed image")
expect(c.event("drive")["path"] == disc, "is told")
expect(c.ask("drive eject", "fda") == {}, "eject")
expect("path" not in c.ask("drive list")["drives"][0], "empty")
expect("no drive" in c.ask("drive eject", "hdd"), "no such drive")
c.ask("continue")
expect(c.event("ended")["why"] == "triple-fault", "then it ends")
ends(4)
c = start("--control-trusted", command="run")
expect(c.hello["running"] is True, "umbra run runs")
expect(c.ask("screenshot", other)["width"] and os.path.exists(other), "a trusted client names any file")
expect(c.ask("quit") == {} and c.event("ended")["status"] == 0, "quit")
ends(0)
print("all passed")
