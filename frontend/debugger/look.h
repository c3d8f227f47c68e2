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

#endif
