/* Random traffic on the VGA, with pictures drawn between; see fuzz_device.h. */
#include "devices/vga/vga.h"
#include "tests/devices/fuzz_device.h"

/* Looks at the screen as a frontend does. The picture is not kept: each starts afresh. */
static void look(void *state, struct fuzz_random *r)
{
    struct surface picture = {0};
    struct text_screen text;
    switch (fuzz_below(r, 32)) { /* drawing a large picture takes as long as much traffic */
    case 0:
        vga_render_all(state);
        vga_render(state, &picture);
        vga_render(state, &picture);
        break;
    case 1:
        vga_text_screen(state, &text);
        break;
    default:
        vga_refresh_millihertz(state);
        break;
    }
    surface_free(&picture);
}

static const struct vga_config small = {.vram_size = 1 << 20};

static const struct fuzz_target targets[] = {
    {.class = &vga_class, .config = &small, .host = look, .damage_snapshots = true},
    {.class = &vga_class, .host = look, .damage_snapshots = true},
};

int main(int argc, char **argv)
{
    return fuzz_main(argc, argv, targets, ARRAY_LEN(targets));
}
