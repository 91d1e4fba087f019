/* Operators that combine broadcast inputs element by element: arithmetic, logic, comparisons, and
 * the variadic ones that fold their inputs.
 *
 * An operator lists one row function per element type; half types run through its float row. */
#ifndef NN_FAMILY_BINARY_H
#define NN_FAMILY_BINARY_H

#include "ops/family/axes.h"
#include "ops/family/infer.h"
#include "ops/family/loops.h"

/* y[i] = f(a[i * a_step], b[i * b_step]); steps are 0 or 1. y may be a or b. */
typedef void (*nn_binary_row)(const void *a, int64_t a_step, const void *b, int64_t b_step, void *y,
                              int64_t count);

typedef struct nn_binary_rows {
    nn_binary_row of[NN_TYPE_COUNT]; /* by the type of the inputs */
} nn_binary_rows;

/* Before version 7 shapes were equal, or `broadcast` laid input 1 over the axes of input 0 from
 * `axis` on (-1: the last ones). */
typedef struct nn_binary_attrs {
    bool legacy, broadcast;
    int axis;
} nn_binary_attrs;

typedef struct nn_mod_attrs {
    bool truncates; /* like C: the sign of the dividend; else the sign of the divisor */
} nn_mod_attrs;

typedef struct nn_bit_shift_attrs {
    bool right;
} nn_bit_shift_attrs;

nn_status nn_binary_parse(const nn_node_view *node, const nn_attrs *attrs, void *out);

/* Types agree and are in the set; output 0 gets the broadcast shape and `type`, the inputs' when
 * that is NONE. */
nn_status nn_infer_broadcast(const nn_node_view *node, nn_type_set set, nn_type type);
/* The same for numbers, following elements of shapes that are being computed. */
typedef nn_element (*nn_element_function)(nn_element a, nn_element b);
nn_status nn_infer_arithmetic(const nn_node_view *node, nn_element_function combine);
/* Only the shape: types are the caller's matter. */
nn_status nn_infer_binary_shape(const nn_node_view *node, nn_type type);
/* The broadcast shape of inputs first .. in_count-1. */
nn_status nn_broadcast_inputs(const nn_node_view *node, int first, int *rank,
                              int64_t dims[NN_MAX_RANK]);
nn_status nn_binary_axes(const nn_node_view *node, nn_axis_relations *out);

bool nn_binary_accepts(const nn_node_view *node, const nn_binary_rows *rows);
nn_status nn_binary_run(const nn_call *call, const nn_binary_rows *rows);
/* Loops over output 0 (operand 0) and inputs 0 and 1 (operands 1 and 2), collapsed. */
void nn_binary_loops(const nn_call *call, nn_loops *loops);
/* Integer divisors must not be zero. */
nn_status nn_check_divisor(const nn_node_view *node, const nn_tensor *divisor);
/* Folds all inputs from the left, then multiplies by `scale` where that is not 1 (floating types).
 * Half types are rounded once. */
nn_status nn_variadic_run(const nn_call *call, const nn_binary_rows *rows, double scale);

/* Defines a row function; in the expression a and b are the elements. */
#define NN_BINARY_ROW(name, type, result, expression)                                              \
    static void name(const void *a_, int64_t a_step, const void *b_, int64_t b_step, void *y_,     \
                     int64_t count) {                                                              \
        const type *as = a_, *bs = b_;                                                             \
        result *ys = y_;                                                                           \
        if (a_step != 0 && b_step != 0) {                                                          \
            _Pragma("GCC ivdep") for (int64_t i = 0; i < count; i++) {                             \
                const type a = as[i], b = bs[i];                                                   \
                ys[i] = (result)(expression);                                                      \
            }                                                                                      \
        } else if (a_step != 0) {                                                                  \
            const type b = bs[0];                                                                  \
            _Pragma("GCC ivdep") for (int64_t i = 0; i < count; i++) {                             \
                const type a = as[i];                                                              \
                ys[i] = (result)(expression);                                                      \
            }                                                                                      \
        } else if (b_step != 0) {                                                                  \
            const type a = as[0];                                                                  \
            _Pragma("GCC ivdep") for (int64_t i = 0; i < count; i++) {                             \
                const type b = bs[i];                                                              \
                ys[i] = (result)(expression);                                                      \
            }                                                                                      \
        } else {                                                                                   \
            const type a = as[0], b = bs[0];                                                       \
            for (int64_t i = 0; i < count; i++) ys[i] = (result)(expression);                      \
        }                                                                                          \
    }

#define NN_BROADCAST_KERNEL(stem, accept, call_expression, level, exact, places)                   \
    static bool stem##_accepts(const nn_node_view *node, const nn_target *target) {                \
        (void)target;                                                                              \
        return accept;                                                                             \
    }                                                                                              \
    static nn_status stem##_run(const nn_call *call) {                                             \
        return call_expression;                                                                    \
    }                                                                                              \
    static const nn_kernel stem = {                                                                \
        .name = #stem,                                                                             \
        .isa = level,                                                                              \
        .exactness = exact,                                                                        \
        .layout = NN_LAYOUT_ANY,                                                                   \
        .layout_inputs = UINT32_MAX,                                                               \
        .in_place = places,                                                                        \
        .accepts = stem##_accepts,                                                                 \
        .run = stem##_run,                                                                         \
    };

/* Defines kernel `stem` over a table of rows whose result has the type of the inputs. */
#define NN_BINARY_KERNEL(stem, table, level, exact)                                                \
    NN_BROADCAST_KERNEL(stem, nn_binary_accepts(node, &(table)), nn_binary_run(call, &(table)),    \
                        level, exact, 3)

/* The same for rows with bool results, which need memory of their own size. */
#define NN_COMPARISON_KERNEL(stem, table, level, exact)                                            \
    NN_BROADCAST_KERNEL(stem, nn_binary_accepts(node, &(table)), nn_binary_run(call, &(table)),    \
                        level, exact, 0)
/* The same for any number of inputs. */
#define NN_VARIADIC_KERNEL(stem, table, scale, level, exact)                                       \
    NN_BROADCAST_KERNEL(stem, nn_binary_accepts(node, &(table)),                                   \
                        nn_variadic_run(call, &(table), scale), level, exact, 3)

#define NN_BINARY_COLUMNS                                                                          \
    .min_inputs = 2, .max_inputs = 2, .min_outputs = 1, .max_outputs = 1,                          \
    .attr_size = sizeof(nn_binary_attrs), .parse = nn_binary_parse, .axes = nn_binary_axes

#define NN_VARIADIC_COLUMNS                                                                        \
    .min_inputs = 1, .max_inputs = NN_ANY_COUNT, .min_outputs = 1, .max_outputs = 1,               \
    .axes = nn_axes_of_broadcast, .cost = nn_cost_of_variadic

/* One FLOP per output element and further input. */
void nn_cost_of_variadic(const nn_node_view *node, nn_cost *out);

#endif
