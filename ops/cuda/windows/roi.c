/* RoiAlign and MaxRoiPool. */
#include "ops/family/roi.h"

#include "ops/cuda/runtime/fault.h"
#include "ops/cuda/runtime/queue.h"
#include "ops/cuda/windows/roi_launch.h"
#include "ops/family/types.h"

static bool accepts(const nn_node_view *node, const nn_target *target) {
    const nn_fact *x = node->in[NN_ROI_X];
    (void)target;
    if (nn_fact_count(x) == 0 && nn_fact_count(node->out[0]) > 0) return false;
    return nn_type_in(x->type, NN_TYPES_FLOAT) && nn_epilogue_is_empty(&node->epilogue);
}

static nn_status describe(const nn_call *call, float scale, nn_cuda_roi *out) {
    const nn_tensor *x = call->in[NN_ROI_X], *rois = call->in[NN_ROI_ROIS], *y = call->out[0];
    const bool last = call->layout == NN_LAYOUT_CHANNELS_LAST;
    const int rows = last ? 1 : 2;
    *out = (nn_cuda_roi){
        .type = x->type,
        .channels_last = last,
        .batch = x->dims[0],
        .channels = x->dims[last ? 3 : 1],
        .height = x->dims[rows],
        .width = x->dims[rows + 1],
        .count = rois->dims[0],
        .out_height = y->dims[rows],
        .out_width = y->dims[rows + 1],
        .scale = scale,
        .x = x->data,
        .rois = rois->data,
        .y = y->data,
    };
    return nn_cuda_fault_make(call, "a region is of a sample that there is not", &out->no_sample);
}

static nn_status run_roi_align(const nn_call *call) {
    const nn_roi_align_attrs *attrs = call->node->attrs;
    nn_cuda_roi_align arguments = {
        .points = attrs->points,
        .most = NN_ROI_MOST_POINTS,
        .takes_largest = attrs->takes_largest,
        .half_pixel = attrs->half_pixel,
        .samples = call->in[NN_ROI_BATCH]->data,
    };
    if (nn_tensor_count(call->out[0]) == 0) return NN_OK;
    NN_TRY(describe(call, attrs->scale, &arguments.roi));
    NN_TRY(nn_cuda_fault_make(call, "a region has bins of more than 65536 elements",
                              &arguments.too_large));
    return nn_cuda_launched(call, nn_cuda_launch_roi_align(&arguments, call->queue->stream));
}

static nn_status run_max_roi_pool(const nn_call *call) {
    const nn_max_roi_attrs *attrs = call->node->attrs;
    nn_cuda_roi arguments;
    if (nn_tensor_count(call->out[0]) == 0) return NN_OK;
    NN_TRY(describe(call, attrs->scale, &arguments));
    return nn_cuda_launched(call, nn_cuda_launch_max_roi(&arguments, call->queue->stream));
}

#define ROI_KERNEL(symbol)                                                                         \
    static const nn_kernel symbol##_cuda = {                                                       \
        .name = #symbol "_cuda",                                                                   \
        .on_device = true,                                                                         \
        .exactness = NN_ROUNDING,                                                                  \
        .layout = NN_LAYOUT_ANY,                                                                   \
        .layout_inputs = 1u << NN_ROI_X,                                                           \
        .accepts = accepts,                                                                        \
        .run = run_##symbol,                                                                       \
    };                                                                                             \
    const nn_kernel *const nn_cuda_##symbol##_kernels[] = {&symbol##_cuda, NULL};

ROI_KERNEL(roi_align)
ROI_KERNEL(max_roi_pool)
