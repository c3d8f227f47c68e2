#include "frontend/disassemble.h"

#include <stdio.h>
#include <stdlib.h>

#include "cpu/block.h"
#include "cpu/decode.h"

#ifdef UMBRA_HAVE_CAPSTONE
#include <capstone.h>

struct disassembler {
    csh handle[2]; /* 16 and 32-bit code */
    cs_insn *insn[2];
};

struct disassembler *disassembler_create(const struct vcpu *c)
{
    struct disassembler *d = calloc(1, sizeof *d);
    (void)c;
    for (unsigned i = 0; d && i < 2; i++) {
        if (cs_open(CS_ARCH_X86, i ? CS_MODE_32 : CS_MODE_16, &d->handle[i]) != CS_ERR_OK ||
            !(d->insn[i] = cs_malloc(d->handle[i]))) {
            disassembler_destroy(d);
            return NULL;
        }
    }
    return d;
}

void disassembler_destroy(struct disassembler *d)
{
    for (unsigned i = 0; d && i < 2; i++) {
        if (d->insn[i])
            cs_free(d->insn[i], 1);
        if (d->handle[i])
            cs_close(&d->handle[i]);
    }
    free(d);
}

unsigned disassemble(struct disassembler *d, const uint8_t *bytes, size_t len, uint32_t eip,
                     bool code32, char text[DISASSEMBLY_BYTES])
{
    cs_insn *insn = d->insn[code32];
    const uint8_t *at = bytes;
    uint64_t address = eip;
    if (!cs_disasm_iter(d->handle[code32], &at, &len, &address, insn)) {
        snprintf(text, DISASSEMBLY_BYTES, "(no instruction)");
        return 1;
    }
    snprintf(text, DISASSEMBLY_BYTES, "%s%s%s", insn->mnemonic, *insn->op_str ? " " : "",
             insn->op_str);
    return insn->size;
}

#else /* no Capstone */

struct disassembler {
    const struct decoder *decoder;
};

struct disassembler *disassembler_create(const struct vcpu *c)
{
    struct disassembler *d = malloc(sizeof *d);
    if (d)
        d->decoder = block_cache_decoder(c->blocks);
    return d;
}

void disassembler_destroy(struct disassembler *d)
{
    free(d);
}

unsigned disassemble(struct disassembler *d, const uint8_t *bytes, size_t len, uint32_t eip,
                     bool code32, char text[DISASSEMBLY_BYTES])
{
    struct insn i;
    (void)eip;
    if (decode_insn(d->decoder, bytes, len, code32, &i) != DECODE_OK) {
        snprintf(text, DISASSEMBLY_BYTES, "(no instruction)");
        return 1;
    }
    snprintf(text, DISASSEMBLY_BYTES, "%s ...", opcode_row(i.op)->mnemonic);
    return i.len;
}
#endif
