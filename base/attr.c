#include "base/attr.h"

static const char *const kind_names[] = {
    [NN_ATTR_FLOAT] = "a float",
    [NN_ATTR_INT] = "an int",
    [NN_ATTR_STRING] = "a string",
    [NN_ATTR_TENSOR] = "a tensor",
    [NN_ATTR_GRAPH] = "a graph",
    [NN_ATTR_FLOATS] = "a list of floats",
    [NN_ATTR_INTS] = "a list of ints",
    [NN_ATTR_STRINGS] = "a list of strings",
    [NN_ATTR_OPAQUE] = "of a kind without a value",
};

const nn_attr *nn_attrs_find(const nn_attrs *attrs, const char *name) {
    for (int64_t i = 0; attrs != NULL && i < attrs->count; i++)
        if (strcmp(attrs->items[i].name, name) == 0) return &attrs->items[i];
    return NULL;
}

/* Finds an attribute of this kind; *out NULL when it is absent. */
static nn_status find_kind(const nn_attrs *attrs, const char *name, nn_attr_kind kind,
                           const nn_attr **out) {
    *out = nn_attrs_find(attrs, name);
    if (*out != NULL && (*out)->kind != kind)
        return nn_fail(NN_BAD_INPUT, "attribute '%s' must be %s, is %s", name, kind_names[kind],
                       kind_names[(*out)->kind]);
    return NN_OK;
}

nn_status nn_attrs_int(const nn_attrs *attrs, const char *name, int64_t fallback, int64_t *out) {
    const nn_attr *attr;
    NN_TRY(find_kind(attrs, name, NN_ATTR_INT, &attr));
    *out = attr != NULL ? attr->i : fallback;
    return NN_OK;
}

nn_status nn_attrs_float(const nn_attrs *attrs, const char *name, float fallback, float *out) {
    const nn_attr *attr;
    NN_TRY(find_kind(attrs, name, NN_ATTR_FLOAT, &attr));
    *out = attr != NULL ? attr->f : fallback;
    return NN_OK;
}

nn_status nn_attrs_string(const nn_attrs *attrs, const char *name, const char *fallback,
                          const char **out) {
    const nn_attr *attr;
    NN_TRY(find_kind(attrs, name, NN_ATTR_STRING, &attr));
    if (attr != NULL && memchr(attr->s.bytes, '\0', (size_t)attr->s.length) != NULL)
        return nn_fail(NN_BAD_INPUT, "attribute '%s' holds a zero byte", name);
    *out = attr != NULL ? attr->s.bytes : fallback;
    return NN_OK;
}

nn_status nn_attrs_ints(const nn_attrs *attrs, const char *name, const int64_t **out,
                        int64_t *count) {
    const nn_attr *attr;
    NN_TRY(find_kind(attrs, name, NN_ATTR_INTS, &attr));
    *out = attr != NULL ? attr->ints : NULL;
    *count = attr != NULL ? attr->count : 0;
    return NN_OK;
}

nn_status nn_attrs_floats(const nn_attrs *attrs, const char *name, const float **out,
                          int64_t *count) {
    const nn_attr *attr;
    NN_TRY(find_kind(attrs, name, NN_ATTR_FLOATS, &attr));
    *out = attr != NULL ? attr->floats : NULL;
    *count = attr != NULL ? attr->count : 0;
    return NN_OK;
}

nn_status nn_attrs_strings(const nn_attrs *attrs, const char *name, const nn_text **out,
                           int64_t *count) {
    const nn_attr *attr;
    NN_TRY(find_kind(attrs, name, NN_ATTR_STRINGS, &attr));
    *out = attr != NULL ? attr->strings : NULL;
    *count = attr != NULL ? attr->count : 0;
    for (int64_t i = 0; i < *count; i++)
        if (memchr((*out)[i].bytes, '\0', (size_t)(*out)[i].length) != NULL)
            return nn_fail(NN_BAD_INPUT, "attribute '%s': text %lld holds a zero byte", name,
                           (long long)i);
    return NN_OK;
}

nn_status nn_attrs_tensor(const nn_attrs *attrs, const char *name, const nn_tensor **out) {
    const nn_attr *attr;
    NN_TRY(find_kind(attrs, name, NN_ATTR_TENSOR, &attr));
    *out = attr != NULL ? &attr->tensor->tensor : NULL;
    return NN_OK;
}
