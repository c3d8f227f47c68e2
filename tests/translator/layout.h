/* tests/translator/layout.h: where things lie in the machine of a random program (program_load.c
 * draws the map), for those who write it and those who write the code. */
#ifndef UMBRA_TESTS_TRANSLATOR_LAYOUT_H
#define UMBRA_TESTS_TRANSLATOR_LAYOUT_H

#include "tests/translator/program.h"

enum {
    AT_ENTRIES = 0x1000,
    AT_HANDLER = 0x2000,
    AT_GATE = 0x2300,
    AT_GDT = 0x2400,
    AT_TSS = 0x2500,
    AT_IDT = 0x2800,
    AT_PLACE = 0x3F00,
    AT_RING0_STACK = 0x5000,
    AT_PAGE_ROOT = 0x6000,
    AT_PAGE_DIRECTORY = 0x7000, /* PAE */
    AT_PAGE_TABLES = 0x8000,
    AT_CODE = 0x10000,
    AT_DATA = 0x20000,
    AT_STACK = 0x30000,
    AT_NEXT = 0x40000,
    ALIAS_DATA = 0x100000,
    ALIAS_CODE = 0x110000,
    ALIAS_TABLES = 0x120000, /* of AT_PAGE_ROOT and the four pages behind it */
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
    SEL_CONFORMING = 0x88,
    SEL_ABSENT = 0x90,
};

/* Offsets are linear addresses. */
static inline bool layout_is_flat(enum program_mode mode)
{
    return mode <= PROGRAM_USER;
}

#endif
