/* What the sessions of a model share: packed constants and lowered graphs. Safe from any thread. */
#ifndef NN_WEIGHT_CACHE_H
#define NN_WEIGHT_CACHE_H

#include "ops/op.h"

typedef struct nn_weight_cache nn_weight_cache;

nn_status nn_weight_cache_create(nn_weight_cache **out);
/* Every reference to a weight must have been released. NULL allowed. */
void nn_weight_cache_destroy(nn_weight_cache *cache);

/* ---- packed constants ---- */

/* A packed constant; counted: it goes with its last reference. */
typedef struct nn_weight {
    void *data; /* aligned to NN_ALIGNMENT; of a device: in its memory */
    size_t bytes;
} nn_weight;

typedef struct nn_weight_key {
    nn_device *device;     /* in whose memory it lies; NULL: the host's */
    const nn_op *op;       /* whose packing it is; NULL: plain copies */
    const uint64_t *blobs; /* ids of the constants that were packed, 0 for an absent one */
    int blob_count;
    const char *variant; /* tile and format */
    size_t bytes;
} nn_weight_key;

/* An id for `blobs` that no constant has and no later call gives: such a weight is not shared. */
uint64_t nn_weight_new_id(void);

/* Fills key->bytes zeroed bytes of the host's memory. Must not use the cache. */
typedef nn_status (*nn_weight_fill)(const void *argument, void *out);

/* The weight with this key, filled when new; one reference for the caller. */
nn_status nn_weight_get(nn_weight_cache *cache, const nn_weight_key *key, nn_weight_fill fill,
                        const void *argument, const nn_weight **out);
void nn_weight_release(nn_weight_cache *cache, const nn_weight *weight);

/* References that one owner holds and gives back together. Set the cache, leave the rest zero. */
typedef struct nn_weight_list {
    nn_weight_cache *cache;
    const nn_weight **items;
    int64_t count, capacity;
} nn_weight_list;

/* As nn_weight_get; the list keeps the reference. */
nn_status nn_weight_list_get(nn_weight_list *list, const nn_weight_key *key, nn_weight_fill fill,
                             const void *argument, const nn_weight **out);
/* Moves the references of `from`, which is empty then; none on failure. */
nn_status nn_weight_list_take(nn_weight_list *list, nn_weight_list *from);
void nn_weight_list_clear(nn_weight_list *list);

int64_t nn_weight_cache_bytes(nn_weight_cache *cache); /* of all weights held now */
int64_t nn_weight_cache_count(nn_weight_cache *cache);

/* ---- lowered graphs (engine/lower/lower.h) ---- */

struct nn_lowered;
typedef enum nn_lowered_kind {
    NN_LOWERED_FUSED,
    NN_LOWERED_PLAIN,
    NN_LOWERED_KINDS
} nn_lowered_kind;

/* How to make and end them; none of the two may use the cache. */
typedef struct nn_lowered_maker {
    nn_status (*create)(const void *argument, nn_lowered_kind kind, struct nn_lowered **out);
    void (*destroy)(struct nn_lowered *lowered);
} nn_lowered_maker;

/* The lowered graph of this kind, created when new; it ends with the cache. */
nn_status nn_weight_cache_lowered(nn_weight_cache *cache, nn_lowered_kind kind,
                                  const nn_lowered_maker *maker, const void *argument,
                                  const struct nn_lowered **out);

#endif
