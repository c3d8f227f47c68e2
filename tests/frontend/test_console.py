#!/usr/bin/env python3
"""The console: verbs from a script, from a pipe and typed at a terminal, with completion and Ctrl-C.

Arguments: build folder, source folder."""
import os
import pty
import re
import select
import signal
import subprocess
import sys
import tempfile
import time

from prelude import expect, umbra_of

umbra = umbra_of(sys.argv[1])
folder = tempfile.TemporaryDirectory()


def run(*options, text="", command="debug"):
    p = subprocess.run([umbra, command, "--display", "none", "--timeout", "600", *options], input=text.encode(),
                       capture_output=True, timeout=900)
    return p.returncode, p.stdout.decode(), p.stderr.decode()


def script(lines, *options, **more):
    path = os.path.join(folder.name, "script")
    open(path, "w").write(lines)
    return run("--console-script", path, *options, **more)


def usage(want, *options, command="run"):
    status, out, err = run(*options, command=command)
    expect(status == want and err, f"{options}: exit {status}, not {want}", err)


# --- the command line
usage(1, "--console-script", "/no/such/script")
usage(1, "--console", "--serial", "stdio")
usage(1, "--serial", "stdio", command="debug")

# --- from a pipe: failures are told and passed over; the end of the input ends a stopped guest
status, out, err = run(text="step 2\nnonsense\n\n# a comment\nbreak 0x7c00 # another\ncontinue\nregs ip cs\nlist\n"
                       "eval 'A' + 1\nbreak 0x500 if al == 'A' || al == '#'\nmem read 07c0:0 4")
expect(status == 0, f"exit status {status}", out, err)
for text in ["stepped at F000:0000E05", "there is no verb 'nonsense'", "breakpoint 1 at 0000:00007C00", "ip        00007c00",
             "1   on  at 00007C00  hits 1", "0x42  66", "if al == 'A' || al == '#'", "00007c00  fa 31 c0 8e"]:
    expect(text in out, f"'{text}' comes", out, err)
status, out, err = run("--console", text="status\nquit\n", command="run")
expect(status == 0 and "running, virtual time" in out, "a running guest", out, err)

# --- a script: the first failure ends it
status, out, err = script("step\nregs eax\nmem read 0 99999\nregs ebx\n")
expect(status == 1 and "script:3: 1 to 4096 bytes" in err and "eax" in out and "ebx" not in out, "a failure ends it", status, out, err)
for seconds in 3, 20, 120:  # a busy host's guest needs longer to have typed and shown it
    status, out, err = script("type '{until demo ready}page\\n{until two pages}'\ncontinue &\n" + f"wait {seconds}\npause\nscreen\n"
                              "screenshot " + folder.name + "/s.png\n"
                              "break on interrupt 0x20 ignore 2\ncontinue\nlist\ndelete all\nstep 3\nquit\n")
    if "directory[ 256]" in out:
        break
expect(status == 0 and "directory[ 256]" in out, "typing, the screen", status, out, err)
expect(re.search(r"interrupt 20h  *hits 3|hits 3", out), "hits that pass are counted", out)
expect(open(folder.name + "/s.png", "rb").read(4) == b"\x89PNG", "a screenshot")
status, out, err = script("type '{until demo ready}off\\n'\n", command="run")
expect(status == 0, "a script ends, the guest runs on to its own end", status, err)
status, out, err = script("wait 0.3\nstatus\n", "--console", text="status\nquit\n", command="run")
expect(status == 0, "then the pipe", status, err)
expect(out.count("running") == 2, "script and pipe", out)

# --- a terminal
pid, fd = pty.fork()
if pid == 0:
    os.environ["TERM"] = "vt100"
    os.environ["ASAN_OPTIONS"] = "detect_leaks=0"  # libedit keeps some strings until the end
    os.execv(umbra, [umbra, "debug", "--display", "none", "--timeout", "600"])
shown = b""


def seen(text, seconds):
    """Does text come in that time? What was shown up to it is forgotten."""
    global shown
    end = time.time() + seconds
    while text not in shown:
        if time.time() > end:
            return False
        if select.select([fd], [], [], 0.2)[0]:
            try:
                shown += os.read(fd, 65536)
            except OSError:
                expect(False, f"{text} before the end", shown.decode(errors="replace"))
    shown = shown[shown.index(text) + len(text):]
    return True


def until(text):
    expect(seen(text, 300), f"{text} comes", shown.decode(errors="replace"))


def keys(text):
    os.write(fd, text)


def enter(typed, text):
    """Types until text comes: what is typed while the terminal changes hands may be lost. Ctrl-U first: a part may be there."""
    for _ in range(5):
        keys(b"\x15" + typed)
        if seen(text, 60):
            return
    expect(False, f"{typed} brings {text}", shown.decode(errors="replace"))


def pause_guest():
    """Ctrl-C; again, should the guest not have run yet."""
    global shown
    end = time.time() + 300
    while b"paused at " not in shown:
        expect(time.time() < end, "a pause", shown.decode(errors="replace"))
        keys(b"\x03")
        if select.select([fd], [], [], 2)[0]:
            time.sleep(0.2)
            shown += os.read(fd, 65536)
    until(b"paused at ")


def end_of_input():
    """Ctrl-D; again, should the terminal not have been in the console's hands. Returns how it ended."""
    end = time.time() + 300
    while True:
        keys(b"\x04")
        for _ in range(50):
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                return status
            if select.select([fd], [], [], 0.1)[0]:
                try:
                    os.read(fd, 65536)
                except OSError:  # it has closed the terminal
                    time.sleep(0.1)
        expect(time.time() < end, "Ctrl-D ends it")


until(b"'help' lists the verbs")
until(b"paused at F000:0000FFF0")
until(b"umbra> ")
has_editing = b"libedit" in subprocess.run(["ldd", umbra], capture_output=True).stdout
if has_editing:
    enter(b"sta\t\t", b"status")
    enter(b"statu\t\r", b"virtual time 0.000000")
    until(b"umbra> ")
    enter(b"conti\t\r", b"nue")
else:
    enter(b"continue\n", b"nue")
until(b"\n")  # it has been taken: Ctrl-C throws away what is still to be read
pause_guest()
until(b"umbra> ")
enter(b"continue &\r", b"umbra> ")
enter(b"pause\r", b"paused at ")
if has_editing:
    until(b"umbra> ")
    enter(b"\x1b[A\x1b[A\rstatus\r", b"running, virtual time")  # two up: continue &
until(b"umbra> ")
keys(b"\x00")  # as a Ctrl-D arrives that was typed while a verb ran: nothing comes of it
status = end_of_input()
expect(os.WIFEXITED(status) and os.WEXITSTATUS(status) == 0, "Ctrl-D ends it", status)
print("all passed")
