#include "engine/graph/name_table.h"

#include <pthread.h>
#include <sys/random.h>
#include <time.h>

static uint64_t hash_key;
static pthread_once_t hash_key_once = PTHREAD_ONCE_INIT;

static void draw_hash_key(void) {
    if (getrandom(&hash_key, sizeof hash_key, GRND_NONBLOCK) != (ssize_t)sizeof hash_key)
        hash_key = (uint64_t)time(NULL) ^ (uint64_t)(uintptr_t)&hash_key;
}

/* FNV-1a from a keyed start, with the finaliser of SplitMix64. */
static uint64_t hash_name(const char *name) {
    pthread_once(&hash_key_once, draw_hash_key);
    uint64_t hash = hash_key;
    for (; *name != '\0'; name++) hash = (hash ^ (unsigned char)*name) * 0x100000001b3u;
    hash = (hash ^ (hash >> 30)) * 0xbf58476d1ce4e5b9u;
    hash = (hash ^ (hash >> 27)) * 0x94d049bb133111ebu;
    return hash ^ (hash >> 31);
}

/* The entry of the name, or the free one where it belongs. There always is a free one. */
static nn_name_entry *probe(nn_name_entry *entries, int64_t capacity, const char *name,
                            uint64_t hash) {
    uint64_t mask = (uint64_t)capacity - 1;
    for (uint64_t i = hash & mask;; i = (i + 1) & mask) {
        nn_name_entry *entry = &entries[i];
        if (entry->name == NULL || (entry->hash == hash && strcmp(entry->name, name) == 0))
            return entry;
    }
}

void nn_name_table_clear(nn_name_table *table) {
    nn_free(table->entries);
    memset(table, 0, sizeof *table);
}

nn_name_entry *nn_name_table_entry(nn_name_table *table, const char *name) {
    if (table->capacity == 0) return NULL;
    nn_name_entry *entry = probe(table->entries, table->capacity, name, hash_name(name));
    return entry->name != NULL && entry->object != NULL ? entry : NULL;
}

void *nn_name_table_get(const nn_name_table *table, const char *name) {
    if (table->capacity == 0) return NULL;
    return probe(table->entries, table->capacity, name, hash_name(name))->object;
}

nn_status nn_name_table_reserve(nn_name_table *table, int64_t extra) {
    int64_t wanted = table->capacity < 16 ? 16 : table->capacity, needed;
    if (!nn_add_size(table->used, extra, &needed) || needed > INT64_MAX / 256)
        return nn_fail_memory(SIZE_MAX);
    while (needed > wanted / 4 * 3) wanted *= 2;
    if (wanted == table->capacity) return NN_OK;
    size_t bytes = (size_t)wanted * sizeof *table->entries;
    nn_name_entry *entries = nn_alloc_zero(bytes);
    if (entries == NULL) return nn_fail_memory(bytes);
    int64_t used = 0;
    for (int64_t i = 0; i < table->capacity; i++) {
        const nn_name_entry *old = &table->entries[i];
        if (old->name == NULL || old->object == NULL) continue;
        *probe(entries, wanted, old->name, old->hash) = *old;
        used++;
    }
    nn_free(table->entries);
    *table = (nn_name_table){entries, wanted, used};
    return NN_OK;
}

nn_status nn_name_table_put(nn_name_table *table, const char *name, void *object) {
    NN_TRY(nn_name_table_reserve(table, 1));
    uint64_t hash = hash_name(name);
    nn_name_entry *entry = probe(table->entries, table->capacity, name, hash);
    if (entry->name == NULL) {
        *entry = (nn_name_entry){.hash = hash};
        table->used++;
    }
    entry->name = name; /* also of a removed one, whose text may be gone */
    entry->object = object;
    return NN_OK;
}

void nn_name_table_remove(nn_name_table *table, const char *name) {
    nn_name_entry *entry = nn_name_table_entry(table, name);
    if (entry != NULL) entry->object = NULL;
}
