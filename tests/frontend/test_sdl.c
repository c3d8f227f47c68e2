/* The window's module, and its input: SDL's events in, ours out. Runs with SDL's dummy video driver
 * (no desktop is needed) unless UMBRA_SDL_SHOW is set: then in a real window that stays open for
 * that many seconds. */
#include "tests/check_main.h"

#ifndef UMBRA_HAVE_SDL
int main(void)
{
    return 77; /* SKIP: built without SDL2 */
}
#else

#include <SDL.h>

#include "frontend/display/module.h"
#include "frontend/keys.h"

static const struct display_ops *ops;
static struct display *d;
static struct text_screen no_text;
static struct display_status status = {.mips = 50, .percent = 100, .lights = LIGHT_DISK};

static void begin(void)
{
    char error[512];
    if (!getenv("UMBRA_SDL_SHOW"))
        setenv("SDL_VIDEODRIVER", "dummy", 1);
    const struct window_module *module =
        window_module_open(UMBRA_BUILD_DIR "/umbra-window.so", error, sizeof error);
    ck_assert_msg(module != NULL, "%s", error);
    ops = module->display;
    ck_assert_str_eq(ops->name, "sdl");
    d = ops->open(&(struct display_config){.title = "test.img"}, error, sizeof error);
    ck_assert_msg(d != NULL, "%s", error);
    SDL_FlushEvents(SDL_FIRSTEVENT, SDL_LASTEVENT);
}

/* The number of the window that the display has: the only one there is. */
static Uint32 window_id(void)
{
    for (Uint32 id = 1; id < 100; id++) {
        if (SDL_GetWindowFromID(id))
            return id;
    }
    ck_abort_msg("there is no window");
    return 0;
}

static void frame(struct surface *s)
{
    status.host_ns += 1000000000;
    ops->frame(d, s, &no_text, &status);
}

static void push_key(SDL_Scancode code, bool down, unsigned modifiers)
{
    SDL_Event e = {.key = {.type = down ? SDL_KEYDOWN : SDL_KEYUP,
                           .keysym = {.scancode = code, .mod = (Uint16)modifiers}}};
    ck_assert_int_eq(SDL_PushEvent(&e), 1);
}

/* The next event. SDL ends a poll cycle with an event of its own, so one poll may find nothing
 * although something was pushed since. */
static bool next(struct display_event *event)
{
    return ops->poll(d, event) || ops->poll(d, event);
}

static void expect_key(uint16_t key, bool down)
{
    struct display_event event;
    ck_assert_msg(next(&event), "no event where key %x was expected", key);
    ck_assert_int_eq(event.kind, DISPLAY_KEY);
    ck_assert_uint_eq(event.key, key);
    ck_assert_int_eq(event.down, down);
}

static void expect_nothing(void)
{
    struct display_event event;
    ck_assert(!next(&event));
}

START_TEST(keys_go_to_the_guest)
{
    begin();
    push_key(SDL_SCANCODE_A, true, 0);
    push_key(SDL_SCANCODE_A, false, 0);
    push_key(SDL_SCANCODE_UP, true, 0);
    push_key(SDL_SCANCODE_UP, true, 0); /* repeats */
    push_key(SDL_SCANCODE_PAUSE, true, 0);
    push_key(SDL_SCANCODE_F13, true, 0); /* no PC key */
    expect_key(0x1E, true);
    expect_key(0x1E, false);
    expect_key(KEY_UP, true);
    expect_key(KEY_UP, true);
    expect_key(KEY_PAUSE, true);
    expect_nothing();
    ops->close(d);
}
END_TEST

START_TEST(losing_the_focus_releases_keys)
{
    begin();
    push_key(SDL_SCANCODE_LCTRL, true, KMOD_LCTRL);
    push_key(SDL_SCANCODE_DELETE, true, KMOD_LCTRL);
    expect_key(KEY_LEFT_CTRL, true);
    expect_key(KEY_DELETE, true);
    SDL_Event e = {.window = {.type = SDL_WINDOWEVENT,
                              .windowID = window_id(),
                              .event = SDL_WINDOWEVENT_FOCUS_LOST}};
    SDL_PushEvent(&e);
    expect_key(KEY_LEFT_CTRL, false);
    expect_key(KEY_DELETE, false);
    expect_nothing();
    push_key(SDL_SCANCODE_DELETE, false, 0); /* let go outside: the guest knows already */
    expect_nothing();
    ops->close(d);
}
END_TEST

START_TEST(paste_drop_and_quit)
{
    struct display_event event;
    begin();
    SDL_SetClipboardText("dir\n");
    push_key(SDL_SCANCODE_LCTRL, true, KMOD_LCTRL);
    push_key(SDL_SCANCODE_LALT, true, KMOD_LCTRL | KMOD_LALT);
    push_key(SDL_SCANCODE_V, true, KMOD_LCTRL | KMOD_LALT);
    push_key(SDL_SCANCODE_V, false, KMOD_LCTRL | KMOD_LALT);
    expect_key(KEY_LEFT_CTRL, true);
    expect_key(KEY_LEFT_ALT, true);
    ck_assert(next(&event));
    ck_assert_int_eq(event.kind, DISPLAY_PASTE);
    ck_assert_str_eq(event.text, "dir\n");
    free(event.text);
    expect_key(KEY_LEFT_CTRL, false);
    expect_key(KEY_LEFT_ALT, false);
    expect_nothing();
    SDL_Event drop = {.drop = {.type = SDL_DROPFILE, .file = SDL_strdup("/tmp/a.img")}};
    SDL_PushEvent(&drop);
    ck_assert(next(&event));
    ck_assert_int_eq(event.kind, DISPLAY_DROP);
    ck_assert_str_eq(event.text, "/tmp/a.img");
    free(event.text);
    SDL_Event quit = {.type = SDL_QUIT};
    SDL_PushEvent(&quit);
    ck_assert(next(&event));
    ck_assert_int_eq(event.kind, DISPLAY_QUIT);
    ops->close(d);
}
END_TEST

START_TEST(the_mouse_is_the_guests_after_a_click)
{
    struct display_event event;
    begin();
    SDL_Event move = {.motion = {.type = SDL_MOUSEMOTION, .xrel = 3, .yrel = -4}};
    SDL_Event press = {.button = {.type = SDL_MOUSEBUTTONDOWN, .button = SDL_BUTTON_RIGHT}};
    SDL_Event wheel = {.wheel = {.type = SDL_MOUSEWHEEL, .y = 1}};
    SDL_PushEvent(&move);
    expect_nothing();
    SDL_PushEvent(&press); /* grabs, and is not the guest's */
    expect_nothing();
    SDL_FlushEvents(SDL_MOUSEMOTION, SDL_MOUSEWHEEL);
    SDL_PushEvent(&move);
    ck_assert(next(&event));
    ck_assert_int_eq(event.kind, DISPLAY_MOUSE);
    ck_assert_int_eq(event.dx, 3);
    ck_assert_int_eq(event.dy, -4);
    SDL_PushEvent(&press);
    ck_assert(next(&event));
    ck_assert_uint_eq(event.buttons, 2);
    SDL_PushEvent(&wheel);
    ck_assert(next(&event));
    ck_assert_int_eq(event.dz, -1); /* away from the user */
    push_key(SDL_SCANCODE_G, true, KMOD_LCTRL | KMOD_LALT);
    expect_nothing();
    SDL_PushEvent(&move);
    expect_nothing();
    ops->close(d);
}
END_TEST

START_TEST(pictures_of_any_size)
{
    static const unsigned sizes[][2] = {{720, 400}, {320, 200},   {640, 200},
                                        {8, 1},     {1920, 1200}, {2304, 1024}};
    struct surface s = {0};
    begin();
    frame(&s); /* nothing yet */
    for (unsigned i = 0; i < ARRAY_LEN(sizes); i++) {
        ck_assert(surface_resize(&s, sizes[i][0], sizes[i][1]));
        s.aspect_x = 4;
        s.aspect_y = 3;
        s.dirty_first = 0;
        s.dirty_end = s.height;
        for (unsigned n = 0; n < 3; n++) {
            for (size_t p = 0; p < (size_t)s.width * s.height; p++)
                s.pixels[p] = (uint32_t)(p * 0x30201 + n);
            frame(&s);
            s.dirty_first = s.height / 2;
            expect_nothing();
            push_key(SDL_SCANCODE_S, true, KMOD_LCTRL | KMOD_LALT); /* the other scaling */
            expect_nothing();
        }
    }
    surface_free(&s);
    ops->close(d);
}
END_TEST

/* For people: a text screen's worth of bars with a scale, for UMBRA_SDL_SHOW seconds. */
START_TEST(show)
{
    const char *seconds = getenv("UMBRA_SDL_SHOW");
    if (!seconds)
        return;
    struct surface s = {0};
    begin();
    ck_assert(surface_resize(&s, 320, 200));
    s.aspect_x = 4;
    s.aspect_y = 3;
    for (unsigned y = 0; y < 200; y++)
        for (unsigned x = 0; x < 320; x++)
            s.pixels[y * 320 + x] = y % 20 == 0 || x % 20 == 0 ? 0xFFFFFF : x * 200 / 320 << 16 | y;
    for (int i = 0; i < atoi(seconds) * 50; i++) {
        struct display_event event;
        s.dirty_first = 0;
        s.dirty_end = i ? 0 : s.height;
        frame(&s);
        while (ops->poll(d, &event))
            if (event.kind == DISPLAY_QUIT)
                i = 1 << 20;
        SDL_Delay(20);
    }
    surface_free(&s);
    ops->close(d);
}
END_TEST

CHECK_MAIN("sdl", keys_go_to_the_guest, losing_the_focus_releases_keys, paste_drop_and_quit,
           the_mouse_is_the_guests_after_a_click, pictures_of_any_size, show)
#endif
