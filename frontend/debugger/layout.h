/* frontend/debugger/layout.h: where panels stand. The window is divided into four areas, each a
 * stack of tabs; the borders between them can be dragged, a tab can be moved to another area. So
 * nothing ever overlaps or is lost. Kept between runs in
 * $XDG_STATE_HOME/umbra/debugger.ini (~/.local/state/umbra/debugger.ini).
 *
 *     +---------------------+-------------+
 *     |  AREA_MAIN          | AREA_RIGHT  |
 *     |                     |             |
 *     +---------------------+             |
 *     |  AREA_BOTTOM        +-------------+
 *     |                     | AREA_CORNER |
 *     +---------------------+-------------+                                                    */
#ifndef UMBRA_FRONTEND_DEBUGGER_LAYOUT_H
#define UMBRA_FRONTEND_DEBUGGER_LAYOUT_H

#include "frontend/debugger/ui.h"

struct PanelPlace {
    Area area;
    bool open;
    int order;
};

struct Layout {
    float across = 0, left = 0, right = 0; /* borders, parts of the whole */
    PanelPlace place[PANELS];
    int front[AREAS] = {};   /* panel shown in each area */
    bool chosen[AREAS] = {}; /* front is to be brought up */
    int width = 0, height = 0, font = 0;
    bool changed = false;
};

struct PanelInfo {
    view_panel panel;
    const char *name;
    const char *what;
    Area home;
    bool open;
    void (*draw)(Ui &);
};

extern const PanelInfo panel_table[PANELS];

void layout_default(Layout &l);
void layout_load(Layout &l);
void layout_save(const Layout &l);

/* Draws all areas and their panels in the rectangle. */
void layout_draw(Layout &l, Ui &ui, ImVec2 at, ImVec2 size);

/* Brings a panel up, opening it if need be. */
void layout_show(Layout &l, view_panel panel);

#endif
