#include "ops/cuda/products/choice_file.h"

#include "base/file.h"
#include "base/memory.h"

#include <ctype.h>
#include <stdio.h>

enum { FILE_LIMIT = 16 << 20 }; /* bytes */

static nn_status file_path(const nn_choice_key *key, char **out) {
    char name[256];
    nn_device_info info;
    key->device->calls->info(key->device, &info);
    snprintf(name, sizeof name, "%s-%s-%zu.txt", key->library, info.name, key->version);
    for (char *at = name; *at != '\0'; at++)
        if (!isalnum((unsigned char)*at) && *at != '.' && *at != '-') *at = '_';
    return nn_cache_path(name, out);
}

/* The part of the line of `key` behind the key; NULL: there is none. */
static const char *find_line(const char *text, const char *key) {
    const size_t length = strlen(key);
    for (const char *line = text; line != NULL && *line != '\0';) {
        if (strncmp(line, key, length) == 0 && line[length] == '\t') return line + length + 1;
        line = strchr(line, '\n');
        if (line != NULL) line++;
    }
    return NULL;
}

bool nn_choice_recall(const nn_choice_key *key, char *out, size_t size) {
    char *path = NULL, *text = NULL;
    size_t bytes;
    bool found = false;
    if (file_path(key, &path) == NN_OK && nn_file_read(path, FILE_LIMIT, &text, &bytes) == NN_OK) {
        const char *line = find_line(text, key->key);
        const size_t length = line != NULL ? strcspn(line, "\n") : size;
        found = length < size;
        if (found) snprintf(out, size, "%.*s", (int)length, line);
    }
    nn_free(text);
    nn_free(path);
    return found;
}

void nn_choice_remember(const nn_choice_key *key, const char *choice) {
    char *path = NULL, *old = NULL, *text = NULL;
    size_t bytes = 0;
    if (file_path(key, &path) != NN_OK) return;
    if (nn_file_read(path, FILE_LIMIT / 2, &old, &bytes) != NN_OK) old = NULL;
    text = nn_format("%s\t%s\n%s", key->key, choice, old != NULL ? old : "");
    if (text != NULL) (void)nn_file_write(path, text, strlen(text));
    nn_free(text);
    nn_free(old);
    nn_free(path);
}
