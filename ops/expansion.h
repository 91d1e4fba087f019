/* Operators that are written as others: SkipLayerNormalization is Add and LayerNormalization. The
 * lowering puts the parts in the operator's place before it does anything else, so that they run on
 * the kernels, and join the fusions, of the operators they are.
 *
 * Parts are operators of the newest opset (or of domain nnopt), whatever the model imports. They
 * see the node as it was inferred: types and ranks are mostly known, sizes may be symbols. Errors
 * are sticky: after the first one the functions do nothing and return NULL. */
#ifndef NN_EXPANSION_H
#define NN_EXPANSION_H

#include "ops/op.h"

typedef struct nn_expansion nn_expansion;
typedef struct nn_value nn_term; /* a value of the expansion; NULL stands for an absent input */

/* Input `index` of the node; NULL where it is absent. The second converts half types to float32. */
nn_term *nn_expand_in(nn_expansion *expansion, int index);
nn_term *nn_expand_float_in(nn_expansion *expansion, int index);
bool nn_expand_wants(const nn_expansion *expansion,
                     int output);                               /* does anything want the output? */
const nn_attrs *nn_expand_attrs(const nn_expansion *expansion); /* of the node */

/* Constants: `data` is copied. */
nn_term *nn_expand_constant(nn_expansion *expansion, nn_type type, const int64_t *dims, int rank,
                            const void *data);
nn_term *nn_expand_blob(nn_expansion *expansion, nn_blob *blob); /* retains it */
nn_term *nn_expand_ints(nn_expansion *expansion, int64_t count, const int64_t *values);
nn_term *nn_expand_float(nn_expansion *expansion, float value);

typedef struct nn_part {
    const char *op_type;
    int in_count;
    nn_term *const *in;
    nn_attrs attrs;
} nn_part;

/* A part with one output, or with several: `out` gets all of them. */
nn_term *nn_expand_part(nn_expansion *expansion, const nn_part *part);
void nn_expand_parts(nn_expansion *expansion, const nn_part *part, nn_term **out, int out_count);

/* nn_expand(e, "Add", NN_TERMS(a, b)) and nn_expand(e, "Softmax", NN_TERMS(x), axis) with nn_attr
 * axis. */
#define NN_TERMS(...)                                                                              \
    .in = (nn_term *[]){__VA_ARGS__},                                                              \
    .in_count = (int)(sizeof((nn_term *[]){__VA_ARGS__}) / sizeof(nn_term *))
#define NN_ATTRS(...)                                                                              \
    .attrs = {(nn_attr[]){__VA_ARGS__}, sizeof((nn_attr[]){__VA_ARGS__}) / sizeof(nn_attr)}
#define nn_expand(expansion, type, ...)                                                            \
    nn_expand_part((expansion), &(const nn_part){.op_type = (type), __VA_ARGS__})

static inline nn_attr nn_attr_int(const char *name, int64_t value) {
    return (nn_attr){.name = name, .kind = NN_ATTR_INT, .i = value};
}
static inline nn_attr nn_attr_float(const char *name, float value) {
    return (nn_attr){.name = name, .kind = NN_ATTR_FLOAT, .f = value};
}
static inline nn_attr nn_attr_text(const char *name, const char *value) {
    return (nn_attr){.name = name, .kind = NN_ATTR_STRING, .s = {value, (int64_t)strlen(value)}};
}
static inline nn_attr nn_attr_ints(const char *name, const int64_t *values, int64_t count) {
    return (nn_attr){.name = name, .kind = NN_ATTR_INTS, .count = count, .ints = values};
}

/* Parts that many expansions have. Reshape: 0 keeps a size, -1 is the rest. */
nn_term *nn_expand_cast(nn_expansion *expansion, nn_term *x, nn_type type);
nn_term *nn_expand_reshape(nn_expansion *expansion, nn_term *x, int rank, const int64_t *dims);
nn_term *nn_expand_transpose(nn_expansion *expansion, nn_term *x, int rank, const int64_t *order);
nn_term *nn_expand_activation(nn_expansion *expansion, nn_term *x, nn_activation activation);

/* Output `index` of the node is `term`; the second converts float32 to the output's half type. */
void nn_expand_out(nn_expansion *expansion, int index, nn_term *term);
void nn_expand_float_out(nn_expansion *expansion, int index, nn_term *term);

#endif
