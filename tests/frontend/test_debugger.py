#!/usr/bin/env python3
"""The debugger's window, driven as a user would, by keys (xdotool) under Xvfb. What came of it is read
back over the control socket, so nothing here depends on how the window looks; pictures of it are
kept in BUILD/tests/debugger/ for people to look at.

    floppy    break at 7C00, step, step over an INT 13h
    dma       a boot sector has the floppy read into video memory: the DMA checker denies it
    paging    a guest with paging (Linux when it is there, else the built-in one): a page walk
    translation   the guest's code beside the host's
    triple    a triple fault is explained

Arguments: build folder, source folder."""
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time

BUILD, SOURCE = sys.argv[1], sys.argv[2]
PICTURES = os.path.join(BUILD, "tests", "debugger")
GUESTS = os.environ.get("UMBRA_GUESTS", os.path.join(SOURCE, "..", "shared", "guests"))


def skip(why):
    print("SKIP:", why)
    sys.exit(77)


# A boot sector: AX, ES:BX and so on set for INT 13h AH=02h (read a sector), then an endless loop.
# mov ax,SEGMENT; mov es,ax; xor bx,bx; mov ax,0201h; mov cx,2; xor dx,dx; int 13h; nop; jmp $
def reads_sector_to(segment):
    code = bytes([0xB8, segment & 255, segment >> 8, 0x8E, 0xC0, 0x31, 0xDB, 0xB8, 0x01, 0x02,
                  0xB9, 0x02, 0x00, 0x31, 0xD2, 0xCD, 0x13, 0x90, 0xEB, 0xFE])
    return code.ljust(510, b"\0") + b"\x55\xAA" + b"second sector" * 30


# Loads an IDT of length 0, then INT3: three faults, one upon the other.
TRIPLE = bytes([0xFA, 0x0F, 0x01, 0x1E, 0x10, 0x7C, 0x0F, 0x20, 0xC0, 0x40, 0x0F, 0x22, 0xC0, 0xCC,
                0xEB, 0xFE]).ljust(510, b"\0") + b"\x55\xAA"


class Failure(Exception):
    pass


class Machine:
    """umbra debug with its window, and a control socket to know the truth by."""

    def __init__(self, folder, *options):
        self.path = os.path.join(folder, "control")
        os.environ["XDG_STATE_HOME"] = os.path.join(folder, "state")  # each with the first layout
        self.error = open(os.path.join(folder, "stderr"), "w+")
        self.process = subprocess.Popen(
            [os.path.join(BUILD, "umbra"), "debug", "--control", "unix:" + self.path,
             "--timeout", "400", "--display", "none", "--snapshot", *options],
            stdin=subprocess.DEVNULL, stdout=self.error, stderr=self.error)
        self.window = self.find_window()
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(60)
        self.socket.connect(self.path)
        self.lines = self.socket.makefile("r")
        run("xdotool", "windowmove", self.window, "0", "0")
        run("xdotool", "windowfocus", self.window)
        self.wait(lambda: self.ask("status"), "an answer")
        time.sleep(1)

    def find_window(self):
        for _ in range(120):
            if self.process.poll() is not None:
                self.error.seek(0)
                text = self.error.read()
                if "no debugger window" in text or "no desktop" in text:
                    skip(text.strip())
                raise Failure("it ended by itself: " + text)
            out = run("xdotool", "search", "--name", "Umbra debugger", check=False).split()
            if out:
                return out[0]
            time.sleep(0.25)
        raise Failure("no window")

    def ask(self, line):
        self.socket.sendall((json.dumps({"id": 1, "line": line}) + "\n").encode())
        for answer in self.lines:
            reply = json.loads(answer)
            if reply.get("id") == 1:
                return reply
        raise Failure("the control socket is closed")

    def register(self, name):
        return self.ask("regs " + name)["result"][name]

    def stopped(self):
        return not self.ask("status")["result"]["running"]

    def breakpoints(self):
        return [b["text"] for b in self.ask("list")["result"]["breakpoints"]]

    def wait(self, what, name, seconds=90):
        end = time.time() + seconds
        while time.time() < end:
            if self.process.poll() is not None:
                raise Failure("umbra ended while waiting for " + name)
            if what():
                return
            time.sleep(0.2)
        self.picture("failed")
        raise Failure(f"waited for {name} in vain: {self.ask('status')}")

    def key(self, *keys):
        for k in keys:
            run("xdotool", "key", k)
            time.sleep(0.25)

    def type(self, text):
        run("xdotool", "type", "--delay", "80", text)
        time.sleep(0.4)

    def picture(self, name, pause=1.5):
        time.sleep(pause)
        run("import", "-window", self.window, "-strip", "+dither", "-colors", "256",
            "png8:" + os.path.join(PICTURES, name + ".png"), check=False)

    def close(self):
        self.process.terminate()
        self.process.wait(20)
        self.error.close()


def run(*command, check=True):
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    if check and done.returncode:
        raise Failure(f"{command}: {done.stderr}")
    return done.stdout


def expect(is_so, what):
    if not is_so:
        raise Failure(what)


def image(folder, name, data):
    path = os.path.join(folder, name)
    with open(path, "wb") as f:
        f.write(data)
    return path


def go_to(machine, address):
    machine.key("ctrl+g")
    time.sleep(0.8)
    machine.type(address)
    machine.key("Return")
    time.sleep(1)


def test_floppy(folder):
    m = Machine(folder, "--fda", image(folder, "floppy", reads_sector_to(0x0900)))
    try:
        expect(m.stopped(), "it runs before anybody said so")
        m.picture("reset")
        go_to(m, "7c00")
        m.key("F9")
        m.wait(lambda: "at 00007C00" in m.breakpoints(), "a breakpoint at 7C00")
        m.key("F5")
        m.wait(m.stopped, "the stop at 7C00")
        expect(m.register("eip") == 0x7C00, "it stopped elsewhere: " + m.ask("status")["text"])
        m.picture("boot")
        at = 0x7C00
        for length in (3, 2, 2, 3, 3, 2):  # up to INT 13h
            m.key("F11")
            at += length
            m.wait(lambda: m.register("eip") == at, f"the step to {at:x}", 20)
        m.picture("int13")
        m.key("F10")
        m.wait(lambda: m.stopped() and m.register("eip") == 0x7C11, "the step over INT 13h")
        expect(m.register("eax") & 0xFF00 == 0, "the read failed")
        m.key("ctrl+3")
        go_to(m, "9000")
        m.picture("read")
        m.key("ctrl+8")  # devices
        run("xdotool", "mousemove", "25", "301", "click", "1")
        m.picture("devices")
    finally:
        m.close()


def test_dma(folder):
    m = Machine(folder, "--fda", image(folder, "rogue", reads_sector_to(0xA000)))
    try:
        m.key("ctrl+0")
        time.sleep(1)
        m.key("ctrl+0")
        m.type("break on dma")
        m.key("Return")
        m.wait(m.breakpoints, "a breakpoint for DMA denials")
        m.key("F5")
        m.wait(m.stopped, "the denied transfer")
        expect("denied" in m.ask("status")["text"].lower(), m.ask("status")["text"])
        m.key("ctrl+shift+2")
        m.picture("dma")
    finally:
        m.close()


def test_paging(folder):
    linux = os.path.join(GUESTS, "floppinux03.img")
    options = ["-m", "64", linux] if os.path.exists(linux) else []
    engines = subprocess.run([os.path.join(BUILD, "umbra"), "--help"], capture_output=True, text=True)
    if "translate" in engines.stdout:
        options += ["--engine", "translate"]
    m = Machine(folder, *options)
    try:
        m.key("ctrl+shift+1", "ctrl+shift+3", "ctrl+6")
        m.key("F5")
        m.wait(lambda: m.register("cr0") & 0x80000000, "paging", 200)
        time.sleep(12 if options else 2)
        m.picture("time")
        m.key("F6")
        m.wait(m.stopped, "the pause")
        m.picture("walk")
        m.key("ctrl+7")
        m.picture("tables")
        m.key("ctrl+1")
        m.picture("kernel")
    finally:
        m.close()


def test_translation(folder):
    engines = subprocess.run([os.path.join(BUILD, "umbra"), "--help"], capture_output=True, text=True)
    if "translate" not in engines.stdout:
        print("no translator in this build")
        return
    m = Machine(folder, "--engine", "translate")
    try:
        m.key("ctrl+9", "F5")
        m.wait(lambda: m.register("cr0") & 0x80000000, "paging", 60)
        time.sleep(2)
        m.key("F6")
        m.wait(m.stopped, "the pause")
        m.picture("translation")
    finally:
        m.close()


def test_triple(folder):
    m = Machine(folder, "--fda", image(folder, "triple", TRIPLE))
    try:
        m.key("ctrl+0")
        m.key("F5")
        m.wait(m.stopped, "the triple fault")
        expect("triple" in m.ask("status")["text"], m.ask("status")["text"])
        m.picture("triple")
    finally:
        m.close()


def main():
    for tool in ("Xvfb", "xdotool", "import"):
        if not shutil.which(tool):
            skip("no " + tool)
    os.makedirs(PICTURES, exist_ok=True)
    read, write = os.pipe()
    server = subprocess.Popen(["Xvfb", "-displayfd", str(write), "-screen", "0", "1280x800x24"],
                              pass_fds=[write], stderr=subprocess.DEVNULL)
    os.close(write)
    number = os.read(read, 16).decode().strip()
    if not number:
        skip("Xvfb does not start")
    wanted = sys.argv[3:] or ["floppy", "dma", "paging", "translation", "triple"]
    try:
        with tempfile.TemporaryDirectory() as folder:
            os.environ.update(DISPLAY=":" + number, SDL_VIDEODRIVER="x11", SDL_AUDIODRIVER="dummy",
                              # drivers and D-Bus leak at exit, in modules unloaded by then
                              ASAN_OPTIONS="detect_leaks=0")
            for name in wanted:
                where = os.path.join(folder, name)
                os.mkdir(where)
                globals()["test_" + name](where)
                print("ok", name)
    except Failure as e:
        print("FAIL:", e)
        return 1
    finally:
        server.terminate()
        server.wait()
    return 0


sys.exit(main())
