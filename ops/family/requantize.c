#include "ops/family/requantize.h"

bool nn_requant_commutes(nn_activation_kind kind) {
    return kind == NN_ACT_NONE || kind == NN_ACT_RELU || kind == NN_ACT_CLIP ||
           kind == NN_ACT_LEAKY_RELU;
}

nn_requant nn_requant_make(nn_activation activation, nn_type type, const nn_tensor *y_scale,
                           const nn_tensor *y_zero) {
    nn_requant out = {.type = type, .activation = activation, .y_scale = 1};
    if (y_scale == NULL) return out;
    nn_quant y = nn_quant_read(y_scale, y_zero, type);
    out.y_scale = y.scale;
    out.zero = y.zero;
    out.lowest = y.lowest;
    out.highest = y.highest;
    out.divides = !nn_requant_commutes(activation.kind);
    if (activation.kind == NN_ACT_CLIP) {
        out.activation.alpha /= y.scale;
        out.activation.beta /= y.scale;
    }
    return out;
}
