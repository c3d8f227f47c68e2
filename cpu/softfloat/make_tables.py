#!/usr/bin/env python3
"""Prints trans_tables.c: the constants of the transcendental functions, to 128 bits.

Run by hand: make_tables.py > trans_tables.c. Needs nothing but Python."""
from decimal import Decimal as D, getcontext
from fractions import Fraction as F
from math import factorial

getcontext().prec = 80
LN2 = D(2).ln()


def atan(x):
    """By its series after halving the argument four times."""
    x = D(x)
    halvings = 4
    for _ in range(halvings):
        x = x / (1 + (1 + x * x).sqrt())
    total, term, n = D(0), x, 1
    while abs(term) > D(10) ** -78:
        total += term / n
        term = -term * x * x
        n += 2
    return total * 2**halvings


def u128(v):
    v = int(v)
    assert 0 <= v < 1 << 128, v
    return f"U128(0x{v >> 64:016X}, 0x{v & (1 << 64) - 1:016X})"


def nearest(v):
    return int((D(v) if not isinstance(v, F) else D(v.numerator) / D(v.denominator)) + D("0.5"))


def wide(v):
    """A struct wide: sign, exponent, significand with its top bit set."""
    if v == 0:
        return "{0, 0, 0}"
    sign, v, exp = int(v < 0), abs(D(v)), 0
    while v >= 2:
        v /= 2
        exp += 1
    while v < 1:
        v *= 2
        exp -= 1
    sig = int(v * D(2) ** 127 + D("0.5"))
    if sig >> 128:
        sig, exp = sig >> 1, exp + 1
    return f"{{{u128(sig)}, {exp}, {sign}}}"


def table(name, kind, comment, values):
    print(f"\n/* {comment} */\nconst {kind} {name}[{len(values)}] = {{")
    for v in values:
        print(f"    {v},")
    print("};")


def q127(v):
    return u128(nearest(v * 2**127))


print("/* Made by make_tables.py: do not edit. */")
print('#include "cpu/softfloat/wide.h"')
print("\n#define U128(hi, lo) ((u128)UINT64_C(hi) << 64 | UINT64_C(lo))")
table("sin_series", "u128", "1/(2k+1)!, Q1.127", [q127(F(1, factorial(2 * k + 1))) for k in range(18)])
table("cos_series", "u128", "1/(2k)!, Q1.127", [q127(F(1, factorial(2 * k))) for k in range(18)])
table("atan_series", "u128", "1/(2k+1), Q1.127: atan and atanh", [q127(F(1, 2 * k + 1)) for k in range(12)])
table("exp_series", "u128", "1/(k+1)!, Q1.127", [q127(F(1, factorial(k + 1))) for k in range(17)])
table("atan_table", "struct wide", "atan(k / 32)", [wide(atan(D(k) / 32)) for k in range(33)])
table("log2_table", "struct wide", "-log2(c / 256), c = round(2^14 / j), j = 45..91",
      [wide(-(D((2**15 // j + 1) // 2) / 256).ln() / LN2) for j in range(45, 92)])
table("exp2m1_table", "struct wide", "2^(k / 32) - 1, k = -32..32",
      [wide(D(2) ** (D(k) / 32) - 1) for k in range(-32, 33)])
pi = atan(1) * 4
print("\nconst struct wide wide_pi = " + wide(pi) + ";")
print("const struct wide wide_ln2 = " + wide(LN2) + ";")
print("const struct wide wide_two_log2e = " + wide(2 / LN2) + ";")
