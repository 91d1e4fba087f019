#include "ops/family/ml/lookup.h"

static uint64_t mix(uint64_t x) {
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

static uint64_t hash_real(double key) {
    uint64_t bits = 0;
    if (key != 0 && key == key) memcpy(&bits, &key, sizeof bits); /* both zeros, and every NaN */
    return mix(bits);
}

static uint64_t hash_text(const char *key) {
    uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a */
    for (; *key != '\0'; key++) hash = (hash ^ (unsigned char)*key) * 0x100000001b3u;
    return mix(hash);
}

static bool reals_equal(double a, double b) {
    return a == b || (a != a && b != b);
}

/* The slot that holds the key, or the free one where it belongs. */
#define FIND(lookup, hash, equal)                                                                  \
    for (uint64_t at = (hash);; at++) {                                                            \
        uint32_t *slot = &(lookup)->slots[at & (lookup)->mask];                                    \
        if (*slot == 0) return slot;                                                               \
        int64_t i = (int64_t)*slot - 1;                                                            \
        if (equal) return slot;                                                                    \
    }

static uint32_t *find_int(const nn_lookup *lookup, int64_t key) {
    FIND(lookup, mix((uint64_t)key + 0x9e3779b97f4a7c15u), lookup->ints[i] == key)
}
static uint32_t *find_real(const nn_lookup *lookup, double key) {
    FIND(lookup, hash_real(key), reals_equal(lookup->reals[i], key))
}
static uint32_t *find_text(const nn_lookup *lookup, const char *key) {
    FIND(lookup, hash_text(key), strcmp(lookup->texts[i], key) == 0)
}

static int64_t slot_count(int64_t count) {
    int64_t slots = 4;
    while (slots < 2 * count) slots *= 2;
    return slots;
}

bool nn_lookup_bytes(int64_t count, size_t *out) {
    if (count >= INT32_MAX) return false;
    *out = (size_t)slot_count(count) * sizeof(uint32_t);
    return true;
}

void nn_lookup_init(nn_lookup *lookup, void *slots, int64_t count, bool last) {
    lookup->slots = slots;
    lookup->mask = (uint64_t)slot_count(count) - 1;
    for (int64_t i = 0; i < count; i++) {
        uint32_t *slot = lookup->kind == NN_KEY_INT    ? find_int(lookup, lookup->ints[i])
                         : lookup->kind == NN_KEY_REAL ? find_real(lookup, lookup->reals[i])
                                                       : find_text(lookup, lookup->texts[i]);
        if (*slot == 0 || last) *slot = (uint32_t)i + 1;
    }
}

int64_t nn_lookup_int(const nn_lookup *lookup, int64_t key) {
    return (int64_t)*find_int(lookup, key) - 1;
}
int64_t nn_lookup_real(const nn_lookup *lookup, double key) {
    return (int64_t)*find_real(lookup, key) - 1;
}
int64_t nn_lookup_text(const nn_lookup *lookup, const char *key) {
    return (int64_t)*find_text(lookup, key) - 1;
}
