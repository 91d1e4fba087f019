/* Attributes of a node, neutral of any file format. */
#ifndef NN_ATTR_H
#define NN_ATTR_H

#include "base/tensor.h"

typedef enum nn_attr_kind {
    NN_ATTR_FLOAT,
    NN_ATTR_INT,
    NN_ATTR_STRING,
    NN_ATTR_TENSOR,
    NN_ATTR_GRAPH,
    NN_ATTR_FLOATS,
    NN_ATTR_INTS,
    NN_ATTR_STRINGS,
    NN_ATTR_OPAQUE, /* kept for a round trip only (types, sparse tensors, lists of tensors) */
} nn_attr_kind;

typedef struct nn_text { /* bytes that may hold zeros; always followed by a zero of their own */
    const char *bytes;
    int64_t length;
} nn_text;

typedef struct nn_attr {
    const char *name;
    nn_attr_kind kind;
    int64_t count; /* of the list kinds */
    union {
        float f;
        int64_t i;
        nn_text s;
        nn_blob *tensor; /* owned by the graph that owns the node */
        struct nn_graph *graph;
        const float *floats;
        const int64_t *ints;
        const nn_text *strings;
        struct {
            const void *bytes; /* the serialised attribute */
            size_t size;
        } opaque;
    };
    const void *unknown_fields; /* serialised, kept for a round trip; NULL: none */
    size_t unknown_size;
} nn_attr;

typedef struct nn_attrs {
    const nn_attr *items;
    int64_t count;
} nn_attrs;

const nn_attr *nn_attrs_find(const nn_attrs *attrs, const char *name); /* NULL when absent */

/* Typed access with a default. A present attribute of another kind is NN_BAD_INPUT with a message
 * "attribute 'axis' must be an int". Lists borrow from the attribute; absent lists give NULL and 0.
 */
nn_status nn_attrs_int(const nn_attrs *attrs, const char *name, int64_t fallback, int64_t *out);
nn_status nn_attrs_float(const nn_attrs *attrs, const char *name, float fallback, float *out);
/* Text of an attribute as a C string; refuses zero bytes inside. `fallback` may be NULL. */
nn_status nn_attrs_string(const nn_attrs *attrs, const char *name, const char *fallback,
                          const char **out);
nn_status nn_attrs_ints(const nn_attrs *attrs, const char *name, const int64_t **out,
                        int64_t *count);
nn_status nn_attrs_floats(const nn_attrs *attrs, const char *name, const float **out,
                          int64_t *count);
/* Texts without zero bytes inside; others are refused. */
nn_status nn_attrs_strings(const nn_attrs *attrs, const char *name, const nn_text **out,
                           int64_t *count);
nn_status nn_attrs_tensor(const nn_attrs *attrs, const char *name, const nn_tensor **out);

#endif
