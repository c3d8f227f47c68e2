/* Paging: the matrix of rights, A and D, large pages, PAE, global pages, and how stale a TLB may
 * be. The tables lie at 100000h; the page under test at 400000h in the 32-bit modes. */
#include "tests/cpu/harness.h"

#define DIRECTORY 0x100000u
#define TABLE     0x101000u
#define TABLE_LOW 0x102000u
#define PDPT      0x103000u
#define GVA       0x400000u
#define FRAME_A   0x200000u
#define FRAME_B   0x201000u

#define P 1u
#define W 2u
#define U 4u
#define A 0x20u
#define D 0x40u
#define G 0x100u

/* The first 4 MiB mapped to itself, supervisor; GVA through TABLE. */
static void page_machine(struct machine *m, enum cpu_model model, uint32_t cr4)
{
    machine_create(m, model);
    machine_protect(m);
    for (unsigned n = 0; n < 1024; n++)
        put(m, TABLE_LOW + 4 * n, n << 12 | A | D | P | W | U, 4);
    put(m, DIRECTORY, TABLE_LOW | A | P | W | U, 4);
    put(m, DIRECTORY + 4, TABLE | P | W | U, 4);
    put(m, FRAME_A, 0xAAAAAAAA, 4);
    put(m, FRAME_B, 0xBBBBBBBB, 4);
    MUST_NOT_FAULT(m, control_write_cr4(m->c, cr4));
    MUST_NOT_FAULT(m, control_write_cr3(m->c, DIRECTORY));
    MUST_NOT_FAULT(m, control_write_cr0(m->c, CR0_PE | CR0_PG));
}

static void map(struct machine *m, uint32_t frame, uint32_t bits)
{
    put(m, TABLE, frame | bits, 4);
}

static void flush(struct machine *m)
{
    tlb_flush_page(&m->c->tlb, GVA);
}

static uint32_t read_gva(struct machine *m)
{
    return load32(m->c, &m->insn, SEG_DS, GVA);
}

START_TEST(rights_matrix)
{
    struct machine m;
    page_machine(&m, CPU_P4, 0);
    struct vcpu *c = m.c;
    for (unsigned n = 0; n < 64; n++) {
        bool dir_w = n & 1, dir_u = n & 2, pte_w = n & 4, pte_u = n & 8, user = n & 16;
        bool wp = n & 32;
        control_write_cr0(c, CR0_PE | CR0_PG | (wp ? CR0_WP : 0));
        put(&m, DIRECTORY + 4, TABLE | P | (dir_w ? W : 0) | (dir_u ? U : 0), 4);
        vcpu_set_cpl(c, user ? 3 : 0);
        bool w = dir_w && pte_w, u = dir_u && pte_u;
        bool may_read = u || !user, may_write = user ? u && w : w || !wp;
        for (unsigned write = 0; write < 2; write++) {
            map(&m, FRAME_A, P | (pte_w ? W : 0) | (pte_u ? U : 0));
            flush(&m);
            unsigned vector =
                write ? FAULT(&m, store32(c, &m.insn, SEG_DS, GVA, 1)) : FAULT(&m, read_gva(&m));
            bool may = write ? may_write : may_read;
            ck_assert_msg(vector == (may ? NO_FAULT : VEC_PF), "case %u, write %u: %u", n, write,
                          vector);
            unsigned ad = get32(&m, TABLE) & (A | D);
            ck_assert_msg(ad == (!may ? 0 : write ? A | D : A), "case %u: A, D are %X", n, ad);
            if (!may) {
                ck_assert_uint_eq(c->fault.error, P | (write ? W : 0) | (user ? U : 0));
                ck_assert_uint_eq(c->cr2, GVA);
            }
        }
    }
    machine_destroy(&m);
}
END_TEST

START_TEST(absent_pages)
{
    struct machine m;
    page_machine(&m, CPU_P4, 0);
    map(&m, FRAME_A, 0);
    MUST_FAULT(&m, read_gva(&m), VEC_PF, 0);
    MUST_FAULT(&m, store8(m.c, &m.insn, SEG_DS, GVA + 5, 1), VEC_PF, W);
    ck_assert_uint_eq(m.c->cr2, GVA + 5);
    MUST_FAULT(&m, load8(m.c, &m.insn, SEG_DS, 0x800000), VEC_PF, 0);
    ck_assert_uint_eq(get32(&m, DIRECTORY + 4) & A, 0); /* no A on the way to a fault */
    machine_destroy(&m);
}
END_TEST

START_TEST(dirty_is_set_by_the_first_write_after_a_read)
{
    struct machine m;
    page_machine(&m, CPU_P4, 0);
    map(&m, FRAME_A, P | W);
    MUST_NOT_FAULT(&m, read_gva(&m));
    ck_assert_uint_eq(get32(&m, TABLE) & (A | D), A);
    MUST_NOT_FAULT(&m, store8(m.c, &m.insn, SEG_DS, GVA, 1));
    ck_assert_uint_eq(get32(&m, TABLE) & (A | D), A | D);
    ck_assert_uint_eq(get32(&m, DIRECTORY + 4) & A, A);
    machine_destroy(&m);
}
END_TEST

START_TEST(translations_stay_until_flushed)
{
    struct machine m;
    page_machine(&m, CPU_P4, CR4_PGE);
    struct vcpu *c = m.c;
    map(&m, FRAME_A, P | W);
    ck_assert_uint_eq(read_gva(&m), 0xAAAAAAAA);
    map(&m, FRAME_B, P | W);
    ck_assert_uint_eq(read_gva(&m), 0xAAAAAAAA);
    flush(&m);
    ck_assert_uint_eq(read_gva(&m), 0xBBBBBBBB);
    map(&m, FRAME_A, P | W);
    control_write_cr3(c, DIRECTORY);
    ck_assert_uint_eq(read_gva(&m), 0xAAAAAAAA);

    map(&m, FRAME_A, P | W | G); /* a global page survives a CR3 write */
    flush(&m);
    ck_assert_uint_eq(read_gva(&m), 0xAAAAAAAA);
    map(&m, FRAME_B, P | W | G);
    control_write_cr3(c, DIRECTORY);
    ck_assert_uint_eq(read_gva(&m), 0xAAAAAAAA);
    control_write_cr4(c, 0); /* but not PGE's being turned off */
    ck_assert_uint_eq(read_gva(&m), 0xBBBBBBBB);
    map(&m, FRAME_A, P | W | G);
    control_write_cr3(c, DIRECTORY); /* without PGE, G means nothing */
    ck_assert_uint_eq(read_gva(&m), 0xAAAAAAAA);
    machine_destroy(&m);
}
END_TEST

START_TEST(user_and_supervisor_views)
{
    struct machine m;
    page_machine(&m, CPU_P4, 0);
    map(&m, FRAME_A, P | W);
    ck_assert_uint_eq(read_gva(&m), 0xAAAAAAAA);
    vcpu_set_cpl(m.c, 3);
    MUST_FAULT(&m, read_gva(&m), VEC_PF, P | U);
    ck_assert_uint_eq(linear_load(m.c, GVA, 4), 0xAAAAAAAA); /* the CPU's own: supervisor */
    machine_destroy(&m);
}
END_TEST

START_TEST(crossing_access_checks_both_pages_first)
{
    struct machine m;
    page_machine(&m, CPU_P4, 0);
    struct vcpu *c = m.c;
    map(&m, FRAME_A, P | W);
    put(&m, TABLE + 4, 0, 4);
    put(&m, FRAME_A + 0xFFC, 0x12345678, 4);
    MUST_FAULT(&m, store32(c, &m.insn, SEG_DS, GVA + 0xFFE, 0), VEC_PF, W);
    ck_assert_uint_eq(c->cr2, GVA + 0x1000);
    ck_assert_uint_eq(get32(&m, FRAME_A + 0xFFC), 0x12345678);
    put(&m, TABLE + 4, FRAME_B + 0x5000 + P + W, 4); /* not the frame that follows */
    MUST_NOT_FAULT(&m, store32(c, &m.insn, SEG_DS, GVA + 0xFFE, 0xCAFEBABE));
    ck_assert_uint_eq(get16(&m, FRAME_A + 0xFFE), 0xBABE);
    ck_assert_uint_eq(get16(&m, FRAME_B + 0x5000), 0xCAFE);
    ck_assert_uint_eq(load32(c, &m.insn, SEG_DS, GVA + 0xFFE), 0xCAFEBABE);
    ck_assert_uint_eq(load64(c, &m.insn, SEG_DS, GVA + 0xFFA) >> 32, 0xCAFEBABE);
    machine_destroy(&m);
}
END_TEST

START_TEST(large_pages)
{
    struct machine m;
    page_machine(&m, CPU_P4, CR4_PSE);
    struct vcpu *c = m.c;
    put(&m, 0x123450, 0x600DF00D, 4);
    put(&m, DIRECTORY + 4, 0 | 0x80 | P | W, 4); /* 400000h.. -> 0 */
    ck_assert_uint_eq(load32(c, &m.insn, SEG_DS, GVA + 0x123450), 0x600DF00D);
    MUST_NOT_FAULT(&m, store8(c, &m.insn, SEG_DS, GVA + 0x300000, 1));
    ck_assert_uint_eq(get32(&m, DIRECTORY + 4) & (A | D), A | D);
    /* INVLPG of any address of the page drops all of it. */
    put(&m, DIRECTORY + 4, 0, 4);
    tlb_flush_page(&c->tlb, GVA);
    MUST_FAULT(&m, load32(c, &m.insn, SEG_DS, GVA + 0x123450), VEC_PF, 0);
    put(&m, DIRECTORY + 4, BIT(21) | 0x80 | P, 4);
    MUST_FAULT(&m, read_gva(&m), VEC_PF, P | WALK_RESERVED);
    /* PSE-36: bit 13 of the entry is gpa bit 32, where nothing is. */
    put(&m, DIRECTORY + 4, BIT(13) | 0x80 | P, 4);
    ck_assert_uint_eq(read_gva(&m), 0xFFFFFFFF);
    machine_destroy(&m);
}
END_TEST

/* PAE: PDPTE 0 -> DIRECTORY, whose entry 0 maps the first 2 MiB and entry 2 GVA through TABLE. */
static void pae_machine(struct machine *m)
{
    machine_create(m, CPU_P4);
    machine_protect(m);
    put(m, PDPT, DIRECTORY | P, 8);
    put(m, DIRECTORY, 0x80 | P | W | U, 8);
    put(m, DIRECTORY + 8, 0x200000 | 0x80 | P | W | U, 8);
    put(m, DIRECTORY + 16, TABLE | P | W | U, 8);
    put(m, FRAME_A, 0xAAAAAAAA, 4);
    put(m, FRAME_B, 0xBBBBBBBB, 4);
    MUST_NOT_FAULT(m, control_write_cr4(m->c, CR4_PAE));
    MUST_NOT_FAULT(m, control_write_cr3(m->c, PDPT));
    MUST_NOT_FAULT(m, control_write_cr0(m->c, CR0_PE | CR0_PG));
}

START_TEST(pae)
{
    struct machine m;
    pae_machine(&m);
    struct vcpu *c = m.c;
    put(&m, TABLE, FRAME_B | P | W, 8);
    ck_assert_uint_eq(read_gva(&m), 0xBBBBBBBB);
    ck_assert_uint_eq(load32(c, &m.insn, SEG_DS, FRAME_A), 0xAAAAAAAA); /* 2 MiB page */
    ck_assert_uint_eq(get32(&m, TABLE) & (A | D), A);
    put(&m, TABLE, FRAME_A | P | BIT(40), 8);
    flush(&m);
    MUST_FAULT(&m, read_gva(&m), VEC_PF, P | WALK_RESERVED);
    put(&m, TABLE, FRAME_A | P | BIT(63), 8); /* XD is reserved without NXE */
    MUST_FAULT(&m, read_gva(&m), VEC_PF, P | WALK_RESERVED);
    /* The PDPTEs are registers: a changed table counts from the next MOV CR3 on. */
    put(&m, TABLE, FRAME_A | P, 8);
    put(&m, PDPT, 0, 8);
    ck_assert_uint_eq(read_gva(&m), 0xAAAAAAAA);
    put(&m, PDPT + 8, 2 | P, 8); /* a reserved bit */
    MUST_FAULT(&m, control_write_cr3(c, PDPT), VEC_GP, 0);
    machine_destroy(&m);
}
END_TEST

START_TEST(no_execute)
{
    struct machine m;
    pae_machine(&m);
    struct vcpu *c = m.c;
    c->efer = BIT(11);
    vcpu_update_paging(c);
    put(&m, TABLE, FRAME_A | P | W | U | BIT(63), 8);
    ck_assert_uint_eq(read_gva(&m), 0xAAAAAAAA);
    MUST_FAULT(&m, access_fetch(c, GVA), VEC_PF, P | WALK_FETCH);
    vcpu_set_cpl(c, 3);
    MUST_FAULT(&m, access_fetch(c, GVA), VEC_PF, P | U | WALK_FETCH);
    put(&m, TABLE, 0, 8);
    flush(&m);
    MUST_FAULT(&m, access_fetch(c, GVA), VEC_PF, U | WALK_FETCH);
    machine_destroy(&m);
}
END_TEST

START_TEST(rom_and_mmio_behind_pages)
{
    struct machine m;
    page_machine(&m, CPU_P4, 0);
    uint64_t rom = physmap_alloc(m.pm, 0x1000);
    memset(physmap_host(m.pm, rom), 0x5A, 0x1000);
    physmap_map_rom(m.pm, 0xF0000000, 0x1000, rom, NO_BACKING);
    map(&m, 0xF0000000, P | W);
    ck_assert_uint_eq(read_gva(&m), 0x5A5A5A5A);
    MUST_NOT_FAULT(&m, store32(m.c, &m.insn, SEG_DS, GVA, 0));
    ck_assert_uint_eq(read_gva(&m), 0x5A5A5A5A);
    map(&m, 0xF0001000, P | W); /* a hole */
    flush(&m);
    ck_assert_uint_eq(read_gva(&m), 0xFFFFFFFF);
    /* A remap of the physical map reaches the TLB. */
    map(&m, 0xF0000000, P | W);
    flush(&m);
    ck_assert_uint_eq(read_gva(&m), 0x5A5A5A5A);
    physmap_unmap(m.pm, 0xF0000000, 0x1000);
    ck_assert_uint_eq(read_gva(&m), 0xFFFFFFFF);
    machine_destroy(&m);
}
END_TEST

START_TEST(writes_are_noted_and_code_pages_watched)
{
    struct machine m;
    page_machine(&m, CPU_P4, 0);
    map(&m, FRAME_A, P | W);
    physmap_take_dirty(m.pm, FRAME_A, 0x1000, PAGE_DIRTY, NULL);
    MUST_NOT_FAULT(&m, store8(m.c, &m.insn, SEG_DS, GVA, 1));
    ck_assert(physmap_page_state(m.pm, FRAME_A) & PAGE_DIRTY_DISPLAY);
    physmap_take_dirty(m.pm, FRAME_A, 0x1000, PAGE_DIRTY_DISPLAY, NULL);
    MUST_NOT_FAULT(&m, store8(m.c, &m.insn, SEG_DS, GVA, 1));
    ck_assert(physmap_page_state(m.pm, FRAME_A) & PAGE_DIRTY_DISPLAY);
    physmap_code_mark(m.pm, FRAME_A);
    MUST_NOT_FAULT(&m, store8(m.c, &m.insn, SEG_DS, GVA, 2));
    const uint8_t *p = tlb_lookup(&m.c->tlb, TLB_SUPERVISOR, TLB_WRITE, GVA, 1);
    ck_assert_msg(p == NULL, "a page with code may not be written behind the map's back");
    ck_assert_uint_eq(m.ram[FRAME_A], 2);
    machine_destroy(&m);
}
END_TEST

START_TEST(data_breakpoints)
{
    struct machine m;
    page_machine(&m, CPU_P4, 0);
    struct vcpu *c = m.c;
    map(&m, FRAME_A, P | W);
    MUST_NOT_FAULT(&m, store32(c, &m.insn, SEG_DS, GVA, 0));
    c->dr[1] = GVA + 4;
    c->dr[7] = 0x400 | 1 << 2 | 0xD << 20; /* L1: four bytes, writes */
    debug_update(c);
    MUST_NOT_FAULT(&m, store32(c, &m.insn, SEG_DS, GVA, 0));
    MUST_NOT_FAULT(&m, load32(c, &m.insn, SEG_DS, GVA + 4));
    ck_assert_uint_eq(c->dr6_pending, 0);
    MUST_NOT_FAULT(&m, store16(c, &m.insn, SEG_DS, GVA + 3, 0));
    ck_assert_uint_eq(c->dr6_pending, 2);
    ck_assert(c->events & EVENT_TRAP);
    machine_destroy(&m);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {rights_matrix,
                                  absent_pages,
                                  dirty_is_set_by_the_first_write_after_a_read,
                                  translations_stay_until_flushed,
                                  user_and_supervisor_views,
                                  crossing_access_checks_both_pages_first,
                                  large_pages,
                                  pae,
                                  no_execute,
                                  rom_and_mmio_behind_pages,
                                  writes_are_noted_and_code_pages_watched,
                                  data_breakpoints};
    return run_tests("paging", tests, ARRAY_LEN(tests));
}
