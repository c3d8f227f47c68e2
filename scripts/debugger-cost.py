#!/usr/bin/env python3
"""What the debugger's window costs the guest: the benchmark's micro workloads under `umbra run`, under `umbra debug`
with the window open (in an Xvfb of its own), and so with 100 breakpoints in cold code, in turns.

    scripts/debugger-cost.py BUILD BENCH BENCH_BUILD [REPEATS] [WORKLOAD:ROUNDS...]

BENCH is the benchmark's folder, BENCH_BUILD its products (BENCH_BUILD/micro). Between the markers that the guest prints it takes
the host's clock and the processor time of the guest's own thread; the rest of the process (drawing) is told
apart. Compared are the least of the repeats: what disturbs a run makes it longer, never shorter."""
import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

BUILD, BENCH, PRODUCTS = (os.path.abspath(p) for p in sys.argv[1:4])
REPEATS = int(sys.argv[4]) if len(sys.argv) > 4 else 5
WORK = sys.argv[5:] or ["crc32:300", "qsort:200", "fib:2000", "vm:120", "vcall:300", "sha256:200"]
FORMS = ["run", "open", "open+100"]
COLD = [0x100070 + 2 * n for n in range(100)]  # the kernel's exception stubs: in a page with hot code

sys.path.insert(0, os.path.join(BENCH, "micro"))
import mkimg  # noqa: E402


def processor_time(pid):
    """Nanoseconds of each thread."""
    out = {}
    for t in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{t}/schedstat") as f:
            out[t] = int(f.read().split()[0])
    return out


class Control:
    def __init__(self, path, process):
        self.socket = socket.socket(socket.AF_UNIX)
        while True:
            try:
                self.socket.connect(path)
                break
            except OSError:
                if process.poll() is not None:
                    sys.exit("umbra does not start")
                time.sleep(0.05)
        self.lines = self.socket.makefile("r")

    def ask(self, line):
        self.socket.sendall((json.dumps({"id": 1, "line": line}) + "\n").encode())
        for answer in self.lines:
            reply = json.loads(answer)
            if reply.get("id") == 1:
                if not reply["ok"]:
                    sys.exit(f"{line}: {reply}")
                return reply


def one(form, image, folder):
    """{workload: (wall, guest's thread, rest)} in seconds."""
    control = os.path.join(folder, "control")
    argv = [os.path.join(BUILD, "umbra"), "run" if form == "run" else "debug", "-m", "256",
            "--display", "none", "--serial", "stdio", "--hda", image, "--snapshot",
            "--control", "unix:" + control]
    p = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.DEVNULL)
    c = Control(control, p)
    result, begin = {}, None
    try:
        if form != "run":
            if form == "open+100":
                for address in COLD:
                    c.ask(f"break {address:#x}")
            time.sleep(1)  # the window has been drawn
            c.ask("continue")
        for line in iter(p.stdout.readline, b""):
            now, used = time.monotonic(), processor_time(p.pid)
            words = re.sub(rb".*@", b"@", line).decode("latin1").split()
            if words and words[0] == "@B":
                begin = now, used
            elif words and words[0] == "@E":
                spent = {t: (used[t] - begin[1].get(t, 0)) / 1e9 for t in used}
                guest = max(spent, key=spent.get)
                result[words[1]] = (now - begin[0], spent[guest], sum(spent.values()) - spent[guest])
            elif words and words[0] == "@DONE":
                break
        if form == "open+100":
            hits = [b["hits"] for b in c.ask("list")["result"]["breakpoints"]]
            assert len(hits) == len(COLD) and not any(hits), "the code was not cold"
    finally:
        p.kill()
        p.wait()
    return result


def main():
    names = [w.split(":")[0] for w in WORK]
    samples = {(f, n): [] for f in FORMS for n in names}
    with tempfile.TemporaryDirectory() as folder:
        image = os.path.join(folder, "disk.img")
        mkimg.make(os.path.join(PRODUCTS, "micro", "obj-"), ",".join(WORK), "hd", image)
        os.environ["XDG_STATE_HOME"] = os.path.join(folder, "state")
        for repeat in range(REPEATS):
            for form in FORMS[repeat % 3:] + FORMS[:repeat % 3]:
                where = os.path.join(folder, f"{form}{repeat}")
                os.mkdir(where)
                for name, times in one(form, image, where).items():
                    samples[form, name].append(times)
    print("workload   run: guest's thread, s   (clock, s)   open / run   (clock)   + 100 breakpoints / run   (clock)   "
          "drawing, processors")
    parts = {"processor time": 1, "clock": 0}
    ratios = {(f, p): [] for f in FORMS[1:] for p in parts}
    least = {(f, n, p): min(s[k] for s in samples[f, n]) for f in FORMS for n in names for p, k in parts.items()}
    for name in names:
        row = [f"{name:8}"] + [f"{least['run', name, p]:8.3f}" for p in parts]
        for form in FORMS[1:]:
            for p in parts:
                ratios[form, p].append(least[form, name, p] / least["run", name, p])
                row.append(f"{ratios[form, p][-1]:.3f}")
        row.append(f"{statistics.median(s[2] / s[0] for s in samples['open', name]):.2f}")
        print("   ".join(row))
    for (form, p), r in ratios.items():
        print(f"{form}: geometric mean {statistics.geometric_mean(r):.4f} of {p}")


if not shutil.which("Xvfb"):
    sys.exit("no Xvfb")
read, write = os.pipe()
server = subprocess.Popen(["Xvfb", "-displayfd", str(write), "-screen", "0", "1280x800x24", "-noreset"],
                          pass_fds=[write], stderr=subprocess.DEVNULL)
os.close(write)
os.environ.update(DISPLAY=":" + os.read(read, 16).decode().strip(), SDL_VIDEODRIVER="x11", SDL_AUDIODRIVER="dummy")
try:
    main()
finally:
    server.terminate()
    server.wait()
