/* frontend/debugger/disasm.h: bytes as lines of assembly (Capstone, Intel syntax). */
#ifndef UMBRA_FRONTEND_DEBUGGER_DISASM_H
#define UMBRA_FRONTEND_DEBUGGER_DISASM_H

#include <cstdint>
#include <string>
#include <vector>

#include "frontend/debugger/view.h"

enum class LineKind { plain, jump, branch, call, back, system, bad };

/* A memory operand: address = base + index * scale + displacement, by register numbers of view.h
 * (-1: none). */
struct Operand {
    int segment = -1, base = -1, index = -1, scale = 1;
    bool wide = true; /* 32-bit address arithmetic */
    int64_t displacement = 0;
    unsigned size = 0;
    bool is_lea = false;
};

struct Line {
    uint32_t address = 0;
    uint8_t length = 1;
    LineKind kind = LineKind::plain;
    bool has_target = false;
    uint32_t target = 0;    /* linear */
    uint32_t registers = 0; /* set of general registers read or written (view.h's numbers) */
    std::string mnemonic, operands;
    std::vector<Operand> memory;
};

/* rows lines of b from an address on; code32 as CS.D says, cs_base is CS's base. starts: addresses
 * where an instruction is known to begin; what would run over one is shown as a byte. */
std::vector<Line> disassemble(const view_bytes &b, uint32_t from, unsigned rows, bool code32,
                              uint32_t cs_base, const std::vector<uint32_t> &starts = {});

/* 64-bit host code that runs at address; the lines' addresses are offsets. */
std::vector<Line> disassemble_host(const uint8_t *code, size_t len, uint64_t address);

/* The start of the instruction that ends at `at`, by decoding from several places before it and
 * taking the start that most agree on; at - 1 when nothing decodes. */
uint32_t line_before(const view_bytes &b, uint32_t at, bool code32);

#endif
