#include "ops/family/grid_sample.h"
#include "base/integers.h"
#include "ops/cpu/kernels.h"
#include "ops/family/dims.h"
#include "ops/family/infer.h"
#include "ops/family/loops.h"

#include <math.h>

enum { MOST_AXES = 4, MOST_TAPS = 4, BLOCK = 64 };

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    static const char *const old_modes[] = {"nearest", "bilinear", "bicubic"};
    static const char *const modes[] = {"nearest", "linear", "cubic"};
    static const char *const paddings[] = {"zeros", "border", "reflection"};
    nn_sample_attrs *parsed = out;
    const char *mode, *padding;
    int64_t align;
    NN_TRY(nn_attrs_string(attrs, "mode", "linear", &mode));
    NN_TRY(nn_attrs_string(attrs, "padding_mode", "zeros", &padding));
    NN_TRY(nn_attrs_int(attrs, "align_corners", 0, &align));
    parsed->align_corners = align != 0;
    int found = 0;
    for (int i = 0; i < 3; i++) {
        if (strcmp(mode, modes[i]) == 0 || strcmp(mode, old_modes[i]) == 0) {
            parsed->mode = (nn_sample_mode)i;
            found |= 1;
        }
        if (strcmp(padding, paddings[i]) == 0) {
            parsed->padding = (nn_sample_padding)i;
            found |= 2;
        }
    }
    if ((found & 1) == 0) return nn_view_fail(node, NN_BAD_INPUT, "attribute 'mode' is '%s'", mode);
    if ((found & 2) == 0)
        return nn_view_fail(node, NN_BAD_INPUT, "attribute 'padding_mode' is '%s'", padding);
    return NN_OK;
}

static nn_status infer(const nn_node_view *node) {
    const nn_fact *x = node->in[NN_SAMPLE_X], *grid = node->in[NN_SAMPLE_GRID];
    NN_TRY(nn_check_types(node, NN_SAMPLE_X, NN_SAMPLE_X,
                          NN_TYPES_NUMBER | NN_TYPES_BOOL | NN_TYPE_BIT(NNOPT_COMPLEX64) |
                              NN_TYPE_BIT(NNOPT_COMPLEX128)));
    NN_TRY(nn_check_types(node, NN_SAMPLE_GRID, NN_SAMPLE_GRID, NN_TYPES_FLOAT));
    int rank = x->rank >= 0 ? x->rank : grid->rank;
    if (rank == NN_RANK_UNKNOWN)
        return nn_set_output(node, 0, nn_in_type(node, NN_SAMPLE_X), rank, NULL);
    NN_TRY(nn_check_least_rank(node, NN_SAMPLE_X, 3));
    NN_TRY(nn_check_least_rank(node, NN_SAMPLE_GRID, 3));
    NN_TRY(nn_check_rank(node, NN_SAMPLE_GRID, rank));
    if (rank - 2 > MOST_AXES)
        return nn_view_fail(node, NN_UNSUPPORTED, "%d spatial axes, at most %d can be", rank - 2,
                            (int)MOST_AXES);
    int64_t dims[NN_MAX_RANK], axes = rank - 2;
    dims[0] = nn_fact_dim(x, 0);
    dims[1] = nn_fact_dim(x, 1);
    NN_TRY(nn_agree_dim(node, NN_SAMPLE_GRID, 0, &dims[0]));
    NN_TRY(nn_agree_dim(node, NN_SAMPLE_GRID, rank - 1, &axes));
    for (int axis = 2; axis < rank; axis++) dims[axis] = nn_fact_dim(grid, axis - 1);
    return nn_set_output(node, 0, nn_in_type(node, NN_SAMPLE_X), rank, dims);
}

static int taps_of(nn_sample_mode mode) {
    return mode == NN_SAMPLE_NEAREST ? 1 : mode == NN_SAMPLE_LINEAR ? 2 : 4;
}

static int64_t taps_of_node(const nn_node_view *node) {
    const nn_sample_attrs *attrs = node->attrs;
    int64_t taps = 1;
    for (int axis = 2; axis < node->in[NN_SAMPLE_X]->rank; axis++) taps *= taps_of(attrs->mode);
    return taps;
}

static void cost(const nn_node_view *node, nn_cost *out) {
    out->flops = 2 * (double)nn_fact_count(node->out[0]) * (double)taps_of_node(node);
}

/* Offsets and weights of the taps of a block of places, for each worker. */
static nn_status prepare(const nn_node_view *node, const nn_target *target, nn_prepare *services) {
    size_t each = (size_t)taps_of_node(node) * BLOCK * (sizeof(int64_t) + sizeof(double));
    nn_prepare_workspace(services, each * (size_t)target->threads);
    return NN_OK;
}

typedef struct sample_work {
    const nn_call *call;
    const nn_sample_attrs *attrs;
    int axes;
    int64_t in[MOST_AXES];
    int64_t channels, in_size, out_size, taps;
} sample_work;

/* Mirrored at both ends until it lies between them. */
static double reflect(double x, double low, double high) {
    double range = high - low;
    if (range <= 0) return low;
    if (x >= low && x <= high) return x;
    double distance = x < low ? low - x : x - high;
    double turns = floor(distance / range), rest = distance - turns * range;
    bool from_low = (x < low) == (fmod(turns, 2) == 0);
    return from_low ? low + rest : high - rest;
}

/* Weights of the neighbours -1, 0, 1, 2 at `x` of the way from 0 to 1: cubic convolution (Keys). */
static void cubic_weights(double x, double *out) {
    const double a = -0.75;
    for (int i = 0; i < 4; i++) {
        double d = fabs(x - (i - 1));
        out[i] = d <= 1 ? ((a + 2) * d - (a + 3)) * d * d + 1
                        : ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
    }
}

/* Place along one axis, in elements. Rounded to float unless the grid is double, so that ties
 * between neighbours fall as the standard's do. */
static double place_of(const sample_work *work, int axis, double x, bool is_double) {
    const nn_sample_attrs *attrs = work->attrs;
    const double size = (double)work->in[axis];
    double place = attrs->align_corners ? (x + 1) / 2 * (size - 1) : ((x + 1) * size - 1) / 2;
    if (!is_double) {
        float f = (float)x, n = (float)size;
        place = (double)(attrs->align_corners ? (f + 1) / 2 * (n - 1) : ((f + 1) * n - 1) / 2);
    }
    place = fmin(fmax(place, -0x1p40), 0x1p40); /* NaN too */
    if (attrs->mode == NN_SAMPLE_NEAREST) place = rint(place);
    double low = attrs->align_corners ? 0 : -0.5,
           high = low + size - (attrs->align_corners ? 1 : 0);
    if (place < low || place > high) {
        if (attrs->padding == NN_SAMPLE_BORDER) place = fmin(fmax(place, 0), size - 1);
        if (attrs->padding == NN_SAMPLE_REFLECTION) place = reflect(place, low, high);
    }
    return place;
}

/* Elements and weights along one axis; -1: padding of zeros. */
static void axis_taps(const sample_work *work, int axis, double place, int64_t *index,
                      double *weight) {
    const nn_sample_attrs *attrs = work->attrs;
    const int64_t size = work->in[axis];
    const double low = attrs->align_corners ? 0 : -0.5;
    const double high = low + (double)size - (attrs->align_corners ? 1 : 0);
    double whole = floor(place);
    int count = taps_of(attrs->mode);
    weight[0] = 1;
    if (attrs->mode == NN_SAMPLE_LINEAR) {
        weight[1] = place - whole;
        weight[0] = 1 - weight[1];
    }
    if (attrs->mode == NN_SAMPLE_CUBIC) cubic_weights(place - whole, weight);
    for (int i = 0; i < count; i++) {
        int64_t at = (int64_t)whole + i - (attrs->mode == NN_SAMPLE_CUBIC ? 1 : 0);
        if (attrs->padding == NN_SAMPLE_BORDER) at = at < 0 ? 0 : at >= size ? size - 1 : at;
        if (attrs->padding == NN_SAMPLE_REFLECTION) at = (int64_t)reflect((double)at, low, high);
        index[i] = at < 0 || at >= size ? -1 : at;
    }
}

/* Combines the taps of all axes for place `i` of a block; offset -1: padding. */
static void make_taps(const sample_work *work, const double *x, bool is_double, int64_t i,
                      int64_t *offsets, double *weights) {
    int64_t index[MOST_AXES][MOST_TAPS];
    double weight[MOST_AXES][MOST_TAPS];
    int count = taps_of(work->attrs->mode);
    for (int axis = 0; axis < work->axes; axis++)
        axis_taps(work, axis, place_of(work, axis, x[work->axes - 1 - axis], is_double),
                  index[axis], weight[axis]);
    for (int64_t tap = 0; tap < work->taps; tap++) {
        int64_t rest = tap, offset = 0, step = 1;
        double product = 1;
        for (int axis = work->axes - 1; axis >= 0; axis--) {
            int64_t own = rest % count;
            rest /= count;
            product *= weight[axis][own];
            if (index[axis][own] < 0) offset = -1;
            if (offset >= 0) offset += index[axis][own] * step;
            step *= work->in[axis];
        }
        offsets[tap * BLOCK + i] = offset;
        weights[tap * BLOCK + i] = product;
    }
}

#define SUM_TAPS(type)                                                                             \
    for (int64_t tap = 0; tap < work->taps; tap++)                                                 \
        for (int64_t i = 0; i < count; i++) {                                                      \
            int64_t at = offsets[tap * BLOCK + i];                                                 \
            if (at >= 0)                                                                           \
                sums[i] += weights[tap * BLOCK + i] *                                              \
                           (double)((const type *)in->data)[first + at * step];                    \
        }

/* Component `part` of the elements of a channel: sums over the taps of `count` places. */
static void sum_taps(const sample_work *work, const nn_tensor *in, int64_t first, int64_t step,
                     int64_t count, const int64_t *offsets, const double *weights, double *sums) {
    memset(sums, 0, BLOCK * sizeof *sums);
    if (in->type == NNOPT_FLOAT || in->type == NNOPT_COMPLEX64) {
        SUM_TAPS(float)
    } else if (in->type == NNOPT_DOUBLE || in->type == NNOPT_COMPLEX128) {
        SUM_TAPS(double)
    } else {
        for (int64_t tap = 0; tap < work->taps; tap++)
            for (int64_t i = 0; i < count; i++) {
                int64_t at = offsets[tap * BLOCK + i];
                if (at >= 0) sums[i] += weights[tap * BLOCK + i] * nn_tensor_get(in, first + at);
            }
    }
}

static void store_sums(nn_tensor *out, int64_t first, int64_t step, int64_t count,
                       const double *sums) {
    if (step == 1 && nn_type_in(out->type, NN_TYPES_FLOAT)) {
        nn_store_double(out->type, sums, nn_at_out(out->data, out->type, first), count);
        return;
    }
    for (int64_t i = 0; i < count; i++) {
        if (out->type == NNOPT_COMPLEX64)
            ((float *)out->data)[first + i * step] = (float)sums[i];
        else if (out->type == NNOPT_COMPLEX128)
            ((double *)out->data)[first + i * step] = sums[i];
        else
            nn_tensor_set(out, first + i, sums[i]);
    }
}

static void copy_nearest(const nn_tensor *in, nn_tensor *out, int64_t from, int64_t to,
                         int64_t count, const int64_t *offsets) {
    size_t size = (size_t)nn_type_bits(in->type) / 8;
    for (int64_t i = 0; i < count; i++) {
        void *place = nn_at_out(out->data, out->type, to + i);
        if (offsets[i] >= 0)
            memcpy(place, nn_at(in->data, in->type, from + offsets[i]), size);
        else
            memset(place, 0, size);
    }
}

static void sample_block(const sample_work *work, int64_t sample, int64_t begin, int64_t count,
                         int64_t *offsets, double *weights) {
    const nn_tensor *in = work->call->in[NN_SAMPLE_X], *grid = work->call->in[NN_SAMPLE_GRID];
    nn_tensor *out = work->call->out[0];
    bool is_complex = in->type == NNOPT_COMPLEX64 || in->type == NNOPT_COMPLEX128;
    int64_t parts = is_complex ? 2 : 1;
    for (int64_t i = 0; i < count; i++) {
        double x[MOST_AXES];
        int64_t place = (sample * work->out_size + begin + i) * work->axes;
        nn_load_double(grid->type, nn_at(grid->data, grid->type, place), x, work->axes);
        make_taps(work, x, grid->type == NNOPT_DOUBLE, i, offsets, weights);
    }
    for (int64_t channel = 0; channel < work->channels; channel++) {
        int64_t plane = sample * work->channels + channel;
        int64_t from = plane * work->in_size, to = plane * work->out_size + begin;
        if (work->attrs->mode == NN_SAMPLE_NEAREST) {
            copy_nearest(in, out, from, to, count, offsets);
            continue;
        }
        for (int64_t part = 0; part < parts; part++) {
            double sums[BLOCK];
            sum_taps(work, in, from * parts + part, parts, count, offsets, weights, sums);
            store_sums(out, to * parts + part, parts, count, sums);
        }
    }
}

static void sample_blocks(void *argument, int64_t begin, int64_t end, int worker) {
    const sample_work *work = argument;
    int64_t blocks = nn_divide_up(work->out_size, BLOCK);
    char *memory = (char *)work->call->workspace +
                   (size_t)(worker * work->taps * BLOCK) * (sizeof(int64_t) + sizeof(double));
    int64_t *offsets = (int64_t *)memory;
    double *weights = (double *)(memory + (size_t)(work->taps * BLOCK) * sizeof *offsets);
    for (int64_t i = begin; i < end; i++) {
        int64_t first = i % blocks * BLOCK, left = work->out_size - first;
        sample_block(work, i / blocks, first, nn_min(left, BLOCK), offsets, weights);
    }
}

static nn_status run(const nn_call *call) {
    const nn_tensor *in = call->in[NN_SAMPLE_X];
    const nn_tensor *out = call->out[0];
    sample_work work = {.call = call,
                        .attrs = call->node->attrs,
                        .axes = in->rank - 2,
                        .channels = in->dims[1],
                        .in_size = nn_dims_product(in->dims, 2, in->rank),
                        .out_size = nn_dims_product(out->dims, 2, out->rank),
                        .taps = taps_of_node(call->node)};
    if (nn_tensor_count(out) == 0) return NN_OK;
    for (int axis = 0; axis < work.axes; axis++) work.in[axis] = in->dims[axis + 2];
    if (work.in_size == 0)
        return nn_view_fail(call->node, NN_BAD_INPUT, "an input without elements has no values");
    int64_t blocks = nn_divide_up(work.out_size, BLOCK);
    nn_parallel(call->pool, in->dims[0] * blocks, 4, sample_blocks, &work);
    return NN_OK;
}

static const nn_kernel grid_sample_reference = {
    .name = "grid_sample_reference",
    .exactness = NN_EXACT,
    .prepare = prepare,
    .run = run,
};

static const nn_kernel *const kernels[] = {NN_KERNELS(grid_sample_f32), &grid_sample_reference,
                                           NULL};

const nn_op nn_op_grid_sample = {
    .name = "GridSample",
    .domain = "",
    .since = 16,
    .min_inputs = 2,
    .max_inputs = 2,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(nn_sample_attrs),
    .parse = parse,
    .infer = infer,
    .cost = cost,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
