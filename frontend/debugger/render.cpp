#include "frontend/debugger/render.h"

SDL_Texture *render_fonts(SDL_Renderer *renderer)
{
    unsigned char *pixels;
    int width, height;
    ImGuiIO &io = ImGui::GetIO();
    io.Fonts->GetTexDataAsRGBA32(&pixels, &width, &height);
    SDL_Texture *t = SDL_CreateTexture(renderer, SDL_PIXELFORMAT_RGBA32, SDL_TEXTUREACCESS_STATIC,
                                       width, height);
    if (!t)
        return nullptr;
    SDL_UpdateTexture(t, nullptr, pixels, width * 4);
    SDL_SetTextureBlendMode(t, SDL_BLENDMODE_BLEND);
    SDL_SetTextureScaleMode(t, SDL_ScaleModeLinear);
    io.Fonts->SetTexID((ImTextureID)t);
    return t;
}

static uint64_t mix(uint64_t h, const void *data, size_t len)
{
    const unsigned char *p = (const unsigned char *)data;
    for (; len >= 8; len -= 8, p += 8) {
        uint64_t word;
        SDL_memcpy(&word, p, 8);
        h = (h ^ word) * UINT64_C(0x9E3779B97F4A7C15);
        h ^= h >> 31;
    }
    for (; len; len--, p++)
        h = (h ^ *p) * UINT64_C(0x100000001B3);
    return h;
}

uint64_t render_hash(const ImDrawData *data)
{
    uint64_t h = mix(1, &data->DisplaySize, sizeof data->DisplaySize);
    for (int n = 0; n < data->CmdListsCount; n++) {
        const ImDrawList *list = data->CmdLists[n];
        h = mix(h, list->VtxBuffer.Data, (size_t)list->VtxBuffer.size_in_bytes());
        for (const ImDrawCmd &cmd : list->CmdBuffer)
            h = mix(h, &cmd.ClipRect, sizeof cmd.ClipRect);
    }
    return h;
}

static void draw_list(SDL_Renderer *renderer, const ImDrawList *list)
{
    const ImDrawVert *vertices = list->VtxBuffer.Data;
    const ImDrawIdx *indices = list->IdxBuffer.Data;
    for (const ImDrawCmd &cmd : list->CmdBuffer) {
        if (cmd.UserCallback) {
            if (cmd.UserCallback != ImDrawCallback_ResetRenderState)
                cmd.UserCallback(list, &cmd);
            continue;
        }
        SDL_Rect clip = {(int)cmd.ClipRect.x, (int)cmd.ClipRect.y,
                         (int)(cmd.ClipRect.z - cmd.ClipRect.x),
                         (int)(cmd.ClipRect.w - cmd.ClipRect.y)};
        if (clip.w <= 0 || clip.h <= 0)
            continue;
        SDL_RenderSetClipRect(renderer, &clip);
        const ImDrawVert *v = vertices + cmd.VtxOffset;
        SDL_RenderGeometryRaw(renderer, (SDL_Texture *)cmd.GetTexID(), &v->pos.x, sizeof *v,
                              (const SDL_Color *)(const void *)&v->col, sizeof *v, &v->uv.x,
                              sizeof *v, list->VtxBuffer.Size - (int)cmd.VtxOffset,
                              indices + cmd.IdxOffset, (int)cmd.ElemCount, sizeof *indices);
    }
}

void render(SDL_Renderer *renderer, const ImDrawData *data)
{
    SDL_SetRenderDrawColor(renderer, 20, 22, 28, 255);
    SDL_RenderClear(renderer);
    for (int n = 0; n < data->CmdListsCount; n++)
        draw_list(renderer, data->CmdLists[n]);
    SDL_RenderSetClipRect(renderer, nullptr);
    SDL_RenderPresent(renderer);
}
