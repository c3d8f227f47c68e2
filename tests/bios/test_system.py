#!/usr/bin/env python3
"""The services around the disks: screen, A20, memory, waits, clock and alarm, serial port, printer, print
screen, keyboard, mouse, APM. What was printed is looked at here."""
from machine import DIR, assemble, checks, expect

paper = DIR / "paper"
checks("system services", "--fda", assemble("system"), "--snapshot", "--parallel", f"file:{paper}")
printed = paper.read_bytes().decode("cp437")
expect(printed.startswith("P"), "INT 17h prints one character", printed)
lines = [line.rstrip() for line in printed[1:].split("\r\n")]
expect("This line goes to the printer." in lines, "INT 05h prints the screen", printed)
expect(lines.count("       @") == 1 and len(lines) == 27, "INT 05h prints 25 lines", printed)
