/* Layer, instance, group and RMS normalisation on a device. */
#include "ops/family/normalize.h"

#include "ops/cuda/rows/normalize_launch.h"
#include "ops/cuda/runtime/queue.h"
#include "ops/family/batch_normalization.h"
#include "ops/family/types.h"

/* Doubles keep to themselves. */
static bool agree(nn_type x, nn_type other) {
    return nn_type_in(other, NN_TYPES_FLOAT) && (x == NNOPT_DOUBLE) == (other == NNOPT_DOUBLE);
}

static bool types_agree(const nn_node_view *node) {
    const nn_type x = node->in[0]->type;
    for (int i = 0; i < node->in_count; i++)
        if (node->in[i] != NULL && !agree(x, node->in[i]->type)) return false;
    return nn_epilogue_is_empty(&node->epilogue);
}

static bool accepts(const nn_node_view *node, const nn_target *target) {
    (void)target;
    return types_agree(node) && node->out[0]->type == node->in[0]->type;
}

static nn_status launch(const nn_call *call, const nn_normalize *n, bool is_rms) {
    if (n->size == 0 || n->rows == 0) return NN_OK;
    const nn_tensor *statistics = n->mean != NULL ? n->mean : n->inverse_deviation;
    const nn_cuda_normalize arguments = {
        .x_type = n->type,
        .y_type = call->out[0]->type,
        .scale_type = n->scale->type,
        .bias_type = n->bias != NULL ? n->bias->type : NNOPT_TYPE_NONE,
        .statistics_type = statistics != NULL ? statistics->type : NNOPT_TYPE_NONE,
        .is_rms = is_rms,
        .rows = n->rows,
        .size = n->size,
        .run = n->run,
        .period = n->period,
        .row_periods = n->row_periods,
        .width = n->width,
        .stride = n->stride,
        .rows_per_block = n->rows_per_block,
        .epsilon = n->epsilon,
        .x = call->in[0]->data,
        .scale = n->scale->data,
        .bias = n->bias != NULL ? n->bias->data : NULL,
        .y = call->out[0]->data,
        .mean = n->mean != NULL ? n->mean->data : NULL,
        .inverse_deviation = n->inverse_deviation != NULL ? n->inverse_deviation->data : NULL,
    };
    return nn_cuda_launched(call, nn_cuda_launch_normalize(&arguments, call->queue->stream));
}

typedef nn_status shape_of(const nn_call *call, nn_normalize *out);

static nn_status run(const nn_call *call, shape_of *shape) {
    nn_normalize normalize;
    NN_TRY(shape(call, &normalize));
    return launch(call, &normalize, false);
}

static nn_status run_layer(const nn_call *call) {
    return run(call, nn_layer_normalization_of);
}
static nn_status run_instance(const nn_call *call) {
    return run(call, nn_instance_normalization_of);
}
static nn_status run_group(const nn_call *call) {
    return run(call, nn_group_normalization_of);
}

/* The scale is one for each normalised element. */
static bool accepts_rms(const nn_node_view *node, const nn_target *target) {
    const nn_rms_attrs *attrs = node->attrs;
    const nn_fact *x = node->in[0], *scale = node->in[1];
    const nn_type y = node->out[0]->type;
    int first;
    (void)target;
    if (!types_agree(node) || nn_check_axis(node, attrs->axis, x->rank, &first) != NN_OK)
        return false;
    return (y == x->type ||
            (x->type != NNOPT_DOUBLE && (x->type == NNOPT_FLOAT || y == NNOPT_FLOAT))) &&
           scale->rank <= x->rank - first &&
           nn_fact_count(scale) == nn_dims_product(x->dims, first, x->rank);
}

static nn_status run_rms(const nn_call *call) {
    const nn_rms_attrs *attrs = call->node->attrs;
    const nn_tensor *x = call->in[0];
    int first;
    NN_TRY(nn_check_axis(call->node, attrs->axis, x->rank, &first));
    const int64_t size = nn_dims_product(x->dims, first, x->rank);
    const nn_normalize normalize = {
        .type = x->type,
        .rows = nn_dims_product(x->dims, 0, first),
        .size = size,
        .run = 1,
        .period = size,
        .row_periods = 1,
        .width = size,
        .stride = size,
        .rows_per_block = 1,
        .epsilon = (double)attrs->epsilon,
        .scale = call->in[1],
    };
    return launch(call, &normalize, true);
}

#define NORMALIZE_KERNEL(symbol, layout_, in_place_, accepts_function, run_function)               \
    static const nn_kernel symbol##_cuda = {                                                       \
        .name = #symbol "_cuda",                                                                   \
        .on_device = true,                                                                         \
        .exactness = NN_ROUNDING,                                                                  \
        .layout = layout_,                                                                         \
        .layout_inputs = layout_ == NN_LAYOUT_ANY,                                                 \
        .in_place = in_place_,                                                                     \
        .accepts = accepts_function,                                                               \
        .run = run_function,                                                                       \
    };                                                                                             \
    const nn_kernel *const nn_cuda_##symbol##_kernels[] = {&symbol##_cuda, NULL};

NORMALIZE_KERNEL(layer_normalization, NN_LAYOUT_STANDARD, 1, accepts, run_layer)
NORMALIZE_KERNEL(instance_normalization, NN_LAYOUT_ANY, 1, accepts, run_instance)
NORMALIZE_KERNEL(group_normalization, NN_LAYOUT_ANY, 1, accepts, run_group)
NORMALIZE_KERNEL(rms_normalization, NN_LAYOUT_STANDARD, 0, accepts_rms, run_rms)

/* ---- BatchNormalization, not in training ---- */

static bool accepts_batch(const nn_node_view *node, const nn_target *target) {
    const nn_batch_normalization_attrs *attrs = node->attrs;
    (void)target;
    return types_agree(node) && !attrs->training && !attrs->per_element;
}

static nn_status run_batch(const nn_call *call) {
    const nn_batch_normalization_attrs *attrs = call->node->attrs;
    const nn_tensor *x = call->in[0];
    const int64_t count = nn_tensor_count(x);
    if (count == 0) return NN_OK;
    nn_cuda_batch_normalize arguments = {
        .type = x->type,
        .epsilon = (double)attrs->epsilon,
        .outer = x->dims[0],
        .channels = nn_tensor_count(call->in[1]),
        .x = x->data,
        .y = call->out[0]->data,
    };
    if (call->layout == NN_LAYOUT_CHANNELS_LAST && x->rank >= 3)
        arguments.outer = count / arguments.channels;
    arguments.inner = count / (arguments.outer * arguments.channels);
    for (int i = 0; i < 4; i++) {
        arguments.parameter_types[i] = call->in[i + 1]->type;
        arguments.parameters[i] = call->in[i + 1]->data;
    }
    return nn_cuda_launched(call, nn_cuda_launch_batch_normalize(&arguments, call->queue->stream));
}

NORMALIZE_KERNEL(batch_normalization, NN_LAYOUT_ANY, 1, accepts_batch, run_batch)
