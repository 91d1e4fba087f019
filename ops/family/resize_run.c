/* The kernel of Resize: tables of taps per axis, then one pass per axis that changes. */
#include "base/integers.h"
#include "ops/cpu/float32/rows_f32.h"
#include "ops/family/copy.h"
#include "ops/family/loops.h"
#include "ops/family/resize_tables.h"

/* Aligned share of the workspace; `used` counts on. NULL base: only counts. */
static void *take(char *base, size_t *used, size_t bytes) {
    void *memory = base != NULL ? base + *used : NULL;
    *used += nn_aligned(bytes);
    return memory;
}

/* ---- interpolation: y[o][j][i] = sum over k of weight[j][k] x[o][index[j][k]][i] ---- */

typedef struct pass_work {
    const nn_resize_axis *axis;
    const nn_resize_table *table;
    const void *in;
    void *out;
    int64_t inner;
    double extrapolation;
} pass_work;

#define RESIZE_PASS(suffix, real)                                                                  \
    static void pass_##suffix(void *argument, int64_t begin, int64_t end, int worker) {            \
        (void)worker;                                                                              \
        const pass_work *work = argument;                                                          \
        int64_t inner = work->inner, taps = work->table->taps, size = work->axis->out;             \
        for (int64_t row = begin; row < end; row++) {                                              \
            const int64_t *indices = work->table->indices + row % size * taps;                     \
            const double *weights = work->table->weights + row % size * taps;                      \
            const real *x = (const real *)work->in + row / size * work->axis->in * inner;          \
            real *y = (real *)work->out + row * inner;                                             \
            for (int64_t i = 0; i < inner; i++)                                                    \
                y[i] = indices[0] < 0 ? (real)work->extrapolation : 0;                             \
            for (int64_t k = 0; k < taps && indices[0] >= 0; k++) {                                \
                const real weight = (real)weights[k];                                              \
                const real *from = x + indices[k] * inner;                                         \
                for (int64_t i = 0; i < inner; i++) y[i] += weight * from[i];                      \
            }                                                                                      \
        }                                                                                          \
    }
RESIZE_PASS(f32, float)
RESIZE_PASS(f64, double)

/* Two taps of floats, more than one element after the axis. */
static void blend_rows(void *argument, int64_t begin, int64_t end, int worker) {
    (void)worker;
    const pass_work *work = argument;
    const nn_rows_f32 *rows = nn_rows_f32_best();
    int64_t inner = work->inner, size = work->axis->out;
    for (int64_t row = begin; row < end; row++) {
        const int64_t *indices = work->table->indices + row % size * 2;
        const double *weights = work->table->weights + row % size * 2;
        const float *x = (const float *)work->in + row / size * work->axis->in * inner;
        rows->blend(x + indices[0] * inner, (float)weights[0], x + indices[1] * inner,
                    (float)weights[1], (float *)work->out + row * inner, inner);
    }
}

/* Two taps of floats along the innermost axis: whole lines of the output, in blocks. */
static void blend_lines(void *argument, int64_t begin, int64_t end, int worker) {
    (void)worker;
    const pass_work *work = argument;
    const nn_rows_f32 *rows = nn_rows_f32_best();
    int64_t size = work->axis->out;
    int32_t left[NN_BLOCK], right[NN_BLOCK];
    float a[NN_BLOCK], b[NN_BLOCK];
    for (int64_t first = 0; first < size; first += NN_BLOCK) {
        int64_t count = size - first < NN_BLOCK ? size - first : NN_BLOCK;
        for (int64_t i = 0; i < count; i++) {
            left[i] = (int32_t)work->table->indices[2 * (first + i)];
            right[i] = (int32_t)work->table->indices[2 * (first + i) + 1];
            a[i] = (float)work->table->weights[2 * (first + i)];
            b[i] = (float)work->table->weights[2 * (first + i) + 1];
        }
        for (int64_t line = begin; line < end; line++)
            rows->gather_blend((const float *)work->in + line * work->axis->in, left, right, a, b,
                               (float *)work->out + line * size + first, count);
    }
}

/* ---- two axes side by side, two taps of floats each: both at once ----
 *
 * Weights of a quantised picture are few, and its interpolated elements often lie halfway between
 * two results: products and sums come in the order of ONNX Runtime, so that they round as there. */

typedef struct plane_work {
    const nn_resize_plan *plan;
    int axis; /* the first of the two */
    const float *in;
    float *out;
    int64_t inner;
} plane_work;

/* Places in a line of the input and their weights, for a block of a line of the output. */
typedef struct line_block {
    int64_t count;
    int32_t left[NN_BLOCK], right[NN_BLOCK];
    float a[NN_BLOCK], b[NN_BLOCK];
} line_block;

typedef struct tap_pair {
    int64_t low, high;
    float low_weight, high_weight;
} tap_pair;

/* A place before the first element is that element; the last one, and what is behind it, counts
 * half on both sides. */
static tap_pair pair_of(const nn_resize_table *table, const nn_resize_axis *axis, int64_t place) {
    const int64_t *indices = table->indices + 2 * place;
    const double *weights = table->weights + 2 * place;
    tap_pair taps = {indices[0], indices[1], (float)weights[0], (float)weights[1]};
    bool is_last = taps.high == axis->in - 1 && (taps.low == taps.high || weights[1] == 1);
    if (is_last) return (tap_pair){taps.high, taps.high, 0.5f, 0.5f};
    if (taps.low == taps.high) return (tap_pair){taps.low, taps.high, 1, 0};
    return taps;
}

static void fill_block(const plane_work *work, int64_t first, int64_t count, line_block *block) {
    int axis = work->axis + 1;
    block->count = count;
    for (int64_t i = 0; i < count; i++) {
        int64_t column = (first + i) / work->inner, beside = (first + i) % work->inner;
        tap_pair taps = pair_of(&work->plan->tables[axis], &work->plan->axes[axis], column);
        block->left[i] = (int32_t)(taps.low * work->inner + beside);
        block->right[i] = (int32_t)(taps.high * work->inner + beside);
        block->a[i] = taps.low_weight;
        block->b[i] = taps.high_weight;
    }
}

/* What a line of the input gives to the left and right of each place, kept while lines repeat. */
typedef struct line_taps {
    const float *line;
    float left[NN_BLOCK], right[NN_BLOCK];
} line_taps;

static line_taps *taps_of_line(line_taps taps[2], const float *line, const float *keep,
                               const line_block *block) {
    for (int i = 0; i < 2; i++)
        if (taps[i].line == line) return &taps[i];
    line_taps *out = taps[0].line == keep ? &taps[1] : &taps[0];
    out->line = line;
    for (int64_t i = 0; i < block->count; i++) out->left[i] = line[block->left[i]];
    for (int64_t i = 0; i < block->count; i++) out->right[i] = line[block->right[i]];
    return out;
}

static void blend_planes(void *argument, int64_t begin, int64_t end, int worker) {
    (void)worker;
    const plane_work *work = argument;
    const nn_rows_f32 *rows = nn_rows_f32_best();
    const nn_resize_axis *axes = work->plan->axes + work->axis;
    const nn_resize_table *table = &work->plan->tables[work->axis];
    int64_t in_line = axes[1].in * work->inner, out_line = axes[1].out * work->inner;
    line_block block;
    line_taps taps[2];
    for (int64_t first = 0; first < out_line; first += NN_BLOCK) {
        int64_t left = out_line - first;
        fill_block(work, first, left < NN_BLOCK ? left : NN_BLOCK, &block);
        taps[0].line = taps[1].line = NULL;
        for (int64_t row = begin; row < end; row++) {
            tap_pair ends = pair_of(table, &axes[0], row % axes[0].out);
            const float *plane = work->in + row / axes[0].out * axes[0].in * in_line;
            const float *upper = plane + ends.low * in_line, *lower = plane + ends.high * in_line;
            const line_taps *high = taps_of_line(taps, upper, lower, &block);
            const line_taps *low = taps_of_line(taps, lower, upper, &block);
            const float *const lines[4] = {high->left, high->right, low->left, low->right};
            rows->bilinear(lines, block.a, block.b, ends.low_weight, ends.high_weight,
                           work->out + row * out_line + first, block.count);
        }
    }
}

/* The first of the two axes, or -1 when the node is something else. */
static int first_of_two(const nn_call *call, const nn_resize_plan *plan) {
    int first = -1, changed = 0;
    for (int axis = 0; axis < plan->rank; axis++) {
        if (plan->axes[axis].unchanged) continue;
        if (changed++ == 0) first = axis;
        if (plan->tables[axis].taps != 2 || axis > first + 1) return -1;
    }
    bool fits = changed == 2 && call->in[0]->type == NNOPT_FLOAT &&
                plan->attrs->coordinates != NN_COORDINATES_CROP &&
                nn_tensor_count(call->in[0]) <= INT32_MAX;
    return fits ? first : -1;
}

static void run_planes(const nn_call *call, const nn_resize_plan *plan, int axis) {
    nn_tensor *out = call->out[0];
    plane_work work = {.plan = plan,
                       .axis = axis,
                       .in = call->in[0]->data,
                       .out = out->data,
                       .inner = nn_dims_product(out->dims, axis + 2, plan->rank)};
    int64_t line = plan->axes[axis + 1].out * work.inner;
    nn_parallel(call->pool, nn_tensor_count(out) / line, NN_GRAIN / line + 1, blend_planes, &work);
}

static void run_pass(const nn_call *call, const pass_work *work, bool single, int64_t rows,
                     bool extrapolates) {
    pass_work copy = *work;
    int64_t taps = work->table->taps, size = work->axis->out;
    bool two = single && taps == 2 && !extrapolates;
    if (two && work->inner == 1 && work->axis->in <= INT32_MAX)
        nn_parallel(call->pool, rows / size, NN_GRAIN / size + 1, blend_lines, &copy);
    else if (two)
        nn_parallel(call->pool, rows, NN_GRAIN / work->inner + 1, blend_rows, &copy);
    else
        nn_parallel(call->pool, rows, NN_GRAIN / (work->inner * taps) + 1,
                    single ? pass_f32 : pass_f64, &copy);
}

/* Float holds these types exactly; the others are interpolated in double. */
static bool fits_float(nn_type type) {
    return nn_type_in(type, NN_TYPE_BIT(NNOPT_FLOAT) | NN_TYPES_HALF | NN_TYPE_BIT(NNOPT_INT8) |
                                NN_TYPE_BIT(NNOPT_UINT8) | NN_TYPE_BIT(NNOPT_INT16) |
                                NN_TYPE_BIT(NNOPT_UINT16));
}

static void load_all(const nn_tensor *in, bool single, void *out) {
    int64_t count = nn_tensor_count(in);
    double block[NN_BLOCK];
    for (int64_t i = 0; i < count; i += NN_BLOCK) {
        int64_t n = count - i < NN_BLOCK ? count - i : NN_BLOCK;
        const void *source = nn_at(in->data, in->type, i);
        if (!single) {
            nn_load_double(in->type, source, (double *)out + i, n);
            continue;
        }
        nn_load_double(in->type, source, block, n);
        for (int64_t k = 0; k < n; k++) ((float *)out)[i + k] = (float)block[k];
    }
}

static void store_all(const void *in, bool single, nn_tensor *out) {
    int64_t count = nn_tensor_count(out);
    for (int64_t i = 0; i < count; i++)
        nn_tensor_set(out, i, single ? (double)((const float *)in)[i] : ((const double *)in)[i]);
}

static void run_passes(const nn_call *call, const nn_resize_plan *plan, char *base, size_t used) {
    const nn_tensor *in = call->in[0];
    nn_tensor *out = call->out[0];
    bool single = fits_float(in->type), direct = in->type == NNOPT_FLOAT;
    size_t element = single ? sizeof(float) : sizeof(double);
    int64_t dims[NN_MAX_RANK], largest = nn_tensor_count(in);
    int changed = 0;
    for (int axis = 0; axis < plan->rank; axis++) {
        dims[axis] = in->dims[axis];
        changed += !plan->axes[axis].unchanged;
    }
    for (int axis = 0; axis < plan->rank; axis++) {
        dims[axis] = plan->axes[axis].out;
        int64_t count = nn_dims_product(dims, 0, plan->rank);
        if (count > largest) largest = count;
    }
    void *buffers[2];
    for (int i = 0; i < 2; i++) buffers[i] = take(base, &used, (size_t)largest * element);
    const void *from = in->data;
    if (!direct) {
        load_all(in, single, buffers[0]);
        from = buffers[0];
    }
    for (int axis = 0; axis < plan->rank; axis++) dims[axis] = in->dims[axis];
    for (int axis = 0; axis < plan->rank; axis++) {
        if (plan->axes[axis].unchanged) continue;
        void *to = from == buffers[0] ? buffers[1] : buffers[0];
        if (--changed == 0 && direct) to = out->data;
        dims[axis] = plan->axes[axis].out;
        int64_t rows = nn_dims_product(dims, 0, axis + 1);
        pass_work work = {.axis = &plan->axes[axis],
                          .table = &plan->tables[axis],
                          .in = from,
                          .out = to,
                          .inner = nn_dims_product(dims, axis + 1, plan->rank),
                          .extrapolation = (double)plan->attrs->extrapolation};
        run_pass(call, &work, single, rows, plan->attrs->coordinates == NN_COORDINATES_CROP);
        from = to;
    }
    if (!direct)
        store_all(from, single, out);
    else if (from != out->data)
        memcpy(out->data, from, (size_t)nn_tensor_bytes(out));
}

/* ---- the kernel ---- */

static nn_status prepare(const nn_node_view *node, const nn_target *target, nn_prepare *prepare) {
    (void)target;
    const nn_resize_attrs *attrs = node->attrs;
    const nn_fact *in = node->in[0], *out = node->out[0];
    int64_t largest = 1;
    size_t used = 0;
    for (int axis = 0; axis < in->rank; axis++) {
        int64_t a = in->dims[axis], b = out->dims[axis], entries, bytes;
        if (!nn_mul_size(largest, a > b ? a : b, &largest) ||
            !nn_mul_size(b, nn_resize_tap_limit(attrs, a, b), &entries) ||
            !nn_mul_size(entries, (int64_t)sizeof(double), &bytes))
            return nn_view_fail(node, NN_NO_MEMORY, "the tables are too large");
        take(NULL, &used, (size_t)bytes);
        take(NULL, &used, (size_t)bytes);
    }
    int64_t bytes = 0;
    if (!nn_mul_size(largest, (int64_t)sizeof(double), &bytes))
        return nn_view_fail(node, NN_NO_MEMORY, "the intermediate results are too large");
    if (attrs->mode != NN_RESIZE_NEAREST)
        for (int i = 0; i < 2; i++) take(NULL, &used, (size_t)bytes);
    nn_prepare_workspace(prepare, used > 0 ? used : 1);
    return NN_OK;
}

/* In run scales, sizes and roi are read from the tensors themselves. */
static nn_status run_axes(const nn_call *call, nn_resize_axis axes[NN_MAX_RANK]) {
    const nn_tensor *in = call->in[0];
    const nn_fact *facts[4] = {NULL};
    nn_fact own[4];
    nn_node_view node = *call->node;
    int64_t dims[NN_MAX_RANK];
    for (int i = 0; i < call->in_count && i < 4; i++) {
        if (call->in[i] == NULL) continue;
        own[i] = nn_fact_of_tensor(call->in[i], true);
        facts[i] = &own[i];
    }
    node.in = facts;
    for (int place = 0; place < in->rank; place++)
        dims[nn_logical_axis(call->layout, in->rank, place)] = in->dims[place];
    return nn_resize_find_axes(&node, dims, in->rank, axes);
}

static nn_status run(const nn_call *call) {
    const nn_resize_attrs *attrs = call->node->attrs;
    const nn_tensor *in = call->in[0];
    nn_resize_axis axes[NN_MAX_RANK];
    nn_resize_plan plan = {.attrs = attrs, .rank = in->rank};
    size_t used = 0;
    if (nn_tensor_count(call->out[0]) == 0) return NN_OK;
    NN_TRY(run_axes(call, axes));
    for (int place = 0; place < in->rank; place++) {
        nn_resize_axis *axis = &plan.axes[place];
        nn_resize_table *table = &plan.tables[place];
        *axis = axes[nn_logical_axis(call->layout, in->rank, place)];
        if (axis->unchanged && attrs->mode != NN_RESIZE_NEAREST) continue;
        table->taps = axis->unchanged ? 1 : nn_resize_tap_count(attrs, axis->scale);
        size_t entries = (size_t)(axis->out * table->taps);
        table->indices = take(call->workspace, &used, entries * sizeof *table->indices);
        table->weights = take(call->workspace, &used, entries * sizeof *table->weights);
        nn_resize_fill_table(attrs, axis, table);
    }
    int two = attrs->mode == NN_RESIZE_LINEAR ? first_of_two(call, &plan) : -1;
    if (attrs->mode == NN_RESIZE_NEAREST)
        nn_resize_run_nearest(call, &plan);
    else if (two >= 0)
        run_planes(call, &plan, two);
    else
        run_passes(call, &plan, call->workspace, used);
    return NN_OK;
}

static bool accepts(const nn_node_view *node, const nn_target *target) {
    (void)target;
    const nn_resize_attrs *attrs = node->attrs;
    if (!nn_epilogue_is_empty(&node->epilogue)) return false;
    return attrs->mode == NN_RESIZE_NEAREST ? nn_element_size(node->in[0]->type) > 0
                                            : nn_type_in(node->in[0]->type, NN_TYPES_NUMBER);
}

/* Whole pixels are copied: nearest ones, whose channels stay. */
static bool accepts_pixels(const nn_node_view *node, const nn_target *target) {
    const nn_resize_attrs *attrs = node->attrs;
    const nn_fact *x = node->in[0];
    nn_resize_axis axes[NN_MAX_RANK];
    if (attrs->mode != NN_RESIZE_NEAREST || x->rank < 3 || x->rank > 5 || !accepts(node, target))
        return false;
    return nn_resize_find_axes(node, x->dims, x->rank, axes) == NN_OK && axes[1].known &&
           axes[1].unchanged;
}

static const nn_kernel nearest_pixels = {
    .name = "resize_nearest",
    .exactness = NN_EXACT,
    .layout = NN_LAYOUT_ANY,
    .layout_inputs = 1,
    .pitched_output = true,
    .accepts = accepts_pixels,
    .prepare = prepare,
    .run = run,
};

const nn_kernel nn_resize_kernel = {
    .name = "resize_reference",
    .exactness = NN_EXACT,
    .layout = NN_LAYOUT_ANY,
    .layout_inputs = 1,
    .accepts = accepts,
    .prepare = prepare,
    .run = run,
};

const nn_kernel *const nn_resize_kernels[] = {&nearest_pixels, &nn_resize_kernel, NULL};
