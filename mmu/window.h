/* mmu/window.h: windows, the shadow map (gva -> machine) held in the host's own MMU.
 *
 * A window is a reserved host range of 4 GiB in which the guest's byte at gva lies at base + gva:
 *
 *              guard  |base                                              base + 4 GiB|  guard
 *     host     ///////|....[page]......[run of pages]...........[4 MiB page].........|///////
 *                          |             |  |  |                 |
 *     memfd    ............[page]..[run of pages]................[4 MiB].....   machine memory
 *
 * What is not mapped is inaccessible: the access faults, the engine's SIGSEGV handler calls
 * windows_fault, which walks the guest's tables, maps, and has the access retried; or it refuses,
 * and the access goes the slow way (cpu/access.h), which knows devices, faults and watched pages.
 *
 * Rules
 *  - Keyed by (address space, privilege view): the user view leaves supervisor pages unmapped, the
 *    supervisor view obeys CR0.WP. With paging off there is one window for both views.
 *  - A page is mapped for writing only when D is set in the guest's entry and the physmap has
 *    nothing to note of a write (page_state_writable). When it has, later (a page becomes code, a
 *    display takes its dirty bits), the mappings of that page are made read-only at once.
 *  - The guest's tables are not write-protected. As with a TLB, a change is seen at the latest
 *    when the guest flushes; then the entries used are compared with the copies kept of them, and
 *    only what changed is unmapped. So an address space that comes back finds its window filled.
 *  - Mappings are a limited resource of the host (vm.max_map_count): they are counted, windows
 *    least recently used are emptied. Running out of anything is a refusal, never a failure.
 *
 * One struct windows serves one vCPU; its thread alone calls in here. windows_fault may be called
 * from the SIGSEGV handler while translated code runs: no code of ours is interrupted then. */
#ifndef UMBRA_MMU_WINDOW_H
#define UMBRA_MMU_WINDOW_H

#include "base/log.h"
#include "mmu/physmap.h"
#include "mmu/tlb.h"
#include "mmu/walk.h"

#define WINDOW_SIZE  (UINT64_C(1) << 32)
#define WINDOW_GUARD UINT64_C(0x10000) /* inaccessible bytes before and behind each window */

struct windows; /* all windows of one vCPU */

/* What is looked at each time that a guest's system call crosses from one view to the other. */
struct windows_ready {
    uint8_t *base[TLB_VIEWS]; /* of the view's window, where nothing is to be brought up to date */
    uint8_t *entered;         /* of the window entered last */
};

enum window_answer {
    WINDOW_RETRY,   /* mapped: have the access done again */
    WINDOW_STRAY,   /* the same; the supervisor's access met a page of the users' */
    WINDOW_PASSING, /* the same; it met one of many pages that it maps for a moment only */
    WINDOW_REFUSED, /* the access must go the slow way; nothing happened that the guest could see */
};

/* For --stats; see docs/mmu.md. */
struct window_counters {
    uint64_t faults, refused; /* calls of windows_fault; those refused */
    uint64_t singles; /* those that showed, or made writable, just the page asked for; or the guest
                         has none there */
    uint64_t maps, protects, unmaps; /* system calls, by kind */
    uint64_t pages_mapped, pages_unmapped;
    uint64_t flushes, page_flushes;    /* by the guest */
    uint64_t syncs, entries_changed;   /* windows compared with their tables; changes found */
    uint64_t downgrades;               /* pages made read-only (code, dirty tracking) */
    uint64_t traced_writes;            /* to page tables, with the policy "traced" */
    uint64_t enters, binds;            /* windows_enter; those that took a window for a new root */
    uint64_t evictions, drops;         /* windows emptied for want of room; by a map change */
    uint64_t exhausted;                /* the host refused a mapping */
    uint64_t mappings, mappings_limit; /* host mappings in use now; the bound kept */
    uint64_t windows;                  /* that exist now */
};

/* No window yet but one to see that the host can; listens to pm, which must outlive it. NULL when
 * the host cannot: log says why. */
struct windows *windows_create(struct physmap *pm, struct log *log);
void windows_destroy(struct windows *w);

/* The window of the address space that mode names and the view, brought up to date, made if need
 * be; it is the one that windows_fault means from now on. Returns its base (4 GiB aligned), or
 * NULL when the host has no room: use the soft TLB. Cheap when
 * nothing was flushed since. To be called again before guest memory is touched through a base
 * after: a flush (any kind), a change of privilege, a change of the physical map (block caches
 * attend EVENT_BLOCKS then). */
uint8_t *windows_enter(struct windows *w, const struct walk_mode *mode, enum tlb_view view);

/* Kept current as long as w is there. Where base[view] is `entered`, windows_enter has nothing to
 * do. */
const struct windows_ready *windows_ready(const struct windows *w);

/* A host access at base + gva of the window entered last faulted (the caller sees to it that it
 * lay within the 4 GiB). Sets A, and D when write, if and only if the answer is RETRY or the
 * access would succeed the slow way. */
must_use enum window_answer windows_fault(struct windows *w, uint32_t gva, bool write);

/* The number of the window entered last: a later one each time that one is given to an address
 * space. */
uint64_t windows_binding(const struct windows *w);

/* How many faults showed, or made writable, just the page that they were about, or were the
 * guest's own. */
uint64_t windows_singles(const struct windows *w);

/* The guest flushed: MOV CR3 (globals_too false when CR4.PGE is set), or changed CR0, CR4, EFER. */
void windows_flush(struct windows *w, bool globals_too);
/* INVLPG. The window entered stays entered. */
void windows_flush_page(struct windows *w, uint32_t gva);

/* Unmaps everything: what may be mapped changed in a way that no table tells (watched pages). */
void windows_drop(struct windows *w);

/* Pages for which watched is true are never mapped (debuggers). After a change: windows_drop. */
void windows_watch(struct windows *w, bool (*watched)(const void *ctx, uint32_t gva),
                   const void *ctx);

/* At most so many host mappings (for tests; the default is a third of vm.max_map_count). */
void windows_limit(struct windows *w, uint64_t mappings);

/* The policy "traced": windows follow every write to the page tables that they use, for guests that
 * forget flushes; stale (may be NULL) is told of each entry of the current address space that
 * changed. Off (the default): the lazy policy. Empties the windows. False when out of memory. */
bool windows_trace(struct windows *w, bool on, void (*stale)(void *ctx, uint32_t gva), void *ctx);

struct window_counters windows_counters(const struct windows *w);

/* What stands at gva in the window entered: for tests and the debugger. False: not mapped. */
bool windows_lookup(const struct windows *w, uint32_t gva, uint64_t *machine, bool *writable);

#endif
