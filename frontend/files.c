#include "frontend/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

bool file_read(const char *path, size_t limit, struct bytes *out, char *error, size_t error_len)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0) {
        snprintf(error, error_len, "%s: %s", path, strerror(errno));
        if (fd >= 0)
            close(fd);
        return false;
    }
    if (S_ISDIR(st.st_mode)) {
        snprintf(error, error_len, "%s: is a directory, not a file", path);
        close(fd);
        return false;
    }
    uint8_t chunk[65536];
    ssize_t n;
    while ((n = read(fd, chunk, sizeof chunk)) > 0 && out->len + (size_t)n <= limit)
        bytes_append(out, chunk, (size_t)n);
    if (n < 0)
        snprintf(error, error_len, "%s: %s", path, strerror(errno));
    else if (n > 0)
        snprintf(error, error_len, "%s: larger than the %zu KiB allowed", path, limit / 1024);
    close(fd);
    return n == 0;
}

void program_folder(char *path, size_t path_len)
{
    ssize_t n = readlink("/proc/self/exe", path, path_len - 1);
    path[n > 0 ? n : 0] = 0;
    char *slash = strrchr(path, '/');
    if (slash)
        *slash = 0;
}

bool firmware_path(const char *name, char *path, size_t path_len, char *error, size_t error_len)
{
    char exe[4096];
    program_folder(exe, sizeof exe);
    const char *given = getenv("UMBRA_FIRMWARE");
    for (unsigned i = given ? 0 : 1; i < 3; i++) {
        int len = i == 0   ? snprintf(path, path_len, "%s/%s", given, name)
                  : i == 1 ? snprintf(path, path_len, "%s/bios/%s", exe, name)
                           : snprintf(path, path_len, "%s/../share/umbra/%s", exe, name);
        if (len > 0 && (size_t)len < path_len && access(path, R_OK) == 0)
            return true;
    }
    snprintf(error, error_len,
             "firmware %s not found beside the binary (%s/bios); build it with ./run --build, or "
             "name a file with --bios or --vga-bios",
             name, exe);
    return false;
}
