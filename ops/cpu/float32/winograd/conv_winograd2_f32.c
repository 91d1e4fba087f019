/* Convolution of channels-last floats by F(2x2, 3x3) and F(2x2, 5x5) (winograd_f32.h). */
#include "ops/cpu/conv_kernels.h"
#include "ops/cpu/float32/winograd/conv_winograd_f32.h"
#include "ops/cpu/kernels.h"

static bool accepts(const nn_node_view *node, const nn_target *target) {
    return nn_conv_winograd_accepts(node, target, 2);
}

static nn_status prepare(const nn_node_view *node, const nn_target *target, nn_prepare *services,
                         const nn_winograd_forms *forms) {
    return nn_conv_winograd_prepare(node, target, services, forms, 2);
}

static nn_status run(const nn_call *call) {
    return nn_conv_winograd_run(call);
}

NN_CONV_KERNELS_WITH(conv_winograd2_f32, nn_winograd_f32, NULL, NN_CONV_WEIGHTS)
