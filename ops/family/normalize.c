#include "ops/family/normalize.h"

#include "ops/family/loops.h"

#include <math.h>

bool nn_normalize_accepts(const nn_node_view *node, const nn_target *target) {
    (void)target;
    if (!nn_epilogue_is_empty(&node->epilogue)) return false;
    for (int i = 0; i < node->in_count; i++)
        if (node->in[i] != NULL && !nn_type_in(node->in[i]->type, NN_TYPES_FLOAT)) return false;
    return true;
}

void nn_normalize_cost(const nn_node_view *node, nn_cost *out) {
    int64_t count = nn_fact_count(node->in[0]);
    out->flops = count > 0 ? 8.0 * (double)count : 0;
}

enum { LANES = 8 };

typedef struct normalize_work {
    const nn_normalize *shape;
    const nn_rows_f32 *rows; /* NULL: the reference */
    const void *in;
    void *out;
} normalize_work;

/* Offset of place `i` of row `row`. */
static int64_t place_of(const nn_normalize *shape, int64_t row, int64_t i) {
    int64_t block = row / shape->rows_per_block, beside = row % shape->rows_per_block;
    int64_t blocks = block * (shape->size / shape->width) * shape->stride;
    return blocks + beside * shape->width + i / shape->width * shape->stride + i % shape->width;
}

static double sum_of(const double *x, int64_t count) {
    double lanes[LANES] = {0}, sum = 0;
    int64_t i = 0;
    for (; i + LANES <= count; i += LANES)
        for (int k = 0; k < LANES; k++) lanes[k] += x[i + k];
    for (; i < count; i++) sum += x[i];
    for (int k = 0; k < LANES; k++) sum += lanes[k];
    return sum;
}

/* Visits a row in contiguous pieces: sums x - shift, or its squares. */
static double row_sum(const normalize_work *work, int64_t row, double shift, bool squares) {
    const nn_normalize *shape = work->shape;
    double block[NN_BLOCK], sum = 0;
    for (int64_t i = 0; i < shape->size;) {
        int64_t left = shape->width - i % shape->width, count = left < NN_BLOCK ? left : NN_BLOCK;
        nn_load_double(shape->type, nn_at(work->in, shape->type, place_of(shape, row, i)), block,
                       count);
        for (int64_t k = 0; k < count; k++) block[k] -= shift;
        for (int64_t k = 0; squares && k < count; k++) block[k] *= block[k];
        sum += sum_of(block, count);
        i += count;
    }
    return sum;
}

static double parameter(const nn_tensor *tensor, int64_t index, double fallback) {
    return tensor != NULL ? nn_tensor_get(tensor, index) : fallback;
}

static void write_row(const normalize_work *work, int64_t row, double mean, double factor) {
    const nn_normalize *shape = work->shape;
    int64_t first = row % shape->row_periods * shape->period;
    double block[NN_BLOCK];
    for (int64_t i = 0; i < shape->size;) {
        int64_t left = shape->width - i % shape->width, count = left < NN_BLOCK ? left : NN_BLOCK;
        int64_t place = place_of(shape, row, i);
        nn_load_double(shape->type, nn_at(work->in, shape->type, place), block, count);
        for (int64_t k = 0; k < count;) {
            int64_t index = first + (i + k) / shape->run % shape->period;
            int64_t same = shape->run - (i + k) % shape->run;
            if (same > count - k) same = count - k;
            double scale = parameter(shape->scale, index, 1) * factor;
            double shift = parameter(shape->bias, index, 0) - mean * scale;
            for (int64_t end = k + same; k < end; k++) block[k] = block[k] * scale + shift;
        }
        nn_store_double(shape->type, block, nn_at_out(work->out, shape->type, place), count);
        i += count;
    }
}

/* A dense row of floats, whose parameters are one per row or one per element. */
static void normalize_float_row(const normalize_work *work, int64_t row) {
    const nn_normalize *shape = work->shape;
    const nn_rows_f32 *rows = work->rows;
    const float *x = (const float *)work->in + row * shape->size;
    float *y = (float *)work->out + row * shape->size;
    const float *scale = shape->scale->data, *bias = shape->bias ? shape->bias->data : NULL;
    int64_t first = row % shape->row_periods * shape->period;
    float mean = rows->sum(x, shape->size) / (float)shape->size;
    float variance = rows->sum_squares(x, mean, shape->size) / (float)shape->size;
    float factor = 1 / sqrtf(variance + (float)shape->epsilon);
    for (int64_t i = 0; i < shape->size && shape->run > 1; i += shape->run) {
        int64_t index = first + i / shape->run % shape->period;
        float all = scale[index] * factor, shift = bias != NULL ? bias[index] : 0;
        rows->scale(x + i, all, shift - mean * all, y + i, shape->run);
    }
    if (shape->run == 1)
        rows->affine(x, factor, -mean * factor, scale + first, bias != NULL ? bias + first : NULL,
                     y, shape->size);
    if (shape->mean != NULL) nn_tensor_set(shape->mean, row, (double)mean);
    if (shape->inverse_deviation != NULL)
        nn_tensor_set(shape->inverse_deviation, row, (double)factor);
}

static void normalize_rows(void *argument, int64_t begin, int64_t end, int worker) {
    (void)worker;
    const normalize_work *work = argument;
    const nn_normalize *shape = work->shape;
    bool dense = shape->width == shape->size && (shape->run > 1 || shape->period == shape->size);
    for (int64_t row = begin; row < end; row++) {
        if (work->rows != NULL && dense) {
            normalize_float_row(work, row);
            continue;
        }
        double mean = row_sum(work, row, 0, false) / (double)shape->size;
        double variance = row_sum(work, row, mean, true) / (double)shape->size;
        double factor = 1 / sqrt(variance + shape->epsilon);
        write_row(work, row, mean, factor);
        if (shape->mean != NULL) nn_tensor_set(shape->mean, row, mean);
        if (shape->inverse_deviation != NULL) nn_tensor_set(shape->inverse_deviation, row, factor);
    }
}

void nn_normalize_run(const nn_call *call, const nn_normalize *normalize, const nn_rows_f32 *rows) {
    normalize_work work = {normalize, rows, call->in[0]->data, call->out[0]->data};
    if (normalize->size == 0) return;
    nn_parallel(call->pool, normalize->rows, NN_GRAIN / 4 / normalize->size + 1, normalize_rows,
                &work);
}
