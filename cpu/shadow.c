/* cpu/shadow.c: see shadow.h. */
#include "cpu/shadow.h"

#include "cpu/debug.h"
#include "cpu/stops.h"

void shadow_flush_all(struct vcpu *c)
{
    tlb_flush_all(&c->tlb);
    if (c->windows)
        windows_flush(c->windows, true);
}

void shadow_flush_non_global(struct vcpu *c)
{
    tlb_flush_non_global(&c->tlb);
    if (c->windows)
        windows_flush(c->windows, false);
}

void shadow_flush_page(struct vcpu *c, uint32_t gva)
{
    tlb_flush_page(&c->tlb, gva);
    if (c->windows)
        windows_flush_page(c->windows, gva);
}

void shadow_watches_changed(struct vcpu *c)
{
    tlb_flush_all(&c->tlb);
    if (c->windows)
        windows_drop(c->windows);
}

bool shadow_page_watched(const struct vcpu *c, uint32_t gva)
{
    return (c->data_breakpoints && debug_page_watched(c, gva)) ||
           (c->watching && (c->witness || stops_page_watched(c, gva)));
}

static bool watched(const void *ctx, uint32_t gva)
{
    return shadow_page_watched(ctx, gva);
}

bool shadow_open_windows(struct vcpu *c)
{
    if (!c->windows)
        c->windows = windows_create(c->physmap, c->log);
    if (c->windows)
        windows_watch(c->windows, watched, c);
    return c->windows != NULL;
}

static void stale(void *ctx, uint32_t gva)
{
    struct vcpu *c = ctx;
    tlb_flush_page(&c->tlb, gva);
    vcpu_attend(c, EVENT_BLOCKS); /* code may lie there */
}

bool shadow_trace(struct vcpu *c, bool on)
{
    return c->windows && windows_trace(c->windows, on, stale, c);
}
