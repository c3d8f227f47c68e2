#!/usr/bin/env python3
"""Does a test fail when the host is slow or busy? Runs tests of a build many times, several at once, and meanwhile stops and continues the
processes under test (SIGSTOP, SIGCONT), so that every race has a chance to be lost.

    scripts/stress.py [-n TIMES] [-j JOBS] [--stop SECONDS | --share PART] [--processes REGEX] BUILD TEST-REGEX

    --stop SECONDS     one process at a time, every second or so, for up to so long: shows orders of events that nobody thought of
    --share PART       all of them, again and again: they have that part of the time (0.08: a host twelve times as slow)
    --processes REGEX  which of a test's processes, by name; default all but the test's own shell or Python

The output of each failed run stands in BUILD/stress/. Exits 1 when there was one.
"""
import argparse
import json
import os
import pathlib
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time

GAP = 0.8  # s between two stops, in the mean
TURN = 0.07  # s that a turn of --share takes, about


def tests_of(build, pattern):
    """name -> (command, environment) of the tests that pattern is found in."""
    shown = subprocess.run(["ctest", "--test-dir", build, "--show-only=json-v1"], capture_output=True, check=True)
    found = {}
    for test in json.loads(shown.stdout)["tests"]:
        if re.search(pattern, test["name"]) and "command" in test:
            properties = {p["name"]: p["value"] for p in test.get("properties", [])}
            found[test["name"]] = test["command"], dict(v.split("=", 1) for v in properties.get("ENVIRONMENT", []))
    return found


def descendants(root):
    """pid -> name, root's included."""
    children, names = {}, {}
    for entry in os.listdir("/proc"):
        try:
            with open(f"/proc/{int(entry)}/stat") as f:
                name, rest = f.read().split("(", 1)[1].rsplit(")", 1)
        except (ValueError, OSError):  # no process, or no more
            continue
        names[int(entry)] = name
        children.setdefault(int(rest.split()[1]), []).append(int(entry))
    found, todo = {}, [root]
    while todo:
        pid = todo.pop()
        found[pid] = names.get(pid, "")
        todo += children.get(pid, [])
    return found


def send(pid, number):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def disturb(process, o):
    """Until the test has ended."""
    while process.poll() is None:
        if not o.share:
            time.sleep(random.expovariate(1 / GAP))
        end = time.monotonic() + random.uniform(TURN / 2, TURN * 3 / 2)
        victims = [pid for pid, name in descendants(process.pid).items() if re.search(o.processes, name)]
        if not o.share:
            victims = victims and [random.choice(victims)]
            end = time.monotonic() + o.stop * random.random() ** 2
        for pid in victims:
            send(pid, signal.SIGSTOP)
        time.sleep(max(0, end - time.monotonic()))
        for pid in victims:
            send(pid, signal.SIGCONT)
        if o.share:
            time.sleep(TURN * o.share / (1 - o.share))


def run_once(command, environment, o):
    """Exit status, seconds, output."""
    with tempfile.TemporaryDirectory() as folder, open(os.path.join(folder, "out"), "w+b") as out:
        started = time.monotonic()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=folder,
                                   env={**os.environ, **environment}, start_new_session=True)
        if o.stop or o.share:
            disturb(process, o)
        status = process.wait()
        out.seek(0)
        return status, time.monotonic() - started, out.read()


def main():
    p = argparse.ArgumentParser(usage=__doc__)
    p.add_argument("-n", type=int, default=10)
    p.add_argument("-j", type=int, default=3 * (os.cpu_count() or 1))
    p.add_argument("--stop", type=float, default=0)
    p.add_argument("--share", type=float, default=0)
    p.add_argument("--processes", default=r"^(?!bash|sh$|python)")
    p.add_argument("build")
    p.add_argument("tests")
    o = p.parse_args()
    tests = tests_of(o.build, o.tests)
    jobs = [name for _ in range(o.n) for name in tests]
    results = {name: [] for name in tests}
    failures = pathlib.Path(o.build, "stress")
    failures.mkdir(exist_ok=True)
    lock = threading.Lock()

    def work():
        while True:
            with lock:
                if not jobs:
                    return
                name = jobs.pop(0)
            status, seconds, output = run_once(*tests[name], o)
            with lock:
                results[name].append((status, seconds))
                if status not in (0, 77):
                    kept = failures / f"{name}.{len(results[name])}"
                    kept.write_bytes(output)
                    print(f"{name} failed with {status} after {seconds:.1f} s: {kept}", flush=True)

    threads = [threading.Thread(target=work) for _ in range(o.j)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for name, all_runs in results.items():
        bad = sum(status not in (0, 77) for status, _ in all_runs)
        skipped = sum(status == 77 for status, _ in all_runs)
        print(f"{name}: {len(all_runs)} runs, {bad} failed, {skipped} skipped, {min(s for _, s in all_runs):.1f} to "
              f"{max(s for _, s in all_runs):.1f} s")
    return any(status not in (0, 77) for runs in results.values() for status, _ in runs)


if __name__ == "__main__":
    sys.exit(main())
