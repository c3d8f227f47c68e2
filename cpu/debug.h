/* cpu/debug.h: breakpoints of the debug registers (SDM vol. 3, 17.2).
 *
 *   DR7  |31 30|29 28| ... |17 16|15 14| 13|12..10|9  8|7 6|5 4|3 2|1 0|
 *        |LEN3 |R/W3 | ... |R/W0 |     | GD|      |GE LE|G3L3|...|G0 L0|
 *
 * A data or I/O match is a trap: its DR6 bits are collected in dr6_pending, EVENT_TRAP makes the
 * engine deliver it at the next boundary. Code matches are faults, before the instruction. Pages
 * under a data breakpoint are kept out of the TLB, so that every access to them takes the slow
 * path. */
#ifndef UMBRA_CPU_DEBUG_H
#define UMBRA_CPU_DEBUG_H

#include "cpu/state.h"

#define DR6_BD    UINT32_C(0x2000) /* a debug register was touched under DR7.GD */
#define DR6_BS    UINT32_C(0x4000) /* single step */
#define DR6_BT    UINT32_C(0x8000) /* task switch with the T bit */
#define DR7_GD    UINT32_C(0x2000)
#define DR7_LE    UINT32_C(0x0100)
#define DR7_LOCAL UINT32_C(0x0055) /* L0 to L3 */
#define DR6_ONES  UINT32_C(0xFFFF0FF0)
#define DR7_ONES  UINT32_C(0x00000400)

/* DRn = value as MOV does it, n 0..3, 6 or 7: bits that are fixed stay. */
void debug_set(struct vcpu *c, unsigned n, uint32_t value);

/* Recomputes what is derived from DR0..DR7 and flushes the TLB when data breakpoints changed. */
void debug_update(struct vcpu *c);

/* Does the page of gva hold an enabled data breakpoint? */
bool debug_page_watched(const struct vcpu *c, uint32_t gva);

/* Notes a data access or a port access; a match becomes a pending trap. Cheap when nothing is
 * enabled: callers test data_breakpoints or io_breakpoints first. */
void debug_data_access(struct vcpu *c, uint32_t gva, unsigned size, bool write);
void debug_io_access(struct vcpu *c, uint16_t port, unsigned size);

/* The DR6 bits of enabled code breakpoints at linear address gva, 0 when none. The engine asks
 * before an instruction when code_breakpoints is not 0 and EFLAGS.RF is clear, and then raises #DB
 * by exception_deliver_debug_trap. */
uint32_t debug_code_match(const struct vcpu *c, uint32_t gva);

#endif
