#!/usr/bin/env python3
"""The debugger's window, driven as a user would, by keys and mouse (xdotool) under Xvfb. What came of it is read back over the
control socket, so nothing but the places of a few clicks depends on how the window looks, and nothing on how fast the host is; pictures are kept
in BUILD/tests/debugger/ for people to look at.

    floppy    break at 7C00, step, step over an INT 13h
    mouse     breakpoint by a click in the margin, watchpoint from a byte's menu, memory and registers edited
    layout    which panel is in front, and the size, are there again in the next run
    key       Ctrl+Alt+D in the window of a running guest
    dma       a boot sector has the floppy read into video memory: the DMA checker denies it
    paging    a guest with paging (Linux when it is there, else the built-in one): a page walk
    translation   the guest's code beside the host's
    triple    a triple fault is explained

Arguments: build folder, source folder."""
import os
import shutil
import subprocess
import sys
import tempfile
import time

from clients import PATIENCE, Control

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

# mov ax,1234h; mov [9000h],ax; jmp $
WRITES = bytes([0xB8, 0x34, 0x12, 0xA3, 0x00, 0x90, 0xEB, 0xFE]).ljust(510, b"\0") + b"\x55\xAA"


class Failure(Exception):
    pass


class Machine:
    """umbra with the debugger's window, and a control socket to know the truth by."""

    def __init__(self, folder, *options, command="debug", state="state", display="none", window="Umbra debugger"):
        self.path = os.path.join(folder, "control")
        self.state = os.path.join(folder, state)
        os.environ["XDG_STATE_HOME"] = self.state  # each with the first layout
        self.error = open(os.path.join(folder, "stderr"), "w+")
        self.process = subprocess.Popen(
            [os.path.join(BUILD, "umbra"), command, "--control", "unix:" + self.path, "--timeout", "900",
             "--display", display, "--snapshot", *options],
            stdin=subprocess.DEVNULL, stdout=self.error, stderr=self.error)
        self.window = self.find_window(window)
        self.control = Control(self.path)
        self.focus(self.window)

    def focus(self, window):
        run("xdotool", "windowmove", window, "0", "0")
        run("xdotool", "windowraise", window)
        run("xdotool", "windowfocus", "--sync", window)
        run("xdotool", "mousemove", "1279", "799")  # away: no tip is to cover anything

    def find_window(self, name):
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if self.process.poll() is not None:
                self.error.seek(0)
                text = self.error.read()
                if "this build has no" in text or "no desktop" in text:
                    skip(text.strip())
                raise Failure("it ended by itself: " + text)
            out = run("xdotool", "search", "--onlyvisible", "--name", name, check=False).split()
            if out:
                return out[0]
            time.sleep(0.25)
        raise Failure(f"no window '{name}'")

    def ask(self, line):
        try:
            return self.control.ask(line)
        except OSError as error:
            raise Failure(f"{line}: {error}")

    def register(self, name):
        return self.ask("regs " + name)["result"][name]

    def stopped(self):
        return not self.ask("status")["result"]["running"]

    def breakpoints(self):
        return [b["text"] for b in self.ask("list")["result"]["breakpoints"]]

    def wait(self, what, name):
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise Failure("umbra ended while waiting for " + name)
            if what():
                return
            time.sleep(0.1)
        self.picture("failed")
        raise Failure(f"waited for {name} in vain: {self.ask('status')}")

    def stops(self, reason):
        self.wait(lambda: self.ask("status")["result"].get("reason") == reason, f"a stop: {reason}")

    def key(self, *keys):
        run("xdotool", "key", "--delay", "50", *keys)

    def type(self, text):
        run("xdotool", "type", "--delay", "30", text)

    def click(self, x, y, button=1):
        """In steps: the window hears of where the mouse is before it hears of the button."""
        run("xdotool", "mousemove", str(x), str(y))
        run("xdotool", "sleep", "0.2", "click", str(button), "sleep", "0.2")

    def picture(self, name, pause=0.5):
        """When two in a row look the same; a running guest's never do."""
        before = None
        for _ in range(8):
            time.sleep(pause)
            now = run("import", "-window", self.window, "rgb:-", check=False, binary=True)
            if now == before:
                break
            before = now
        run("import", "-window", self.window, "-strip", "+dither", "-colors", "256",
            "png8:" + os.path.join(PICTURES, name + ".png"), check=False)

    def close(self):
        self.process.terminate()
        self.process.wait(PATIENCE)
        self.error.close()


def run(*command, check=True, binary=False):
    done = subprocess.run(command, capture_output=True, text=not binary, timeout=PATIENCE)
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
    machine.type(address)
    machine.key("Return")


def at_boot_sector(machine):
    """F9 at 7C00, F5, there."""
    go_to(machine, "7c00")
    machine.key("F9")
    machine.wait(lambda: "at 00007C00" in machine.breakpoints(), "a breakpoint at 7C00")
    machine.key("F5")
    machine.wait(lambda: machine.stopped() and machine.register("eip") == 0x7C00, "the stop at 7C00")


def test_floppy(folder):
    m = Machine(folder, "--fda", image(folder, "floppy", reads_sector_to(0x0900)))
    try:
        expect(m.stopped(), "it runs before anybody said so")
        m.picture("reset")
        at_boot_sector(m)
        m.picture("boot")
        at = 0x7C00
        for length in (3, 2, 2, 3, 3, 2):  # up to INT 13h
            m.key("F11")
            at += length
            m.wait(lambda: m.register("eip") == at, f"the step to {at:x}")
        m.picture("int13")
        m.key("F10")
        m.wait(lambda: m.stopped() and m.register("eip") == 0x7C11, "the step over INT 13h")
        expect(m.register("eax") & 0xFF00 == 0, "the read failed")
        m.key("ctrl+3")
        go_to(m, "9000")
        m.picture("read")
        m.key("ctrl+8")  # devices: down to the floppy controller, Enter
        m.key(*["Down"] * 13, "Return")
        m.picture("devices")
    finally:
        m.close()


def test_mouse(folder):
    m = Machine(folder, "--fda", image(folder, "floppy", WRITES))
    try:
        at_boot_sector(m)
        m.click(16, 205)  # the margin, two lines below the one that is next
        m.wait(lambda: len(m.breakpoints()) == 2, "a breakpoint by mouse")
        expect(m.breakpoints()[1].startswith("at 00007C0"), m.breakpoints())
        m.click(16, 205)
        m.wait(lambda: len(m.breakpoints()) == 1, "the same click takes it away")
        m.key("ctrl+3")
        go_to(m, "9000")
        m.picture("memory", 0.3)
        m.click(100, 541, 3)  # the first byte's menu, its first line
        m.click(150, 556)
        m.wait(lambda: len(m.breakpoints()) == 2, "a watchpoint by mouse")
        expect(m.breakpoints()[1] == "data 00009000 len 1 w", m.breakpoints())
        m.picture("watch")
        m.key("F5")
        m.stops("watchpoint")
        expect(m.register("eip") == 0x7C06, m.ask("status"))
        m.key("F9")  # in Memory: at the cursor; no longer
        m.wait(lambda: len(m.breakpoints()) == 1, "F9 in Memory")
        m.click(100, 541)
        m.type("5a")
        m.wait(lambda: m.ask("mem read 0x9000 1")["result"]["bytes"] == "5a", "a byte by hand")
        m.key("ctrl+2", "Down", "Return")  # registers: eax, ebx beside it
        m.type("12345678")
        m.key("Return")
        m.wait(lambda: 0x12345678 in (m.register("eax"), m.register("ebx"), m.register("esi")), "a register by hand")
        m.picture("edited")
    finally:
        m.close()


def test_layout(folder):
    m = Machine(folder)
    ini = os.path.join(m.state, "umbra", "debugger.ini")
    try:
        m.click(205, 63)  # the tab of Tables: one click, at once where the pointer jumps to
        m.wait(lambda: os.path.exists(ini) and "panel=Tables area=0 open=1 front=1" in open(ini).read(), "a tab by mouse")
        m.key("ctrl+8", "ctrl+shift+1", "ctrl+plus", "ctrl+plus")
        m.wait(lambda: os.path.exists(ini) and "font=17" in open(ini).read(), "the layout is kept")
    finally:
        m.close()
    kept = open(ini).read()
    expect("panel=Devices area=0 open=1 front=1" in kept and "panel=Time area=2 open=1 front=1" in kept, kept)
    m = Machine(folder)
    try:
        m.picture("layout")
        m.key("ctrl+minus")
        m.wait(lambda: "font=16" in open(ini).read(), "the next run goes on from there")
    finally:
        m.close()
    expect("panel=Devices area=0 open=1 front=1" in open(ini).read(), open(ini).read())


def test_key(folder):
    m = Machine(folder, command="run", display="sdl", window="built-in guest")
    try:
        guest = m.window
        m.picture("guest", 0.1)
        m.wait(lambda: m.register("cr0") & 0x80000000, "the guest runs")
        m.focus(guest)
        m.key("ctrl+alt+d")
        m.window = m.find_window("Umbra debugger")
        expect(m.window != guest, "two windows")
        expect(not m.stopped(), "the guest runs on")
        m.focus(m.window)
        m.key("F6")
        m.wait(m.stopped, "the pause")
        m.picture("key")
        m.key("F5")
        m.wait(lambda: not m.stopped(), "it goes on")
        run("xdotool", "windowclose", m.window)  # as the user's window manager would
    finally:
        m.close()


def test_dma(folder):
    m = Machine(folder, "--fda", image(folder, "rogue", reads_sector_to(0xA000)))
    try:
        m.key("ctrl+0")
        m.type("break on dma")
        m.key("Return")
        m.wait(m.breakpoints, "a breakpoint for DMA denials")
        m.key("F5")
        m.stops("event")
        expect("denied" in m.ask("status")["text"].lower(), m.ask("status")["text"])
        m.key("ctrl+shift+2")
        m.picture("dma")
    finally:
        m.close()


def test_paging(folder):
    linux = os.path.join(GUESTS, "floppinux03.img")
    options = ["-m", "64", linux] if os.path.exists(linux) else []
    m = Machine(folder, *options)
    try:
        m.key("ctrl+shift+1", "ctrl+shift+3", "ctrl+6", "F5")
        if options:
            m.wait(lambda: "FLOPPINUX_V" in m.ask("screen")["text"], "Linux")
        else:
            m.wait(lambda: m.register("cr0") & 0x80000000, "paging")
        m.picture("time")
        m.key("F6")
        m.wait(m.stopped, "the pause")
        m.picture("walk")
        m.key("ctrl+7", "Right", "Right", "Right", "Return")  # the IDT
        m.picture("tables")
        m.key("ctrl+1")
        m.picture("kernel")
    finally:
        m.close()


def test_translation(folder):
    engines = run(os.path.join(BUILD, "umbra"), "run", "--help")
    if "translate" not in engines:
        print("no translator in this build")
        return
    m = Machine(folder, "--engine", "translate", "--shadow", "window")
    try:
        m.key("ctrl+9", "F5")
        m.wait(lambda: m.register("cr0") & 0x80000000, "paging")
        m.wait(lambda: "demo ready" in m.ask("screen")["text"], "the guest's prompt")
        m.key("F6")
        m.wait(m.stopped, "the pause")
        m.key("ctrl+3")
        go_to(m, "ss:esp")
        m.picture("translation")
    finally:
        m.close()


def test_triple(folder):
    m = Machine(folder, "--fda", image(folder, "triple", TRIPLE))
    try:
        m.key("ctrl+0", "F5")
        m.stops("triple-fault")
        m.picture("triple")
    finally:
        m.close()


TESTS = {"floppy": test_floppy, "mouse": test_mouse, "layout": test_layout, "key": test_key, "dma": test_dma,
         "paging": test_paging, "translation": test_translation, "triple": test_triple}


def main():
    for tool in ("Xvfb", "xdotool", "import"):
        if not shutil.which(tool):
            skip("no " + tool)
    os.makedirs(PICTURES, exist_ok=True)
    read, write = os.pipe()
    server = subprocess.Popen(["Xvfb", "-displayfd", str(write), "-screen", "0", "1280x800x24", "-noreset"],
                              pass_fds=[write], stderr=subprocess.DEVNULL)
    os.close(write)
    number = os.read(read, 16).decode().strip()
    if not number:
        skip("Xvfb does not start")
    try:
        with tempfile.TemporaryDirectory() as folder:
            os.environ.update(DISPLAY=":" + number, SDL_VIDEODRIVER="x11", SDL_AUDIODRIVER="dummy",
                              # drivers and D-Bus leak at exit, in modules unloaded by then
                              ASAN_OPTIONS="detect_leaks=0")
            for name in sys.argv[3:] or TESTS:
                where = os.path.join(folder, name)
                os.mkdir(where)
                TESTS[name](where)
                print("ok", name)
    except Failure as e:
        print("FAIL:", e)
        return 1
    finally:
        server.terminate()
        server.wait()
    return 0


sys.exit(main())
