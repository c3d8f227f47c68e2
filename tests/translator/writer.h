/* tests/translator/writer.h: what those who write the items of a random program share: program.c,
 * which draws from the opcode table, program_flow.c, which jumps, and program_system.c, which
 * changes the machine. */
#ifndef UMBRA_TESTS_TRANSLATOR_WRITER_H
#define UMBRA_TESTS_TRANSLATOR_WRITER_H

#include "cpu/decode.h"
#include "tests/cpu/fpgen.h"
#include "tests/translator/layout.h"

struct writer {
    struct program *p;
    struct rng r;
    struct decoder decoder;
    uint16_t rows[OPCODE_ROWS]; /* those that may be drawn */
    unsigned row_count;
    struct item spare; /* what is written beyond the last item is lost */
};

/* A small assembler's buffer. */
struct code {
    uint8_t b[24];
    unsigned n;
};

uint32_t below(struct writer *w, uint32_t n);
bool one_in(struct writer *w, uint32_t n);

void e8(struct code *c, unsigned v);
void e16(struct code *c, unsigned v);
void e32(struct code *c, uint32_t v);

/* Of the size that the mode has without a prefix. */
void e_word(struct writer *w, struct code *c, uint32_t v);

/* A prefix that makes the operand one of 32 bits. */
void operand32(struct writer *w, struct code *c);

/* Adds an item. */
struct item *emit(struct writer *w, const struct code *c);

/* MOV reg, v. */
void set_reg(struct writer *w, unsigned reg, uint32_t v);

/* An item at most far behind the next one, or before it. */
uint16_t some_target(struct writer *w, int from, int to);

uint32_t random_value(struct writer *w);

/* An offset for the default data segment of the mode. */
uint32_t random_place(struct writer *w);

/* Any instruction; the bread and butter: adds, moves, compares, shifts of registers and memory. */
void write_any_instruction(struct writer *w);
void write_plain_instruction(struct writer *w);

/* --- program_flow.c --------------------------------------------------------------------------- */

void write_jump(struct writer *w);
void write_counted_loop(struct writer *w);
void write_call(struct writer *w);
void write_indirect(struct writer *w);
void write_interrupt(struct writer *w);
void write_far_jump(struct writer *w);
void write_far_memory(struct writer *w);
void write_far_return(struct writer *w);
void write_interrupt_return(struct writer *w);
void write_set_flags(struct writer *w);
void write_system_enter(struct writer *w);

/* --- program_system.c ------------------------------------------------------------------------- */

void write_load_segment(struct writer *w);
void write_load_pointer(struct writer *w);
void write_set_stack(struct writer *w);
void write_modify_code(struct writer *w);
void write_store_as_it_is(struct writer *w);
void write_string_at_edge(struct writer *w);
void write_port(struct writer *w);
void write_port_string(struct writer *w);
void write_change_page(struct writer *w);
void write_change_large(struct writer *w);
void write_flush_page(struct writer *w);
void write_restore_code(struct writer *w);
void write_move_code(struct writer *w);
void write_change_space(struct writer *w);
void gate_a20(struct writer *w);
void write_control_register(struct writer *w);
void write_debug_register(struct writer *w);
void write_table_register(struct writer *w);
void write_enter_unreal(struct writer *w);
void write_ask_selector(struct writer *w);
void write_fpu_state(struct writer *w);
void write_halt(struct writer *w);

#endif
