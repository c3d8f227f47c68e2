/* partition/breakpoints and the events of cpu/stops: what stops where, and what does not. */
#include "partition/breakpoints.h"

#include "tests/partition/stopped.h"

static unsigned add(struct partition *p, struct break_spec spec)
{
    struct expr_error error;
    unsigned id = debug_break_add(partition_debug(p), &spec, &error);
    ck_assert_msg(id, "column %u: %s", error.column, error.text);
    return id;
}

static enum debug_reason until(struct partition *p, struct break_spec spec)
{
    struct expr_error error;
    ck_assert(debug_run_until(partition_debug(p), &spec, &error));
    return run(p);
}

static struct break_spec at(uint32_t address, const char *condition)
{
    return (struct break_spec){.kind = BREAK_AT,
                               .place = {.kind = STOP_LINEAR, .address = address},
                               .condition = condition};
}

static const struct debug_stop *stop_of(struct partition *p)
{
    return &partition_debug(p)->stop;
}

START_TEST(conditions_hits_and_ignored_ones)
{
    struct partition *p = counting_machine();
    struct debug *d = partition_debug(p);
    unsigned first = add(p, at(0x1003, "cx == 2"));
    ck_assert_int_eq(go(p), DEBUG_BREAKPOINT);
    ck_assert_uint_eq(get(p, "eax"), 3);
    ck_assert_uint_eq(stop_of(p)->id, first);
    ck_assert_uint_eq(debug_break_find(d, first)->hits, 1);
    ck_assert(debug_break_ignore(d, first, 2));
    go(p);
    ck_assert_uint_eq(get(p, "eax"), 18); /* rounds 2 and 3 pass */
    ck_assert_uint_eq(debug_break_find(d, first)->hits, 4);
    struct expr_error error;
    uint64_t reached = debug_break_find(d, first)->reached;
    ck_assert_uint_eq(reached, 19);
    ck_assert(debug_break_condition(d, first, "hits == 22", &error));
    go(p); /* the condition knows its own count */
    ck_assert_uint_eq(get(p, "eax"), 21);
    ck_assert(!debug_break_condition(d, first, "cx == ", &error));
    ck_assert_uint_eq(error.column, 7);
    ck_assert_str_eq(debug_break_find(d, first)->condition, "hits == 22");
    ck_assert(debug_break_remove(d, first));
    ck_assert(!debug_break_remove(d, first));
    ck_assert_ptr_null(partition_vcpu(p)->stops);
    partition_destroy(p);
}
END_TEST

START_TEST(two_at_one_place_and_switched_off_ones)
{
    struct partition *p = counting_machine();
    struct debug *d = partition_debug(p);
    unsigned never = add(p, at(0x1004, "0")), always = add(p, at(0x1004, NULL));
    ck_assert_int_eq(go(p), DEBUG_BREAKPOINT);
    ck_assert_uint_eq(stop_of(p)->id, always);
    ck_assert(debug_break_remove(d, never)); /* the place stays armed for the other */
    go(p);
    ck_assert_uint_eq(get(p, "eip"), 0x1004);
    ck_assert(debug_break_enable(d, always, false));
    unsigned end = add(p, at(0x1007, NULL));
    ck_assert_uint_gt(end, always);
    go(p);
    ck_assert_uint_eq(stop_of(p)->id, end);
    ck_assert(debug_break_enable(d, always, true));
    go(p);
    ck_assert_uint_eq(stop_of(p)->id, always);
    struct bytes text = {0};
    break_line(debug_break_find(d, always), &text);
    bytes_append(&text, "", 1);
    ck_assert_ptr_nonnull(strstr((char *)text.data, "at 00001004"));
    bytes_free(&text);
    ck_assert_ptr_eq(debug_break_at(d, NULL, 0), debug_break_find(d, always));
    ck_assert_ptr_null(debug_break_at(d, NULL, 2));
    debug_break_remove_all(d, NULL);
    ck_assert_ptr_null(partition_vcpu(p)->stops);
    partition_destroy(p);
}
END_TEST

/* A condition over a page that is not there stops, and says why. */
START_TEST(a_condition_without_a_value_stops)
{
    struct partition *p = counting_machine();
    add(p, at(0x1003, "0 / (cx - 3)"));
    go(p);
    ck_assert_uint_eq(get(p, "ecx"), 3);
    ck_assert_ptr_nonnull(strstr(stop_of(p)->trouble.text, "zero"));
    struct bytes text = {0};
    debug_stop_text(partition_debug(p), &text);
    bytes_append(&text, "", 1);
    ck_assert_ptr_nonnull(strstr((char *)text.data, "division by zero"));
    bytes_free(&text);
    partition_destroy(p);
}
END_TEST

START_TEST(ports)
{
    static const uint8_t code[] = {
        0xB0, 0x41,       /* 1000: mov al, 41 */
        0xE6, 0x80,       /* 1002: out 80, al */
        0xB0, 0x42,       /* 1004: mov al, 42 */
        0xE6, 0x80,       /* 1006: out 80, al */
        0xE4, 0x80,       /* 1008: in al, 80 */
        0xBA, 0x7F, 0x00, /* 100A: mov dx, 7F */
        0xEF,             /* 100D: out dx, ax */
        0xEB, 0xF0,       /* 100E: jmp 1000 */
    };
    struct partition *p = with_code(code, sizeof code);
    unsigned id = add(p, (struct break_spec){.kind = BREAK_PORT, .first = 0x80, .write = true});
    static const uint16_t after[] = {0x1004, 0x1008, 0x100E}; /* the last is a word at 7F..80 */
    for (unsigned n = 0; n < 3; n++) {
        ck_assert_int_eq(go(p), DEBUG_EVENT);
        ck_assert_uint_eq(stop_of(p)->id, id);
        ck_assert_uint_eq(get(p, "eip"), after[n]);
    }
    ck_assert_uint_eq(stop_of(p)->hit.event.port, 0x7F);
    ck_assert_uint_eq(stop_of(p)->hit.event.from, 0x100D);
    struct expr_error error;
    ck_assert(debug_break_condition(partition_debug(p), id, "value == 0x42 && size == 1", &error));
    for (unsigned n = 0; n < 2; n++) {
        go(p);
        ck_assert_uint_eq(get(p, "eip"), 0x1008);
    }
    debug_break_remove_all(partition_debug(p), NULL);
    ck_assert_uint_eq(partition_vcpu(p)->stop_on, 0);
    ck_assert_int_eq(until(p, (struct break_spec){.kind = BREAK_PORT, .first = 0x80, .read = true}),
                     DEBUG_EVENT);
    ck_assert_uint_eq(get(p, "eip"), 0x100A);
    ck_assert_uint_eq(partition_vcpu(p)->stop_on, 0); /* it was for once */
    partition_destroy(p);
}
END_TEST

START_TEST(interrupts_exceptions_and_iret)
{
    static const uint8_t code[] = {
        0xCD, 0x80, /* 1000: int 80 */
        0x90,       /* 1002: nop */
        0x0F, 0x0B, /* 1003: ud2 */
        0x90,       /* 1005: nop */
        0xEB, 0xF8, /* 1006: jmp 1000 */
    };
    static const uint8_t skip[] = {
        0x89, 0xE5,             /* 3100: mov bp, sp */
        0x83, 0x46, 0x00, 0x02, /* 3102: add word [bp], 2 */
        0xCF,                   /* 3106: iret */
    };
    static const uint8_t iret = 0xCF;
    static const uint8_t vectors[3][4] = {{0, 0x30}, {0, 0x31}, {0, 0x32}};
    struct partition *p = with_code(code, sizeof code);
    put(p, 0x80 * 4, vectors[0], 4);
    put(p, VEC_UD * 4, vectors[1], 4);
    put(p, 2 * 4, vectors[2], 4);
    put(p, 0x3000, &iret, 1);
    put(p, 0x3100, skip, sizeof skip);
    put(p, 0x3200, &iret, 1);
    struct break_spec spec = {.kind = BREAK_SOFTWARE};
    break_vector(&spec, 0x21);
    unsigned other = add(p, spec);
    break_vector(&spec, 0x80);
    unsigned soft = add(p, spec);
    unsigned fault = add(p, (struct break_spec){.kind = BREAK_EXCEPTION});
    ck_assert_int_eq(go(p), DEBUG_EVENT);
    ck_assert_uint_eq(stop_of(p)->id, soft);
    ck_assert_uint_eq(get(p, "eip"), 0x3000);
    ck_assert_uint_eq(stop_of(p)->hit.event.from, 0x1000);
    ck_assert_uint_eq(debug_break_find(partition_debug(p), other)->hits, 0);
    go(p);
    ck_assert_uint_eq(stop_of(p)->id, fault);
    ck_assert_uint_eq(get(p, "eip"), 0x3100);
    ck_assert_uint_eq(stop_of(p)->hit.event.vector, VEC_UD);
    ck_assert_uint_eq(stop_of(p)->hit.event.from, 0x1003);
    debug_break_remove_all(partition_debug(p), NULL);
    ck_assert_int_eq(until(p, (struct break_spec){.kind = BREAK_IRET}), DEBUG_EVENT);
    ck_assert_uint_eq(get(p, "eip"), 0x1005);
    vcpu_attend(partition_vcpu(p), EVENT_NMI);
    ck_assert_int_eq(until(p, (struct break_spec){.kind = BREAK_INTERRUPT}), DEBUG_EVENT);
    ck_assert_uint_eq(get(p, "eip"), 0x3200);
    ck_assert_uint_eq(stop_of(p)->hit.event.vector, 2);
    partition_destroy(p);
}
END_TEST

/* Code that runs so often that it is translated tells of each. */
START_TEST(events_of_a_loop)
{
    static const uint8_t code[] = {
        0xB9, 0xC8, 0, /* 1000: mov cx, 200 */
        0xCD, 0x80,    /* 1003: int 80 */
        0xE6, 0x80,    /* 1005: out 80, al */
        0xE4, 0x80,    /* 1007: in al, 80 */
        0x49,          /* 1009: dec cx */
        0x75, 0xF7,    /* 100A: jnz 1003 */
        0xEB, 0xFE,    /* 100C: jmp 100C */
    };
    static const uint8_t iret = 0xCF, vector[4] = {0, 0x30};
    struct break_spec specs[] = {
        {.kind = BREAK_SOFTWARE, .condition = "0"},
        {.kind = BREAK_IRET, .condition = "0"},
        {.kind = BREAK_PORT, .first = 0x80, .last = 0x80, .read = true, .condition = "0"},
        {.kind = BREAK_PORT, .first = 0x80, .last = 0x80, .write = true, .condition = "0"}};
    break_vector(&specs[0], 0x80);
    for (unsigned n = 0; n < ARRAY_LEN(specs); n++) {
        struct partition *p = with_code(code, sizeof code);
        put(p, 0x80 * 4, vector, 4);
        put(p, 0x3000, &iret, 1);
        unsigned id = add(p, specs[n]);
        add(p, at(0x100C, NULL));
        ck_assert_int_eq(go(p), DEBUG_BREAKPOINT);
        ck_assert_uint_eq(get(p, "ecx"), 0);
        ck_assert_uint_eq(debug_break_find(partition_debug(p), id)->reached, 200);
        partition_destroy(p);
    }
}
END_TEST

/* A page directory that maps the first 4 MiB to themselves. */
static void identity(struct partition *p, uint32_t directory, uint32_t table)
{
    uint32_t entry = table | 7;
    put(p, directory, &entry, 4);
    for (unsigned n = 0; n < 1024; n++) {
        entry = n << 12 | 7;
        put(p, table + 4 * n, &entry, 4);
    }
}

START_TEST(modes_and_address_spaces)
{
    static const uint8_t code[] = {
        0x0F, 0x01, 0x16, 0x00, 0x20, /* 1000: lgdt [2000] */
        0x0F, 0x20, 0xC0,             /* 1005: mov eax, cr0 */
        0x40,                         /* 1008: inc ax */
        0x0F, 0x22, 0xC0,             /* 1009: mov cr0, eax */
        0xEA, 0x11, 0x10, 0x08, 0x00, /* 100C: jmp 8:1011 */
        0xB8, 0x00, 0x00, 0x02, 0x00, /* 1011: mov eax, 20000 */
        0x0F, 0x22, 0xD8,             /* 1016: mov cr3, eax */
        0x0F, 0x20, 0xC0,             /* 1019: mov eax, cr0 */
        0x0D, 0x00, 0x00, 0x00, 0x80, /* 101C: or eax, 80000000 */
        0x0F, 0x22, 0xC0,             /* 1021: mov cr0, eax */
        0xB8, 0x00, 0x30, 0x02, 0x00, /* 1024: mov eax, 23000 */
        0x0F, 0x22, 0xD8,             /* 1029: mov cr3, eax */
        0x0F, 0x22, 0xD8,             /* 102C: mov cr3, eax: the same again */
        0x90,                         /* 102F: nop */
        0xEB, 0xFE,                   /* 1030: jmp 1030 */
    };
    static const uint8_t gdt[] = {
        0x0F, 0x00, 0x08, 0x20, 0x00, 0x00, 0x00, 0x00,                         /* 2000: GDTR */
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0x00, 0x00, /* 2008 */
        0x00, 0x9A, 0xCF, 0x00,
    };
    struct partition *p = with_code(code, sizeof code);
    put(p, 0x2000, gdt, sizeof gdt);
    identity(p, 0x20000, 0x21000);
    identity(p, 0x23000, 0x21000);
    unsigned mode = add(p, (struct break_spec){.kind = BREAK_MODE});
    unsigned cr3 = add(p, (struct break_spec){.kind = BREAK_CR3});
    const struct {
        unsigned id;
        uint32_t pc, value;
    } stops[] = {
        {mode, 0x100C, MODE_PROTECTED}, {mode, 0x1011, MODE_PROTECTED | MODE_CODE32},
        {cr3, 0x1019, 0x20000},         {mode, 0x1024, MODE_PROTECTED | MODE_CODE32 | MODE_PAGING},
        {cr3, 0x102C, 0x23000},
    };
    for (size_t n = 0; n < ARRAY_LEN(stops); n++) {
        ck_assert_int_eq(go(p), DEBUG_EVENT);
        ck_assert_uint_eq(stop_of(p)->id, stops[n].id);
        ck_assert_uint_eq(get(p, "eip"), stops[n].pc);
        ck_assert_uint_eq(stop_of(p)->hit.event.value, stops[n].value);
    }
    add(p, at(0x102F, NULL));
    ck_assert_int_eq(go(p), DEBUG_BREAKPOINT); /* CR3 kept its value: no stop between */
    partition_destroy(p);
}
END_TEST

/* Two linear addresses of one physical byte. */
START_TEST(data_by_physical_address)
{
    static const uint8_t code[] = {
        0xC6, 0x06, 0x10, 0x50, 0x11,       /* 1000: mov byte [5010], 11 */
        0xC6, 0x06, 0x10, 0x60, 0x22,       /* 1005: mov byte [6010], 22 */
        0xC7, 0x06, 0x0F, 0x60, 0x33, 0x44, /* 100A: mov word [600F], 4433 */
        0xC6, 0x06, 0x11, 0x60, 0x55,       /* 1010: mov byte [6011], 55 */
        0xEB, 0xE9,                         /* 1015: jmp 1000 */
    };
    struct partition *p = with_code(code, sizeof code);
    identity(p, 0x20000, 0x21000);
    uint32_t entry = 0x5000 | 7;
    put(p, 0x21000 + 4 * 6, &entry, 4);
    set(p, "cr3", 0x20000);
    set(p, "cr0", get(p, "cr0") | CR0_PE);
    set(p, "cr0", get(p, "cr0") | CR0_PG);
    add(p, (struct break_spec){
               .kind = BREAK_DATA,
               .watch = {.address = 0x5010, .len = 1, .write = true, .physical = true}});
    static const uint16_t after[] = {0x1005, 0x100A, 0x1010, 0x1005};
    for (unsigned n = 0; n < ARRAY_LEN(after); n++) {
        ck_assert_int_eq(go(p), DEBUG_WATCHPOINT);
        ck_assert_uint_eq(get(p, "eip"), after[n]);
    }
    partition_destroy(p);
}
END_TEST

START_TEST(a_data_condition_sees_what_was_written)
{
    static const uint8_t code[] = {
        0xFE, 0x06, 0x00, 0x50, /* 1000: inc byte [5000] */
        0xEB, 0xFA,             /* 1004: jmp 1000 */
    };
    struct partition *p = with_code(code, sizeof code);
    add(p, (struct break_spec){.kind = BREAK_DATA,
                               .watch = {.address = 0x5000, .len = 1, .write = true},
                               .condition = "byte [0x5000] == 77 && write && address == 0x5000"});
    ck_assert_int_eq(go(p), DEBUG_WATCHPOINT);
    uint8_t now;
    ck_assert_uint_eq(debug_read(partition_debug(p), 0x5000, &now, 1), 1);
    ck_assert_uint_eq(now, 77);
    ck_assert_uint_eq(get(p, "eip"), 0x1004);
    partition_destroy(p);
}
END_TEST

/* --- Step out and over ------------------------------------------------------------------------ */

/* Arguments are popped before the next call, so that a callee's frame lies where the own one's
 * arguments were; a callee that cleans up; a far call; an interrupt. */
static const uint8_t calls[] = {
    0xE8, 0x0D, 0x00,                                                    /* 1000: call 1010 */
    0x90,                                                                /* 1003: nop */
    0xEB, 0xFA,                                                          /* 1004: jmp 1000 */
    0,    0,    0,    0,    0,    0, 0, 0, 0, 0,    0x50,                /* 1010: push ax */
    0x50,                                                                /* 1011: push ax */
    0xE8, 0x1B, 0x00,                                                    /* 1012: call 1030 */
    0x83, 0xC4, 0x04,                                                    /* 1015: add sp, 4 */
    0xE8, 0x15, 0x00,                                                    /* 1018: call 1030 */
    0x9A, 0x40, 0x10, 0x00, 0x00,                                        /* 101B: call far 0:1040 */
    0xCD, 0x80,                                                          /* 1020: int 80 */
    0x90,                                                                /* 1022: nop */
    0xE8, 0x0A, 0x00,                                                    /* 1023: call 1030 */
    0xC3,                                                                /* 1026: ret */
    0,    0,    0,    0,    0,    0, 0, 0, 0, 0x90,                      /* 1030: nop */
    0xC3,                                                                /* 1031: ret */
    0,    0,    0,    0,    0,    0, 0, 0, 0, 0,    0,    0, 0, 0, 0xCB, /* 1040: retf */
};

START_TEST(step_out_of_a_procedure)
{
    struct partition *p = with_code(calls, sizeof calls);
    static const uint8_t vector[4] = {0x00, 0x30}, iret = 0xCF;
    put(p, 0x80 * 4, vector, 4);
    put(p, 0x3000, &iret, 1);
    /* From each instruction of the procedure, with whatever it has pushed. */
    static const uint16_t from[] = {0x1010, 0x1011, 0x1012, 0x1015, 0x1018,
                                    0x101B, 0x1020, 0x1022, 0x1026};
    for (size_t n = 0; n < ARRAY_LEN(from); n++) {
        debug_run_to(partition_debug(p),
                     (struct stop_place){.kind = STOP_LINEAR, .address = from[n]});
        run(p);
        ck_assert_uint_eq(get(p, "eip"), from[n]);
        debug_step_out(partition_debug(p));
        ck_assert_int_eq(run(p), DEBUG_RETURNED);
        ck_assert_uint_eq(get(p, "eip"), 0x1003);
        ck_assert_uint_eq(partition_vcpu(p)->stop_on, 0);
        ck_assert(!partition_vcpu(p)->interpret);
    }
    /* Of an interrupt handler, and of a far procedure. */
    static const struct {
        uint16_t from, to;
    } others[] = {{0x3000, 0x1022}, {0x1040, 0x1020}, {0x1030, 0x1026}};
    for (size_t n = 0; n < ARRAY_LEN(others); n++) {
        debug_run_to(partition_debug(p),
                     (struct stop_place){.kind = STOP_LINEAR, .address = others[n].from});
        run(p);
        debug_step_out(partition_debug(p));
        ck_assert_int_eq(run(p), DEBUG_RETURNED);
        ck_assert_uint_eq(get(p, "eip"), others[n].to);
    }
    partition_destroy(p);
}
END_TEST

START_TEST(step_out_of_32_bit_code)
{
    static const uint8_t code[] = {
        0x66, 0xE8, 0x04, 0x00, 0x00, 0x00, /* 1000: call dword 100A */
        0x90,                               /* 1006: nop */
        0xEB, 0xF7,                         /* 1007: jmp 1000 */
        0,                                  /* 1009 */
        0x66, 0x50,                         /* 100A: push eax */
        0x66, 0xE8, 0x04, 0x00, 0x00, 0x00, /* 100C: call dword 1016 */
        0x66, 0xC2, 0x00, 0x00,             /* 1012: ret dword 0 */
        0x66, 0xC2, 0x04, 0x00,             /* 1016: ret dword 4: takes its argument along */
    };
    struct partition *p = with_code(code, sizeof code);
    static const uint16_t from[] = {0x100A, 0x100C, 0x1012};
    for (size_t n = 0; n < ARRAY_LEN(from); n++) {
        debug_run_to(partition_debug(p),
                     (struct stop_place){.kind = STOP_LINEAR, .address = from[n]});
        run(p);
        debug_step_out(partition_debug(p));
        ck_assert_int_eq(run(p), DEBUG_RETURNED);
        ck_assert_uint_eq(get(p, "eip"), 0x1006);
    }
    partition_destroy(p);
}
END_TEST

START_TEST(step_over_recursion)
{
    static const uint8_t code[] = {
        0xB9, 0x05, 0x00, /* 1000: mov cx, 5 */
        0xE8, 0x02, 0x00, /* 1003: call 1008 */
        0xEB, 0xFE,       /* 1006: jmp 1006 */
        0x49,             /* 1008: dec cx */
        0x74, 0x03,       /* 1009: jz 100E */
        0xE8, 0xFA, 0xFF, /* 100B: call 1008 */
        0x40,             /* 100E: inc ax */
        0xC3,             /* 100F: ret */
    };
    struct partition *p = with_code(code, sizeof code);
    debug_run_to(partition_debug(p), (struct stop_place){.kind = STOP_LINEAR, .address = 0x100B});
    run(p);
    debug_step_over(partition_debug(p));
    run(p);
    ck_assert_uint_eq(get(p, "eip"), 0x100E);
    ck_assert_uint_eq(get(p, "eax"), 4); /* all inner ones are over */
    partition_destroy(p);
}
END_TEST

/* A range stops before each instruction in it, by whatever way it is entered, and nowhere else. */
START_TEST(ranges_of_code)
{
    static const uint8_t code[] = {
        0x40,       /* 1000: inc ax */
        0x41,       /* 1001: inc cx */
        0xEB, 0x02, /* 1002: jmp 1006 */
        0x90, 0x90, /* 1004 */
        0x42,       /* 1006: inc dx */
        0xEB, 0xF7, /* 1007: jmp 1000 */
    };
    static const struct {
        const char *text;
        uint16_t stops[3];
    } cases[] = {
        {"0x1001..0x1005", {0x1001, 0x1002, 0x1001}},
        {"phys 0x1001..0x1005", {0x1001, 0x1002, 0x1001}},
        {"0000:1006..1fff", {0x1006, 0x1007, 0x1006}},
        {"0x1004..0x1006", {0x1006, 0x1006, 0x1006}},
        {"phys 0x0FF0..0x1000", {0x1000, 0x1000, 0x1000}},
        {"0..0x1000", {0x1000, 0x1000, 0x1000}},
    };
    struct partition *p = with_code(code, sizeof code);
    struct debug *d = partition_debug(p);
    for (size_t n = 0; n < ARRAY_LEN(cases); n++) {
        struct break_spec spec = {.kind = BREAK_AT};
        struct expr_error error;
        /* The blocks are there already when the range comes. */
        debug_continue(d);
        partition_run(p, partition_now(p) + 100000, NULL, NULL);
        debug_pause(d);
        set(p, "ip", 0x1000);
        ck_assert_msg(debug_parse_place(d, cases[n].text, &spec.place, &error), "%s", error.text);
        unsigned id = add(p, spec);
        for (unsigned k = 0; k < 3; k++) {
            ck_assert_int_eq(go(p), DEBUG_BREAKPOINT);
            ck_assert_msg(get(p, "eip") == cases[n].stops[k], "%s, stop %u at %x", cases[n].text, k,
                          get(p, "eip"));
        }
        ck_assert(debug_break_remove(d, id));
    }
    partition_destroy(p);
}
END_TEST

/* The blocks of both pages are there and chained when the breakpoint comes, in the middle of one.
 */
START_TEST(in_a_page_that_another_jumps_to)
{
    static const uint8_t caller[] = {
        0xE8, 0xFD, 0x0F, /* 1000: call 2000 */
        0xB8, 0x00, 0x30, /* 1003: mov ax, 3000 */
        0xFF, 0xD0,       /* 1006: call ax */
        0xE9, 0xF5, 0x1F, /* 1008: jmp 3000 */
    };
    static const uint8_t near[] = {0x43, 0x43, 0xC3}; /* 2000: inc bx; inc bx; ret */
    /* 3000: inc cx; inc cx; test cx, 2; jz 3010; ret; 3010: jmp 1000 */
    static const uint8_t other[] = {0x41, 0x41, 0xF7, 0xC1, 0x02, 0x00, 0x74, 0x08, 0xC3};
    static const uint8_t back[] = {0xE9, 0xED, 0xDF};
    static const uint16_t at[] = {0x2001, 0x3001, 0x2002, 0x3010, 0x1003};
    struct partition *p = with_code(caller, sizeof caller);
    struct debug *d = partition_debug(p);
    put(p, 0x2000, near, sizeof near);
    put(p, 0x3000, other, sizeof other);
    put(p, 0x3010, back, sizeof back);
    for (size_t n = 0; n < ARRAY_LEN(at); n++) {
        set(p, "ip", 0x1000);
        set(p, "esp", 0xF00);
        set(p, "ecx", 0);
        debug_continue(d);
        partition_run(p, partition_now(p) + 100000, NULL, NULL);
        debug_pause(d);
        struct break_spec spec = {.kind = BREAK_AT,
                                  .place = {.kind = STOP_LINEAR, .address = at[n]}};
        unsigned id = add(p, spec);
        ck_assert_int_eq(go(p), DEBUG_BREAKPOINT);
        ck_assert_uint_eq(get(p, "eip"), at[n]);
        ck_assert(debug_break_remove(d, id));
    }
    partition_destroy(p);
}
END_TEST

START_TEST(places_are_read)
{
    static const struct {
        const char *text;
        enum stop_place_kind kind;
        uint16_t selector;
        uint64_t address;
    } good[] = {
        {"0x7C00", STOP_LINEAR, 0, 0x7C00},
        {"pc + 3", STOP_LINEAR, 0, 0x1003},
        {"F000:FFF0", STOP_SEGMENTED, 0xF000, 0xFFF0},
        {"0040:17", STOP_SEGMENTED, 0x40, 0x17},
        {"cs:ip", STOP_SEGMENTED, 0, 0x1000},
        {"cs : ip + 2", STOP_SEGMENTED, 0, 0x1002},
        {"phys 0xB8000", STOP_PHYSICAL, 0, 0xB8000},
        {"zf ? 1 : 2", STOP_LINEAR, 0, 2},
    };
    static const struct {
        const char *text;
        unsigned column;
    } bad[] = {{"nosuch", 1}, {"phys 1x", 7}, {"cs:", 4}, {"0040:1x", 7},
               {"", 1},       {"5..4", 4},    {"5..x", 4}};
    struct partition *p = counting_machine();
    struct debug *d = partition_debug(p);
    struct stop_place place;
    struct expr_error error;
    for (size_t n = 0; n < ARRAY_LEN(good); n++) {
        ck_assert_msg(debug_parse_place(d, good[n].text, &place, &error), "%s: %s", good[n].text,
                      error.text);
        ck_assert_int_eq(place.kind, good[n].kind);
        ck_assert_uint_eq(place.selector, good[n].selector);
        ck_assert_uint_eq(place.address, good[n].address);
    }
    for (size_t n = 0; n < ARRAY_LEN(bad); n++) {
        ck_assert(!debug_parse_place(d, bad[n].text, &place, &error));
        ck_assert_msg(error.column == bad[n].column, "'%s': %u %s", bad[n].text, error.column,
                      error.text);
    }
    partition_destroy(p);
}
END_TEST

CHECK_MAIN("partition/breakpoints", conditions_hits_and_ignored_ones,
           two_at_one_place_and_switched_off_ones, a_condition_without_a_value_stops, ports,
           interrupts_exceptions_and_iret, events_of_a_loop, modes_and_address_spaces,
           data_by_physical_address, a_data_condition_sees_what_was_written,
           step_out_of_a_procedure, step_out_of_32_bit_code, step_over_recursion, ranges_of_code,
           in_a_page_that_another_jumps_to, places_are_read)
