/* What windows cost on this host, for docs/mmu.md: run build/tests/bench-window by hand. Each line
 * is the best of five rounds, per event. Not a test: nothing here can fail on a slow host. */
#include "tests/mmu/window_rig.h"

#include <time.h>

#define MB(n)      ((n)*0x100000u)
#define RAM        MB(256)
#define DIRECTORY  0x10000u
#define DIRECTORY2 0x11000u
#define TABLES     0x20000u
#define ROUNDS     5
#define FULL       (RIG_P | RIG_W | RIG_U | RIG_A | RIG_D)

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void touch(struct rig *r, uint32_t gva, bool write)
{
    if (write)
        *(volatile uint8_t *)(r->base + gva) = 1;
    else
        (void)*(volatile uint8_t *)(r->base + gva);
}

/* Two roots that share nothing but 4 MiB pages at C0000000; user pages under tables at 4 MiB. */
static void build_tables(struct rig *r, unsigned tables, bool scattered, uint32_t rights)
{
    for (unsigned root = 0; root < 2; root++) {
        uint32_t directory = root ? DIRECTORY2 : DIRECTORY;
        for (unsigned t = 0; t < tables; t++) {
            uint32_t table = TABLES + (root * 64 + t) * 0x1000;
            rig_put32(r, directory + 4 * (t + 1), table | FULL);
            for (unsigned k = 0; k < 1024; k++) {
                unsigned n = t * 1024 + (scattered ? k ^ 1 : k);
                rig_put32(r, table + 4 * k, (MB(8) + n * 0x1000 + root * MB(64)) | rights);
            }
        }
        for (unsigned k = 0; k < 16; k++)
            rig_put32(r, directory + 4 * (768 + k), (k * MB(4)) | RIG_L | FULL);
    }
}

static void switch_to(struct rig *r, uint32_t root)
{
    r->mode.root = root;
    windows_flush(r->w, true);
    r->base = windows_enter(r->w, &r->mode, r->view);
}

static void fresh(struct rig *r, unsigned tables, bool scattered, uint32_t rights)
{
    if (!rig_open(r, RAM, MB(16))) {
        puts("this host has no windows");
        exit(0);
    }
    r->mode.paging = r->mode.pse = true;
    r->view = TLB_USER;
    build_tables(r, tables, scattered, rights);
    for (uint32_t at = MB(8); at < MB(128); at += 0x1000) {
        *physmap_host(r->pm, at) = 1; /* pages that the guest has used */
        physmap_wrote(r->pm, at, 1);
    }
    switch_to(r, DIRECTORY);
}

/* Touches count pages from gva on, step pages apart; ns for each. */
static double touch_pages(struct rig *r, uint32_t gva, unsigned count, unsigned step, bool write)
{
    double start = now_ns();
    for (unsigned n = 0; n < count; n++)
        touch(r, gva + n * step * 0x1000, write);
    return (now_ns() - start) / count;
}

static double least(double a, double b)
{
    return a < b ? a : b;
}

static void faults(void)
{
    double cold = 1e9, around = 1e9, upgrade = 1e9, run = 1e9, large = 1e9;
    struct rig r;
    for (unsigned n = 0; n < ROUNDS; n++) {
        fresh(&r, 4, true, RIG_P | RIG_W | RIG_U);
        cold = least(cold, touch_pages(&r, MB(4), 2048, 2, false));
        upgrade = least(upgrade, touch_pages(&r, MB(4), 2048, 2, true));
        rig_close(&r);
        fresh(&r, 4, true, FULL);
        around = least(around, touch_pages(&r, MB(4), 4096, 1, true));
        rig_close(&r);
        fresh(&r, 4, false, FULL);
        run = least(run, touch_pages(&r, MB(4), 4096, 1, true));
        large = least(large, touch_pages(&r, 0xC0000000 + MB(12), 10, 1024, true));
        rig_close(&r);
    }
    printf("%8.2f us  first read of a page, its neighbours elsewhere and not accessed\n",
           cold / 1e3);
    printf("%8.2f us  first write to a page mapped for reading\n", upgrade / 1e3);
    printf("%8.2f us  a page of a scattered table, all accessed before, one by one\n",
           around / 1e3);
    printf("%8.2f us  a page of a contiguous table, all accessed before, one by one\n", run / 1e3);
    printf("%8.2f us  first access to a 4 MiB page\n", large / 1e3);
}

static void flat(void)
{
    double fill = 1e9;
    struct rig r;
    for (unsigned n = 0; n < ROUNDS; n++) {
        rig_open(&r, RAM, MB(1));
        rig_enter(&r);
        fill = least(fill, touch_pages(&r, 0, 16384, 1, true));
        rig_close(&r);
    }
    printf("%8.2f us  a page written first in order, paging off, memory fresh from the host\n",
           fill / 1e3);
}

static void refusals(void)
{
    double best = 1e9;
    struct rig r;
    for (unsigned n = 0; n < ROUNDS; n++) {
        rig_open(&r, RAM, MB(1));
        uint8_t value;
        double start = now_ns();
        for (unsigned k = 0; k < 2000; k++)
            (void)!rig_read(&r, RAM + MB(4), &value);
        best = least(best, (now_ns() - start) / 2000);
        rig_close(&r);
    }
    printf("%8.2f us  an access refused (sigsetjmp and siglongjmp of the rig's with it)\n",
           best / 1e3);
}

static void switches(unsigned tables)
{
    double best = 1e9, flush = 1e9, view = 1e9;
    struct rig r;
    fresh(&r, tables, false, FULL);
    for (unsigned root = 0; root < 2; root++) {
        switch_to(&r, root ? DIRECTORY2 : DIRECTORY);
        touch_pages(&r, MB(4), tables * 1024, 1, true);
        touch_pages(&r, 0xC0000000, 16, 1024, true);
    }
    for (unsigned n = 0; n < ROUNDS; n++) {
        double start = now_ns();
        for (unsigned k = 0; k < 1000; k++)
            switch_to(&r, k & 1 ? DIRECTORY2 : DIRECTORY);
        best = least(best, (now_ns() - start) / 1000);
        start = now_ns();
        for (unsigned k = 0; k < 1000; k++)
            windows_flush_page(r.w, MB(4) + k * 0x1000);
        flush = least(flush, (now_ns() - start) / 1000);
        windows_enter(r.w, &r.mode, TLB_SUPERVISOR);
        start = now_ns();
        for (unsigned k = 0; k < 1000; k++)
            windows_enter(r.w, &r.mode, k & 1);
        view = least(view, (now_ns() - start) / 1000);
    }
    printf("%8.2f us  a switch between two warm roots: %u tables full, 16 large pages\n",
           best / 1e3, tables);
    printf("%8.2f us  INVLPG, nothing changed\n", flush / 1e3);
    printf("%8.3f us  a change of view\n", view / 1e3);
    rig_close(&r);
}

static void protection(void)
{
    double code = 1e9, frame = 1e9;
    struct rig r;
    for (unsigned n = 0; n < ROUNDS; n++) {
        fresh(&r, 4, false, FULL);
        touch_pages(&r, MB(4), 1024, 1, true);
        double start = now_ns();
        for (unsigned k = 0; k < 500; k++)
            physmap_code_mark(r.pm, MB(8) + k * 0x2000);
        code = least(code, (now_ns() - start) / 500);
        uint64_t vram = physmap_alloc(r.pm, MB(8));
        physmap_map_vram(r.pm, MB(512), MB(8), vram);
        r.mode.paging = false;
        switch_to(&r, 0);
        touch_pages(&r, MB(512), 2048, 1, true);
        start = now_ns();
        for (unsigned k = 0; k < 20; k++) {
            physmap_take_dirty(r.pm, vram, MB(8), PAGE_DIRTY_DISPLAY, NULL);
            touch_pages(&r, MB(512), 75, 1, true);
        }
        frame = least(frame, (now_ns() - start) / 20);
        rig_close(&r);
    }
    printf("%8.2f us  a page becomes code, mapped for writing in one window\n", code / 1e3);
    printf("%8.2f us  a frame: dirty bits taken, then 75 pages (640x480x8) written\n", frame / 1e3);
}

int main(void)
{
    faults();
    flat();
    refusals();
    switches(4);
    switches(16);
    protection();
    return 0;
}
