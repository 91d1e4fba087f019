#include "ops/family/dims.h"
#include "ops/family/infer.h"
#include "ops/family/roi.h"

#include <math.h>

/* Y [R, C, height, width]: the largest elements in the bins of regions [sample, x1, y1, x2, y2] of
 * X [N, C, H, W], whose corners are rounded to elements. Empty bins give zero. */
enum { X = NN_ROI_X, ROIS = NN_ROI_ROIS };

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    nn_max_roi_attrs *parsed = out;
    const int64_t *shape;
    int64_t count;
    NN_TRY(nn_attrs_float(attrs, "spatial_scale", 1, &parsed->scale));
    NN_TRY(nn_attrs_ints(attrs, "pooled_shape", &shape, &count));
    if (count != 2 || shape[0] <= 0 || shape[1] <= 0)
        return nn_view_fail(node, NN_BAD_INPUT,
                            "attribute 'pooled_shape' must be two positive sizes");
    parsed->height = shape[0];
    parsed->width = shape[1];
    return NN_OK;
}

static nn_status infer(const nn_node_view *node) {
    const nn_max_roi_attrs *attrs = node->attrs;
    int64_t columns = 5;
    NN_TRY(nn_check_types(node, X, ROIS, NN_TYPES_FLOAT));
    NN_TRY(nn_check_same_types(node, X, ROIS));
    NN_TRY(nn_check_rank(node, X, 4));
    NN_TRY(nn_check_rank(node, ROIS, 2));
    NN_TRY(nn_agree_dim(node, ROIS, 1, &columns));
    const int64_t dims[4] = {nn_fact_dim(node->in[ROIS], 0), nn_fact_dim(node->in[X], 1),
                             attrs->height, attrs->width};
    return nn_set_output(node, 0, nn_in_type(node, X), 4, dims);
}

/* One axis of a region. */
typedef struct roi_axis {
    int64_t start;
    double bin;
} roi_axis;

static roi_axis axis_of(double first, double last, double scale, int64_t bins) {
    double start = fmin(fmax(round(first * scale), -0x1p40), 0x1p40);
    double end = fmin(fmax(round(last * scale), -0x1p40), 0x1p40);
    return (roi_axis){(int64_t)start, fmax(end - start + 1, 1) / (double)bins};
}

static void bin_range(const roi_axis *axis, int64_t bin, int64_t size, int64_t *begin,
                      int64_t *end) {
    *begin = (int64_t)floor((double)bin * axis->bin) + axis->start;
    *end = (int64_t)ceil((double)(bin + 1) * axis->bin) + axis->start;
    *begin = *begin < 0 ? 0 : *begin > size ? size : *begin;
    *end = *end < 0 ? 0 : *end > size ? size : *end;
}

/* Planes of output. */
static void pool_planes(void *argument, int64_t begin, int64_t end, int worker) {
    (void)worker;
    const nn_call *call = argument;
    const nn_max_roi_attrs *attrs = call->node->attrs;
    const nn_tensor *x = call->in[X], *rois = call->in[ROIS];
    nn_tensor *out = call->out[0];
    const int64_t channels = x->dims[1], height = x->dims[2], width = x->dims[3];
    for (int64_t i = begin; i < end; i++) {
        double box[5];
        nn_load_double(rois->type, nn_at(rois->data, rois->type, i / channels * 5), box, 5);
        roi_axis down = axis_of(box[2], box[4], (double)attrs->scale, attrs->height);
        roi_axis across = axis_of(box[1], box[3], (double)attrs->scale, attrs->width);
        int64_t plane = ((int64_t)box[0] * channels + i % channels) * height * width;
        for (int64_t bin = 0; bin < attrs->height * attrs->width; bin++) {
            int64_t top, bottom, left, right;
            bin_range(&down, bin / attrs->width, height, &top, &bottom);
            bin_range(&across, bin % attrs->width, width, &left, &right);
            double largest = top < bottom && left < right ? -INFINITY : 0;
            for (int64_t h = top; h < bottom; h++)
                for (int64_t w = left; w < right; w++)
                    largest = fmax(largest, nn_tensor_get(x, plane + h * width + w));
            int64_t place = i * attrs->height * attrs->width + bin;
            nn_store_double(out->type, &largest, nn_at_out(out->data, out->type, place), 1);
        }
    }
}

static nn_status run(const nn_call *call) {
    const nn_tensor *x = call->in[X], *rois = call->in[ROIS];
    for (int64_t i = 0; i < rois->dims[0]; i++) {
        double sample = nn_tensor_get(rois, i * 5);
        if (!(sample >= 0 && sample < (double)x->dims[0]))
            return nn_view_fail(call->node, NN_BAD_INPUT, "region %lld is of sample %g of %lld",
                                (long long)i, sample, (long long)x->dims[0]);
    }
    nn_parallel(call->pool, rois->dims[0] * x->dims[1], 1, pool_planes, (void *)call);
    return NN_OK;
}

static const nn_kernel max_roi_pool_reference = {
    .name = "max_roi_pool_reference",
    .exactness = NN_EXACT,
    .run = run,
};

static const nn_kernel *const kernels[] = {&max_roi_pool_reference, NULL};

const nn_op nn_op_max_roi_pool = {
    .name = "MaxRoiPool",
    .domain = "",
    .since = 1,
    .min_inputs = 2,
    .max_inputs = 2,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(nn_max_roi_attrs),
    .parse = parse,
    .infer = infer,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
