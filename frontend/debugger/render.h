/* frontend/debugger/render.h: Dear ImGui's triangles through SDL's own renderer, so that the window
 * needs no OpenGL (Debian's libimgui has the SDL2 platform half, not this one). */
#ifndef UMBRA_FRONTEND_DEBUGGER_RENDER_H
#define UMBRA_FRONTEND_DEBUGGER_RENDER_H

#include <SDL.h>
#include <imgui.h>

/* Uploads the fonts. Null on failure; the caller destroys it after ImGui's context. */
SDL_Texture *render_fonts(SDL_Renderer *renderer);

/* A number that is the same when the picture is the same. */
uint64_t render_hash(const ImDrawData *data);

void render(SDL_Renderer *renderer, const ImDrawData *data);

#endif
