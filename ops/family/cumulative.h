/* CumSum and CumProd: each element along one axis becomes the sum or product of those before it,
 * itself included unless `exclusive`; `reverse` starts from the end. */
#ifndef NN_FAMILY_CUMULATIVE_H
#define NN_FAMILY_CUMULATIVE_H

#include "ops/family/axes.h"
#include "ops/family/infer.h"
#include "ops/family/loops.h"

/* Goes `size` steps along the axis for `count` neighbouring columns; `step` elements lie between
 * one step and the next. `carry` holds what came before, per column. */
typedef void (*nn_cumulative_row)(void *carry, const void *x, void *y, int64_t size, int64_t step,
                                  int64_t count, bool exclusive);

typedef struct nn_cumulative_rows {
    nn_cumulative_row of[NN_TYPE_COUNT]; /* half types run through the one for floats */
    int identity;
} nn_cumulative_rows;

/* X(TYPE, type, suffix, wide) for the types of both operators; integers wrap in `wide`. */
#define NN_EACH_CUMULATIVE(X)                                                                      \
    X(FLOAT, float, f32, float)                                                                    \
    X(DOUBLE, double, f64, double)                                                                 \
    X(INT32, int32_t, i32, uint32_t)                                                               \
    X(INT64, int64_t, i64, uint64_t)                                                               \
    X(UINT32, uint32_t, u32, uint32_t)                                                             \
    X(UINT64, uint64_t, u64, uint64_t)

#define NN_CUMULATIVE_ROW(name, type, wide, operator)                                              \
    static void name(void *carry_, const void *x_, void *y_, int64_t size, int64_t step,           \
                     int64_t count, bool exclusive) {                                              \
        type *carry = carry_, *ys = y_;                                                            \
        const type *xs = x_;                                                                       \
        if (count == 1) { /* the sum stays in a register */                                        \
            type before = carry[0];                                                                \
            for (int64_t i = 0; i < size; i++) {                                                   \
                type after = (type)((wide)before operator(wide) xs[i * step]);                     \
                ys[i * step] = exclusive ? before : after;                                         \
                before = after;                                                                    \
            }                                                                                      \
            carry[0] = before;                                                                     \
            return;                                                                                \
        }                                                                                          \
        for (int64_t i = 0; i < size; i++) {                                                       \
            const type *x = xs + i * step;                                                         \
            type *y = ys + i * step;                                                               \
            for (int64_t k = 0; k < count; k++) {                                                  \
                type before = carry[k], after = (type)((wide)before operator(wide) x[k]);          \
                y[k] = exclusive ? before : after;                                                 \
                carry[k] = after;                                                                  \
            }                                                                                      \
        }                                                                                          \
    }

typedef struct nn_cumulative_attrs {
    bool exclusive, reverse;
} nn_cumulative_attrs;

nn_status nn_cumulative_parse(const nn_node_view *node, const nn_attrs *attrs, void *out);
nn_status nn_cumulative_infer(const nn_node_view *node);
nn_status nn_cumulative_axes(const nn_node_view *node, nn_axis_relations *out);
bool nn_cumulative_accepts(const nn_node_view *node, const nn_target *target);
nn_status nn_cumulative_run(const nn_call *call, const nn_cumulative_rows *rows);

#define NN_CUMULATIVE_COLUMNS                                                                      \
    .domain = "", .min_inputs = 2, .max_inputs = 2, .min_outputs = 1, .max_outputs = 1,            \
    .attr_size = sizeof(nn_cumulative_attrs), .parse = nn_cumulative_parse,                        \
    .infer = nn_cumulative_infer, .axes = nn_cumulative_axes, .quant = NN_QUANT_FLOAT

#endif
