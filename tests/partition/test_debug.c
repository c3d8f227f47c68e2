/* partition/debug, cpu/stops: where the guest stops, to the instruction. A bare machine, no
 * firmware: real-mode code is put at 0:1000 and the vCPU is set to it. */
#include "partition/debug.h"

#include <pthread.h>
#include <unistd.h>

#include "tests/partition/stopped.h"

START_TEST(breakpoint_in_a_loop_counts_its_hits)
{
    struct partition *p = counting_machine();
    break_at(p, 0x1003);
    break_at(p, 0x1007);
    for (unsigned n = 0; n < 5; n++) {
        ck_assert_int_eq(go(p), DEBUG_BREAKPOINT);
        ck_assert_uint_eq(get(p, "eip"), 0x1003);
        ck_assert_uint_eq(get(p, "eax"), n);
    }
    ck_assert_uint_eq(partition_debug(p)->stop.hit.place.hits, 5);
    ck_assert_int_eq(go(p), DEBUG_BREAKPOINT);
    ck_assert_uint_eq(get(p, "eip"), 0x1007);
    ck_assert_uint_eq(get(p, "eax"), 5);
    partition_destroy(p);
}
END_TEST

/* The loop's blocks exist and are chained when the breakpoint comes, in the middle of one. */
START_TEST(breakpoint_set_into_running_code)
{
    struct partition *p = counting_machine();
    debug_continue(partition_debug(p));
    ck_assert_int_eq(partition_run(p, partition_now(p) + 1000000, NULL, NULL), PARTITION_RUNNING);
    break_at(p, 0x1004);
    ck_assert_int_eq(run(p), DEBUG_BREAKPOINT);
    ck_assert_uint_eq(get(p, "eip"), 0x1004);
    uint32_t before = get(p, "eax");
    ck_assert_int_eq(go(p), DEBUG_BREAKPOINT);
    ck_assert_uint_eq(get(p, "eax"), (before + 1) & 0xFFFF);
    stops_remove_all(&partition_debug(p)->stops);
    ck_assert_ptr_null(partition_vcpu(p)->stops);
    debug_continue(partition_debug(p));
    ck_assert_int_eq(partition_run(p, partition_now(p) + 1000000, NULL, NULL), PARTITION_RUNNING);
    partition_destroy(p);
}
END_TEST

START_TEST(breakpoint_by_segment_and_offset)
{
    static const uint8_t code[] = {
        0x40,                         /* 0:1000: inc ax */
        0x40,                         /* 1001: inc ax */
        0xEA, 0x07, 0,    0x00, 0x01, /* 1002: jmp 0100:0007, linear 1007 */
        0x40,                         /* 1007: inc ax */
        0xEA, 0x00, 0x10, 0x00, 0x00, /* 1008: jmp 0:1000 */
    };
    struct partition *p = with_code(code, sizeof code);
    on(p, STOP_SEGMENTED, 0x100, 0x8);
    on(p, STOP_SEGMENTED, 0, 0x1001);
    on(p, STOP_SEGMENTED, 0, 0x1007); /* never met: CS is 0100 there */
    for (unsigned n = 0; n < 3; n++) {
        ck_assert_int_eq(go(p), DEBUG_BREAKPOINT);
        ck_assert_uint_eq(get(p, "eip"), 0x1001);
        ck_assert_uint_eq(get(p, "cs"), 0);
        ck_assert_int_eq(go(p), DEBUG_BREAKPOINT);
        ck_assert_uint_eq(get(p, "eip"), 0x1008);
        ck_assert_uint_eq(get(p, "ip"), 8);
        ck_assert_uint_eq(get(p, "cs"), 0x100);
    }
    partition_destroy(p);
}
END_TEST

/* Two linear pages on one physical page: a physical breakpoint is met through both. */
START_TEST(breakpoint_at_a_physical_address)
{
    static const uint8_t code[] = {
        0x40,                /* +0: inc ax */
        0x40,                /* +1: inc ax */
        0x3D, 0x64, 0,       /* +2: cmp ax, 100 */
        0x72, 0xF9,          /* +5: jb +0 */
        0x31, 0xC0,          /* +7: xor ax, ax */
        0xEA, 0,    0, 0, 2, /* +9: jmp 0200:0000 (linear 2000) */
    };
    struct partition *p = with_code(code, sizeof code);
    uint32_t entry = 0x21000 | 7;
    put(p, 0x20000, &entry, 4);
    for (unsigned n = 0; n < 1024; n++) {
        entry = (n == 2 ? CODE : n << 12) | 7;
        put(p, 0x21000 + 4 * n, &entry, 4);
    }
    set(p, "cr3", 0x20000);
    set(p, "cr0", get(p, "cr0") | CR0_PE);
    set(p, "cr0", get(p, "cr0") | CR0_PG);
    on(p, STOP_PHYSICAL, 0, CODE + 7);
    ck_assert_int_eq(go(p), DEBUG_BREAKPOINT);
    ck_assert_uint_eq(get(p, "eip"), 0x1007);
    set(p, "cs_base", 0x2000);
    set(p, "ip", 0);
    set(p, "eax", 0);
    ck_assert_int_eq(go(p), DEBUG_BREAKPOINT);
    ck_assert_uint_eq(get(p, "eip"), 0x2007);
    ck_assert_uint_eq(get(p, "eax"), 100);
    partition_destroy(p);
}
END_TEST

START_TEST(watchpoint_is_exact_to_the_byte)
{
    static const uint8_t code[] = {
        0xC6, 6,    0xFF, 0x20, 0x11,       /* 1000: mov byte [20FF], 11 */
        0xC6, 6,    0x00, 0x21, 0x22,       /* 1005: mov byte [2100], 22 */
        0xC6, 6,    0x01, 0x21, 0x33,       /* 100A: mov byte [2101], 33 */
        0xC7, 6,    0xFF, 0x20, 0x44, 0x55, /* 100F: mov word [20FF], 5544 */
        0xFE, 6,    0x00, 0x21,             /* 1015: inc byte [2100] */
        0xA0, 0x01, 0x21,                   /* 1019: mov al, [2101] */
        0xA0, 0x00, 0x21,                   /* 101C: mov al, [2100] */
        0x90,                               /* 101F: nop */
    };
    struct partition *p = with_code(code, sizeof code);
    struct stops *stops = &partition_debug(p)->stops;
    struct stop_watch watch = {.address = 0x2100, .len = 1, .write = true};
    ck_assert(stops_watch_add(stops, watch));
    break_at(p, 0x101F);
    static const uint16_t after[] = {0x100A, 0x1015, 0x1019};
    for (unsigned n = 0; n < 3; n++) {
        ck_assert_int_eq(go(p), DEBUG_WATCHPOINT);
        ck_assert_uint_eq(get(p, "eip"), after[n]);
        ck_assert(partition_debug(p)->stop.hit.write);
    }
    ck_assert_int_eq(go(p), DEBUG_BREAKPOINT);
    ck_assert(stops_watch_remove(stops, watch));
    watch = (struct stop_watch){.address = 0x2100, .len = 1, .read = true};
    ck_assert(stops_watch_add(stops, watch));
    set(p, "ip", CODE);
    ck_assert_int_eq(go(p), DEBUG_WATCHPOINT); /* INC reads it too */
    ck_assert_uint_eq(get(p, "eip"), 0x1019);
    ck_assert_int_eq(go(p), DEBUG_WATCHPOINT);
    ck_assert_uint_eq(get(p, "eip"), 0x101F);
    ck_assert_uint_eq(get(p, "eax") & 0xFF, 0x56);
    ck_assert(!partition_debug(p)->stop.hit.write);
    partition_destroy(p);
}
END_TEST

/* In the middle of a repeated instruction, and of an interrupt's stack frame. */
START_TEST(watchpoint_in_string_and_frame)
{
    static const uint8_t code[] = {
        0xBF, 0x00, 0x20, /* 1000: mov di, 2000 */
        0xB9, 0x10, 0x00, /* 1003: mov cx, 16 */
        0xF3, 0xAA,       /* 1006: rep stosb */
        0xCD, 0x80,       /* 1008: int 80 */
    };
    struct partition *p = with_code(code, sizeof code);
    struct stops *stops = &partition_debug(p)->stops;
    static const uint8_t vector[4] = {0x00, 0x30};
    put(p, 0x80 * 4, vector, 4);
    ck_assert(
        stops_watch_add(stops, (struct stop_watch){.address = 0x2004, .len = 1, .write = true}));
    ck_assert(
        stops_watch_add(stops, (struct stop_watch){.address = 0xEFC, .len = 2, .write = true}));
    ck_assert_int_eq(go(p), DEBUG_WATCHPOINT);
    ck_assert_uint_eq(get(p, "eip"), 0x1006);
    ck_assert_uint_eq(get(p, "ecx"), 11);
    ck_assert_int_eq(go(p), DEBUG_WATCHPOINT);
    ck_assert_uint_eq(get(p, "eip"), 0x3000); /* the frame's CS stands at EFC */
    ck_assert_uint_eq(partition_debug(p)->stop.hit.watch.address, 0xEFC);
    partition_destroy(p);
}
END_TEST

START_TEST(step_over_a_repeated_instruction_and_a_call)
{
    static const uint8_t code[] = {
        0xBF, 0x00, 0x20, /* 1000: mov di, 2000 */
        0xB9, 0x10, 0x00, /* 1003: mov cx, 16 */
        0xF3, 0xAA,       /* 1006: rep stosb */
        0xE8, 0x01, 0x00, /* 1008: call 100C */
        0x90,             /* 100B: nop */
        0xC3,             /* 100C: ret */
    };
    struct partition *p = with_code(code, sizeof code);
    step(p);
    ck_assert_int_eq(step(p), DEBUG_STEPPED);
    ck_assert_uint_eq(get(p, "eip"), 0x1006);
    ck_assert_int_eq(step(p), DEBUG_STEPPED); /* one round */
    ck_assert_uint_eq(get(p, "eip"), 0x1006);
    ck_assert_uint_eq(get(p, "ecx"), 15);
    debug_step_over(partition_debug(p));
    run(p);
    ck_assert_uint_eq(get(p, "eip"), 0x1008);
    ck_assert_uint_eq(get(p, "ecx"), 0);
    debug_step_over(partition_debug(p));
    run(p);
    ck_assert_uint_eq(get(p, "eip"), 0x100B);
    set(p, "ip", 0x1008);
    step(p);
    ck_assert_uint_eq(get(p, "eip"), 0x100C); /* a plain step goes in */
    partition_destroy(p);
}
END_TEST

/* gdb's "step" of a source line: its range is gone through without a stop, calls and loops in it
 * too, but a breakpoint in there counts. */
START_TEST(step_through_a_range)
{
    struct partition *p = counting_machine();
    debug_step_range(partition_debug(p), 0x1000, 7);
    ck_assert_int_eq(run(p), DEBUG_STEPPED);
    ck_assert_uint_eq(get(p, "eip"), 0x1007);
    ck_assert_uint_eq(get(p, "eax"), 5);
    ck_assert_uint_eq(vcpu_insns(partition_vcpu(p)), 1 + 3 * 5);
    break_at(p, 0x1004);
    set(p, "ip", 0x1000);
    debug_step_range(partition_debug(p), 0x1000, 9);
    ck_assert_int_eq(run(p), DEBUG_BREAKPOINT);
    ck_assert_uint_eq(get(p, "eip"), 0x1004);
    debug_step_range(partition_debug(p), 0x1004, 1); /* the breakpoint it stands at is behind it */
    ck_assert_int_eq(run(p), DEBUG_STEPPED);
    ck_assert_uint_eq(get(p, "eip"), 0x1005);
    debug_step_range(partition_debug(p), 0x1005, 0); /* no range: one step */
    ck_assert_int_eq(run(p), DEBUG_STEPPED);
    ck_assert_uint_eq(get(p, "eip"), 0x1003);
    debug_step(partition_debug(p)); /* the range is forgotten */
    ck_assert_int_eq(run(p), DEBUG_STEPPED);
    ck_assert_uint_eq(get(p, "eip"), 0x1004);
    partition_destroy(p);
}
END_TEST

START_TEST(step_into_interrupts_and_exceptions)
{
    static const uint8_t code[] = {
        0xFB,       /* 1000: sti */
        0x90,       /* 1001: nop */
        0xCD, 0x80, /* 1002: int 80 */
        0xF4,       /* 1004: hlt */
        0x90,
    };
    static const uint8_t vectors[3][4] = {{0x00, 0x30}, {0x00, 0x31}, {0x00, 0x32}};
    static const uint8_t divide[] = {0xF6, 0xF0}; /* 3100: div al */
    static const uint8_t iret = 0xCF;
    struct partition *p = with_code(code, sizeof code);
    put(p, 2 * 4, vectors[0], 4);
    put(p, 0x80 * 4, vectors[1], 4);
    put(p, 0, vectors[2], 4);
    put(p, 0x3000, &iret, 1);
    put(p, 0x3100, divide, 2);
    static const struct {
        bool nmi;
        uint16_t pc;
    } steps[] = {
        {false, 0x1001},                  /* STI; its shadow holds the NMI off */
        {true, 0x1002},  {false, 0x3000}, /* the NMI is a step of its own */
        {false, 0x1002},                  /* IRET */
        {false, 0x3100}, {false, 0x3200}, /* INT 80h; its divide by zero faults */
    };
    for (size_t n = 0; n < ARRAY_LEN(steps); n++) {
        if (steps[n].nmi)
            vcpu_attend(partition_vcpu(p), EVENT_NMI);
        ck_assert_int_eq(step(p), DEBUG_STEPPED);
        ck_assert_uint_eq(get(p, "eip"), steps[n].pc);
    }
    set(p, "ip", 0x1004);
    ck_assert_int_eq(step(p), DEBUG_STEPPED);
    ck_assert_uint_eq(get(p, "eip"), 0x1005);
    ck_assert(partition_vcpu(p)->halted);
    vcpu_attend(partition_vcpu(p), EVENT_NMI);
    ck_assert_int_eq(step(p), DEBUG_STEPPED);
    ck_assert_uint_eq(get(p, "eip"), 0x3000);
    partition_destroy(p);
}
END_TEST

START_TEST(code_that_changes_under_a_breakpoint)
{
    static const uint8_t code[] = {
        0xC6, 6,    0x06, 0x10, 0x48, /* 1000: mov byte [1006], 48 (dec ax) */
        0x90,                         /* 1005: nop */
        0x40,                         /* 1006: inc ax, the first time only */
        0xEB, 0xF7,                   /* 1007: jmp 1000 */
    };
    struct partition *p = with_code(code, sizeof code);
    set(p, "eax", 0x10);
    break_at(p, 0x1006);
    for (unsigned n = 0; n < 4; n++) {
        ck_assert_int_eq(go(p), DEBUG_BREAKPOINT);
        ck_assert_uint_eq(get(p, "eip"), 0x1006);
        ck_assert_uint_eq(get(p, "eax"), 0x10 - n);
    }
    /* And by the debugger. */
    static const uint8_t inc = 0x40;
    put(p, 0x1005, &inc, 1);
    uint32_t before = get(p, "eax");
    go(p);
    ck_assert_uint_eq(get(p, "eax"), before);
    partition_destroy(p);
}
END_TEST

START_TEST(run_to_is_forgotten_at_the_next_stop)
{
    struct partition *p = counting_machine();
    struct debug *d = partition_debug(p);
    debug_run_to(d, (struct stop_place){.kind = STOP_LINEAR, .address = 0x1005});
    ck_assert_int_eq(run(p), DEBUG_BREAKPOINT);
    ck_assert_uint_eq(get(p, "eip"), 0x1005);
    break_at(p, 0x1004);
    debug_run_to(d, (struct stop_place){.kind = STOP_LINEAR, .address = 0x1007});
    run(p);
    ck_assert_uint_eq(get(p, "eip"), 0x1004);
    stops_remove_all(&d->stops);
    debug_continue(d);
    ck_assert_int_eq(partition_run(p, partition_now(p) + 1000000, NULL, NULL), PARTITION_RUNNING);
    partition_destroy(p);
}
END_TEST

START_TEST(looking_changes_nothing)
{
    struct partition *p = counting_machine();
    struct debug *d = partition_debug(p);
    uint32_t entry = 0x21000 | 3; /* present, writable, not accessed */
    put(p, 0x20000, &entry, 4);
    for (unsigned n = 0; n < 1024; n++) {
        entry = n << 12 | 3;
        put(p, 0x21000 + 4 * n, &entry, 4);
    }
    uint8_t buf[65536];
    uint64_t hash = partition_state_hash(p);
    static const uint32_t places[] = {0, 0xA0000, 0xB0000, 0xFEC00000, 0xFEE00000, 0xFFFF0000};
    for (size_t n = 0; n < ARRAY_LEN(places); n++)
        ck_assert_uint_eq(debug_read(d, places[n], buf, sizeof buf), sizeof buf);
    for (unsigned n = 0; n < REGISTER_COUNT; n++)
        debug_register_read(partition_vcpu(p), n, buf);
    ck_assert_uint_eq(partition_state_hash(p), hash);
    set(p, "cr3", 0x20000);
    set(p, "cr0", get(p, "cr0") | CR0_PE);
    set(p, "cr0", get(p, "cr0") | CR0_PG);
    ck_assert_uint_eq(debug_read(d, 0x3FF000, buf, 8192), 4096); /* the table ends there */
    ck_assert_uint_eq(debug_read(d, 0x5000, buf, 16), 16);
    ck_assert_uint_eq(physmap_peek(partition_physmap(p), 0x21000 + 4 * 5, buf, 4), 4);
    ck_assert_uint_eq(buf[0], 3); /* still not accessed */
    partition_destroy(p);
}
END_TEST

/* A stop is not seen in the virtual time of a guest that keeps real time: it stands meanwhile, and
 * has nothing to catch up with behind it. */
START_TEST(time_stands_still)
{
    const uint64_t stop_ns = 50000000;
    struct partition *p = make(CLOCK_HOST);
    struct debug *d = partition_debug(p);
    static const uint8_t loop[] = {0xEB, 0xFE};
    put(p, CODE, loop, 2);
    set(p, "cs", 0);
    set(p, "ip", CODE);
    debug_continue(d);
    ck_assert_int_eq(partition_run(p, partition_now(p) + 5000000, NULL, NULL), PARTITION_RUNNING);
    uint64_t host = host_now(), target = vclock_host_target(d->clock), now = partition_now(p);
    debug_pause(d);
    usleep(stop_ns / 1000);
    ck_assert_uint_eq(partition_now(p), now);
    debug_continue(d);
    target = vclock_host_target(d->clock) - target; /* where its time is to go from here */
    host = host_now() - host;
    ck_assert_uint_le(target + stop_ns, host);
    partition_destroy(p);
}
END_TEST

static void pause_it(void *ctx, struct partition *p)
{
    (void)ctx;
    debug_pause(partition_debug(p));
}

static void let_go(void *ctx, struct partition *p)
{
    *(uint32_t *)ctx = get(p, "eip");
    debug_continue(partition_debug(p));
}

static void *partition_thread(void *ctx)
{
    struct partition *p = ctx;
    enum partition_end end;
    do {
        end = partition_run(p, UINT64_MAX, NULL, NULL);
        if (end == PARTITION_DEBUG_STOP)
            end = partition_wait(p, NULL, NULL);
    } while (end == PARTITION_RUNNING);
    partition_close_calls(p);
    return NULL;
}

START_TEST(another_thread_stops_it_and_lets_it_go)
{
    struct partition *p = counting_machine();
    debug_continue(partition_debug(p));
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, partition_thread, p), 0);
    for (unsigned n = 0; n < 100; n++) {
        uint32_t pc = 0;
        ck_assert(partition_call(p, pause_it, NULL));
        ck_assert(partition_call(p, let_go, &pc));
        ck_assert_uint_ge(pc, 0x1000);
        ck_assert_uint_le(pc, 0x1007);
    }
    partition_stop(p);
    pthread_join(thread, NULL);
    ck_assert(!partition_call(p, pause_it, NULL));
    partition_destroy(p);
}
END_TEST

START_TEST(registers_are_set_as_the_guest_would)
{
    struct partition *p = counting_machine();
    struct vcpu *c = partition_vcpu(p);
    set(p, "ds", 0x1234);
    ck_assert_uint_eq(get(p, "ds_base"), 0x12340);
    set(p, "eflags", 0x8D7);
    ck_assert_uint_eq(get(p, "eflags"), 0x8D7);
    set(p, "eip", 0x1003);
    ck_assert_uint_eq(get(p, "ip"), 0x1003);
    uint8_t value[REGISTER_BYTES] = {0};
    store_le32(value, CR0_PG); /* paging without protection: #GP */
    ck_assert(!debug_register_write(c, (unsigned)debug_register_find("cr0"), value));
    store_le32(value, 0x12345); /* beyond CS */
    ck_assert(!debug_register_write(c, (unsigned)debug_register_find("ip"), value));
    set(p, "cr0", get(p, "cr0") | CR0_PE);
    store_le32(value, 0x5550); /* beyond the GDT, or no descriptor: #GP, nothing changes */
    ck_assert(!debug_register_write(c, (unsigned)debug_register_find("ds"), value));
    ck_assert_uint_eq(get(p, "ds"), 0x1234);
    partition_destroy(p);
}
END_TEST

/* The guest's own debug registers, and the descriptors that LLDT and LTR load. */
START_TEST(system_registers_are_set_as_the_guest_would)
{
    struct partition *p = counting_machine();
    struct vcpu *c = partition_vcpu(p);
    /* GDT at 2000: null, LDT 8, TSS 10, data 18 */
    static const uint64_t gdt[] = {0, UINT64_C(0x000082003000001F), UINT64_C(0x0000890040000067),
                                   UINT64_C(0x00CF92000000FFFF)};
    uint8_t value[REGISTER_BYTES] = {0}, type;
    put(p, 0x2000, gdt, sizeof gdt);
    set(p, "gdt_base", 0x2000);
    set(p, "gdt_limit", sizeof gdt - 1);
    store_le16(value, 8); /* #UD in real mode */
    ck_assert(!debug_register_write(c, (unsigned)debug_register_find("ldtr"), value));
    set(p, "cr0", get(p, "cr0") | CR0_PE);
    set(p, "ldtr", 8);
    ck_assert_uint_eq(c->ldtr.base, 0x3000);
    set(p, "tr", 0x10);
    ck_assert_uint_eq(c->tr.base, 0x4000);
    ck_assert_uint_eq(debug_read(partition_debug(p), 0x2015, &type, 1), 1);
    ck_assert_uint_eq(type, 0x8B); /* busy now */
    store_le16(value, 0x18);       /* no TSS: #GP */
    ck_assert(!debug_register_write(c, (unsigned)debug_register_find("tr"), value));
    ck_assert_uint_eq(get(p, "tr"), 0x10);

    set(p, "dr0", 0x600);
    set(p, "dr6", 0);
    ck_assert_uint_eq(get(p, "dr6"), 0xFFFF0FF0);
    set(p, "dr7", 0x000D0001); /* write, 4 bytes */
    ck_assert_uint_eq(get(p, "dr7"), 0x000D0401);
    ck_assert_uint_eq(c->data_breakpoints, 1);
    partition_destroy(p);
}
END_TEST

CHECK_MAIN("partition/debug", breakpoint_in_a_loop_counts_its_hits,
           breakpoint_set_into_running_code, breakpoint_by_segment_and_offset,
           breakpoint_at_a_physical_address, watchpoint_is_exact_to_the_byte,
           watchpoint_in_string_and_frame, step_over_a_repeated_instruction_and_a_call,
           step_through_a_range, step_into_interrupts_and_exceptions,
           code_that_changes_under_a_breakpoint, run_to_is_forgotten_at_the_next_stop,
           looking_changes_nothing, time_stands_still, another_thread_stops_it_and_lets_it_go,
           registers_are_set_as_the_guest_would, system_registers_are_set_as_the_guest_would)
