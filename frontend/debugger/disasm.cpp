#include "frontend/debugger/disasm.h"

#include <capstone/capstone.h>

#include <algorithm>
#include <cstring>
#include <map>

namespace
{

/* A Capstone handle in one mode; closed with the scope. */
struct Handle {
    csh h = 0;
    cs_insn *insn = nullptr;

    Handle(cs_mode mode, bool detail)
    {
        if (cs_open(CS_ARCH_X86, mode, &h) != CS_ERR_OK)
            return;
        cs_option(h, CS_OPT_DETAIL, detail ? CS_OPT_ON : CS_OPT_OFF);
        insn = cs_malloc(h);
    }
    ~Handle()
    {
        if (insn)
            cs_free(insn, 1);
        if (h)
            cs_close(&h);
    }
    Handle(const Handle &) = delete;
    Handle &operator=(const Handle &) = delete;
};

/* The general register that r is or is a part of, in view.h's numbers; -1: another. */
int general(unsigned r)
{
    switch (r) {
    case X86_REG_EAX:
    case X86_REG_AX:
    case X86_REG_AL:
    case X86_REG_AH:
        return VIEW_EAX;
    case X86_REG_ECX:
    case X86_REG_CX:
    case X86_REG_CL:
    case X86_REG_CH:
        return VIEW_ECX;
    case X86_REG_EDX:
    case X86_REG_DX:
    case X86_REG_DL:
    case X86_REG_DH:
        return VIEW_EDX;
    case X86_REG_EBX:
    case X86_REG_BX:
    case X86_REG_BL:
    case X86_REG_BH:
        return VIEW_EBX;
    case X86_REG_ESP:
    case X86_REG_SP:
        return VIEW_ESP;
    case X86_REG_EBP:
    case X86_REG_BP:
        return VIEW_EBP;
    case X86_REG_ESI:
    case X86_REG_SI:
        return VIEW_ESI;
    case X86_REG_EDI:
    case X86_REG_DI:
        return VIEW_EDI;
    default:
        return -1;
    }
}

int segment_number(unsigned r)
{
    switch (r) {
    case X86_REG_ES:
        return VIEW_ES;
    case X86_REG_CS:
        return VIEW_CS;
    case X86_REG_SS:
        return VIEW_SS;
    case X86_REG_DS:
        return VIEW_DS;
    case X86_REG_FS:
        return VIEW_FS;
    case X86_REG_GS:
        return VIEW_GS;
    default:
        return -1;
    }
}

LineKind kind_of(csh h, const cs_insn *i)
{
    static const char *const system[] = {"in",    "out",   "hlt",   "cli",  "sti",    "lgdt",
                                         "lidt",  "lldt",  "ltr",   "lmsw", "invlpg", "wbinvd",
                                         "clts",  "rdmsr", "wrmsr", "insb", "insw",   "insd",
                                         "outsb", "outsw", "outsd"};
    if (cs_insn_group(h, i, X86_GRP_CALL))
        return LineKind::call;
    if (cs_insn_group(h, i, X86_GRP_RET) || cs_insn_group(h, i, X86_GRP_IRET))
        return LineKind::back;
    if (cs_insn_group(h, i, X86_GRP_INT))
        return LineKind::system;
    if (i->id == X86_INS_JMP || i->id == X86_INS_LJMP)
        return LineKind::jump;
    if (cs_insn_group(h, i, X86_GRP_JUMP) || (i->id >= X86_INS_LOOP && i->id <= X86_INS_LOOPNE))
        return LineKind::branch;
    for (const char *s : system) {
        if (strcmp(i->mnemonic, s) == 0)
            return LineKind::system;
    }
    for (int n = 0; n < i->detail->x86.op_count; n++) {
        const cs_x86_op &op = i->detail->x86.operands[n];
        if (op.type != X86_OP_REG)
            continue;
        unsigned r = op.reg;
        if ((r >= X86_REG_CR0 && r <= X86_REG_CR15) || (r >= X86_REG_DR0 && r <= X86_REG_DR15))
            return LineKind::system;
    }
    return LineKind::plain;
}

void take_operands(const cs_insn *i, bool code32, uint32_t cs_base, Line &line)
{
    const cs_x86 &x = i->detail->x86;
    bool flow =
        line.kind == LineKind::jump || line.kind == LineKind::branch || line.kind == LineKind::call;
    for (int n = 0; n < x.op_count; n++) {
        const cs_x86_op &op = x.operands[n];
        if (op.type == X86_OP_IMM && flow && x.op_count == 1) {
            line.has_target = true;
            line.target = cs_base + (uint32_t)(code32 ? op.imm : op.imm & 0xFFFF);
        } else if (op.type == X86_OP_REG && general(op.reg) >= 0) {
            line.registers |= 1u << general(op.reg);
        } else if (op.type == X86_OP_MEM) {
            Operand m;
            m.base = general(op.mem.base);
            m.index = general(op.mem.index);
            m.scale = op.mem.scale;
            m.displacement = op.mem.disp;
            m.segment = segment_number(op.mem.segment);
            if (m.segment < 0)
                m.segment = m.base == VIEW_EBP || m.base == VIEW_ESP ? VIEW_SS : VIEW_DS;
            if (i->id == X86_INS_STOSB || i->id == X86_INS_STOSW || i->id == X86_INS_STOSD ||
                i->id == X86_INS_SCASB)
                m.segment = VIEW_ES;
            m.wide = x.addr_size == 4;
            m.size = op.size;
            m.is_lea = i->id == X86_INS_LEA;
            if (m.base >= 0)
                line.registers |= 1u << m.base;
            if (m.index >= 0)
                line.registers |= 1u << m.index;
            line.memory.push_back(m);
        }
    }
}

/* Capstone's "dword ptr [ebx + ecx*4]" as "dword [ebx+ecx*4]". */
std::string short_operands(const char *text)
{
    std::string out;
    bool inside = false;
    for (const char *s = text; *s; s++) {
        if (strncmp(s, "ptr ", 4) == 0) {
            s += 3;
            continue;
        }
        inside = *s == '[' || (inside && *s != ']');
        if (!inside || *s != ' ')
            out += *s;
    }
    return out;
}

Line bad_line(const view_bytes &b, uint32_t at)
{
    Line line;
    char byte[8];
    line.address = at;
    line.kind = LineKind::bad;
    bool there = view_valid(&b, at - (uint32_t)b.base);
    snprintf(byte, sizeof byte, "%02xh", b.data[at - (uint32_t)b.base]);
    line.mnemonic = there ? "db" : "??";
    line.operands = there ? byte : "not mapped";
    return line;
}

/* Bytes from at on that are mapped. */
size_t mapped(const view_bytes &b, uint32_t at)
{
    uint32_t from = at - (uint32_t)b.base, len = 0;
    while (len < 16 && view_valid(&b, from + len))
        len++;
    return len;
}

} // namespace

std::vector<Line> disassemble(const view_bytes &b, uint32_t from, unsigned rows, bool code32,
                              uint32_t cs_base, const std::vector<uint32_t> &starts)
{
    std::vector<Line> lines;
    Handle capstone(code32 ? CS_MODE_32 : CS_MODE_16, true);
    uint32_t at = from;
    while (lines.size() < rows && at - (uint32_t)b.base < b.len && (at >= from || !lines.size())) {
        size_t len = mapped(b, at);
        const uint8_t *code = b.data + (at - (uint32_t)b.base);
        /* Offsets in CS, so that 16-bit targets wrap as the CPU has them. */
        uint64_t address = at - cs_base;
        if (!len || !capstone.insn ||
            !cs_disasm_iter(capstone.h, &code, &len, &address, capstone.insn)) {
            lines.push_back(bad_line(b, at));
            at++;
            continue;
        }
        const cs_insn *i = capstone.insn;
        bool over = false;
        for (uint32_t start : starts)
            over |= start > at && start - at < i->size;
        if (over) {
            lines.push_back(bad_line(b, at));
            at++;
            continue;
        }
        Line line;
        line.address = at;
        line.length = (uint8_t)i->size;
        line.kind = kind_of(capstone.h, i);
        line.mnemonic = i->mnemonic;
        line.operands = short_operands(i->op_str);
        take_operands(i, code32, cs_base, line);
        at += line.length;
        lines.push_back(std::move(line));
    }
    return lines;
}

std::vector<Line> disassemble_host(const uint8_t *code, size_t len, uint64_t address)
{
    std::vector<Line> lines;
    Handle capstone(CS_MODE_64, true);
    uint64_t start = address;
    while (len && capstone.insn) {
        Line line;
        line.address = (uint32_t)(address - start);
        if (cs_disasm_iter(capstone.h, &code, &len, &address, capstone.insn)) {
            line.kind = kind_of(capstone.h, capstone.insn);
            line.length = (uint8_t)capstone.insn->size;
            line.mnemonic = capstone.insn->mnemonic;
            line.operands = short_operands(capstone.insn->op_str);
        } else { /* data between: constants */
            char byte[8];
            snprintf(byte, sizeof byte, "%02xh", *code);
            line.kind = LineKind::bad;
            line.mnemonic = "db";
            line.operands = byte;
            code++;
            len--;
            address++;
        }
        lines.push_back(std::move(line));
    }
    return lines;
}

uint32_t line_before(const view_bytes &b, uint32_t at, bool code32)
{
    Handle capstone(code32 ? CS_MODE_32 : CS_MODE_16, false);
    std::map<uint32_t, int> votes;
    for (uint32_t back = 1; back <= 40 && capstone.insn; back++) {
        uint32_t from = at - back;
        if (from - (uint32_t)b.base >= b.len || !mapped(b, from))
            break;
        uint32_t last = from, here = from;
        while (here - from < back) {
            size_t len = mapped(b, here);
            const uint8_t *code = b.data + (here - (uint32_t)b.base);
            uint64_t address = here;
            if (!len || !cs_disasm_iter(capstone.h, &code, &len, &address, capstone.insn))
                break;
            last = here;
            here += (uint32_t)capstone.insn->size;
        }
        if (here == at)
            votes[last] += back > 15 ? 2 : 1;
    }
    uint32_t best = at - 1;
    int most = 0;
    for (auto &[start, count] : votes) {
        if (count > most) {
            most = count;
            best = start;
        }
    }
    return best;
}
