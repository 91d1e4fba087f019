/* Convolution as the standard defines it, tap by tap, in standard layout. */
#include "ops/cpu/conv_planes.h"
#include "ops/cpu/kernels.h"
#include "ops/family/half.h"

#define REAL       float
#define NAME(stem) stem##_f32
#include "ops/cpu/reference/conv_reference.inc.h"
#undef REAL
#undef NAME
#define REAL       double
#define NAME(stem) stem##_f64
#include "ops/cpu/reference/conv_reference.inc.h"
#undef REAL
#undef NAME

static nn_status run_real(const nn_call *call) {
    nn_conv_geometry geometry =
        nn_conv_geometry_of(call->node, call->node->attrs, (nn_conv_inputs){0, 1, 2});
    return nn_conv_planes_run(call, &geometry, conv_plane_f32, conv_plane_f64);
}

static nn_status run(const nn_call *call) {
    return nn_is_half(call->out[0]->type) ? nn_half_run(call, run_real) : run_real(call);
}

const nn_kernel nn_kernel_conv_reference = {
    .name = "conv_reference",
    .isa = NN_ISA_PORTABLE,
    .exactness = NN_ROUNDING,
    .layout = NN_LAYOUT_STANDARD,
    .accepts = nn_conv_planes_accepts,
    .prepare = nn_conv_planes_prepare,
    .run = run,
};
