#include "ops/family/ml/weight_rows.h"

enum {
    FEW = 8,    /* rows that are not worth turning */
    LANES = 16, /* partial sums of one row */
    TILE = 32,  /* rows whose sums stay in registers */
};

bool nn_weight_rows_bytes(int64_t rows, int64_t columns, size_t *out) {
    int64_t bytes = 0;
    bool fits = rows < FEW ||
                (nn_mul_size(rows, columns, &bytes) && nn_mul_size(bytes, sizeof(float), &bytes));
    *out = (size_t)bytes;
    return fits;
}

void nn_weight_rows_init(nn_weight_rows *matrix, const float *weights, int64_t rows,
                         int64_t columns, float *copy) {
    *matrix = (nn_weight_rows){rows, columns, weights, rows >= FEW};
    if (!matrix->turned) return;
    for (int64_t r = 0; r < rows; r++)
        for (int64_t c = 0; c < columns; c++) copy[c * rows + r] = weights[r * columns + c];
    matrix->weights = copy;
}

static inline float term(float x, float w, bool distance) {
    return distance ? (x - w) * (x - w) : x * w;
}

static inline float reduce_row(const float *x, const float *w, int64_t count, bool distance) {
    float sums[LANES] = {0}, sum = 0;
    int64_t i = 0;
    for (; i + LANES <= count; i += LANES)
        for (int lane = 0; lane < LANES; lane++)
            sums[lane] += term(x[i + lane], w[i + lane], distance);
    for (; i < count; i++) sum += term(x[i], w[i], distance);
    for (int lane = 0; lane < LANES; lane++) sum += sums[lane];
    return sum;
}

static inline void reduce_tile(const nn_weight_rows *matrix, const float *x, int64_t first,
                               int64_t count, float *out, bool distance) {
    float sums[TILE] = {0};
    const float *w = matrix->weights + first;
    for (int64_t c = 0; c < matrix->columns; c++, w += matrix->rows) {
        if (count == TILE)
            for (int r = 0; r < TILE; r++) sums[r] += term(x[c], w[r], distance);
        else
            for (int64_t r = 0; r < count; r++) sums[r] += term(x[c], w[r], distance);
    }
    memcpy(out + first, sums, (size_t)count * sizeof *out);
}

static inline void reduce_all(const nn_weight_rows *matrix, const float *x, float *out,
                              bool distance) {
    if (!matrix->turned) {
        for (int64_t r = 0; r < matrix->rows; r++)
            out[r] =
                reduce_row(x, matrix->weights + r * matrix->columns, matrix->columns, distance);
        return;
    }
    for (int64_t r = 0; r < matrix->rows; r += TILE) {
        int64_t count = matrix->rows - r < TILE ? matrix->rows - r : TILE;
        reduce_tile(matrix, x, r, count, out, distance);
    }
}

void nn_weight_products(const nn_weight_rows *matrix, const float *x, float *out) {
    reduce_all(matrix, x, out, false);
}

void nn_weight_distances(const nn_weight_rows *matrix, const float *x, float *out) {
    reduce_all(matrix, x, out, true);
}
