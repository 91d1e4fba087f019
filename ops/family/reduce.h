/* Reductions over a set of axes. An operator gives a reducer: how an element joins an accumulator,
 * how accumulators join, and what becomes of the last one. Floating types accumulate in double. */
#ifndef NN_FAMILY_REDUCE_H
#define NN_FAMILY_REDUCE_H

#include "ops/cpu/float32/rows_f32.h"

typedef struct nn_reduce_attrs {
    bool keep_dims;
    bool empty_is_none; /* no axes: nothing is reduced (else everything) */
    bool from_input;    /* axes in input 1 */
    nn_list axes;
} nn_reduce_attrs;

/* `axes_input_since`: the version that made the axes an input. */
nn_status nn_reduce_parse_since(const nn_node_view *node, const nn_attrs *attrs,
                                int axes_input_since, nn_reduce_attrs *out);
nn_status nn_reduce_parse(const nn_node_view *node, const nn_attrs *attrs, void *out); /* 18 */
nn_status nn_reduce_infer(const nn_node_view *node, nn_type_set types);
/* Floating types and the integers of 32 bits and more. */
nn_status nn_reduce_infer_number(const nn_node_view *node);
/* Relations of a reduction of input 0 to output 0 over the axes whose flag is set. */
nn_status nn_reduce_relate(const nn_node_view *node, const bool reduced[NN_MAX_RANK],
                           bool keep_dims, nn_axis_relations *out);
nn_status nn_reduce_axes(const nn_node_view *node, nn_axis_relations *out);
/* Which axes of input 0 go, where the facts say it: the axes are attributes or a constant. */
bool nn_reduce_finds_axes(const nn_node_view *node, bool reduced[NN_MAX_RANK]);
void nn_reduce_cost(const nn_node_view *node, nn_cost *out); /* one FLOP per input element */

/* Works on `count` accumulators at once; x holds one element for each. */
typedef struct nn_real_reducer {
    double start;
    void (*step)(double *sum, const double *x, int64_t count);
    void (*join)(double *sum, const double *other, int64_t count);
    void (*finish)(double *sum, int64_t count, int64_t reduced); /* NULL: nothing to do */
} nn_real_reducer;

typedef struct nn_whole_reducer {
    int64_t start;
    void (*step)(int64_t *sum, const int64_t *x, int64_t count);
    void (*join)(int64_t *sum, const int64_t *other, int64_t count);
    void (*finish)(int64_t *sum, int64_t count, int64_t reduced);
} nn_whole_reducer;

/* Reductions that have rows of floats (ops/cpu/float32/rows_f32.h), which sum in float. */
typedef enum nn_float_reduction {
    NN_NO_FLOAT_REDUCTION,
    NN_FLOAT_SUM,
    NN_FLOAT_MEAN,
    NN_FLOAT_MAXIMUM,
    NN_FLOAT_MINIMUM,
    NN_FLOAT_SUM_SQUARES,
    NN_FLOAT_LENGTH, /* root of the sum of squares */
    NN_FLOAT_SUM_MAGNITUDES,
} nn_float_reduction;

typedef struct nn_reducer {
    nn_real_reducer real;
    /* Integers; without it they are computed as doubles and cut towards zero. uint64 is handed over
     * as the int64 with the same bits. */
    const nn_whole_reducer *whole;
    const nn_whole_reducer *whole_unsigned; /* where the order matters; NULL: `whole` */
    bool of_exponentials; /* reduces exp(x - max), and finish gets log + max applied */
    nn_float_reduction fast;
} nn_reducer;

/* `rows` NULL: with accumulators in double, for all types; else for floats. */
nn_status nn_reduce_run(const nn_call *call, const nn_reducer *reducer, const nn_rows_f32 *rows);

/* Defines a step function; in the expression `sum` is the accumulator and x the element. */
#define NN_REDUCE_STEP(name, type, expression)                                                     \
    static void name(type *sums, const type *xs, int64_t count) {                                  \
        for (int64_t i = 0; i < count; i++) {                                                      \
            const type sum = sums[i], x = xs[i];                                                   \
            sums[i] = expression;                                                                  \
        }                                                                                          \
    }

/* Defines the kernels and the descriptor nn_op_`symbol`. The float kernels refuse a reducer that
 * has no rows of floats. */
#define NN_REDUCE_F32_KERNEL(symbol, reducer, isa_name, level)                                     \
    static nn_status symbol##_f32_##isa_name##_run(const nn_call *call) {                          \
        return nn_reduce_run(call, &(reducer), &nn_rows_f32_##isa_name);                           \
    }                                                                                              \
    static const nn_kernel symbol##_f32_##isa_name = {                                             \
        .name = #symbol "_f32_" #isa_name,                                                         \
        .isa = level,                                                                              \
        .exactness = NN_ROUNDING,                                                                  \
        .accepts = symbol##_accepts_float,                                                         \
        .run = symbol##_f32_##isa_name##_run,                                                      \
    };
#define NN_REDUCE_F32_KERNELS(symbol, reducer)                                                     \
    static bool symbol##_accepts_float(const nn_node_view *node, const nn_target *target) {        \
        return node->in[0]->type == NNOPT_FLOAT && nn_reduce_accepts(node, target);                \
    }                                                                                              \
    NN_REDUCE_F32_KERNEL(symbol, reducer, portable, NN_ISA_PORTABLE)                               \
    NN_REDUCE_F32_KERNEL(symbol, reducer, avx2, NN_ISA_AVX2)                                       \
    NN_REDUCE_F32_KERNEL(symbol, reducer, avx512, NN_ISA_AVX512)

/* The descriptor; `...` is the list of kernels before the reference. */
#define NN_REDUCE_OP_WITH(symbol, op_name, reducer, parse_function, infer_function, gradient, ...) \
    static nn_status symbol##_run(const nn_call *call) {                                           \
        return nn_reduce_run(call, &(reducer), NULL);                                              \
    }                                                                                              \
    static const nn_kernel symbol##_reference = {                                                  \
        .name = #symbol "_reference",                                                              \
        .exactness = NN_EXACT,                                                                     \
        .accepts = nn_reduce_accepts,                                                              \
        .run = symbol##_run,                                                                       \
    };                                                                                             \
    static const nn_kernel *const symbol##_kernels[] = {__VA_ARGS__ & symbol##_reference, NULL};   \
    const nn_op nn_op_##symbol = {                                                                 \
        .name = op_name,                                                                           \
        .domain = "",                                                                              \
        .since = 1,                                                                                \
        .min_inputs = 1,                                                                           \
        .max_inputs = 2,                                                                           \
        .min_outputs = 1,                                                                          \
        .max_outputs = 1,                                                                          \
        .attr_size = sizeof(nn_reduce_attrs),                                                      \
        .parse = parse_function,                                                                   \
        .infer = infer_function,                                                                   \
        .cost = nn_reduce_cost,                                                                    \
        .axes = nn_reduce_axes,                                                                    \
        .quant = NN_QUANT_FLOAT,                                                                   \
        .grad = gradient,                                                                          \
        .kernels = symbol##_kernels,                                                               \
    };

#define NN_REDUCE_OP(symbol, op_name, reducer, parse_function, infer_function, gradient)           \
    NN_REDUCE_F32_KERNELS(symbol, reducer)                                                         \
    NN_REDUCE_OP_WITH(symbol, op_name, reducer, parse_function, infer_function, gradient,          \
                      &symbol##_f32_avx512, &symbol##_f32_avx2, &symbol##_f32_portable, )
/* The same where floats have no faster way (NN_NO_FLOAT_REDUCTION). */
#define NN_REDUCE_OP_PLAIN(symbol, op_name, reducer, parse_function, infer_function, gradient)     \
    NN_REDUCE_OP_WITH(symbol, op_name, reducer, parse_function, infer_function, gradient, )

/* Each element of the input gets the gradient of the element it went into; of a mean, its share. */
nn_status nn_reduce_grad_of_sum(struct nn_grad *grad);
nn_status nn_reduce_grad_of_mean(struct nn_grad *grad);

bool nn_reduce_accepts(const nn_node_view *node, const nn_target *target);

#endif
