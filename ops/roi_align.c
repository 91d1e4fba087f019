#include "ops/family/dims.h"
#include "ops/family/index.h"
#include "ops/family/infer.h"
#include "ops/family/roi.h"

#include <math.h>

/* Y [R, C, height, width] pools regions [x1, y1, x2, y2] of X [N, C, H, W]: each bin takes the mean
 * or the largest of values that are interpolated at a grid of points in it. */
enum { X = NN_ROI_X, ROIS = NN_ROI_ROIS, BATCH = NN_ROI_BATCH };
enum { MOST_POINTS = NN_ROI_MOST_POINTS };

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    nn_roi_align_attrs *parsed = out;
    const char *mode, *transform;
    NN_TRY(nn_attrs_int(attrs, "output_height", 1, &parsed->height));
    NN_TRY(nn_attrs_int(attrs, "output_width", 1, &parsed->width));
    NN_TRY(nn_attrs_int(attrs, "sampling_ratio", 0, &parsed->points));
    NN_TRY(nn_attrs_float(attrs, "spatial_scale", 1, &parsed->scale));
    NN_TRY(nn_attrs_string(attrs, "mode", "avg", &mode));
    NN_TRY(nn_attrs_string(attrs, "coordinate_transformation_mode",
                           node->opset >= 16 ? "half_pixel" : "output_half_pixel", &transform));
    parsed->takes_largest = strcmp(mode, "max") == 0;
    parsed->half_pixel = strcmp(transform, "half_pixel") == 0;
    if (!parsed->takes_largest && strcmp(mode, "avg") != 0)
        return nn_view_fail(node, NN_BAD_INPUT, "attribute 'mode' is '%s'", mode);
    if (!parsed->half_pixel && strcmp(transform, "output_half_pixel") != 0)
        return nn_view_fail(node, NN_BAD_INPUT,
                            "attribute 'coordinate_transformation_mode' is '%s'", transform);
    if (parsed->height <= 0 || parsed->width <= 0)
        return nn_view_fail(node, NN_BAD_INPUT, "the output is %lld x %lld",
                            (long long)parsed->height, (long long)parsed->width);
    if (parsed->points < 0 || parsed->points > MOST_POINTS)
        return nn_view_fail(node, NN_BAD_INPUT, "attribute 'sampling_ratio' is %lld, not 0 to %d",
                            (long long)parsed->points, (int)MOST_POINTS);
    return NN_OK;
}

static nn_status infer(const nn_node_view *node) {
    const nn_roi_align_attrs *attrs = node->attrs;
    NN_TRY(nn_check_types(node, X, ROIS, NN_TYPES_FLOAT));
    NN_TRY(nn_check_same_types(node, X, ROIS));
    NN_TRY(nn_check_types(node, BATCH, BATCH, NN_TYPE_BIT(NNOPT_INT64)));
    NN_TRY(nn_check_rank(node, X, 4));
    NN_TRY(nn_check_rank(node, ROIS, 2));
    NN_TRY(nn_check_rank(node, BATCH, 1));
    int64_t count = NN_DIM_UNKNOWN, columns = 4;
    NN_TRY(nn_agree_dim(node, ROIS, 0, &count));
    NN_TRY(nn_agree_dim(node, BATCH, 0, &count));
    NN_TRY(nn_agree_dim(node, ROIS, 1, &columns));
    const int64_t dims[4] = {count, nn_fact_dim(node->in[X], 1), attrs->height, attrs->width};
    return nn_set_output(node, 0, nn_in_type(node, X), 4, dims);
}

/* Results of a bin for all channels, for each worker. */
static nn_status prepare(const nn_node_view *node, const nn_target *target, nn_prepare *services) {
    nn_prepare_workspace(services,
                         (size_t)(node->in[X]->dims[1] * target->threads) * sizeof(double));
    return NN_OK;
}

typedef struct region {
    int64_t batch;
    double x, y, bin_width, bin_height;
    int64_t columns, rows; /* of the grid of a bin */
} region;

/* Grid points along an axis of a bin of this size. */
static nn_status grid_of(const nn_node_view *node, int64_t index, double bin, int64_t *out) {
    const nn_roi_align_attrs *attrs = node->attrs;
    *out = attrs->points;
    if (*out > 0) return NN_OK;
    if (!(ceil(bin) <= MOST_POINTS))
        return nn_view_fail(node, NN_BAD_INPUT, "region %lld has bins of size %g, over %d",
                            (long long)index, bin, (int)MOST_POINTS);
    *out = bin > 0 ? (int64_t)ceil(bin) : 0;
    return NN_OK;
}

/* Rounded as arithmetic of the regions' type rounds: how many points a bin has depends on it. */
static double rounded(nn_type type, double x) {
    return type == NNOPT_DOUBLE ? x : (double)(float)x;
}

static nn_status read_region(const nn_call *call, int64_t index, region *out) {
    const nn_roi_align_attrs *attrs = call->node->attrs;
    const nn_tensor *x = call->in[X], *rois = call->in[ROIS];
    double box[4], shift = attrs->half_pixel ? 0.5 : 0;
    out->batch = ((const int64_t *)call->in[BATCH]->data)[index];
    if (out->batch < 0 || out->batch >= x->dims[0])
        return nn_view_fail(call->node, NN_BAD_INPUT,
                            "index %lld is outside of an axis of size %lld", (long long)out->batch,
                            (long long)x->dims[0]);
    nn_load_double(rois->type, nn_at(rois->data, rois->type, index * 4), box, 4);
    for (int i = 0; i < 4; i++)
        box[i] = rounded(rois->type, rounded(rois->type, box[i] * (double)attrs->scale) - shift);
    double width = rounded(rois->type, box[2] - box[0]);
    double height = rounded(rois->type, box[3] - box[1]);
    if (!attrs->half_pixel) {
        width = fmax(width, 1);
        height = fmax(height, 1);
    }
    out->x = box[0];
    out->y = box[1];
    out->bin_width = rounded(rois->type, width / (double)attrs->width);
    out->bin_height = rounded(rois->type, height / (double)attrs->height);
    NN_TRY(grid_of(call->node, index, out->bin_width, &out->columns));
    return grid_of(call->node, index, out->bin_height, &out->rows);
}

/* The two elements that a place lies between, and the weight of the second; false: outside. */
static bool neighbours(double place, int64_t size, int64_t at[2], double *weight) {
    if (!(place >= -1) || place > (double)size) return false;
    if (place < 0) place = 0;
    at[0] = (int64_t)place;
    if (at[0] >= size - 1) {
        at[0] = at[1] = size - 1;
        *weight = 0;
        return true;
    }
    at[1] = at[0] + 1;
    *weight = place - (double)at[0];
    return true;
}

static double value_at(const nn_tensor *x, int64_t index) {
    if (x->type == NNOPT_FLOAT) return (double)((const float *)x->data)[index];
    return nn_tensor_get(x, index);
}

/* Adds one point of a bin to the results of all channels. */
static void add_point(const nn_call *call, const region *r, double py, double px, bool is_first,
                      double *sums) {
    const nn_roi_align_attrs *attrs = call->node->attrs;
    const nn_tensor *x = call->in[X];
    const int64_t channels = x->dims[1], height = x->dims[2], width = x->dims[3];
    int64_t rows[2] = {0, 0}, columns[2] = {0, 0};
    double ly = 0, lx = 0;
    bool inside = neighbours(py, height, rows, &ly) && neighbours(px, width, columns, &lx);
    for (int64_t channel = 0; channel < channels; channel++) {
        int64_t plane = (r->batch * channels + channel) * height * width;
        double part[4] = {0};
        if (inside) {
            part[0] = (1 - ly) * (1 - lx) * value_at(x, plane + rows[0] * width + columns[0]);
            part[1] = (1 - ly) * lx * value_at(x, plane + rows[0] * width + columns[1]);
            part[2] = ly * (1 - lx) * value_at(x, plane + rows[1] * width + columns[0]);
            part[3] = ly * lx * value_at(x, plane + rows[1] * width + columns[1]);
        }
        if (!attrs->takes_largest) {
            sums[channel] += part[0] + part[1] + part[2] + part[3];
            continue;
        }
        /* The standard takes the largest share, not the largest interpolated value. */
        double largest = fmax(fmax(part[0], part[1]), fmax(part[2], part[3]));
        sums[channel] = is_first ? largest : fmax(sums[channel], largest);
    }
}

static void pool_bin(const nn_call *call, const region *r, int64_t row, int64_t column,
                     double *sums) {
    const int64_t channels = call->in[X]->dims[1];
    for (int64_t channel = 0; channel < channels; channel++) sums[channel] = 0;
    for (int64_t i = 0; i < r->rows; i++)
        for (int64_t k = 0; k < r->columns; k++) {
            double y = r->y + ((double)row + ((double)i + 0.5) / (double)r->rows) * r->bin_height;
            double x =
                r->x + ((double)column + ((double)k + 0.5) / (double)r->columns) * r->bin_width;
            add_point(call, r, y, x, i == 0 && k == 0, sums);
        }
    const nn_roi_align_attrs *attrs = call->node->attrs;
    int64_t count = r->rows * r->columns;
    for (int64_t channel = 0; channel < channels && !attrs->takes_largest && count > 0; channel++)
        sums[channel] /= (double)count;
}

/* Rows of bins, of all regions. */
static void pool_rows(void *argument, int64_t begin, int64_t end, int worker) {
    const nn_call *call = argument;
    const nn_roi_align_attrs *attrs = call->node->attrs;
    nn_tensor *out = call->out[0];
    const int64_t channels = out->dims[1];
    double *sums = (double *)call->workspace + channels * worker;
    for (int64_t i = begin; i < end; i++) {
        int64_t index = i / attrs->height, row = i % attrs->height;
        region r = {0};
        if (read_region(call, index, &r) != NN_OK) return; /* all were read before */
        for (int64_t column = 0; column < attrs->width; column++) {
            pool_bin(call, &r, row, column, sums);
            for (int64_t channel = 0; channel < channels; channel++) {
                int64_t place = ((index * channels + channel) * attrs->height + row) * attrs->width;
                nn_store_double(out->type, &sums[channel],
                                nn_at_out(out->data, out->type, place + column), 1);
            }
        }
    }
}

static nn_status run(const nn_call *call) {
    const nn_roi_align_attrs *attrs = call->node->attrs;
    const nn_tensor *x = call->in[X];
    int64_t count = call->in[ROIS]->dims[0];
    region r;
    if (count > 0 && (x->dims[2] == 0 || x->dims[3] == 0))
        return nn_view_fail(call->node, NN_BAD_INPUT, "regions of an input without elements");
    for (int64_t i = 0; i < count; i++) NN_TRY(read_region(call, i, &r));
    nn_parallel(call->pool, count * attrs->height, 1, pool_rows, (void *)call);
    return NN_OK;
}

static const nn_kernel roi_align_reference = {
    .name = "roi_align_reference",
    .exactness = NN_EXACT,
    .prepare = prepare,
    .run = run,
};

static const nn_kernel *const kernels[] = {&roi_align_reference, NULL};

const nn_op nn_op_roi_align = {
    .name = "RoiAlign",
    .domain = "",
    .since = 10,
    .min_inputs = 3,
    .max_inputs = 3,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(nn_roi_align_attrs),
    .parse = parse,
    .infer = infer,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
