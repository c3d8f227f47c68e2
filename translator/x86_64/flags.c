/* translator/x86_64/flags.c: PUSHF, CLI and STI. The arithmetic flags are the host's, the others
 * stand in the vCPU; both stay as they are but for what the instruction is to change. */
#include "cpu/model.h"
#include "translator/x86_64/emit.h"

/* --- PUSHF ------------------------------------------------------------------------------------ */

/* The image into r10d. Uses r11 and r12; the flags are the guest's again behind it. */
static void image(struct emit *e)
{
    struct code *code = &e->code;
    asm_mov32(code, R12, RAX);
    asm_bytes(code, "\x9F\x0F\x90\xC0", 4); /* LAHF / SETO AL */
    asm_mov32(code, R11, RAX);
    asm_bytes(code, "\x0F\xB6\xC4", 3); /* MOVZX EAX, AH */
    asm_load32(code, R10, FIELD_OF(eflags));
    asm_bytes(code, "\x41\x81\xE2", 3); /* AND R10D, .. */
    asm_32(code, ~(FLAGS_ARITH | FLAG_RF | FLAG_VM));
    asm_bytes(code, "\x41\x09\xC2", 3);     /* OR R10D, EAX */
    asm_bytes(code, "\x41\x0F\xB6\xC3", 4); /* MOVZX EAX, R11B */
    asm_bytes(code, "\xC1\xE0\x0B", 3);     /* SHL EAX, 11: OF */
    asm_bytes(code, "\x41\x09\xC2", 3);     /* OR R10D, EAX */
    asm_mov32(code, RAX, R11);
    asm_bytes(code, "\x04\x7F\x9E", 3); /* ADD AL, 127 / SAHF */
    asm_mov32(code, RAX, R12);
}

/* Is IOPL 3? If not: the slow way. */
static void expect_iopl3(struct emit *e)
{
    struct code *code = &e->code;
    asm_load32(code, R11, FIELD_OF(eflags));
    asm_rorx32(code, R11, R11, 12);
    asm_modrm(code, &(struct form){.opcode = 0xF7}, 2, place_reg(R11)); /* NOT */
    asm_mov32(code, R12, RCX);
    asm_pext32(code, RCX, R11,
               vcpu_field(offsetof(struct vcpu, translated.low_bits) + sizeof(uint32_t)));
    emit_check_zero(e);
}

/* V86 mode's needs IOPL 3; elsewhere it is always allowed. */
bool emit_push_flags(struct emit *e)
{
    uint32_t key = e->u->key;
    bool v86 = (key & KEY_8086) && (key & KEY_USER);
    unsigned size = e->i->osize;
    if (cpu_model_info(e->t->vcpu->model)->eflags_ones != FLAG_ONE)
        return false;
    if (!stack_is_direct(e) && !(key & KEY_8086))
        return false; /* it may be V86 mode all the same */
    if (v86)
        expect_iopl3(e);
    image(e);
    if (stack_is_direct(e)) {
        struct place to = emit_memory(e, stack_place(e, -(int32_t)size), size, true);
        asm_modrm(&e->code, &(struct form){.opcode = 0x89, .o16 = size == 2}, R10, to);
    } else {
        asm_store32(&e->code, FIELD_OF(translated.spill), R10);
        struct place to = emit_memory(e, stack_place(e, -(int32_t)size), size, true);
        asm_load32(&e->code, R11, FIELD_OF(translated.spill));
        asm_modrm(&e->code, &(struct form){.opcode = 0x89, .o16 = size == 2}, R11, to);
    }
    move_stack(e, -(int32_t)size);
    return true;
}

/* --- CLI, STI --------------------------------------------------------------------------------- */

/* Real mode may, and CPL 0, and whoever has IOPL 3. */
static void expect_right(struct emit *e)
{
    uint32_t key = e->u->key;
    if (key & KEY_USER) {
        expect_iopl3(e);
    } else if (!(key & KEY_8086)) {
        struct form movzx = {.map = ASM_0F, .opcode = 0xB6};
        asm_mov32(&e->code, R12, RCX);
        asm_modrm(&e->code, &movzx, RCX, FIELD_OF(cpl));
        emit_check_zero(e);
    }
}

/* IF is rotated to the top, falls out, and comes in at the bottom. */
static void set_if(struct emit *e, bool on)
{
    asm_load32(&e->code, R11, FIELD_OF(eflags));
    asm_rorx32(&e->code, R11, R11, 10);
    asm_lea32(&e->code, R11, place_indexed(R11, R11, 0, on));
    asm_rorx32(&e->code, R11, R11, 23);
    asm_store32(&e->code, FIELD_OF(eflags), R11);
}

void emit_cli(struct emit *e)
{
    expect_right(e);
    set_if(e, false);
}

/* The interrupt shadow needs no keeping while nothing waits, if the next instruction surely runs:
 * it is in the unit, whose budget is known to last. */
bool emit_sti(struct emit *e)
{
    if (e->n + 1u >= e->u->insns)
        return false;
    expect_right(e);
    asm_mov32(&e->code, R12, RCX);
    asm_load32(&e->code, RCX, FIELD_OF(events));
    emit_check_zero(e);
    set_if(e, true);
    return true;
}
