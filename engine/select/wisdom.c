#include "engine/select/wisdom.h"

#include "base/file.h"
#include "ops/op.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { SCHEMA = 1, MOST_ENTRIES = 1 << 16, MOST_BYTES = 32 << 20, FIELDS = 6 };

/* ---- identity ---- */

/* FNV-1a, 64 bits. */
static const uint64_t hash_start = UINT64_C(0xcbf29ce484222325);

static uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t size) {
    const unsigned char *p = bytes;
    for (size_t i = 0; i < size; i++) hash = (hash ^ p[i]) * UINT64_C(0x100000001b3);
    return hash;
}

static uint64_t hash_text(uint64_t hash, const char *text) {
    return hash_bytes(hash, text, strlen(text) + 1);
}

static uint64_t hash_kernels(void) {
    uint64_t hash = hash_start;
    for (const nn_op *const *op = nn_op_table; *op != NULL; op++) {
        const nn_kernel *const *kernel = (*op)->kernels;
        for (; kernel != NULL && *kernel != NULL; kernel++) {
            hash = hash_text(hash, (*kernel)->name);
            const char *const *variant = (*kernel)->variants;
            for (; variant != NULL && *variant != NULL; variant++) hash = hash_text(hash, *variant);
        }
    }
    return hash;
}

/* The lines that must be the same for a file to be of use. */
static void write_identity(char *text, size_t size) {
    const nn_cpu *cpu = nn_cpu_get();
    snprintf(text, size,
             "nnopt wisdom %d\nlibrary %s %016" PRIx64 "\ncpu %" PRIx32 " %s\nl2 %" PRId64
             " cores %d\n",
             SCHEMA, nnopt_version(), hash_kernels(), cpu->signature, nn_isa_name(cpu->isa),
             cpu->l2_bytes, cpu->cores);
}

static void write_sum(char *text, size_t size, int64_t count, uint64_t sum) {
    snprintf(text, size, "entries %" PRId64 " sum %016" PRIx64 "\n", count, sum);
}

/* ---- entries ---- */

void nn_wisdom_clear(nn_wisdom *wisdom) {
    nn_name_table_clear(&wisdom->table);
    nn_free(wisdom->entries);
    nn_arena_clear(&wisdom->arena);
    *wisdom = (nn_wisdom){0};
}

const nn_wisdom_entry *nn_wisdom_find(const nn_wisdom *wisdom, const char *key) {
    return nn_name_table_get(&wisdom->table, key);
}

nn_status nn_wisdom_put(nn_wisdom *wisdom, const nn_wisdom_entry *entry) {
    nn_wisdom_entry *kept = nn_name_table_get(&wisdom->table, entry->key);
    const bool is_new = kept == NULL;
    if (is_new) kept = nn_arena_alloc(&wisdom->arena, sizeof *kept);
    if (kept == NULL) return nn_fail_memory(sizeof *kept);
    nn_wisdom_entry copy = *entry;
    copy.key = is_new ? nn_arena_strdup(&wisdom->arena, entry->key) : kept->key;
    copy.kernel = nn_arena_strdup(&wisdom->arena, entry->kernel);
    copy.variant = nn_arena_strdup(&wisdom->arena, entry->variant);
    copy.over = nn_arena_strdup(&wisdom->arena, entry->over);
    if (!copy.key || !copy.kernel || !copy.variant || !copy.over)
        return nn_fail_memory(strlen(entry->key));
    if (is_new) {
        if (!NN_GROW(wisdom->entries, wisdom->count, wisdom->capacity))
            return nn_fail_memory(sizeof *wisdom->entries);
        NN_TRY(nn_name_table_put(&wisdom->table, copy.key, kept));
        wisdom->entries[wisdom->count++] = kept;
    }
    *kept = copy;
    return NN_OK;
}

/* ---- reading ---- */

static bool is_printable(const char *text) {
    for (; *text != '\0'; text++)
        if (*text < ' ' || *text > '~') return false;
    return true;
}

/* One line, which it cuts up; false when it is none that nn_wisdom_save writes. */
static bool parse_entry(char *line, nn_wisdom_entry *out) {
    char *fields[FIELDS], *end;
    for (int i = 0; i < FIELDS; i++) {
        fields[i] = line;
        line += strcspn(line, "\t");
        if (i == FIELDS - 1 ? *line != '\0' : *line != '\t') return false;
        if (*line == '\t') *line++ = '\0';
        if (!is_printable(fields[i])) return false;
    }
    /* thousandths: no decimal point, which locales disagree on */
    long thousandths = strtol(fields[4], &end, 10);
    if (end == fields[4] || *end != '\0' || thousandths < 1 || thousandths > 1000000000)
        return false;
    if (strcmp(fields[5], "e") != 0 && strcmp(fields[5], "m") != 0) return false;
    *out = (nn_wisdom_entry){.key = fields[0],
                             .kernel = fields[1],
                             .variant = fields[2],
                             .over = fields[3],
                             .gain = (double)thousandths / 1000,
                             .is_exhaustive = fields[5][0] == 'e'};
    return fields[0][0] != '\0' && fields[1][0] != '\0';
}

/* What is wrong with the head of the file, or NULL; *body is what follows it. */
static const char *check_head(char *text, size_t size, char **body, int64_t *count) {
    char identity[512];
    char line[64];
    uint64_t sum = 0;
    if (strlen(text) != size) return "it holds a zero byte";
    write_identity(identity, sizeof identity);
    if (strncmp(text, "nnopt wisdom ", strlen("nnopt wisdom ")) != 0) return "it is no wisdom file";
    if (strncmp(text, identity, strlen(identity)) != 0)
        return "it was made by another build or on another machine";
    text += strlen(identity);
    if (sscanf(text, "entries %5" SCNd64 " sum %16" SCNx64, count, &sum) != 2 || *count < 0 ||
        *count > MOST_ENTRIES)
        return "its head is damaged";
    write_sum(line, sizeof line, *count, sum); /* in this form and no other */
    if (strncmp(text, line, strlen(line)) != 0) return "its head is damaged";
    *body = text + strlen(line);
    return hash_bytes(hash_start, *body, strlen(*body)) == sum ? NULL : "its sum is wrong";
}

static nn_status read_entries(nn_wisdom *wisdom, char *body, int64_t count, bool *is_damaged) {
    while (*body != '\0') {
        nn_wisdom_entry entry;
        char *line = body, *end = strchr(body, '\n');
        *is_damaged = end == NULL || count-- == 0;
        if (*is_damaged) return NN_OK;
        *end = '\0';
        body = end + 1;
        *is_damaged = !parse_entry(line, &entry);
        if (*is_damaged) return NN_OK;
        if (nn_wisdom_find(wisdom, entry.key) == NULL) NN_TRY(nn_wisdom_put(wisdom, &entry));
    }
    *is_damaged = count != 0;
    return NN_OK;
}

nn_status nn_wisdom_load(nn_wisdom *wisdom, const char *path) {
    char *text, *body;
    size_t size;
    int64_t count = 0;
    if (access(path, F_OK) != 0) return NN_OK; /* nothing is known yet */
    nn_status status = nn_file_read(path, MOST_BYTES, &text, &size);
    if (status == NN_NO_MEMORY) return status;
    if (status != NN_OK) {
        nn_log(NNOPT_LOG_WARNING, "wisdom is ignored: %s", nnopt_last_error());
        return NN_OK;
    }
    const char *wrong = check_head(text, size, &body, &count);
    if (wrong == NULL) {
        /* into one of its own first, so that half a file adds nothing */
        nn_wisdom read = {0};
        bool is_damaged = false;
        status = read_entries(&read, body, count, &is_damaged);
        if (is_damaged) wrong = "an entry is damaged";
        for (int64_t i = 0; i < read.count && status == NN_OK && wrong == NULL; i++)
            if (nn_wisdom_find(wisdom, read.entries[i]->key) == NULL)
                status = nn_wisdom_put(wisdom, read.entries[i]);
        nn_wisdom_clear(&read);
    }
    if (wrong != NULL) nn_log(NNOPT_LOG_WARNING, "wisdom '%s' is ignored: %s", path, wrong);
    nn_free(text);
    return status;
}

/* ---- writing ---- */

/* The line of an entry, or only its length. */
static int print_entry(const nn_wisdom_entry *entry, char *text, size_t size) {
    return snprintf(text, size, "%s\t%s\t%s\t%s\t%ld\t%c\n", entry->key, entry->kernel,
                    entry->variant, entry->over, lrint(1000 * fmin(fmax(entry->gain, 0.001), 1e6)),
                    entry->is_exhaustive ? 'e' : 'm');
}

nn_status nn_wisdom_save(const nn_wisdom *wisdom, const char *path) {
    char head[640];
    size_t size = 1;
    int64_t count = wisdom->count < MOST_ENTRIES ? wisdom->count : MOST_ENTRIES;
    for (int64_t i = 0; i < count; i++) size += (size_t)print_entry(wisdom->entries[i], NULL, 0);
    write_identity(head, sizeof head);
    const size_t room = sizeof head + size;
    char *text = nn_alloc(room);
    if (text == NULL) return nn_fail_memory(room);
    char *body = text + sizeof head, *at = body;
    *at = '\0';
    for (int64_t i = 0; i < count; i++)
        at += print_entry(wisdom->entries[i], at, size - (size_t)(at - body));
    size_t used = strlen(head);
    write_sum(head + used, sizeof head - used, count,
              hash_bytes(hash_start, body, (size_t)(at - body)));
    used = strlen(head);
    memcpy(body - used, head, used);
    nn_status status = nn_file_write(path, body - used, (size_t)(at - body) + used);
    nn_free(text);
    return status;
}
