/* frontend/debugger/look.h: the half of the debugger's window that touches the guest. The
 * partition's thread only. */
#ifndef UMBRA_FRONTEND_DEBUGGER_LOOK_H
#define UMBRA_FRONTEND_DEBUGGER_LOOK_H

#include "frontend/debugger/view.h"
#include "partition/partition.h"

/* Does what the user did; an error goes to view->answer. */
void debugger_act(struct partition *p, const struct view_action *action, struct view *view);

/* Fills in what the panels of request show. */
void debugger_look(struct partition *p, const struct view_request *request, struct view *view);

/* Guest memory page by page: a page that is not mapped leaves its bit clear. */
void look_at_bytes(struct partition *p, bool physical, uint64_t base, uint32_t len,
                   struct view_bytes *out);

/* One function for each panel: look_machine.c, look_devices.c, look_address.c, look_translation.c.
 */
void look_at_counters(struct partition *p, struct view_counters *out);
void look_at_tables(struct partition *p, const struct view_request *r, struct view_tables *out);
void look_at_history(struct partition *p, struct view_history *out);
void look_at_devices(struct partition *p, unsigned shown, struct view_devices *out);
void look_at_dma(struct partition *p, bool only_denied, struct view_dma *out);
void look_at_names(struct partition *p, const struct view_request *r, struct view *v);
void look_at_address(struct partition *p, const struct view_request *r, struct view_address *out);
void look_at_map(struct partition *p, struct view_map *out);
void look_at_translation(struct partition *p, const struct view_request *r,
                         struct view_translation *out);

#endif
