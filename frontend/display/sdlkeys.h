/* frontend/display/sdlkeys.h: SDL's scan codes (USB usages: places on the keyboard) as the PC's. */
#ifndef UMBRA_FRONTEND_DISPLAY_SDLKEYS_H
#define UMBRA_FRONTEND_DISPLAY_SDLKEYS_H

#include <SDL_scancode.h>
#include <stdint.h>

/* The key (frontend/keys.h), or 0 when a PC keyboard has none there. */
uint16_t sdl_key(SDL_Scancode code);

#endif
