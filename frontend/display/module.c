#include "frontend/display/module.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "frontend/files.h"

#define MODULE_FILE "umbra-window.so"

const struct window_module *window_module_open(const char *path, char *error, size_t error_len)
{
    static const struct window_layout ours = WINDOW_LAYOUT;
    /* Never closed: SDL and the drivers under it are not made to be unloaded. */
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
        /* The loader names the file or the library that it did not find. */
        snprintf(error, error_len,
                 "cannot load %s: %s (Debian: apt install libsdl2-2.0-0 libcapstone4)", path,
                 dlerror());
        return NULL;
    }
    const struct window_module *module = dlsym(handle, WINDOW_MODULE_SYMBOL);
    if (module && memcmp(&module->layout, &ours, sizeof ours) == 0)
        return module;
    snprintf(error, error_len,
             "%s is of another build than this program: build both (./run --build)", path);
    dlclose(handle);
    return NULL;
}

const struct window_module *window_module(char *error, size_t error_len)
{
    static const char *const folders[] = {"", "/../lib/umbra"};
    char program[4096], path[4200];
    program_folder(program, sizeof program);
    for (unsigned i = 0; i < ARRAY_LEN(folders); i++) {
        snprintf(path, sizeof path, "%s%s/" MODULE_FILE, program, folders[i]);
        if (access(path, F_OK) == 0)
            return window_module_open(path, error, error_len);
    }
    snprintf(error, error_len,
             "there is no " MODULE_FILE
             " in %s: this build has no window (libsdl2-dev was not there "
             "when it was made)",
             program);
    return NULL;
}
