#include "optim/least_squares.h"

#include "base/blas.h"
#include "base/memory.h"

enum { ROW_MAJOR = 101, NO_TRANSPOSE = 111, TRANSPOSE = 112, UPPER = 121 };

nn_status nn_moments_init(nn_moments *moments, int64_t side, int64_t outputs, bool has_bias) {
    memset(moments, 0, sizeof *moments);
    moments->side = side;
    moments->outputs = outputs;
    moments->has_bias = has_bias;
    int64_t square, product;
    if (!nn_mul_size(side, side * (int64_t)sizeof(double), &square) ||
        !nn_mul_size(side, outputs * (int64_t)sizeof(double), &product) || side > INT32_MAX ||
        outputs > INT32_MAX)
        return nn_fail(NN_UNSUPPORTED, "a layer with %lld inputs is too large to refit",
                       (long long)side);
    moments->gram = nn_alloc_zero((size_t)square);
    moments->cross = nn_alloc_zero((size_t)product + sizeof(double));
    moments->target_square = nn_alloc_zero((size_t)(outputs + 1) * sizeof(double));
    if (moments->gram != NULL && moments->cross != NULL && moments->target_square != NULL)
        return NN_OK;
    nn_moments_clear(moments);
    return nn_fail_memory((size_t)square);
}

void nn_moments_clear(nn_moments *moments) {
    nn_free(moments->gram);
    nn_free(moments->cross);
    nn_free(moments->target_square);
    memset(moments, 0, sizeof *moments);
}

static double *to_double(const float *values, int64_t count) {
    double *wide = nn_alloc((size_t)count * sizeof *wide);
    for (int64_t i = 0; wide != NULL && i < count; i++) wide[i] = values[i];
    return wide;
}

nn_status nn_moments_add(nn_moments *moments, const float *x, const float *y, int64_t rows) {
    const nn_blas *blas;
    NN_TRY(nn_blas_get(&blas));
    if (rows == 0) return NN_OK;
    int side = (int)moments->side, outputs = (int)moments->outputs;
    double *wide_x = to_double(x, rows * side);
    double *wide_y = y != NULL && outputs > 0 ? to_double(y, rows * outputs) : NULL;
    if (wide_x == NULL || (y != NULL && outputs > 0 && wide_y == NULL)) {
        nn_free(wide_x);
        nn_free(wide_y);
        return nn_fail_memory((size_t)rows * (size_t)side * sizeof(double));
    }
    blas->dsyrk(ROW_MAJOR, UPPER, TRANSPOSE, side, (int)rows, 1.0, wide_x, side, 1.0, moments->gram,
                side);
    for (int i = 1; i < side; i++)
        for (int j = 0; j < i; j++)
            moments->gram[(int64_t)i * side + j] = moments->gram[(int64_t)j * side + i];
    if (wide_y != NULL) {
        blas->dgemm(ROW_MAJOR, TRANSPOSE, NO_TRANSPOSE, outputs, side, (int)rows, 1.0, wide_y,
                    outputs, wide_x, side, 1.0, moments->cross, side);
        for (int64_t r = 0; r < rows; r++)
            for (int o = 0; o < outputs; o++) {
                double value = wide_y[r * outputs + o];
                moments->target_square[o] += value * value;
            }
    }
    moments->positions += rows;
    nn_free(wide_x);
    nn_free(wide_y);
    return NN_OK;
}

/* Elements of x that are weights, without the bias. */
static int64_t damped_count(const nn_moments *moments) {
    return moments->has_bias ? moments->side - 1 : moments->side;
}

static double mean_diagonal(const nn_moments *moments) {
    int64_t side = moments->side, count = damped_count(moments);
    double sum = 0;
    for (int64_t i = 0; i < count; i++) sum += moments->gram[i * side + i];
    return count > 0 ? sum / (double)count : 1;
}

nn_status nn_ridge_solve(const nn_moments *moments, double lambda, const double *prior,
                         double *weights) {
    const nn_blas *blas;
    NN_TRY(nn_blas_get(&blas));
    int side = (int)moments->side, outputs = (int)moments->outputs, info = 1;
    int64_t damped = damped_count(moments);
    size_t square = (size_t)side * (size_t)side * sizeof(double);
    double *factor = nn_alloc(square);
    if (factor == NULL) return nn_fail_memory(square);
    double scale = mean_diagonal(moments);
    if (!(scale > 0)) scale = 1;

    /* A symmetric matrix is the same in row- and column-major order. */
    for (; info != 0 && lambda <= 1; lambda *= 10) {
        memcpy(factor, moments->gram, square);
        for (int64_t i = 0; i < damped; i++) factor[i * side + i] += lambda * scale;
        blas->dpotrf("U", &side, factor, &side, &info);
        if (info == 0) break;
    }
    if (info != 0) {
        nn_free(factor);
        return nn_fail(NN_CHECK, "the calibration data do not determine a layer of %d inputs",
                       side);
    }

    /* Row-major outputs x side is column-major side x outputs: one right-hand side per output. */
    memcpy(weights, moments->cross, (size_t)outputs * (size_t)side * sizeof(double));
    if (prior != NULL)
        for (int64_t o = 0; o < outputs; o++)
            for (int64_t i = 0; i < damped; i++)
                weights[o * side + i] += lambda * scale * prior[o * side + i];
    blas->dpotrs("U", &side, &outputs, factor, &side, weights, &side, &info);
    nn_free(factor);
    return info == 0 ? NN_OK : nn_fail(NN_INTERNAL, "dpotrs refused argument %d", -info);
}

double nn_moments_error(const nn_moments *moments, const double *weights) {
    int64_t side = moments->side;
    double error = 0, total = 0;
    for (int64_t o = 0; o < moments->outputs; o++) {
        const double *w = weights + o * side, *c = moments->cross + o * side;
        double quadratic = 0, linear = 0;
        for (int64_t i = 0; i < side; i++) {
            const double *row = moments->gram + i * side;
            double product = 0;
            for (int64_t j = 0; j < side; j++) product += row[j] * w[j];
            quadratic += w[i] * product;
            linear += w[i] * c[i];
        }
        error += moments->target_square[o] - 2 * linear + quadratic;
        total += moments->target_square[o];
    }
    if (total <= 0) return 0;
    return error > 0 ? error / total : 0;
}
