#include "engine/plan/weight_cache.h"

#include "engine/plan/weight_memory.h"

#include <pthread.h>
#include <stdatomic.h>

typedef struct nn_weight_entry {
    nn_weight weight; /* first: callers hold a pointer to it */
    nn_device *device;
    nn_weight_chunk *chunk; /* where the data lies; NULL: in the device's memory */
    struct nn_weight_entry *next;
    uint64_t hash;
    int64_t references;
    bool is_filled; /* false: some thread is at it */
    const nn_op *op;
    char *variant;
    int blob_count;
    uint64_t blobs[];
} nn_weight_entry;

enum { BUCKETS = 256 };

struct nn_weight_cache {
    pthread_mutex_t lock;
    pthread_cond_t filled; /* or given up */
    nn_weight_entry *buckets[BUCKETS];
    nn_weight_memory memory;
    int64_t bytes, count;
    struct nn_lowered *lowered[NN_LOWERED_KINDS];
    const nn_lowered_maker *maker; /* of those that are there */
};

nn_status nn_weight_cache_create(nn_weight_cache **out) {
    nn_weight_cache *cache = nn_alloc_zero(sizeof *cache);
    if (cache == NULL) return nn_fail_memory(sizeof *cache);
    pthread_mutex_init(&cache->lock, NULL);
    pthread_cond_init(&cache->filled, NULL);
    *out = cache;
    return NN_OK;
}

void nn_weight_cache_destroy(nn_weight_cache *cache) {
    if (cache == NULL) return;
    for (int kind = 0; kind < NN_LOWERED_KINDS; kind++) {
        if (cache->lowered[kind] != NULL) cache->maker->destroy(cache->lowered[kind]);
    }
    pthread_cond_destroy(&cache->filled);
    pthread_mutex_destroy(&cache->lock);
    nn_free(cache);
}

uint64_t nn_weight_new_id(void) {
    static _Atomic uint64_t last = UINT64_MAX; /* those of blobs count from below */
    return atomic_fetch_sub(&last, 1);
}

/* FNV-1a, 64 bits. */
static uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t size) {
    const unsigned char *p = bytes;
    for (size_t i = 0; i < size; i++) hash = (hash ^ p[i]) * UINT64_C(0x100000001b3);
    return hash;
}

static uint64_t hash_key(const nn_weight_key *key) {
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    hash = hash_bytes(hash, &key->device, sizeof key->device);
    hash = hash_bytes(hash, &key->op, sizeof key->op);
    hash = hash_bytes(hash, key->blobs, (size_t)key->blob_count * sizeof *key->blobs);
    hash = hash_bytes(hash, key->variant, strlen(key->variant));
    return hash_bytes(hash, &key->bytes, sizeof key->bytes);
}

static bool has_key(const nn_weight_entry *entry, const nn_weight_key *key, uint64_t hash) {
    return entry->hash == hash && entry->device == key->device && entry->op == key->op &&
           entry->weight.bytes == key->bytes && entry->blob_count == key->blob_count &&
           strcmp(entry->variant, key->variant) == 0 &&
           (key->blob_count == 0 ||
            memcmp(entry->blobs, key->blobs, (size_t)key->blob_count * sizeof *key->blobs) == 0);
}

static void free_entry(nn_weight_cache *cache, nn_weight_entry *entry) {
    if (entry->device != NULL)
        entry->device->calls->release(entry->device, entry->weight.data);
    else
        nn_weight_memory_give(&cache->memory, entry->chunk);
    nn_free(entry->variant);
    nn_free(entry);
}

static nn_status take_memory(nn_weight_cache *cache, nn_weight_entry *entry) {
    const size_t bytes = entry->weight.bytes;
    if (entry->device != NULL)
        return entry->device->calls->allocate(entry->device, bytes > 0 ? bytes : 1,
                                              &entry->weight.data);
    entry->weight.data = nn_weight_memory_take(&cache->memory, bytes, &entry->chunk);
    return entry->weight.data != NULL ? NN_OK : nn_fail_memory(bytes);
}

static nn_status create_entry(nn_weight_cache *cache, const nn_weight_key *key, uint64_t hash,
                              nn_weight_entry **out) {
    size_t blobs_size = (size_t)key->blob_count * sizeof *key->blobs;
    nn_weight_entry *entry = nn_alloc_zero(sizeof *entry + blobs_size);
    if (entry == NULL) return nn_fail_memory(sizeof *entry + blobs_size);
    entry->hash = hash;
    entry->device = key->device;
    entry->op = key->op;
    entry->blob_count = key->blob_count;
    if (blobs_size > 0) memcpy(entry->blobs, key->blobs, blobs_size);
    entry->weight.bytes = key->bytes;
    entry->variant = nn_strdup(key->variant);
    nn_status status = entry->variant != NULL ? take_memory(cache, entry)
                                              : nn_fail_memory(strlen(key->variant) + 1);
    if (status == NN_OK)
        *out = entry;
    else
        free_entry(cache, entry);
    return status;
}

static void unlink_entry(nn_weight_cache *cache, nn_weight_entry *entry) {
    nn_weight_entry **link = &cache->buckets[entry->hash % BUCKETS];
    while (*link != entry) link = &(*link)->next;
    *link = entry->next;
    cache->bytes -= (int64_t)entry->weight.bytes;
    cache->count--;
    free_entry(cache, entry);
}

/* The entry with this key, filled; NULL: there is none. Waits for the thread that fills it, which
 * may give up. Lock held. */
static nn_weight_entry *find_entry(nn_weight_cache *cache, const nn_weight_key *key,
                                   uint64_t hash) {
    for (;;) {
        nn_weight_entry *entry = cache->buckets[hash % BUCKETS];
        while (entry != NULL && !has_key(entry, key, hash)) entry = entry->next;
        if (entry == NULL || entry->is_filled) return entry;
        pthread_cond_wait(&cache->filled, &cache->lock);
    }
}

static nn_status fill_entry(nn_weight_entry *entry, nn_weight_fill fill, const void *argument) {
    if (entry->device == NULL) return fill(argument, entry->weight.data);
    const size_t bytes = entry->weight.bytes;
    void *host = nn_alloc_zero(bytes > 0 ? bytes : 1);
    if (host == NULL) return nn_fail_memory(bytes);
    nn_status status = fill(argument, host);
    if (status == NN_OK)
        status = entry->device->calls->write(entry->device, entry->weight.data, host, bytes);
    nn_free(host);
    return status;
}

/* A new entry, filled while the lock is not held, so that several are at once. */
static nn_status add_entry(nn_weight_cache *cache, const nn_weight_key *key, uint64_t hash,
                           nn_weight_fill fill, const void *argument, nn_weight_entry **out) {
    nn_weight_entry *entry = NULL;
    NN_TRY(create_entry(cache, key, hash, &entry));
    entry->next = cache->buckets[hash % BUCKETS];
    cache->buckets[hash % BUCKETS] = entry;
    cache->bytes += (int64_t)key->bytes;
    cache->count++;
    pthread_mutex_unlock(&cache->lock);
    nn_status status = fill_entry(entry, fill, argument);
    pthread_mutex_lock(&cache->lock);
    entry->is_filled = true;
    if (status != NN_OK) unlink_entry(cache, entry);
    pthread_cond_broadcast(&cache->filled);
    *out = entry;
    return status;
}

nn_status nn_weight_get(nn_weight_cache *cache, const nn_weight_key *key, nn_weight_fill fill,
                        const void *argument, const nn_weight **out) {
    const uint64_t hash = hash_key(key);
    nn_status status = NN_OK;
    pthread_mutex_lock(&cache->lock);
    nn_weight_entry *entry = find_entry(cache, key, hash);
    if (entry == NULL) status = add_entry(cache, key, hash, fill, argument, &entry);
    if (status == NN_OK) {
        entry->references++;
        *out = &entry->weight;
    }
    pthread_mutex_unlock(&cache->lock);
    return status;
}

void nn_weight_release(nn_weight_cache *cache, const nn_weight *weight) {
    if (weight == NULL) return;
    pthread_mutex_lock(&cache->lock);
    nn_weight_entry *entry = (nn_weight_entry *)weight;
    if (--entry->references == 0) unlink_entry(cache, entry);
    pthread_mutex_unlock(&cache->lock);
}

nn_status nn_weight_list_get(nn_weight_list *list, const nn_weight_key *key, nn_weight_fill fill,
                             const void *argument, const nn_weight **out) {
    if (!NN_GROW(list->items, list->count, list->capacity)) {
        return nn_fail_memory((size_t)(list->count + 1) * sizeof *list->items);
    }
    NN_TRY(nn_weight_get(list->cache, key, fill, argument, out));
    list->items[list->count++] = *out;
    return NN_OK;
}

nn_status nn_weight_list_take(nn_weight_list *list, nn_weight_list *from) {
    for (int64_t i = 0; i < from->count; i++)
        if (!NN_GROW(list->items, list->count + i, list->capacity))
            return nn_fail_memory((size_t)(list->count + i + 1) * sizeof *list->items);
    for (int64_t i = 0; i < from->count; i++) list->items[list->count++] = from->items[i];
    from->count = 0;
    nn_weight_list_clear(from);
    return NN_OK;
}

void nn_weight_list_clear(nn_weight_list *list) {
    for (int64_t i = 0; i < list->count; i++) nn_weight_release(list->cache, list->items[i]);
    nn_free(list->items);
    *list = (nn_weight_list){.cache = list->cache};
}

int64_t nn_weight_cache_bytes(nn_weight_cache *cache) {
    pthread_mutex_lock(&cache->lock);
    int64_t bytes = cache->bytes;
    pthread_mutex_unlock(&cache->lock);
    return bytes;
}

int64_t nn_weight_cache_count(nn_weight_cache *cache) {
    pthread_mutex_lock(&cache->lock);
    int64_t count = cache->count;
    pthread_mutex_unlock(&cache->lock);
    return count;
}

nn_status nn_weight_cache_lowered(nn_weight_cache *cache, nn_lowered_kind kind,
                                  const nn_lowered_maker *maker, const void *argument,
                                  const struct nn_lowered **out) {
    nn_status status = NN_OK;
    pthread_mutex_lock(&cache->lock);
    if (cache->lowered[kind] == NULL) {
        cache->maker = maker;
        status = maker->create(argument, kind, &cache->lowered[kind]);
    }
    *out = cache->lowered[kind];
    pthread_mutex_unlock(&cache->lock);
    return status;
}
