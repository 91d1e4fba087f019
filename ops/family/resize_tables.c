#include "ops/family/resize_tables.h"

#include <math.h>

int64_t nn_resize_tap_count(const nn_resize_attrs *attrs, double scale) {
    if (attrs->mode == NN_RESIZE_NEAREST) return 1;
    int64_t reach = attrs->mode == NN_RESIZE_LINEAR ? 1 : 2;
    if (!attrs->antialias || scale >= 1) return 2 * reach;
    return -2 * (int64_t)floor((double)-reach / scale);
}

static double source_place(const nn_resize_attrs *attrs, const nn_resize_axis *axis, int64_t i) {
    double x = (double)i, last = (double)axis->in - 1;
    switch (attrs->coordinates) {
    case NN_COORDINATES_ALIGN_CORNERS:
        return axis->length == 1 ? 0 : x * last / (axis->length - 1);
    case NN_COORDINATES_ASYMMETRIC:
        return x / axis->scale;
    case NN_COORDINATES_CROP: {
        double extent = (axis->roi_end - axis->roi_begin) * last;
        double along = axis->length == 1 ? extent / 2 : x * extent / (axis->length - 1);
        return axis->roi_begin * last + along;
    }
    case NN_COORDINATES_PYTORCH_HALF_PIXEL:
        return axis->length == 1 ? -0.5 : (x + 0.5) / axis->scale - 0.5;
    case NN_COORDINATES_HALF_PIXEL_SYMMETRIC: {
        double offset = (double)axis->in / 2 * (1 - (double)axis->out / axis->length);
        return offset + (x + 0.5) / axis->scale - 0.5;
    }
    case NN_COORDINATES_HALF_PIXEL:
        break;
    }
    return (x + 0.5) / axis->scale - 0.5;
}

static int64_t clamp_index(double x, int64_t size) {
    if (!(x > 0)) return 0;
    return x >= (double)size ? size - 1 : (int64_t)x;
}

static int64_t nearest_index(const nn_resize_attrs *attrs, const nn_resize_axis *axis, double x) {
    int64_t size = axis->in;
    switch (attrs->rounding) {
    case NN_ROUND_OUTWARD:
        return clamp_index(axis->scale < 1 ? ceil(x) : floor(x), size);
    case NN_ROUND_PREFER_FLOOR:
        return clamp_index(ceil(x - 0.5), size);
    case NN_ROUND_PREFER_CEIL:
        return clamp_index(floor(x + 0.5), size);
    case NN_ROUND_CEIL:
        return clamp_index(ceil(x), size);
    case NN_ROUND_FLOOR:
        break;
    }
    return clamp_index(floor(x), size);
}

/* The interpolation kernels at distance d. */
static double linear_weight(double d) {
    d = fabs(d);
    return d < 1 ? 1 - d : 0;
}

static double cubic_weight(double d, double a) {
    d = fabs(d);
    if (d <= 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
    return d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a : 0;
}

/* Taps around x. The filter is stretched where it would skip input elements. */
static void fill_taps(const nn_resize_attrs *attrs, const nn_resize_axis *axis, double x,
                      int64_t taps, int64_t *indices, double *weights) {
    double stretch = attrs->antialias && axis->scale < 1 ? axis->scale : 1, sum = 0;
    double first = ceil(x) - (double)(taps / 2);
    for (int64_t k = 0; k < taps; k++) {
        double place = first + (double)k, distance = (place - x) * stretch;
        weights[k] = attrs->mode == NN_RESIZE_LINEAR ? linear_weight(distance)
                                                     : cubic_weight(distance, (double)attrs->cubic);
        if (attrs->exclude_outside && (place < 0 || place >= (double)axis->in)) weights[k] = 0;
        indices[k] = clamp_index(place, axis->in);
        sum += weights[k];
    }
    bool normalize = attrs->exclude_outside || stretch != 1;
    for (int64_t k = 0; normalize && k < taps; k++) weights[k] /= sum;
}

void nn_resize_fill_table(const nn_resize_attrs *attrs, const nn_resize_axis *axis,
                          nn_resize_table *table) {
    bool crops = attrs->coordinates == NN_COORDINATES_CROP && !axis->unchanged;
    for (int64_t i = 0; i < axis->out; i++) {
        int64_t *indices = table->indices + i * table->taps;
        double x = axis->unchanged ? (double)i : source_place(attrs, axis, i);
        if (attrs->mode == NN_RESIZE_NEAREST)
            indices[0] = axis->unchanged ? i : nearest_index(attrs, axis, x);
        else
            fill_taps(attrs, axis, x, table->taps, indices, table->weights + i * table->taps);
        if (crops && (x < 0 || x > (double)(axis->in - 1))) indices[0] = -1;
    }
}

int64_t nn_resize_tap_limit(const nn_resize_attrs *attrs, int64_t in, int64_t out) {
    if (!attrs->antialias || out == 0) return 4;
    return 4 * (in / out + 2);
}
