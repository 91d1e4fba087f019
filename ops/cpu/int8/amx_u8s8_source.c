#include "base/integers.h"
#include "ops/cpu/int8/amx_u8s8.h"

enum {
    SLACK = 64,          /* a step is read in groups of four bytes, past the last value */
    ALIASING_BYTES = 512 /* pixels at a multiple of this fall into few sets of L1 */
};

static int64_t extent(const nn_window_axis *axis) {
    return (axis->out - 1) * axis->stride + (axis->kernel - 1) * axis->dilation + 1;
}

/* Does the window stay inside of the input? */
static bool is_inside(const nn_window_axis *axis) {
    return axis->pad_begin == 0 && extent(axis) <= axis->in;
}

/* A tap's k in even steps of whole groups of four. */
static void set_steps(nn_amx_u8s8_source *out) {
    out->steps_per_tap = nn_divide_up(out->tap_bytes, NN_AMX_U8S8_STEP);
    out->step_bytes = (int)nn_round_up(nn_divide_up(out->tap_bytes, out->steps_per_tap), 4);
}

/* A kernel row is one tap where that takes less steps. */
static void set_taps(const nn_u8s8_shape *shape, nn_amx_u8s8_source *out) {
    const nn_window_axis *h = &shape->height, *w = &shape->width;
    int64_t in = shape->in_channels;
    bool adjacent = w->dilation == 1 || w->kernel == 1;
    out->merged = adjacent && nn_divide_up(w->kernel * in, NN_AMX_U8S8_STEP) <
                                  w->kernel * nn_divide_up(in, NN_AMX_U8S8_STEP);
    out->taps = h->kernel * (out->merged ? 1 : w->kernel);
    out->tap_bytes = in * (out->merged ? w->kernel : 1);
    set_steps(out);
}

static void lay_in_place(const nn_u8s8_shape *shape, nn_amx_u8s8_source *out) {
    const nn_window_axis *h = &shape->height, *w = &shape->width;
    out->row_planes = out->column_planes = 1;
    out->pixel_step = shape->in_channels * shape->groups;
    out->row_step = w->in * out->pixel_step;
    out->a_step = w->stride * out->pixel_step;
    out->out_row_step = h->stride * out->row_step;
}

/* Columns of padding at the end of a row that the next row begins with. */
static int64_t shared_columns(const nn_u8s8_shape *shape) {
    const nn_window_axis *w = &shape->width;
    int64_t after = extent(w) - w->pad_begin - w->in;
    if (w->stride > 1 || after <= 0) return 0;
    return nn_min(after, w->pad_begin);
}

static void lay_band(const nn_u8s8_shape *shape, nn_amx_u8s8_source *out) {
    const nn_window_axis *h = &shape->height, *w = &shape->width;
    int64_t in = shape->in_channels;
    out->uses_band = true;
    out->row_planes = out->merged ? 1 : h->stride;
    out->column_planes = out->merged ? 1 : w->stride;
    out->pixel_step = out->merged ? in : nn_round_up(in, 4);
    if (!out->merged && out->pixel_step % ALIASING_BYTES == 0) out->pixel_step += NN_ALIGNMENT;
    int64_t columns = nn_divide_up(extent(w), out->column_planes) - shared_columns(shape);
    out->row_step = columns * out->pixel_step;
    out->a_step = out->pixel_step * (out->merged ? w->stride : 1);
    out->out_row_step = out->row_step * (out->merged ? h->stride : 1);
}

bool nn_amx_u8s8_choose_source(const nn_u8s8_shape *shape, nn_type x_type,
                               nn_amx_u8s8_source *out) {
    *out = (nn_amx_u8s8_source){0};
    set_taps(shape, out);
    bool adjacent = !out->merged || shape->groups == 1;
    bool whole = out->tap_bytes >= NN_AMX_U8S8_STEP || out->tap_bytes % 4 == 0;
    if (x_type == NNOPT_UINT8 && is_inside(&shape->height) && is_inside(&shape->width) &&
        adjacent && whole)
        lay_in_place(shape, out);
    else
        lay_band(shape, out);
    const nn_window_axis *h = &shape->height;
    int64_t rows, bytes;
    return nn_mul_size(h->kernel, h->dilation + h->stride, &rows) &&
           nn_mul_size(rows, out->row_step, &bytes) &&
           nn_mul_size(bytes, 2 * out->row_planes * out->column_planes, &bytes) &&
           bytes < INT32_MAX / 2;
}

/* ---- bands ---------------------------------------------------------------------------------- */

static int64_t input_rows(const nn_u8s8_shape *shape, int64_t rows) {
    const nn_window_axis *h = &shape->height;
    return (rows - 1) * h->stride + (h->kernel - 1) * h->dilation + 1;
}

int64_t nn_amx_u8s8_plane_bytes(const nn_u8s8_shape *shape, const nn_amx_u8s8_source *source,
                                int64_t rows) {
    return nn_divide_up(input_rows(shape, rows), source->row_planes) * source->row_step;
}

int64_t nn_amx_u8s8_band_bytes(const nn_u8s8_shape *shape, const nn_amx_u8s8_source *source,
                               int64_t rows) {
    if (!source->uses_band) return 0;
    int64_t shared = shared_columns(shape) * source->pixel_step;
    int64_t planes = source->row_planes * source->column_planes;
    return nn_round_up(planes * nn_amx_u8s8_plane_bytes(shape, source, rows) + shared + SLACK,
                       NN_ALIGNMENT);
}

void nn_amx_u8s8_fill_steps(const nn_u8s8_shape *shape, const nn_amx_u8s8_source *source,
                            int32_t *offsets) {
    const nn_window_axis *h = &shape->height, *w = &shape->width;
    int64_t columns = source->merged ? 1 : w->kernel;
    for (int64_t step = 0; step < source->steps_per_tap; step++)
        for (int64_t tap = 0; tap < source->taps; tap++) {
            int64_t y = tap / columns * h->dilation, x = tap % columns * w->dilation;
            int64_t plane =
                y % source->row_planes * source->column_planes + x % source->column_planes;
            *offsets++ =
                (int32_t)(plane * source->plane_step + y / source->row_planes * source->row_step +
                          x / source->column_planes * source->pixel_step +
                          nn_amx_u8s8_step_begin(source, step));
        }
}

/* Does any tap read the pixels whose position has this remainder by the stride? */
static bool is_read(const nn_window_axis *axis, int64_t planes, int64_t remainder) {
    for (int64_t tap = 0; tap < axis->kernel; tap++)
        if (tap * axis->dilation % planes == remainder) return true;
    return false;
}

/* What the rows of a band are filled from. */
typedef struct row_filler {
    const nn_u8s8_shape *shape;
    const nn_amx_u8s8_source *source;
    const nn_u8s8_unit *unit; /* for its copy */
    uint8_t flip, padding;
} row_filler;

/* Adjacent pixels; x is NULL where the row is padding. */
static void fill_row(const row_filler *f, const uint8_t *x, uint8_t *out) {
    const nn_window_axis *w = &f->shape->width;
    int64_t step = f->source->pixel_step, in = f->shape->in_channels;
    int64_t all = in * f->shape->groups, count = extent(w);
    if (x == NULL) {
        memset(out, f->padding, (size_t)(count * step));
        return;
    }
    int64_t left = nn_min(w->pad_begin, count);
    int64_t columns = count - left < w->in ? count - left : w->in;
    memset(out, f->padding, (size_t)(left * step));
    out += left * step;
    if (f->shape->groups == 1 && all == step)
        f->unit->copy(out, x, columns * all, f->flip, 0);
    else
        for (int64_t i = 0; i < columns; i++)
            f->unit->copy(out + i * step, x + i * all, in, f->flip, 0);
    memset(out + columns * step, f->padding, (size_t)((count - left - columns) * step));
}

/* Columns by their remainder. */
static void fill_planes(const row_filler *f, const uint8_t *x, uint8_t *out) {
    const nn_window_axis *w = &f->shape->width;
    const nn_amx_u8s8_source *source = f->source;
    int64_t in = f->shape->in_channels, all = in * f->shape->groups, count = extent(w);
    for (int64_t plane = 0; plane < source->column_planes; plane++) {
        if (!is_read(w, source->column_planes, plane)) continue;
        uint8_t *to = out + plane * source->plane_step;
        for (int64_t i = plane; i < count; i += source->column_planes, to += source->pixel_step) {
            int64_t column = i - w->pad_begin;
            if (x == NULL || column < 0 || column >= w->in)
                memset(to, f->padding, (size_t)in);
            else
                f->unit->copy(to, x + column * all, in, f->flip, 0);
        }
    }
}

void nn_amx_u8s8_fill_band(const nn_u8s8_shape *shape, const nn_amx_u8s8_source *source,
                           const nn_int8_call *call, int64_t image, int64_t group, int64_t first,
                           int64_t rows, uint8_t *band) {
    const nn_window_axis *h = &shape->height, *w = &shape->width;
    const row_filler filler = {shape, source, &nn_u8s8_vnni, call->flip, (uint8_t)call->x_zero};
    int64_t all = shape->in_channels * shape->groups, count = input_rows(shape, rows);
    for (int64_t row = 0; row < count; row++) {
        if (!is_read(h, source->row_planes, row % source->row_planes)) continue;
        uint8_t *out = band +
                       row % source->row_planes * source->column_planes * source->plane_step +
                       row / source->row_planes * source->row_step;
        int64_t in_row = first * h->stride - h->pad_begin + row;
        const uint8_t *x =
            call->x + (image * h->in + in_row) * w->in * all + group * shape->in_channels;
        if (in_row < 0 || in_row >= h->in) x = NULL;
        if (source->column_planes == 1)
            fill_row(&filler, x, out);
        else
            fill_planes(&filler, x, out);
    }
}
