#!/usr/bin/env python3
"""Does the suite notice a fault? Plants small ones in cpu/ and mmu/, one at a time, in a copy of the
tree, builds and runs the tests of cpu/ and mmu/ until one fails, and reports how many faults were
caught.

    scripts/mutate.py [--directed] [--list] [--only NUMBER,...] [--folder FOLDER] [--cputests FOLDER]

--directed: those of mutants.py instead, which name the tests that are about them.

The copy is a git worktree of HEAD (default /tmp/umbra-mutate), kept for the next run. Exits 1 when
fewer than 95 % were caught, 2 when a fault's text no longer stands in its file exactly once.
"""

import argparse
import os
import subprocess
import sys
import time

from mutants import DIRECTED

GOAL = 0.95
TEST_SECONDS = 120  # a test that runs longer has noticed
TIMEOUT_MULTIPLIER = "10"  # of the tests' own time limits: this may run beside other work

# (file, text that stands in it once, what it becomes)
MUTANTS = [
    # flags and integer instructions
    ("cpu/flags.h", "flags_carry(c, width, r, (~a & b) | ((~a | b) & r));",
     "flags_carry(c, width, r, (~a & b) | ((~a & b) & r));"),
    ("cpu/flags.h", "v = flag_less(c) | flag_zf(c);", "v = flag_less(c);"),
    ("cpu/flags.h", "(0x9669u >> (v & 15)) & 1", "(0x6996u >> (v & 15)) & 1"),
    ("cpu/interp/integer_alu.c", "uint32_t r = a - b - flag_cf(c);", "uint32_t r = a - b;"),
    ("cpu/interp/integer_alu.c", "uint32_t cf = flag_cf(c), r = a - 1;",
     "uint32_t cf = 0, r = a - 1;"),
    ("cpu/interp/integer_shift.c", "c->reg[ECX].b.l : c->reg[ECX].b.l & 31;",
     "c->reg[ECX].b.l & 31 : c->reg[ECX].b.l & 31;"),
    ("cpu/interp/integer_shift.c", "cf = (d >> (32 - n)) & 1;", "cf = (d >> (31 - n)) & 1;"),
    ("cpu/interp/integer_muldiv.c", "flags_mul(c, 32, (uint32_t)r, r >> 32 != 0);",
     "flags_mul(c, 32, (uint32_t)r, r >> 31 != 0);"),
    ("cpu/interp/integer_muldiv.c", "if (v <= c->reg[EDX].d)", "if (!v)"),
    ("cpu/interp/integer_muldiv.c", "bool carry = high || (low && al < 6);",
     "bool carry = high;"),
    ("cpu/interp/integer_bits.c", "ea += width == 16 ? (uint32_t)(index >> 4) * 2",
     "ea += width == 16 ? (uint32_t)((unsigned)index >> 4) * 2"),
    ("cpu/interp/string.c", "if ((uintptr_t)to - (uintptr_t)from >= bytes) {", "if (1) {"),
    ("cpu/interp/string.c", "return c->eflags & FLAG_DF ? -size : size;", "return size;"),
    ("cpu/interp/stack.c", "if (v < lo || v > hi) {", "if (v < lo || v >= hi) {"),
    # segments and far transfers
    ("cpu/segment.c", "if ((selector | 7u) > limit)", "if (selector > limit)"),
    ("cpu/segment.c", "if (!conforming && (s->attr & SEG_ATTR_P)", "if ((s->attr & SEG_ATTR_P)"),
    ("cpu/segment.c",
     "if ((selector & 3u) != cpl || !descriptor_is_writable_data(&d) || descriptor_dpl(&d) != cpl)",
     "if (!descriptor_is_writable_data(&d) || descriptor_dpl(&d) != cpl)"),
    ("cpu/transfer.c", "for (unsigned n = gate->high & 31; n-- > 0;) {",
     "for (unsigned n = gate->high & 15; n-- > 0;) {"),
    ("cpu/transfer.c", "if (dpl < c->cpl || dpl < (selector & 3u))", "if (dpl < c->cpl)"),
    ("cpu/transfer.c", "descriptor_is_conforming(d) ? dpl > c->cpl :",
     "descriptor_is_conforming(d) ? false :"),
    ("cpu/iret.c", "if (c->cpl <= bits(c->eflags, 13, 12))", "if (c->cpl == 0)"),
    ("cpu/iret.c", "segments_drop_inner(c);", ";"),
    ("cpu/iret.c", "if ((flags & FLAG_TF) || ((flags & FLAG_IF) && (c->eflags & FLAG_VIP)))",
     "if ((flags & FLAG_IF) && (c->eflags & FLAG_VIP))"),
    # exceptions and tasks
    ("cpu/exception.c", "vector == VEC_DE || (vector >= VEC_TS && vector <= VEC_GP)",
     "vector >= VEC_TS && vector <= VEC_GP"),
    ("cpu/exception.c", "first == VEC_PF && (second == VEC_PF || is_contributory(second))",
     "first == VEC_PF && is_contributory(second)"),
    ("cpu/deliver.c", "uint32_t clear = FLAG_TF | FLAG_NT | FLAG_RF | FLAG_VM;",
     "uint32_t clear = FLAG_TF | FLAG_RF | FLAG_VM;"),
    ("cpu/deliver.c", "if (e->software && descriptor_dpl(&d) < c->cpl)",
     "if (descriptor_dpl(&d) < c->cpl)"),
    ("cpu/task.c", "base + port / 8 + 1 > c->tr.limit", "base + port / 8 > c->tr.limit"),
    ("cpu/task.c", "eflags &= ~FLAG_NT;", ";"),
    ("cpu/task.c", "c->cr0 |= CR0_TS;", ";"),
    ("cpu/frame.c", "return offset > f->limit && last <= top;", "return last <= top;"),
    # system instructions, control and debug registers
    ("cpu/interp/system_segment.c", "(uint16_t)((*to & ~3u) | rpl);", "(uint16_t)(*to | rpl);"),
    ("cpu/control.c", "(c->cr0 & ~UINT32_C(0xE)) | (value & 0xF)",
     "(c->cr0 & ~UINT32_C(0xF)) | (value & 0xF)"),
    ("cpu/interp/system_flags.c", "if (c->cpl == 0)\n            mask |= FLAG_IOPL;",
     "mask |= FLAG_IOPL;"),
    ("cpu/interp/system_msr.c", "if (n == MSR_PAT && !pat_is_valid(value))", "if (0)"),
    ("cpu/control.c", "if (changed & (CR0_PG | CR0_WP)) {", "if (changed & CR0_PG) {"),
    ("cpu/debug.c", "(!write && dr_kind(c, n) == DR_WRITE)", "0"),
    ("cpu/model.c", "#define CR4_P5 (CR4_VME | CR4_PVI | CR4_TSD", "#define CR4_P5 (CR4_VME | CR4_TSD"),
    # memory and the engine
    ("cpu/access.c", "p[1] = place_of(c, gva + first, view, TLB_WRITE);",
     "p[1] = (struct place){.host = p[0].host + first, .gpa = p[0].gpa + first};"),
    ("cpu/access.c", "if (state & PAGE_NOTED) {", "if (0) {"),
    ("cpu/block_find.c", "if (b && b->crosses && !second_page_holds(c, &s, b)) {", "if (0) {"),
    ("cpu/block_written.c", "if (b_from >= to || from >= b_to ||", "if (b_from >= to || from + 1 >= b_to ||"),
    ("mmu/walk.c", "(all & PTE_W) || !m->wp;", "(all & PTE_W) || m->wp;"),
    ("mmu/walk.c", "page->global = m->pge && (leaf->value & PTE_G);", "page->global = m->pge;"),
    # decoder
    ("cpu/decode.c", "if ((out->base == EBP || out->base == ESP) && !(out->prefixes",
     "if (out->base == EBP && !(out->prefixes"),
    ("cpu/decode.c", "if (out->index == ESP) {", "if (0) {"),
    # x87 and SSE
    ("cpu/interp/x87_state.c", "f->control & FP_IE;", "true;"),
    ("cpu/softfloat/num.c", "(e->rounding == FP_DOWN && sign);", "(e->rounding == FP_DOWN && !sign);"),
    ("cpu/interp/packed.c", "(uint8_t)((a.b[k] + b.b[k] + 1) >> 1)", "(uint8_t)((a.b[k] + b.b[k]) >> 1)"),
    ("cpu/interp/sse_arith.c",
     "(c->mxcsr & (MXCSR_RC | MXCSR_PM | FP_PE)) == (MXCSR_PM | FP_PE)",
     "(c->mxcsr & (MXCSR_PM | FP_PE)) == (MXCSR_PM | FP_PE)"),
]

# From fast to slow; the rest is added behind.
FAST_FIRST = ["v86", "faults", "registers", "transfer", "engine", "exception", "task", "segment",
              "system", "paging", "forms", "boundary", "interp", "vectors", "softfloat", "host", "hostfp",
              "x87", "simd", "decode"]


def run(command, **options):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False, **options)


def prepare(folder):
    """A worktree of HEAD at folder, built."""
    head = run(["git", "rev-parse", "HEAD"]).stdout.strip()
    if not os.path.exists(folder):
        run(["git", "worktree", "add", "--detach", folder, head])
    run(["git", "checkout", "-q", "--force", "--detach", head], cwd=folder)
    out = run(["cmake", "-S", folder, "-B", f"{folder}/build", "-G", "Ninja",
               "-DCMAKE_BUILD_TYPE=Release", "-DUMBRA_WERROR=OFF"])
    if out.returncode:
        sys.exit(out.stdout)


def test_names(folder):
    """The test programs of cpu/ and mmu/: target -> name."""
    names = {"cpu-vectors": "vectors"}
    for part in ("cpu", "mmu"):
        for file in os.listdir(f"{folder}/tests/{part}"):
            if file.startswith("test_") and file.endswith(".c"):
                names[f"test-{part}-{file[5:-2]}"] = file[5:-2]
    order = {name: n for n, name in enumerate(FAST_FIRST)}
    return dict(sorted(names.items(), key=lambda item: order.get(item[1], len(order))))


def first_failure(folder, tests, cputests):
    """Builds and runs one test after the other: the first that fails, or None; and whether all was
    built."""
    for target, name in tests.items():
        out = run(["cmake", "--build", f"{folder}/build", "--target", target])
        if out.returncode:
            return f"DOES NOT BUILD\n{out.stdout}", False
        command = [f"{folder}/build/tests/{target}"]
        if name == "vectors":
            if not os.path.isdir(cputests):
                continue
            command += ["--cpu", "286", cputests]
        try:
            code = run(command, timeout=TEST_SECONDS).returncode
        except subprocess.TimeoutExpired:
            return f"{name} (time)", True
        if code not in (0, 77):
            return name, True
    return None, True


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--directed", action="store_true")
    parser.add_argument("--only")
    parser.add_argument("--folder", default="/tmp/umbra-mutate")
    parser.add_argument("--cputests", default="../shared/cputests/80286")
    args = parser.parse_args()
    os.environ["CK_TIMEOUT_MULTIPLIER"] = TIMEOUT_MULTIPLIER
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
    mutants = DIRECTED if args.directed else MUTANTS
    chosen = [int(n) for n in args.only.split(",")] if args.only else range(1, len(mutants) + 1)
    broken = False
    for n, (path, old, new, *_) in enumerate(mutants, 1):
        count = open(path, encoding="utf-8").read().count(old)
        if args.list or count != 1:
            print(f"{n:3} {path}: {old!r} -> {new!r}" + (f" STANDS {count} TIMES" if count != 1 else ""))
        broken |= count != 1
    if args.list or broken:
        return 2 if broken else 0

    prepare(args.folder)
    tests = test_names(args.folder)
    if not args.only and not args.directed:
        failed, _ = first_failure(args.folder, tests, args.cputests)
        if failed:
            print(f"without a fault: {failed}")
            return 1
    caught = 0
    for n in chosen:
        path, old, new, *own = mutants[n - 1]
        full = os.path.join(args.folder, path)
        text = open(full, encoding="utf-8").read()
        start = time.time()
        with open(full, "w", encoding="utf-8") as f:
            f.write(text.replace(old, new))
        about = {test: test for test in own[0].split()} if own else tests
        failure, good = first_failure(args.folder, about, args.cputests)
        with open(full, "w", encoding="utf-8") as f:
            f.write(text)
        what = "NOT CAUGHT" if not failure else f"caught by {failure}" if good else failure
        caught += bool(failure) and good
        print(f"{n:3} {path}: {' '.join(old.split())[:60]}: {what} ({time.time() - start:.0f} s)",
              flush=True)
    print(f"caught {caught} of {len(chosen)}")
    return caught < GOAL * len(chosen)


if __name__ == "__main__":
    sys.exit(main())
