/* cpu/shadow.h: the shadow maps of a vCPU, the soft TLB and the windows (when there are any), are
 * told together of what the guest flushes. */
#ifndef UMBRA_CPU_SHADOW_H
#define UMBRA_CPU_SHADOW_H

#include "cpu/state.h"

/* All translations, or all but those of global pages (MOV CR3 with CR4.PGE set). */
void shadow_flush_all(struct vcpu *c);
void shadow_flush_non_global(struct vcpu *c);
/* INVLPG. */
void shadow_flush_page(struct vcpu *c, uint32_t gva);

/* What a page may be accessed for directly changed, by no doing of the guest's tables: data
 * breakpoints and watchpoints. */
void shadow_watches_changed(struct vcpu *c);

/* Makes c->windows (from its partition's thread, not while it runs); false when the host cannot.
 * They go with the vCPU. */
bool shadow_open_windows(struct vcpu *c);

/* Has windows and soft TLB follow each write to the page tables that the windows use
 * (mmu/window.h), for guests that forget flushes; or only flushes (the default). False when out of
 * memory. */
bool shadow_trace(struct vcpu *c, bool on);

/* By a data breakpoint of the guest or a debugger's watchpoint. */
bool shadow_page_watched(const struct vcpu *c, uint32_t gva);

#endif
