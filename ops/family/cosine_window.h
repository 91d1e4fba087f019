/* HannWindow, HammingWindow, BlackmanWindow: sums of cosines over one period,
 * w[i] = a[0] - a[1] cos(2 pi i / n) + a[2] cos(4 pi i / n). */
#ifndef NN_FAMILY_COSINE_WINDOW_H
#define NN_FAMILY_COSINE_WINDOW_H

#include "ops/family/copy.h"

typedef struct nn_cosine_window_attrs {
    bool periodic; /* n is the size; else, symmetric, the size - 1 */
    nn_type type;
} nn_cosine_window_attrs;

nn_status nn_cosine_window_parse(const nn_node_view *node, const nn_attrs *attrs, void *out);
nn_status nn_cosine_window_infer(const nn_node_view *node);
nn_status nn_cosine_window_run(const nn_call *call, const double a[3]);
bool nn_cosine_window_accepts(const nn_node_view *node, const nn_target *target);

/* Reads attribute `output_datatype`: any number type. */
nn_status nn_output_datatype(const nn_node_view *node, const nn_attrs *attrs, nn_type *out);

/* Defines `kernels` and the descriptor. */
#define NN_COSINE_WINDOW(symbol, title, a0, a1, a2)                                                \
    static nn_status run(const nn_call *call) {                                                    \
        return nn_cosine_window_run(call, (const double[3]){a0, a1, a2});                          \
    }                                                                                              \
    static const nn_kernel reference = {                                                           \
        .name = #symbol "_reference",                                                              \
        .exactness = NN_ROUNDING,                                                                  \
        .accepts = nn_cosine_window_accepts,                                                       \
        .run = run,                                                                                \
    };                                                                                             \
    static const nn_kernel *const kernels[] = {&reference, NULL};                                  \
    const nn_op nn_op_##symbol = {                                                                 \
        .name = title,                                                                             \
        .domain = "",                                                                              \
        .since = 17,                                                                               \
        .min_inputs = 1,                                                                           \
        .max_inputs = 1,                                                                           \
        .min_outputs = 1,                                                                          \
        .max_outputs = 1,                                                                          \
        .attr_size = sizeof(nn_cosine_window_attrs),                                               \
        .parse = nn_cosine_window_parse,                                                           \
        .infer = nn_cosine_window_infer,                                                           \
        .quant = NN_QUANT_FLOAT,                                                                   \
        .kernels = kernels,                                                                        \
    };

#endif
