/* tests/translator/layout.h: where things lie in the machine of a random program (program_load.c
 * draws the map), for those who write it and those who write the code. */
#ifndef UMBRA_TESTS_TRANSLATOR_LAYOUT_H
#define UMBRA_TESTS_TRANSLATOR_LAYOUT_H

#include "tests/translator/program.h"

enum {
    AT_ENTRIES = 0x1000,
    AT_HANDLER = 0x2000,
    AT_GATE = 0x2300,        /* RETF */
    AT_GATE16 = 0x2308,      /* RETF of 16 bits */
    AT_GATE_PARAMS = 0x2310, /* RETF 8 */
    AT_IRET = 0x2318,
    AT_IRET16 = 0x2320,
    AT_TASK = 0x2328, /* IRET; JMP to it */
    AT_SYSEXIT = 0x2330,
    AT_GDT = 0x2400,
    AT_TSS = 0x2500,
    AT_IDT = 0x2800,
    AT_STUBS = 0x3000,
    AT_LDT = 0x3C00,
    AT_TSS2 = 0x3D00,
    AT_PLACE = 0x3F00,
    AT_TABLE_POINTERS = 0x3F20, /* of the GDT, of a shorter one, of the IDT: 8 bytes each */
    AT_TASK_STACK = 0x4800,
    AT_RING0_STACK = 0x5000,
    AT_PAGE_ROOT = 0x6000,
    AT_PAGE_DIRECTORY = 0x7000, /* PAE */
    AT_PAGE_TABLES = 0x8000,
    SPACE_SIZE = 0x4000,     /* the other address space's tables follow */
    AT_LARGE_TABLE = 0xE000, /* what the large page at LARGE is when it is in pieces */
    AT_RETURNS = 0x13F00, /* in the program's pages: IRET, IRET of 16 bits, RETF 2; 8 bytes each */
    AT_CODE = 0x10000,
    AT_DATA = 0x20000,
    AT_STACK = 0x30000,
    AT_NEXT = 0x40000,
    AT_ORIGINAL = 0x50000,
    ALIAS_DATA = 0x100000,
    ALIAS_CODE = 0x110000,
    ALIAS_TABLES = 0x120000, /* of AT_PAGE_ROOT and all tables behind it */
    LARGE = 0x400000,        /* all memory again, in a large page */
    CODE_PLACES = 4,         /* at ALIAS_CODE, one behind the other: INT 52h */
    CODE_SIZE = 0x4000,
    STACK_SIZE = 0x4000,
};

enum {
    SEL_CODE0 = 0x08,
    SEL_DATA0 = 0x10,
    SEL_CODE3 = 0x18,
    SEL_DATA3 = 0x20,
    SEL_TSS = 0x28,
    SEL_CODE16 = 0x30,
    SEL_BASED = 0x38,
    SEL_SMALL = 0x40,
    SEL_DOWN = 0x48,
    SEL_CODE_BASED = 0x50,
    SEL_READ_ONLY = 0x58,
    SEL_STACK = 0x60,
    SEL_STACK16 = 0x68,
    SEL_GATE = 0x70,
    SEL_GATE16 = 0x78,
    SEL_GATE_PARAMS = 0x80,
    SEL_CONFORMING = 0x88,
    SEL_ABSENT = 0x90,
    SEL_TSS2 = 0x98,
    SEL_TASK_GATE = 0xA0,
    SEL_LDT = 0xA8,
    SEL_CODE_DATA = 0xB0, /* the program, to be written */
    SEL_WRAP = 0xB8,      /* 4 GiB, not from 0 */
    SEL_BIG = 0xC0,       /* 1 MiB from AT_DATA */
    SEL_FRESH = 0xC8,     /* SEL_BASED, not accessed */
    SEL_CODE_FRESH = 0xD0,
    SEL_DOWN16 = 0xD8,
    SEL_STACK_DOWN = 0xE0, /* AT_STACK and what follows 800h */
    SEL_STACK_DOWN16 = 0xE8,
    SEL_STACK16_0 = 0xF0,  /* level 0, B = 0 */
    SEL_LOCAL_CODE = 0x04, /* in the LDT */
    SEL_LOCAL_DATA = 0x0C,
    SEL_LOCAL_STACK_DOWN = 0x14,   /* level 0: from 1000h on */
    SEL_LOCAL_STACK_DOWN16 = 0x1C, /* the same with B = 0 */
};

/* Offsets are linear addresses. */
static inline bool layout_is_flat(enum program_mode mode)
{
    return mode <= PROGRAM_USER;
}

#endif
