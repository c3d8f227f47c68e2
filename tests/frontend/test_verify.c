/* --verify's checker: sound sequences pass, each kind of forbidden code is refused with its reason,
 * and a unit that is refused does not run. What the translator emits passes in test_verify_boot.sh.
 */
#include <stdio.h>

#ifndef __x86_64__

int main(void)
{
    puts("SKIP: no translator for this host");
    return 77;
}

#else
#include "frontend/verify.h"
#include "tests/cpu/fpgen.h"
#include "tests/cpu/harness.h"

#include "cpu/block.h"
#include "cpu/decode.h"
#include "translator/jumps.h"
#include "translator/x86_64/asm.h"

#define ID             7
#define ROOM           4096

/* A unit in the making: one guest instruction. */
struct unit_rig {
    struct verify *v;
    struct code c;
    uint32_t key;
    bool open_end; /* without the jump to a stub that ends it */
    struct unit_insn insn;
    uint8_t bytes[ROOM]; /* units and, behind them, what stands for the stubs */
};

static const uint8_t *stub(const struct unit_rig *r, unsigned n)
{
    return r->bytes + ROOM - 16 * (n + 1);
}

static void bytes(struct unit_rig *r, const char *text, size_t n)
{
    asm_bytes(&r->c, text, n);
}
#define BYTES(r, text) bytes(r, text, sizeof(text) - 1)

static void leave(struct unit_rig *r, unsigned stub_number, unsigned id)
{
    asm_mov_imm32(&r->c, R11, id << SITE_SHIFT);
    asm_jmp(&r->c, stub(r, stub_number));
}

#define OF_VCPU(member) place_mem(R15, (int32_t)offsetof(struct vcpu, member))

/* --- Code that a unit may have ---------------------------------------------------------------- */

static int32_t table(unsigned view, unsigned kind)
{
    return (int32_t)(offsetof(struct vcpu, tlb.entry) +
                     (view * TLB_KINDS + kind) * TLB_TABLE_BYTES);
}

/* The lookup of [ebx, ebx + size) as memory.c has it, up to the addend in r9. */
static void lookup(struct unit_rig *r, int32_t at, unsigned size)
{
    struct code *c = &r->c;
    asm_lea32(c, R10, place_mem(RBX, 0));
    asm_pext32(c, R9, R10, OF_VCPU(tlb.mask));
    asm_lea32(c, R9, place_indexed(R9, R9, 0, 0));
    asm_lea32(c, R11, place_mem(R10, (int32_t)size - 1));
    asm_pext32(c, R11, R11, OF_VCPU(translated.page_mask));
    asm_mov32(c, R12, RCX);
    asm_load32(c, RCX,
               place_indexed(R15, R9, 3, at + (int32_t)offsetof(struct tlb_entry, negative)));
    asm_lea32(c, RCX, place_indexed(RCX, R11, 0, 0));
    uint8_t *hit = asm_jecxz(c);
    asm_mov32(c, RCX, R12);
    leave(r, STUB_HELP, ID);
    asm_land8(c, hit);
    asm_mov32(c, RCX, R12);
    asm_load64(c, R9, place_indexed(R15, R9, 3, at + (int32_t)offsetof(struct tlb_entry, addend)));
}

static void lookup_read(struct unit_rig *r)
{
    lookup(r, table(TLB_SUPERVISOR, TLB_READ), 4);
}

static void soft_load(struct unit_rig *r)
{
    lookup_read(r);
    asm_load32(&r->c, RAX, place_indexed(R10, R9, 0, 0));
}

static void soft_store(struct unit_rig *r)
{
    lookup(r, table(TLB_SUPERVISOR, TLB_WRITE), 4);
    asm_store32(&r->c, place_indexed(R10, R9, 0, 0), RAX);
}

static void window_load(struct unit_rig *r)
{
    struct place p = place_indexed(RBX, RCX, 2, 4);
    p.window = true;
    asm_load32(&r->c, RAX, p);
}

static void check_count(struct unit_rig *r, bool wide)
{
    struct code *c = &r->c;
    (wide ? asm_lea64 : asm_lea32)(c, R11, place_mem(RCX, 4095));
    asm_mov_imm32(c, R10, 13);
    asm_shrx64(c, R11, R11, R10);
    asm_mov32(c, R12, RCX);
    asm_mov32(c, RCX, R11);
    uint8_t *few = asm_jecxz(c);
    asm_mov32(c, RCX, R12);
    leave(r, STUB_HELP, ID);
    asm_land8(c, few);
    asm_mov32(c, RCX, R12);
}

static void move_string(struct unit_rig *r)
{
    struct code *c = &r->c;
    asm_load64(c, R10, OF_VCPU(translated.window));
    asm_lea64(c, RSI, place_indexed(RSI, R10, 0, 0));
    asm_lea64(c, RDI, place_indexed(RDI, R10, 0, 0));
    BYTES(r, "\xF3\xA5");
    asm_mov32(c, RSI, RSI);
    asm_mov32(c, RDI, RDI);
}

static void string(struct unit_rig *r)
{
    check_count(r, true);
    move_string(r);
}

static void table_jump(struct unit_rig *r)
{
    asm_movzx16(&r->c, R11, RAX);
    asm_load64(&r->c, R9, OF_VCPU(translated.jumps));
    asm_jmp_place(&r->c, place_indexed(R9, R11, 3, 0));
}

static void table_call(struct unit_rig *r)
{
    asm_movzx16(&r->c, R11, RAX);
    asm_load64(&r->c, R9, OF_VCPU(translated.jumps));
    asm_call_place(&r->c, place_indexed(R9, R11, 3, 0));
}

/* The bits of code for the host address r10 + r9 into ECX. */
static void code_bits(struct unit_rig *r)
{
    asm_lea64(&r->c, R11, place_indexed(R10, R9, 0, 0));
    asm_pext64(&r->c, RCX, R11, OF_VCPU(translated.byte_mask));
    asm_load64(&r->c, R11, OF_VCPU(translated.code_bits));
    asm_load32(&r->c, RCX, place_indexed(R11, RCX, 0, 0));
}

static void store_beside(struct unit_rig *r)
{
    lookup(r, table(TLB_SUPERVISOR, TLB_BESIDE), 4);
    code_bits(r);
    asm_store32(&r->c, place_indexed(R10, R9, 0, 0), RAX);
}

static void poll(struct unit_rig *r)
{
    asm_load32(&r->c, R11, place_mem(R14, -1));
    asm_lea64(&r->c, R14, place_mem(R14, -1));
    asm_load32(&r->c, R11, place_mem(R13, -64));
}

/* --- Code that it may not have ---------------------------------------------------------------- */

static void store_after_read(struct unit_rig *r)
{
    lookup_read(r);
    asm_store32(&r->c, place_indexed(R10, R9, 0, 0), RAX);
}

static void known_behind_call(struct unit_rig *r)
{
    lookup_read(r);
    table_call(r);
    asm_load32(&r->c, RAX, place_indexed(R10, R9, 0, 0));
}

static void free_code_bits(struct unit_rig *r)
{
    lookup_read(r);
    asm_mov32(&r->c, R10, RAX);
    code_bits(r);
}

static void call_out(struct unit_rig *r)
{
    asm_call(&r->c, r->bytes + ROOM - 200);
}

static void x87_store_after_read(struct unit_rig *r)
{
    lookup_read(r);
    BYTES(r, "\x43\xD9\x1C\x0A"); /* FSTP dword [r10 + r9] */
}

static void larger_than_looked_up(struct unit_rig *r)
{
    lookup_read(r);
    BYTES(r, "\x43\xDD\x04\x0A"); /* FLD qword [r10 + r9] */
}

static void moved_after_lookup(struct unit_rig *r)
{
    lookup_read(r);
    asm_lea32(&r->c, R10, place_mem(R10, 1));
    asm_load32(&r->c, RAX, place_indexed(R10, R9, 0, 0));
}

static void other_table(struct unit_rig *r)
{
    lookup(r, table(TLB_USER, TLB_READ), 4);
    asm_load32(&r->c, RAX, place_indexed(R10, R9, 0, 0));
}

static void table_of_devices(struct unit_rig *r)
{
    lookup(r, table(TLB_SUPERVISOR, TLB_DEVICE_READ), 4);
    asm_load32(&r->c, RAX, place_indexed(R10, R9, 0, 0));
}

static void no_lookup(struct unit_rig *r)
{
    asm_load32(&r->c, RAX, place_indexed(R10, R9, 0, 0));
}

static void free_index(struct unit_rig *r)
{
    asm_load32(&r->c, RAX, place_indexed(R15, R9, 3, table(TLB_SUPERVISOR, TLB_READ)));
}

/* The addend without the comparison. */
static void no_comparison(struct unit_rig *r)
{
    asm_lea32(&r->c, R10, place_mem(RBX, 0));
    asm_pext32(&r->c, R9, R10, OF_VCPU(tlb.mask));
    asm_lea32(&r->c, R9, place_indexed(R9, R9, 0, 0));
    asm_load64(&r->c, R9, place_indexed(R15, R9, 3, table(TLB_SUPERVISOR, TLB_READ) + 8));
    asm_load32(&r->c, RAX, place_indexed(R10, R9, 0, 0));
}

static void host_load(struct unit_rig *r)
{
    asm_load32(&r->c, RAX, place_mem(RBX, 0));
}

static void stack_load(struct unit_rig *r)
{
    asm_load32(&r->c, RAX, place_mem(RSP, 0));
}

static void vcpu_store(struct unit_rig *r)
{
    asm_store32(&r->c, OF_VCPU(cr0), RAX);
}

static void beyond_vcpu(struct unit_rig *r)
{
    asm_load64(&r->c, R9, place_mem(R15, (int32_t)sizeof(struct vcpu) - 4));
}

static void far_poll(struct unit_rig *r)
{
    asm_load32(&r->c, R11, place_mem(R14, -2));
}

static void long_string(struct unit_rig *r)
{
    move_string(r);
}

static void string_that_wraps(struct unit_rig *r)
{
    check_count(r, false);
    move_string(r);
}

static void wild_table_jump(struct unit_rig *r)
{
    asm_load64(&r->c, R9, OF_VCPU(translated.window));
    asm_jmp_place(&r->c, place_mem(R9, 8));
}

static void far_table_jump(struct unit_rig *r)
{
    asm_load64(&r->c, R9, OF_VCPU(translated.jumps));
    asm_jmp_place(&r->c, place_mem(R9, JUMP_SLOTS * 8));
}

static void jump_out(struct unit_rig *r)
{
    asm_jmp(&r->c, r->bytes + ROOM - 200);
}

static void jump_between(struct unit_rig *r)
{
    asm_jmp(&r->c, asm_here(&r->c) + 7);
}

static void other_unit(struct unit_rig *r)
{
    leave(r, STUB_HELP, ID + 1);
}

static void free_function(struct unit_rig *r)
{
    asm_mov64(&r->c, R10, RAX);
    leave(r, STUB_NARROW, ID);
}

static void wide_register(struct unit_rig *r)
{
    asm_load64(&r->c, RAX, OF_VCPU(translated.window));
}

static void set_vcpu(struct unit_rig *r)
{
    asm_mov32(&r->c, R15, RAX);
}

static void count_back(struct unit_rig *r)
{
    asm_lea64(&r->c, R14, place_mem(R14, 1));
}

static void set_guard(struct unit_rig *r)
{
    asm_lea64(&r->c, R13, place_mem(R13, -64));
}

static void open_end(struct unit_rig *r)
{
    r->open_end = true;
}

struct sample {
    const char *name;
    void (*put)(struct unit_rig *r); /* or raw bytes: */
    const char *raw;
    unsigned raw_len;
    const char *complaint; /* part of it; NULL: none */
};

#define GOOD(put)                \
    {                            \
#put, put, NULL, 0, NULL \
    }
#define BAD(put, complaint)           \
    {                                 \
#put, put, NULL, 0, complaint \
    }
#define RAW(name, text)                                      \
    {                                                        \
        name, NULL, text, sizeof(text) - 1, "has no use for" \
    }
#define RAWS(name, text, complaint)                   \
    {                                                 \
        name, NULL, text, sizeof(text) - 1, complaint \
    }

static const struct sample samples[] = {
    GOOD(soft_load),
    GOOD(soft_store),
    GOOD(window_load),
    GOOD(string),
    GOOD(table_jump),
    GOOD(table_call),
    GOOD(store_beside),
    RAWS("ret", "\xC3", NULL),
    GOOD(poll),
    BAD(store_after_read, "a write where a lookup for reads hit"),
    BAD(x87_store_after_read, "a write where a lookup for reads hit"),
    BAD(larger_than_looked_up, "larger than was looked up"),
    BAD(moved_after_lookup, "without a lookup that hit"),
    BAD(other_table, "beside the soft TLB's tables"),
    BAD(table_of_devices, "beside the soft TLB's tables"),
    BAD(no_lookup, "without a lookup that hit"),
    BAD(free_index, "beside the soft TLB's tables"),
    BAD(no_comparison, "without a lookup that hit"),
    BAD(host_load, "at a host address"),
    BAD(stack_load, "at a host address"),
    BAD(vcpu_store, "a write to the vCPU"),
    BAD(beyond_vcpu, "beyond the vCPU"),
    BAD(far_poll, "no poll"),
    BAD(long_string, "of unknown length"),
    BAD(string_that_wraps, "of unknown length"),
    BAD(wild_table_jump, "not through the jump table"),
    BAD(far_table_jump, "beside the jump table"),
    BAD(jump_out, "out of the unit"),
    BAD(call_out, "out of the unit"),
    BAD(known_behind_call, "without a lookup that hit"),
    BAD(free_code_bits, "beside the bits that tell code"),
    BAD(jump_between, "middle of an instruction"),
    BAD(other_unit, "another unit"),
    BAD(free_function, "no constant"),
    BAD(wide_register, "more than 32 bits"),
    BAD(set_vcpu, "must leave alone"),
    BAD(count_back, "must leave alone"),
    BAD(set_guard, "must leave alone"),
    BAD(open_end, "end can be reached"),
    RAWS("jump to itself", "\x89\xC8\xEB\xFE", "a jump back"),
    RAWS("gs with 64 bits of address", "\x65\x8B\x03", "64 bits of address"),
    RAWS("fs", "\x64\x8B\x03", "has no use for"),
    RAWS("32-bit address without gs", "\x67\x8B\x03", "strange segment"),
    RAWS("rip-relative", "\x8B\x05\x00\x00\x00\x00", "at a host address"),
    RAWS("no instruction", "\x06", "no instruction"),
    RAW("push", "\x50"),
    RAW("pop", "\x58"),
    RAW("call rax", "\xFF\xD0"),
    RAW("jmp rax", "\xFF\xE0"),
    RAW("ret 4", "\xC2\x04\x00"),
    RAW("retf", "\xCB"),
    RAWS("loop", "\xE2\xFE", "a loop"),
    RAW("int 80", "\xCD\x80"),
    RAW("int3", "\xCC"),
    RAW("syscall", "\x0F\x05"),
    RAW("sysenter", "\x0F\x34"),
    RAW("in al, dx", "\xEC"),
    RAW("hlt", "\xF4"),
    RAW("std", "\xFD"),
    RAW("popf", "\x9D"),
    RAW("cpuid", "\x0F\xA2"),
    RAW("rdtsc", "\x0F\x31"),
    RAW("mov ds, eax", "\x8E\xD8"),
    RAW("wrgsbase rax", "\xF3\x48\x0F\xAE\xD8"),
    RAW("fxrstor [rbx]", "\x0F\xAE\x0B"),
    RAW("fnsave [ebx]", "\x65\x67\xDD\x33"),
    RAW("maskmovq mm0, mm1", "\x0F\xF7\xC1"),
    RAW("movsb", "\xA4"),
    RAW("add rax, rbx", "\x48\x01\xD8"),
};

static void check_sample(struct unit_rig *r, const struct sample *s)
{
    memset(r->bytes, 0xCC, sizeof r->bytes);
    r->c = (struct code){.at = r->bytes};
    r->open_end = false;
    if (s->put)
        s->put(r);
    else
        bytes(r, s->raw, s->raw_len);
    if (r->open_end)
        BYTES(r, "\x89\xC8");
    else
        leave(r, STUB_LINK, ID);
    uint32_t size = (uint32_t)(r->c.at - r->bytes);
    r->insn = (struct unit_insn){.resume = size};
    struct unit_code code = {.start = r->bytes,
                             .size = size,
                             .hot_size = size,
                             .id = ID,
                             .key = r->key,
                             .eip = 0x1234,
                             .insns = 1,
                             .insn = &r->insn};
    for (unsigned n = 0; n < UNIT_STUBS; n++)
        code.stub[n] = stub(r, n);
    char error[100];
    r->v = verify_create(error, sizeof error);
    ck_assert_ptr_nonnull(r->v);
    bool fine = verify_unit(r->v, &code);
    const char *violation = verify_violation(r->v);
    ck_assert_msg(fine == !violation, "%s: what it says and returns differ", s->name);
    if (!s->complaint)
        ck_assert_msg(fine, "%s: %s", s->name, violation);
    else
        ck_assert_msg(!fine && strstr(violation, s->complaint) && strstr(violation, "eip 00001234"),
                      "%s: expected '%s', got %s", s->name, s->complaint,
                      fine ? "no complaint" : violation);
    verify_destroy(r->v);
}

START_TEST(samples_are_told_apart)
{
    struct unit_rig r = {.key = KEY_WINDOW};
    for (unsigned n = 0; n < ARRAY_LEN(samples); n++)
        check_sample(&r, &samples[n]);
}
END_TEST

START_TEST(window_only_where_there_is_one)
{
    struct unit_rig r = {.key = 0};
    check_sample(&r, &(struct sample){"gs without window", window_load, NULL, 0,
                                      "in a unit without a window"});
    check_sample(&r, &(struct sample){"string without window", string, NULL, 0,
                                      "a string that is not in the window"});
}
END_TEST

/* --- What the translator emits ---------------------------------------------------------------- */

#define RANDOM_INSNS 20000 /* 0.3 s; 200000 passed as well */

/* Random bytes, those of SSE more often than by chance. */
static void random_bytes(struct rng *rng, uint8_t code[16])
{
    static const uint8_t prefix[] = {0x66, 0xF2, 0xF3, 0xF0, 0x67, 0x64};
    uint64_t how = rng_next(rng);
    unsigned n = 0;
    for (unsigned k = 0; k < 16; k++)
        code[k] = (uint8_t)(rng_next(rng) >> 24);
    if (how & 1)
        code[n++] = prefix[(how >> 8) % sizeof prefix];
    if (how & 6)
        code[n++] = 0x0F;
}

/* A unit of one instruction, in a random mode; false when the bytes are none. */
static bool emit_random(struct translator *t, struct rng *rng, struct unit *u, struct insn *insn,
                        struct unit_link link[4])
{
    uint8_t code[16];
    random_bytes(rng, code);
    *u = (struct unit){.id = ID,
                       .insns = 1,
                       .eip = 0x1800,
                       .gva = 0x1800,
                       .stays = true,
                       .link = link,
                       .link_room = 4};
    u->key = (uint32_t)(rng_next(rng) >> 20) & ((1u << KEY_SEG_SHIFT(SEG_COUNT)) - 1);
    u->insn[0] = (struct unit_insn){
        .insn = insn, .soft = rng_next(rng) >> 40 & 1, .beside = rng_next(rng) >> 40 & 1};
    if (decode_insn(block_cache_decoder(t->vcpu->blocks), code, 15, u->key & KEY_CODE32, insn) !=
        DECODE_OK)
        return false;
    size_t used = t->code.used;
    backend_emit(t, u);
    t->code.used = used;
    return true;
}

START_TEST(emitted_code_passes)
{
    struct machine m;
    machine_create(&m, CPU_P4);
    m.c->code_len = 0x10000;
    struct translator *t = translator_create(m.c, &(struct engine_tuning){.shadow = SHADOW_SOFT});
    char error[100];
    struct verify *v = verify_create(error, sizeof error);
    struct unit *u = malloc(sizeof *u + sizeof u->insn[0]);
    struct rng rng = {1};

    ck_assert(t && v && u);
    const struct backend_stubs *s = &t->stubs;
    while (verify_units(v) < RANDOM_INSNS) {
        struct insn insn;
        struct unit_link link[4];
        if (!emit_random(t, &rng, u, &insn, link))
            continue;
        struct unit_code code = {.start = u->start,
                                 .stub = {s->help, s->link, s->miss, s->narrow, s->again},
                                 .size = u->size,
                                 .hot_size = u->hot_size,
                                 .indirect = (uint32_t)(u->indirect - u->start),
                                 .entry = (uint32_t)(u->entry - u->start),
                                 .id = u->id,
                                 .key = u->key,
                                 .eip = u->eip,
                                 .insns = 1,
                                 .insn = u->insn};
        ck_assert_msg(verify_unit(v, &code), "%s: %s", opcode_row(insn.op)->mnemonic,
                      verify_violation(v));
    }
    free(u);
    verify_destroy(v);
    translator_destroy(t);
    machine_destroy(&m);
}
END_TEST

/* --- A unit that is refused ------------------------------------------------------------------- */

static bool refuse(void *ctx, const struct unit_code *code)
{
    ++*(unsigned *)ctx;
    return code->size == 0;
}

START_TEST(refused_units_do_not_run)
{
    struct machine m;
    unsigned refused = 0;
    machine_create(&m, CPU_P4);
    machine_protect(&m);
    PROGRAM(&m, CODE, 0xB9, 0x05, 0, 0, 0, 0x40, 0xE2, 0xFD, 0xF4); /* L: INC EAX; LOOP L; HLT */
    struct engine_tuning tuning = {
        .shadow = SHADOW_SOFT, .eager = true, .emitted = refuse, .emitted_ctx = &refused};
    const struct engine *e = engine_find("translate");
    ck_assert(e && e->attach(m.c, &tuning));
    m.c->reg[EAX].d = 0;
    ck_assert_int_eq(e->run(m.c, 1000), EXIT_HALT);
    ck_assert_uint_eq(m.c->reg[EAX].d, 5);
    ck_assert_uint_gt(refused, 0);
    ck_assert_uint_eq(m.c->translated.translator->counters.entries, 0);
    e->detach(m.c);
    machine_destroy(&m);
}
END_TEST

int main(void)
{
    const char *why;
    char error[100];
    struct verify *v = verify_create(error, sizeof error);
    if (!v || !backend_available(&why)) {
        printf("SKIP: %s\n", v ? why : error);
        return 77;
    }
    verify_destroy(v);
    const TTest *const tests[] = {samples_are_told_apart, window_only_where_there_is_one,
                                  emitted_code_passes, refused_units_do_not_run};
    return run_tests("verify", tests, ARRAY_LEN(tests));
}
#endif
