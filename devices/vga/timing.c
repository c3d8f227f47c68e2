/* devices/vga/timing.c: where the beam is, from virtual time and the CRTC's registers.
 *
 *     dots in a line  = (horizontal total + 5) characters of 8 or 9 dots
 *     lines in a frame = vertical total + 2
 *
 * Programs wait for the retrace bits of input status 1 and count frames by them. */
#include "devices/vga/state.h"

#define NS_PER_SECOND UINT64_C(1000000000)

static unsigned crtc_lines(const struct vga *v, uint8_t low, unsigned bit8, unsigned bit9)
{
    uint8_t overflow = v->crtc[CRTC_OVERFLOW];
    return low | (overflow >> bit8 & 1u) << 8 | (overflow >> bit9 & 1u) << 9;
}

/* VBE modes, and CRTC values that no monitor would show: 60 Hz with 5 % of blanking. */
static void default_timing(struct vga *v, unsigned lines)
{
    v->frame_ns = (uint32_t)(NS_PER_SECOND / 60);
    v->lines_shown = lines;
    v->lines_total = lines + lines / 20 + 4;
    v->retrace_start = lines + 1;
    v->retrace_end = lines + 3;
    v->dots_total = 1000;
    v->dots_shown = 800;
}

void vga_timing_update(struct vga *v)
{
    if (vga_dispi_on(v)) {
        default_timing(v, v->dispi_y ? v->dispi_y : 1);
        return;
    }
    const uint8_t *crtc = v->crtc;
    unsigned dots = v->seq[SEQ_CLOCKING] & 1 ? 8 : 9;
    uint64_t clock = v->misc >> 2 & 1 ? 28322000 : 25175000;
    if (v->seq[SEQ_CLOCKING] & 8)
        clock /= 2;
    v->dots_total = (crtc[CRTC_HTOTAL] + 5u) * dots;
    v->dots_shown = (crtc[CRTC_HDISPLAY_END] + 1u) * dots;
    v->lines_total = crtc_lines(v, crtc[CRTC_VTOTAL], 0, 5) + 2;
    v->lines_shown = crtc_lines(v, crtc[CRTC_VDISPLAY_END], 1, 6) + 1;
    v->retrace_start = crtc_lines(v, crtc[CRTC_VRETRACE_START], 2, 7);
    unsigned length = ((crtc[CRTC_VRETRACE_END] & 15u) - v->retrace_start) & 15;
    v->retrace_end = v->retrace_start + (length ? length : 16);
    uint64_t frame = (uint64_t)v->dots_total * v->lines_total * NS_PER_SECOND / clock;
    bool sane = frame > NS_PER_SECOND / 200 && frame < NS_PER_SECOND / 20 &&
                v->retrace_start < v->lines_total;
    if (sane)
        v->frame_ns = (uint32_t)frame;
    else
        default_timing(v, v->lines_shown);
}

uint64_t vga_frame_number(struct vga *v)
{
    return bus_now(v->bus) / v->frame_ns;
}

/* Input status 1 (3BAh, 3DAh): bit 0, not displaying; bit 3, vertical retrace. */
uint8_t vga_input_status1(struct vga *v)
{
    bus_polled(v->bus);
    uint64_t in_frame = bus_now(v->bus) % v->frame_ns;
    uint64_t position = in_frame * v->lines_total; /* in units of a line: frame_ns */
    uint32_t line = (uint32_t)(position / v->frame_ns);
    uint32_t dot = (uint32_t)(position % v->frame_ns * v->dots_total / v->frame_ns);
    uint8_t status = 0;
    if (line >= v->lines_shown || dot >= v->dots_shown)
        status |= 1;
    if (line >= v->retrace_start && line < v->retrace_end)
        status |= 8;
    return status;
}

unsigned vga_refresh_millihertz(void *state)
{
    const struct vga *v = state;
    return (unsigned)(NS_PER_SECOND * 1000 / v->frame_ns);
}
