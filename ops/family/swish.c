#include "ops/family/swish.h"

#include <math.h>

nn_status nn_swish_parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    (void)node;
    nn_alpha_beta *parsed = out;
    return nn_attrs_float(attrs, "alpha", 1, &parsed->alpha);
}

void nn_swish_block(const nn_rows_f32 *table, float alpha, const float *x, float *y,
                    int64_t count) {
    float gate[NN_BLOCK];
    if (alpha == 1) {
        table->silu(NULL, x, y, count);
        return;
    }
    table->scale(x, alpha, 0, gate, count);
    table->sigmoid(NULL, gate, gate, count);
    for (int64_t i = 0; i < count; i++) y[i] = x[i] * gate[i];
}

double nn_swish_double(double alpha, double x) {
    return x / (1 + exp(-alpha * x));
}
