/* frontend/main.c: which command is it? */
#include <stdio.h>
#include <string.h>

#include "frontend/img.h"
#include "frontend/lockstep.h"
#include "frontend/options.h"
#include "frontend/run.h"

int main(int argc, char **argv)
{
    static const char *const commands[] = {"run", "debug", "img", NULL};
    struct options options;
    int status;
    if (argc > 1 && strcmp(argv[1], "img") == 0)
        return img_main(argc - 1, argv + 1);
    bool debug = argc > 1 && strcmp(argv[1], "debug") == 0;
    if (debug || (argc > 1 && strcmp(argv[1], "run") == 0)) {
        argc--;
        argv++;
    } else if (argc > 1 && argv[1][0] != '-') {
        const char *near = nearest_word(argv[1], commands);
        fprintf(stderr, "umbra: there is no command '%s'", argv[1]);
        if (near)
            fprintf(stderr, "; did you mean %s?", near);
        fprintf(stderr, " (umbra --help)\n");
        return EXIT_USAGE;
    }
    if (!options_parse(&options, argc, argv, debug, &status))
        return status;
    return options.lockstep ? run_lockstep(&options) : run_guest(&options);
}
