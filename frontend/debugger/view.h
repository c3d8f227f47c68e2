/* frontend/debugger/view.h: what passes between the window (C++) and the partition's thread (C).
 *
 *     window                                  partition's thread, in one partition_call
 *     struct view_request  ----------------->  act: what the user did
 *       which panels are seen, where they      look: only what these panels show
 *       look, what the user did
 *     struct view          <-----------------
 *
 * Plain numbers and text, no pointer into the guest or the emulator but to constant text. Each side
 * has the structs to itself while the other waits: no lock. Everything has a bound, so that a look
 * is short whatever the guest has made. */
#ifndef UMBRA_FRONTEND_DEBUGGER_VIEW_H
#define UMBRA_FRONTEND_DEBUGGER_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "frontend/debugger/view_machine.h"

#ifdef __cplusplus
extern "C" {
#endif

enum view_panel {
    PANEL_CODE,
    PANEL_REGISTERS,
    PANEL_MEMORY,
    PANEL_STACK,
    PANEL_BREAKPOINTS,
    PANEL_ADDRESS,
    PANEL_TABLES,
    PANEL_DEVICES,
    PANEL_TRANSLATION,
    PANEL_CONSOLE,
    PANEL_TIME,
    PANEL_DMA,
    PANEL_HISTORY,
    PANELS
};

/* --- What panels show ------------------------------------------------------------------------- */

enum view_mode { VIEW_REAL, VIEW_V86, VIEW_PROTECTED16, VIEW_PROTECTED32 };

struct view_segment {
    uint16_t selector;
    uint16_t attr; /* descriptor bits 40..55, limit's aside */
    uint32_t limit, base;
};

enum { VIEW_ES, VIEW_CS, VIEW_SS, VIEW_DS, VIEW_FS, VIEW_GS, VIEW_LDTR, VIEW_TR, VIEW_SEGMENTS };
enum { VIEW_EAX, VIEW_ECX, VIEW_EDX, VIEW_EBX, VIEW_ESP, VIEW_EBP, VIEW_ESI, VIEW_EDI };

struct view_cpu {
    uint32_t gpr[8];
    uint32_t eip, pc; /* offset in CS; linear */
    uint32_t eflags, cr0, cr2, cr3, cr4, dr[8];
    struct view_segment segment[VIEW_SEGMENTS];
    uint32_t gdt_base, gdt_limit, idt_base, idt_limit;
    uint8_t st[8][10]; /* from the top */
    uint16_t x87_control, x87_status, x87_tag;
    uint8_t xmm[8][16];
    uint32_t mxcsr;
    uint8_t cpl, mode; /* enum view_mode */
    bool code32, stack32, paging, halted, has_sse;
};

/* A stretch of guest memory. Pages that are not mapped are not valid. */
#define VIEW_BYTES 4096
struct view_bytes {
    uint64_t base;
    uint32_t len;
    uint8_t pages_valid; /* bit i: the i-th page from base's own on */
    uint8_t data[VIEW_BYTES];
};

static inline bool view_valid(const struct view_bytes *b, uint32_t at)
{
    return at < b->len && (b->pages_valid >> (((b->base & 4095) + at) >> 12) & 1);
}

/* As partition/breakpoints.h has them, in its order. */
enum view_break_kind {
    VIEW_BREAK_AT,
    VIEW_BREAK_DATA,
    VIEW_BREAK_PORT,
    VIEW_BREAK_INTERRUPT,
    VIEW_BREAK_EXCEPTION,
    VIEW_BREAK_SOFTWARE,
    VIEW_BREAK_IRET,
    VIEW_BREAK_MODE,
    VIEW_BREAK_CR3,
    VIEW_BREAK_DMA_DENIED,
    VIEW_BREAK_KINDS
};

#define VIEW_BREAK_TEXT 96
struct view_break {
    unsigned id;
    uint8_t kind; /* enum view_break_kind */
    bool enabled;
    bool is_linear;   /* address is: of an instruction, or of len bytes of data */
    uint32_t address; /* of a segmented place: where that is now */
    uint32_t len;
    uint64_t hits;
    char text[VIEW_BREAK_TEXT]; /* what it waits for */
    char condition[VIEW_BREAK_TEXT];
};

#define VIEW_BREAKS  256
#define VIEW_PEEKS   8
#define VIEW_MESSAGE 160

struct view_peek {
    uint32_t address; /* linear */
    uint8_t len;      /* up to 16; 0 in the answer: not mapped */
    uint8_t data[16];
};

/* The symbol that an address belongs to, "name+1F" or ""; the source line, "main.c:12" or "". */
#define VIEW_NAMES 128
struct view_name {
    uint32_t address;
    char text[48], line[40];
};

struct view {
    bool stopped;
    uint64_t stops;            /* how often it has stopped: tells a new stop from the last */
    char why[VIEW_MESSAGE];    /* it stopped */
    char answer[VIEW_MESSAGE]; /* to what the user did last: an error, or "" */
    uint64_t virtual_ns, insns;
    struct view_cpu cpu;
    struct view_bytes code, memory, stack;
    uint32_t stack_frame; /* linear address of what EBP points at */
    struct view_peek peek[VIEW_PEEKS];
    unsigned break_count;
    struct view_break breaks[VIEW_BREAKS];
    struct view_counters counters;
    struct view_tables tables;
    struct view_history history;
    struct view_devices devices;
    struct view_dma dma;
    struct view_address address;
    struct view_map map;
    struct view_translation translation;

    char story[4096]; /* of a triple fault: how it came to that */
    uint64_t symbols; /* how many are known */
    unsigned name_count;
    struct view_name name[VIEW_NAMES];

    bool place_found; /* the answer to ACTION_FIND */
    bool place_physical;
    uint8_t place_panel;
    uint64_t place;
};

/* --- What the user does ----------------------------------------------------------------------- */

enum view_action_kind {
    ACTION_CONTINUE,
    ACTION_PAUSE,
    ACTION_STEP,
    ACTION_STEP_OVER,
    ACTION_STEP_OUT,
    ACTION_RUN_TO,       /* address, linear */
    ACTION_RUN_UNTIL,    /* panel: enum view_break_kind, any of it */
    ACTION_BREAK_TOGGLE, /* address, linear */
    ACTION_BREAK_ADD,    /* panel: enum view_break_kind; text: where, or which; condition; access */
    ACTION_BREAK_REMOVE, /* address: its number */
    ACTION_BREAK_ENABLE, /* address: its number; len: 0 or 1 */
    ACTION_BREAK_CONDITION, /* address: its number; condition */
    ACTION_BREAK_CLEAR,     /* all of them */
    ACTION_SET_REGISTER,    /* text: its name; data */
    ACTION_SET_MEMORY,      /* address, physical, data, len */
    ACTION_FIND,            /* text: an address as the user writes it; panel: who asks */
    ACTION_SEARCH,          /* data, len from address on: the answer comes as for ACTION_FIND */
    ACTION_SCAN_MAP,        /* fill in view.map: what the page tables map */
    ACTION_DMA_POLICY,      /* text: the device; len: enum dma_policy */
    ACTION_RESET,
};

struct view_action {
    uint8_t kind; /* enum view_action_kind */
    uint8_t panel, len;
    bool physical;
    uint64_t address;
    bool read, write; /* ACTION_BREAK_ADD of data and ports */
    uint8_t data[32];
    char condition[VIEW_BREAK_TEXT];
    char text[128];
};

#define VIEW_ACTIONS 16

struct view_request {
    uint32_t panels; /* set of enum view_panel: those that can be seen */
    uint32_t code_base, code_len;
    uint64_t memory_base;
    uint32_t memory_len;
    bool memory_physical;
    uint32_t stack_base, stack_len;
    bool stack_follows; /* stack_base is SS:ESP's place */
    unsigned peek_count;
    struct view_peek peek[VIEW_PEEKS];
    uint8_t table; /* enum view_table */
    unsigned table_first;
    unsigned device;     /* whose registers are wanted */
    int address_segment; /* -1: address_offset is linear */
    uint32_t address_offset;
    uint32_t translation_at; /* linear */
    bool dma_only_denied;
    unsigned name_count;
    uint32_t name_at[VIEW_NAMES];
    unsigned action_count;
    struct view_action action[VIEW_ACTIONS];
};

/* --- The window, for debugger.c: in the module umbra-window.so (frontend/display/module.h) ---- */

struct window;

/* What the console panel asks of the emulator. The window's thread. */
struct window_host {
    void *ctx;
    /* Runs a line; calls say with what it answers. */
    void (*command)(void *ctx, const char *line, struct window *w);
    /* Calls found for each word that the last one of line could become. */
    void (*complete)(void *ctx, const char *line, void (*found)(void *ctx, const char *word),
                     void *found_ctx);
};

struct window_ops {
    /* NULL with a sentence in error. */
    struct window *(*open)(const char *title, const struct window_host *host, char *error,
                           size_t error_len);
    void (*close)(struct window *w);
    void (*raise)(struct window *w);
    /* Text for the console panel: whole lines. */
    void (*print)(struct window *w, const char *text, size_t len, bool failed);
    /* Takes input. False: the user closed the window. */
    bool (*poll)(struct window *w);
    /* Is it time for another picture? False while the last one is fresh enough. */
    bool (*wants_frame)(struct window *w);
    /* Draws view and says in request what the next one should hold. */
    void (*draw)(struct window *w, const struct view *view, struct view_request *request);
};

extern const struct window_ops debugger_window; /* in the module */

#ifdef __cplusplus
}
#endif
#endif
