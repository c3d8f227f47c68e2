/* translator/x86_64/stubs.c: the ways into and out of host code.
 *
 *   enter        C -> host code: saves what C keeps, loads the guest's registers and flags
 *   help, link,  host code -> C -> host code: stores the guest's registers and flags, calls, and
 *   miss, poll,  goes on where the function said; on NULL returns from enter
 *   fpu, narrow
 *   again        a return that was guessed wrong: on by the jump table (translator/returns.h)
 *   empty        the same at the bottom of the stack of returns
 *
 * r11d and r10d are the arguments. Flags travel as LAHF and SETO leave them: PUSHF and POPF take
 * ten times as long. */
#include "translator/x86_64/emit.h"

static const uint8_t kept[] = {RBX, RBP, R12, R13, R14, R15};

static struct place guest_field(unsigned guest)
{
    return vcpu_field(offsetof(struct vcpu, reg) + guest * sizeof(union gpr_value));
}

static void push(struct code *c, unsigned r)
{
    if (r & 8)
        asm_8(c, 0x41);
    asm_8(c, 0x50 | (r & 7));
}

static void pop(struct code *c, unsigned r)
{
    if (r & 8)
        asm_8(c, 0x41);
    asm_8(c, 0x58 | (r & 7));
}

/* XMM0..7 from the vCPU, or to it. */
static void put_xmm(struct code *c, bool load)
{
    for (unsigned n = 0; n < 8; n++) {
        struct place at = vcpu_field(offsetof(struct vcpu, xmm) + n * sizeof(union xmm));
        asm_modrm(c, &(struct form){.map = ASM_0F, .opcode = load ? 0x10 : 0x11}, n, at);
    }
}

/* LDMXCSR or STMXCSR. */
static void put_mxcsr(struct code *c, bool load, struct place at)
{
    asm_modrm(c, &(struct form){.map = ASM_0F, .opcode = 0xAE}, load ? 2 : 3, at);
}

static uint8_t *jump_unless_xmm_live(struct code *c)
{
    struct form cmp = {.opcode = 0x80, .imm_size = 1, .imm = 0};
    asm_modrm(c, &cmp, 7, FIELD_OF(translated.xmm_live));
    return asm_jcc(c, 4, NULL);
}

/* MXCSR is loaded only where it differs in more than flags: changing it takes long. */
static void put_store_xmm(struct code *c)
{
    uint8_t *not_live = jump_unless_xmm_live(c);
    put_xmm(c, false);
    put_mxcsr(c, false, FIELD_OF(mxcsr));
    asm_load32(c, RAX, FIELD_OF(mxcsr));
    asm_bytes(c, "\x83\xE0\xC0", 3); /* AND EAX, ~63 */
    asm_modrm(c, &(struct form){.opcode = 0x3B}, RAX, FIELD_OF(translated.mxcsr_c));
    uint8_t *as_c_has_it = asm_jcc(c, 4, NULL);
    put_mxcsr(c, true, FIELD_OF(translated.mxcsr_c));
    asm_patch(c, as_c_has_it, asm_here(c));
    asm_patch(c, not_live, asm_here(c));
}

static void put_load_xmm(struct code *c)
{
    uint8_t *not_live = jump_unless_xmm_live(c);
    put_xmm(c, true);
    put_mxcsr(c, true, FIELD_OF(mxcsr));
    asm_patch(c, not_live, asm_here(c));
}

/* Guest registers and flags out of the vCPU. */
static void put_load(struct code *c)
{
    put_load_xmm(c);
    asm_load64(c, RSP, FIELD_OF(translated.return_sp));
    asm_load64(c, FPU_GUARD, FIELD_OF(translated.fpu_guard));
    asm_load64(c, COUNTER, FIELD_OF(translated.counter));
    asm_load32(c, RAX, FIELD_OF(translated.flags));
    asm_8(c, 0x04); /* ADD AL, 127: OF out of bit 0 */
    asm_8(c, 0x7F);
    asm_8(c, 0x9E); /* SAHF */
    for (unsigned g = EAX; g <= EDI; g++)
        asm_load32(c, host_reg(g), guest_field(g));
}

static void put_store(struct code *c)
{
    for (unsigned g = EAX; g <= EDI; g++)
        asm_store32(c, guest_field(g), host_reg(g));
    asm_8(c, 0x9F);                  /* LAHF */
    asm_bytes(c, "\x0F\x90\xC0", 3); /* SETO AL */
    asm_store32(c, FIELD_OF(translated.flags), RAX);
    asm_store64(c, FIELD_OF(translated.counter), COUNTER);
    asm_store64(c, FIELD_OF(translated.return_sp), RSP);
    asm_load64(c, RSP, FIELD_OF(translated.c_sp));
    put_store_xmm(c);
}

static void put_enter(struct code *c)
{
    for (unsigned k = 0; k < sizeof kept; k++)
        push(c, kept[k]);
    asm_bytes(c, "\x48\x83\xEC\x08", 4); /* SUB RSP, 8: now aligned */
    asm_mov64(c, VCPU, RDI);
    asm_mov64(c, R11, RSI);
    asm_store64(c, FIELD_OF(translated.c_sp), RSP);
    put_load(c);
    asm_load32(c, R10, FIELD_OF(translated.token)); /* when R11 is a unit's indirect entry */
    asm_jmp_place(c, place_reg(R11));
}

/* function NULL: the one in R10. */
static void put_call(struct code *c, const void *function)
{
    put_store(c);
    asm_mov64(c, RDI, VCPU);
    asm_mov32(c, RSI, R11);
    asm_mov32(c, RDX, R10);
    if (function)
        asm_call_abs(c, function);
    else
        asm_modrm(c, &(struct form){.opcode = 0xFF}, 2, place_reg(R10));
    asm_bytes(c, "\x48\x85\xC0", 3); /* TEST RAX, RAX */
    uint8_t *leave = asm_jcc(c, 4, NULL);
    asm_mov64(c, R11, RAX);
    put_load(c);
    asm_load32(c, R10, FIELD_OF(translated.token)); /* when R11 is a unit's indirect entry */
    asm_jmp_place(c, place_reg(R11));
    asm_patch(c, leave, asm_here(c));
    asm_bytes(c, "\x48\x83\xC4\x08", 4); /* ADD RSP, 8 */
    for (unsigned k = sizeof kept; k-- > 0;)
        pop(c, kept[k]);
    asm_8(c, 0xC3);
}

static void align(struct code *c)
{
    while ((uintptr_t)c->at & 15)
        asm_8(c, 0xCC);
}

static const uint8_t *stub(struct code *c, const void *function)
{
    align(c);
    const uint8_t *at = asm_here(c);
    put_call(c, function);
    return at;
}

/* Returns that were guessed wrong. `empty` puts itself back. */
static void put_again(struct translator *t, struct code *c)
{
    align(c);
    t->stubs.empty = asm_here(c);
    asm_lea64(c, RSP, place_mem(RSP, -(int32_t)sizeof(uint64_t)));
    t->stubs.again = asm_here(c);
    asm_jmp_place(c, emit_jump_slot(c));
}

void backend_emit_stubs(struct translator *t)
{
    struct code c = {.at = t->code.write, .run_delta = code_cache_delta(&t->code)};
    const uint8_t *enter = asm_here(&c);
    put_enter(&c);
    memcpy(&t->stubs.enter, &enter, sizeof enter);
    t->stubs.help = stub(&c, (const void *)(uintptr_t)translator_help);
    t->stubs.link = stub(&c, (const void *)(uintptr_t)translator_link);
    t->stubs.miss = stub(&c, (const void *)(uintptr_t)translator_miss);
    t->stubs.poll = stub(&c, (const void *)(uintptr_t)translator_poll);
    t->stubs.fpu = stub(&c, (const void *)(uintptr_t)translator_fpu);
    t->stubs.narrow = stub(&c, NULL);
    put_again(t, &c);
    align(&c);
    t->code.used = t->code.keep = (size_t)(c.at - t->code.write);
}
