/* translator/unit_links.c: see unit_links.h. */
#include "translator/unit_links.h"

static struct unit *from_of(const struct translator *t, const struct unit_link *link)
{
    return t->units[link->from];
}

/* Its jump leads to where it does while it has no target. */
static void patch_to_exit(struct translator *t, const struct unit_link *link)
{
    const struct unit *from = from_of(t, link);
    backend_patch(t, from, link, from->start + link->exit);
}

void unit_connect(struct translator *t, struct unit_link *link, struct unit *to)
{
    const struct unit *from = from_of(t, link);
    if (link->to)
        return;
    if (to->crosses) { /* it holds for this address space only */
        if (t->code.used + BACKEND_JUMP_ROOM <= t->code.size) {
            link->around = true;
            backend_patch(t, from, link, backend_emit_jump(t, unit_token(from, link->eip)));
        }
        return;
    }
    link->to = to;
    link->next_in = to->linked_by;
    to->linked_by = link;
    backend_patch(t, from, link, to->entry);
    t->counters.linked++;
}

/* link leads nowhere any more; its jump is the caller's to patch. */
static void forget_target(struct unit_link *link)
{
    struct unit_link **at = &link->to->linked_by;
    while (*at != link)
        at = &(*at)->next_in;
    *at = link->next_in;
    link->to = NULL;
}

static void cut(struct translator *t, struct unit_link *link)
{
    forget_target(link);
    patch_to_exit(t, link);
}

void unit_disconnect(struct translator *t, struct unit *u)
{
    while (u->linked_by) {
        struct unit_link *link = u->linked_by;
        u->linked_by = link->next_in;
        link->to = NULL;
        patch_to_exit(t, link);
    }
    for (unsigned n = 0; n < u->links; n++) {
        struct unit_link *link = &u->link[n];
        if (link->landing) /* the stack of returns may lead there still */
            backend_patch(t, u, link, t->stubs.again);
        if (link->to)
            forget_target(link);
    }
}

void unit_cut_ways_out(struct translator *t, struct unit *u)
{
    for (unsigned n = 0; n < u->links; n++) {
        if (u->link[n].to)
            cut(t, &u->link[n]);
    }
}

static bool share_page(const struct unit *a, const struct unit *b)
{
    return a->gva >> PAGE_SHIFT == b->gva >> PAGE_SHIFT;
}

void unit_cut_other_pages(struct translator *t, struct unit *u)
{
    struct unit_link *next;
    for (struct unit_link *link = u->linked_by; link; link = next) {
        next = link->next_in;
        if (!share_page(from_of(t, link), u))
            cut(t, link);
    }
    for (unsigned n = 0; n < u->links; n++) {
        struct unit_link *link = &u->link[n];
        if (link->to && !share_page(link->to, u))
            cut(t, link);
        if (link->around) {
            link->around = false;
            patch_to_exit(t, link);
        }
    }
}
