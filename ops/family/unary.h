/* Operators of one input that compute each element by itself.
 *
 * An operator lists one row function per element type; half types run through its float row. */
#ifndef NN_FAMILY_UNARY_H
#define NN_FAMILY_UNARY_H

#include "ops/family/axes.h"
#include "ops/family/infer.h"

/* y[i] = f(x[i]); `attrs` are the node's. x and y may be the same. */
typedef void (*nn_unary_row)(const void *attrs, const void *x, void *y, int64_t count);

typedef struct nn_unary_rows {
    nn_unary_row of[NN_TYPE_COUNT];
} nn_unary_rows;

bool nn_unary_accepts(const nn_node_view *node, const nn_unary_rows *rows);
nn_status nn_unary_run(const nn_call *call, const nn_unary_rows *rows);
/* The same with something else in the place of the node's attributes. */
void nn_unary_apply(const nn_call *call, const nn_unary_rows *rows, const void *attrs);

/* Defines a row function; in the expression x is the element and attrs the attributes. */
#define NN_UNARY_ROW(name, type, expression)                                                       \
    static void name(const void *attrs, const void *x_, void *y_, int64_t count) {                 \
        (void)attrs;                                                                               \
        const type *xs = x_;                                                                       \
        type *ys = y_;                                                                             \
        _Pragma("GCC ivdep") for (int64_t i = 0; i < count; i++) {                                 \
            const type x = xs[i];                                                                  \
            ys[i] = (type)(expression);                                                            \
        }                                                                                          \
    }

/* Defines kernel nn_kernel `stem` over a table of rows. */
#define NN_UNARY_KERNEL(stem, table, level, exact)                                                 \
    static bool stem##_accepts(const nn_node_view *node, const nn_target *target) {                \
        (void)target;                                                                              \
        return nn_unary_accepts(node, &(table));                                                   \
    }                                                                                              \
    static nn_status stem##_run(const nn_call *call) {                                             \
        return nn_unary_run(call, &(table));                                                       \
    }                                                                                              \
    static const nn_kernel stem = {                                                                \
        .name = #stem,                                                                             \
        .isa = level,                                                                              \
        .exactness = exact,                                                                        \
        .layout = NN_LAYOUT_ANY,                                                                   \
        .layout_inputs = 1,                                                                        \
        .in_place = 1,                                                                             \
        .accepts = stem##_accepts,                                                                 \
        .run = stem##_run,                                                                         \
    };

/* The columns that all of them share. */
#define NN_UNARY_COLUMNS                                                                           \
    .min_inputs = 1, .max_inputs = 1, .min_outputs = 1, .max_outputs = 1, .axes = nn_axes_of_unary

/* Output 0 like input 0, whose type must be one of these. */
nn_status nn_infer_unary_float(const nn_node_view *node);  /* floating types */
nn_status nn_infer_unary_number(const nn_node_view *node); /* and integers */

/* Attributes of parametric activations. */
typedef struct nn_alpha_beta {
    float alpha, beta;
} nn_alpha_beta;

typedef struct nn_gelu_attrs {
    bool approximate; /* with tanh instead of erf */
} nn_gelu_attrs;

typedef struct nn_shrink_attrs {
    float bias, lambd;
} nn_shrink_attrs;

/* Before version 11 the bounds were float attributes, since then they are scalar inputs. */
typedef struct nn_clip_attrs {
    bool from_input;
    float low, high;
} nn_clip_attrs;

#endif
