/* Runs a fuzz target once for every file of the folders it is given: what was found once stays
 * mended. */
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <string.h>

static int replay_file(const char *path) {
    FILE *file = fopen(path, "rb");
    static uint8_t bytes[1 << 20];
    if (file == NULL) return fprintf(stderr, "cannot open %s\n", path), 1;
    size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    printf("%s: %zu bytes\n", path, size);
    fflush(stdout);
    /* a block of its own size, so that a read behind the end is seen */
    uint8_t *copy = malloc(size > 0 ? size : 1);
    if (copy == NULL) return 1;
    memcpy(copy, bytes, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
    return 0;
}

int main(int argc, char **argv) {
    int failures = 0, count = 0;
    LLVMFuzzerInitialize(&argc, &argv);
    for (int i = 1; i < argc; i++) {
        DIR *folder = opendir(argv[i]);
        if (folder == NULL) return fprintf(stderr, "cannot open %s\n", argv[i]), 1;
        for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
            char path[4096];
            if (entry->d_name[0] == '.') continue;
            snprintf(path, sizeof path, "%s/%s", argv[i], entry->d_name);
            failures += replay_file(path);
            count++;
        }
        closedir(folder);
    }
    printf("%d files\n", count);
    return failures > 0 || count == 0;
}
