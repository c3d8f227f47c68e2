/* tests/mmu/window_rig.h: touching guest memory through windows, with the SIGSEGV handler that an
 * engine has. One rig at a time: the handler finds it through `rig_live`. */
#ifndef UMBRA_TESTS_MMU_WINDOW_RIG_H
#define UMBRA_TESTS_MMU_WINDOW_RIG_H

#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <ucontext.h>

#include "mmu/window.h"

#define RIG_P 1u
#define RIG_W 2u
#define RIG_U 4u
#define RIG_A 0x20u
#define RIG_D 0x40u
#define RIG_L 0x80u /* PS */
#define RIG_G 0x100u

struct rig {
    struct physmap *pm;
    struct windows *w;
    struct walk_mode mode;
    enum tlb_view view;
    uint8_t *base;
    sigjmp_buf refused;
};

static struct rig *rig_live;

/* Is the fault one of writing? Bit 1 of the page-fault error code; REG_ERR is x86's. */
static bool rig_is_write(const ucontext_t *context)
{
#if defined(__x86_64__)
    return context->uc_mcontext.gregs[REG_ERR] & 2;
#else
#error "teach the rig where this host's signal frame says that a fault is a write"
#endif
}

static void rig_segv(int sig, siginfo_t *info, void *context)
{
    struct rig *r = rig_live;
    uint64_t gva = (uint64_t)((uint8_t *)info->si_addr - (r ? r->base : NULL));
    if (!r || !r->base || gva >= WINDOW_SIZE) {
        signal(sig, SIG_DFL); /* a fault of the test's own: die of it */
        return;
    }
    if (windows_fault(r->w, (uint32_t)gva, rig_is_write(context)) == WINDOW_REFUSED)
        siglongjmp(r->refused, 1);
}

/* RAM at 0. False when the host has no windows; the test is to be skipped then. */
static bool rig_open(struct rig *r, uint64_t ram, uint64_t extra)
{
    *r = (struct rig){.pm = physmap_create(ram, extra, NULL), .mode = {.linear_mask = UINT32_MAX}};
    if (!r->pm)
        return false;
    r->mode.phys_bits = 36;
    physmap_map_ram(r->pm, 0, ram, 0);
    r->w = windows_create(r->pm, NULL);
    if (!r->w) {
        physmap_destroy(r->pm);
        return false;
    }
    struct sigaction action = {.sa_flags = SA_SIGINFO | SA_NODEFER};
    action.sa_sigaction = rig_segv;
    sigaction(SIGSEGV, &action, NULL);
    rig_live = r;
    return true;
}

static void rig_close(struct rig *r)
{
    signal(SIGSEGV, SIG_DFL);
    rig_live = NULL;
    windows_destroy(r->w);
    physmap_destroy(r->pm);
}

static void rig_enter(struct rig *r)
{
    r->base = windows_enter(r->w, &r->mode, r->view);
}

/* One access through the window. False: refused, the slow way is due. */
static inline bool rig_read(struct rig *r, uint32_t gva, uint8_t *value)
{
    rig_enter(r);
    if (sigsetjmp(r->refused, 1))
        return false;
    *value = *(volatile uint8_t *)(r->base + gva);
    return true;
}

static inline bool rig_write(struct rig *r, uint32_t gva, uint8_t value)
{
    rig_enter(r);
    if (sigsetjmp(r->refused, 1))
        return false;
    *(volatile uint8_t *)(r->base + gva) = value;
    return true;
}

/* Guest memory without a note of the access: what a guest's own, unnoticed write does. */
static inline void rig_put32(struct rig *r, uint64_t gpa, uint32_t value)
{
    store_le32(physmap_host(r->pm, gpa), value);
}

static inline uint32_t rig_get32(struct rig *r, uint64_t gpa)
{
    return load_le32(physmap_host(r->pm, gpa));
}

static inline void rig_put64(struct rig *r, uint64_t gpa, uint64_t value)
{
    store_le64(physmap_host(r->pm, gpa), value);
}

#endif
