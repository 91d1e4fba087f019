/* Lists of keys and values of encoders in one form, whatever attribute they come from, and the
 * encoder that maps every element of a tensor. */
#ifndef NN_FAMILY_CATEGORIES_H
#define NN_FAMILY_CATEGORIES_H

#include "ops/family/ml/lookup.h"

/* A list borrowed from the attributes. Type NONE: no list; a list without data counts 0, 1, 2. */
typedef struct nn_category_list {
    nn_type type; /* INT64, FLOAT, STRING, or that of the tensor */
    int64_t count;
    const int64_t *ints;
    const float *floats;
    const nn_text *texts;
    const nn_tensor *tensor;
} nn_category_list;

/* The key kind of a type: integers, reals or texts. */
nn_key_kind nn_key_kind_of(nn_type type);
int64_t nn_category_int(const nn_category_list *list, int64_t index);
double nn_category_real(const nn_category_list *list, int64_t index);
const char *nn_category_text(const nn_category_list *list, int64_t index);

/* Allocates state for a lookup of the list as a prefix of `size` bytes, whose first member is the
 * nn_lookup. *extra: `extra_bytes` zeroed bytes behind it. */
nn_status nn_categories_prepare(nn_prepare *prepare, const nn_category_list *keys, bool last,
                                size_t size, size_t extra_bytes, void **state, void **extra);

/* The place of element `index` of x in the keys, or -1; numbers are compared as the keys' kind. */
int64_t nn_categories_find(const nn_lookup *lookup, const nn_tensor *x, int64_t index);

#endif
