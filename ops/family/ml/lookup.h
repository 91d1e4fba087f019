/* Finding keys in a list: the vocabularies of encoders. */
#ifndef NN_FAMILY_LOOKUP_H
#define NN_FAMILY_LOOKUP_H

#include "ops/op.h"

typedef enum nn_key_kind { NN_KEY_INT, NN_KEY_REAL, NN_KEY_TEXT } nn_key_kind;

/* Open addressing; the keys are borrowed. Reals are equal as numbers are, and NaN equals NaN. */
typedef struct nn_lookup {
    nn_key_kind kind;
    union {
        const int64_t *ints;
        const double *reals;
        const char *const *texts;
    };
    uint64_t mask;
    uint32_t *slots; /* one more than the place of a key; 0: free */
} nn_lookup;

/* Bytes of the slots for `count` keys; false where they are too many. */
bool nn_lookup_bytes(int64_t count, size_t *out);
/* Fills `slots` (zeroed, as many bytes as said above) for a lookup whose kind and keys are set. Of
 * equal keys the last one counts, or the first. */
void nn_lookup_init(nn_lookup *lookup, void *slots, int64_t count, bool last);

/* The place of a key in the list, or -1. */
int64_t nn_lookup_int(const nn_lookup *lookup, int64_t key);
int64_t nn_lookup_real(const nn_lookup *lookup, double key);
int64_t nn_lookup_text(const nn_lookup *lookup, const char *key);

#endif
