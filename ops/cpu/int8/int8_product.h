/* What the kernels of quantised convolutions and matrix products share, whatever their loops: which
 * inputs they have, the numbers per channel that turn sums into results, and the result's form. */
#ifndef NN_INT8_PRODUCT_H
#define NN_INT8_PRODUCT_H

#include "base/integers.h"
#include "ops/family/qlinear_binary.h"
#include "ops/family/requantize.h"

/* Which inputs of a node are which; -1 where its operator has none. */
typedef struct nn_int8_inputs {
    int x, x_scale, x_zero, w, w_scale, w_zero, y_scale, y_zero, bias;
    bool has_sum; /* a QConv with an addend */
} nn_int8_inputs;

/* Data of 8 bits, constant weights, an epilogue of `before` alone. */
bool nn_int8_accepts(const nn_node_view *node, const nn_int8_inputs *inputs);

/* The constant at input `index`, NULL where there is none. */
const nn_tensor *nn_int8_constant(const nn_node_view *node, int index);
/* Bits of the inputs that packed weights depend on. */
uint32_t nn_int8_packed_inputs(const nn_node_view *node, const nn_int8_inputs *inputs);

/* The zero point of output channel `channel` of the weights. */
static inline int32_t nn_int8_weight_zero(const nn_tensor *w_zero, int64_t channel) {
    if (w_zero == NULL) return 0;
    return nn_quant_load(w_zero->data, w_zero->type, nn_tensor_count(w_zero) == 1 ? 0 : channel);
}

/* Numbers per channel: `padded` entries for each group, of which the first `channels` exist. */
typedef struct nn_int8_parameters {
    int64_t groups, channels, padded;
    const int32_t *w_sums; /* of each channel's packed weights; NULL: never asked for */
    bool are_constant;
    int32_t *start;    /* bias - x_zero w_sums, or bias - w_sums: sums before the first product */
    float *multiplier; /* 0 for int32 results */
    float *offset;     /* NULL: no float bias */
    bool are_small;    /* every multiplier is below 1: products with sums stay in int32 */
} nn_int8_parameters;

/* How parameters are made. `scale` is a factor of x_scale. `keeps_zero`: activations are multiplied
 * as unsigned bytes, with their zero point; else `shares`: w_sums are what is taken off once. */
typedef struct nn_int8_setting {
    nn_int8_inputs inputs;
    float scale;
    bool keeps_zero, shares;
} nn_int8_setting;

/* Memory that parameters take; groups and padded must be set. */
int64_t nn_int8_parameter_bytes(const nn_int8_parameters *parameters);
bool nn_int8_has_constant_parameters(const nn_node_view *node, const nn_int8_inputs *inputs);
/* From the constants of a node, into `memory`. */
void nn_int8_fill_constant(const nn_node_view *node, const nn_int8_setting *setting, void *memory,
                           nn_int8_parameters *parameters);

/* Does a result of 8 bits have no activation but clipping? */
bool nn_int8_is_clip(const nn_requant *requant);

/* One call: parameters (those of prepare, or filled into `memory`) and the form of the result. */
typedef struct nn_int8_call {
    nn_int8_parameters parameters;
    nn_requant requant;
    const uint8_t *x;
    uint8_t flip;   /* x ^ flip is unsigned */
    int32_t x_zero; /* of x ^ flip */
    /* Quantised results with small multipliers, no float bias, no activation but clipping:
     * y = clamp(round(sum multiplier) + zero, low, high), all within int16 */
    bool is_simple;
    int16_t zero, low, high;
} nn_int8_call;

nn_int8_call nn_int8_begin(const nn_call *call, const nn_int8_setting *setting,
                           const nn_int8_parameters *prepared, void *memory);

/* Does conversion to int32 suffice for all results of this sum, also with its scales times 2^-24?
 */
bool nn_is_sum_moderate(const nn_qbinary *sum);

/* Sums of `count` channels to results at y; offset may be NULL. */
typedef void (*nn_int8_finish)(const nn_requant *requant, const int32_t *sums,
                               const float *multiplier, const float *offset, int64_t count,
                               void *y);
enum { NN_INT8_FINISH_CHANNELS = 64 }; /* most of one call */

#endif
