#include "optim/factorize.h"

#include "base/blas.h"
#include "base/integers.h"
#include "base/memory.h"

#include <math.h>

enum { ROW_MAJOR = 101, NO_TRANSPOSE = 111, TRANSPOSE = 112 };

/* Relative to the mean diagonal; small, so that a form of full rank stays exact to rounding. */
static const double damping = 1e-9;

const char *nn_factor_form_name(nn_factor_form form) {
    static const char *const names[] = {"channel", "spatial", "depthwise", "low-rank"};
    return form < NN_FORM_COUNT ? names[form] : "unknown";
}

static int64_t taps_of(const nn_factor_source *source) {
    return source->kernel_height * source->kernel_width;
}

int64_t nn_factor_full_rank(const nn_factor_source *source, nn_factor_form form) {
    int64_t columns = source->inputs * taps_of(source);
    switch (form) {
    case NN_FORM_CHANNEL:
    case NN_FORM_LOW_RANK:
        return nn_min(source->outputs, columns);
    case NN_FORM_SPATIAL:
        return nn_min(source->inputs * source->kernel_height,
                      source->outputs * source->kernel_width);
    case NN_FORM_DEPTHWISE:
        return taps_of(source);
    case NN_FORM_COUNT:
        break;
    }
    return 0;
}

/* Centred second moments of x without the bias row: columns x columns. */
static double *covariance(const nn_factor_source *source) {
    const nn_moments *moments = source->moments;
    int64_t columns = source->inputs * taps_of(source), side = moments->side;
    double *out = nn_alloc((size_t)(columns * columns) * sizeof *out);
    if (out == NULL) return NULL;
    for (int64_t i = 0; i < columns; i++)
        for (int64_t j = 0; j < columns; j++) {
            double value = moments->gram[i * side + j];
            if (moments->has_bias && moments->positions > 0)
                value -= moments->gram[i * side + columns] * moments->gram[j * side + columns] /
                         (double)moments->positions;
            out[i * columns + j] = value;
        }
    return out;
}

/* The `rank` leading left singular vectors of m (rows x columns, row-major): out[rank][rows]. */
static nn_status left_singular_vectors(const double *m, int64_t rows, int64_t columns, int64_t rank,
                                       double *out) {
    const nn_blas *blas;
    NN_TRY(nn_blas_get(&blas));
    /* Eigenvectors of m m^T: rows is the smaller side in every use. */
    int n = (int)rows, info, work_size = -1, integer_size = -1, integer_query;
    double query;
    double *square = nn_alloc((size_t)(rows * rows) * sizeof *square);
    double *values = nn_alloc((size_t)rows * sizeof *values);
    if (square == NULL || values == NULL) {
        nn_free(square);
        nn_free(values);
        return nn_fail_memory((size_t)(rows * rows) * sizeof *square);
    }
    blas->dgemm(ROW_MAJOR, NO_TRANSPOSE, TRANSPOSE, n, n, (int)columns, 1, m, (int)columns, m,
                (int)columns, 0, square, n);
    blas->dsyevd("V", "U", &n, square, &n, values, &query, &work_size, &integer_query,
                 &integer_size, &info);
    work_size = (int)query;
    integer_size = integer_query;
    double *work = nn_alloc((size_t)work_size * sizeof *work);
    int *integers = nn_alloc((size_t)integer_size * sizeof *integers);
    nn_status status = NN_OK;
    if (work == NULL || integers == NULL)
        status = nn_fail_memory((size_t)work_size * sizeof *work);
    else
        blas->dsyevd("V", "U", &n, square, &n, values, work, &work_size, integers, &integer_size,
                     &info);
    if (status == NN_OK && info != 0) status = nn_fail(NN_INTERNAL, "dsyevd failed with %d", info);
    /* ascending eigenvalues; column-major eigenvectors are rows here */
    for (int64_t r = 0; status == NN_OK && r < rank; r++)
        memcpy(out + r * rows, square + (rows - 1 - r) * rows, (size_t)rows * sizeof *out);
    nn_free(square);
    nn_free(values);
    nn_free(work);
    nn_free(integers);
    return status;
}

/* ---- the first factor of each form ---- */

/* CHANNEL, LOW_RANK: the directions in which the responses W (x - mean) vary most. */
static nn_status first_of_responses(const nn_factor_source *source, const double *cov, int64_t rank,
                                    double *first) {
    const nn_blas *blas;
    NN_TRY(nn_blas_get(&blas));
    int64_t columns = source->inputs * taps_of(source), outputs = source->outputs;
    int side = (int)source->moments->side;
    double *product = nn_alloc((size_t)(outputs * columns) * sizeof *product);
    double *responses = nn_alloc((size_t)(outputs * outputs) * sizeof *responses);
    double *directions = nn_alloc((size_t)(outputs * rank) * sizeof *directions);
    nn_status status = NN_OK;
    if (product == NULL || responses == NULL || directions == NULL) {
        status = nn_fail_memory((size_t)(outputs * columns) * sizeof *product);
    } else {
        blas->dgemm(ROW_MAJOR, NO_TRANSPOSE, NO_TRANSPOSE, (int)outputs, (int)columns, (int)columns,
                    1, source->weights, side, cov, (int)columns, 0, product, (int)columns);
        blas->dgemm(ROW_MAJOR, NO_TRANSPOSE, TRANSPOSE, (int)outputs, (int)outputs, (int)columns, 1,
                    product, (int)columns, source->weights, side, 0, responses, (int)outputs);
        /* eigenvectors of a symmetric matrix are its left singular vectors */
        status = left_singular_vectors(responses, outputs, outputs, rank, directions);
    }
    if (status == NN_OK)
        blas->dgemm(ROW_MAJOR, NO_TRANSPOSE, NO_TRANSPOSE, (int)rank, (int)columns, (int)outputs, 1,
                    directions, (int)outputs, source->weights, side, 0, first, (int)columns);
    nn_free(product);
    nn_free(responses);
    nn_free(directions);
    return status;
}

/* SPATIAL: left singular vectors of the weights as a (inputs kh) x (outputs kw) matrix. */
static nn_status first_of_columns(const nn_factor_source *source, int64_t rank, double *first) {
    int64_t kh = source->kernel_height, kw = source->kernel_width, rows = source->inputs * kh;
    int64_t columns = source->outputs * kw, side = source->moments->side;
    double *m = nn_alloc((size_t)(rows * columns) * sizeof *m);
    if (m == NULL) return nn_fail_memory((size_t)(rows * columns) * sizeof *m);
    for (int64_t o = 0; o < source->outputs; o++)
        for (int64_t r = 0; r < rows; r++)
            for (int64_t b = 0; b < kw; b++)
                m[r * columns + o * kw + b] = source->weights[o * side + r * kw + b];
    nn_status status = left_singular_vectors(m, rows, columns, rank, first);
    nn_free(m);
    return status;
}

/* DEPTHWISE: for each input channel, left singular vectors of its taps x outputs weights. */
static nn_status first_of_channels(const nn_factor_source *source, int64_t rank, double *first) {
    int64_t taps = taps_of(source), side = source->moments->side;
    double *m = nn_alloc((size_t)(taps * source->outputs) * sizeof *m);
    if (m == NULL) return nn_fail_memory((size_t)(taps * source->outputs) * sizeof *m);
    nn_status status = NN_OK;
    for (int64_t c = 0; status == NN_OK && c < source->inputs; c++) {
        for (int64_t t = 0; t < taps; t++)
            for (int64_t o = 0; o < source->outputs; o++)
                m[t * source->outputs + o] = source->weights[o * side + c * taps + t];
        status = left_singular_vectors(m, taps, source->outputs, rank, first + c * rank * taps);
    }
    nn_free(m);
    return status;
}

/* The map from x to the features that the second node reads: features x columns. */
static void expand_first(const nn_factor_source *source, const nn_factorization *factors,
                         double *map) {
    int64_t kh = source->kernel_height, kw = source->kernel_width, taps = kh * kw;
    int64_t columns = source->inputs * taps, rank = factors->rank;
    memset(map, 0, (size_t)(factors->features * columns) * sizeof *map);
    switch (factors->form) {
    case NN_FORM_CHANNEL:
    case NN_FORM_LOW_RANK:
        memcpy(map, factors->first, (size_t)(rank * columns) * sizeof *map);
        break;
    case NN_FORM_SPATIAL:
        for (int64_t r = 0; r < rank; r++)
            for (int64_t b = 0; b < kw; b++)
                for (int64_t row = 0; row < source->inputs * kh; row++)
                    map[(r * kw + b) * columns + row * kw + b] =
                        factors->first[r * source->inputs * kh + row];
        break;
    case NN_FORM_DEPTHWISE:
        for (int64_t f = 0; f < factors->features; f++)
            memcpy(map + f * columns + f / rank * taps, factors->first + f * taps,
                   (size_t)taps * sizeof *map);
        break;
    case NN_FORM_COUNT:
        break;
    }
}

/* ---- the second factor ---- */

/* second = W cov map^T (map cov map^T)^-1, and the bias that keeps the mean; error from the
 * residue. */
static nn_status fit_second(const nn_factor_source *source, const double *cov, const double *map,
                            nn_factorization *out) {
    const nn_blas *blas;
    NN_TRY(nn_blas_get(&blas));
    const nn_moments *moments = source->moments;
    int64_t columns = source->inputs * taps_of(source), features = out->features;
    int n = (int)columns, f = (int)features, outputs = (int)source->outputs,
        side = (int)moments->side;
    double *projected = nn_alloc((size_t)(features * columns) * sizeof(double)); /* map cov */
    nn_moments fit;
    nn_status status = nn_moments_init(&fit, features, source->outputs, false);
    if (projected == NULL && status == NN_OK) status = nn_fail_memory((size_t)(features * columns));
    double *response = nn_alloc((size_t)(outputs * columns) * sizeof(double)); /* W cov */
    if (response == NULL && status == NN_OK) status = nn_fail_memory((size_t)(outputs * columns));
    if (status == NN_OK) {
        blas->dgemm(ROW_MAJOR, NO_TRANSPOSE, NO_TRANSPOSE, f, n, n, 1, map, n, cov, n, 0, projected,
                    n);
        blas->dgemm(ROW_MAJOR, NO_TRANSPOSE, TRANSPOSE, f, f, n, 1, projected, n, map, n, 0,
                    fit.gram, f);
        blas->dgemm(ROW_MAJOR, NO_TRANSPOSE, TRANSPOSE, outputs, f, n, 1, source->weights, side,
                    projected, n, 0, fit.cross, f);
        blas->dgemm(ROW_MAJOR, NO_TRANSPOSE, NO_TRANSPOSE, outputs, n, n, 1, source->weights, side,
                    cov, n, 0, response, n);
        for (int64_t o = 0; o < outputs; o++) {
            double sum = 0;
            for (int64_t i = 0; i < columns; i++)
                sum += response[o * columns + i] * source->weights[o * side + i];
            fit.target_square[o] = fmax(sum, 0);
        }
        fit.positions = moments->positions;
        status = nn_ridge_solve(&fit, damping, NULL, out->second);
    }
    if (status == NN_OK) {
        out->error = nn_moments_error(&fit, out->second);
        for (int64_t o = 0; out->bias != NULL && o < outputs; o++) {
            /* mean y - second (map mean x), the mean of x being the bias column of the Gram matrix
             */
            double bias = source->weights[o * side + columns];
            for (int64_t i = 0; i < columns; i++) {
                double mean = moments->gram[i * side + columns] / (double)moments->positions;
                double weight = source->weights[o * side + i];
                for (int64_t k = 0; k < features; k++)
                    weight -= out->second[o * features + k] * map[k * columns + i];
                bias += weight * mean;
            }
            out->bias[o] = bias;
        }
    }
    nn_free(projected);
    nn_free(response);
    nn_moments_clear(&fit);
    return status;
}

static void set_sizes(const nn_factor_source *source, nn_factorization *out) {
    int64_t taps = taps_of(source), columns = source->inputs * taps, rank = out->rank;
    switch (out->form) {
    case NN_FORM_CHANNEL:
    case NN_FORM_LOW_RANK:
        out->features = rank;
        out->first_count = rank * columns;
        break;
    case NN_FORM_SPATIAL:
        out->features = rank * source->kernel_width;
        out->first_count = rank * source->inputs * source->kernel_height;
        break;
    case NN_FORM_DEPTHWISE:
        out->features = source->inputs * rank;
        out->first_count = out->features * taps;
        break;
    case NN_FORM_COUNT:
        break;
    }
    out->macs = (double)out->first_count + (double)(out->features * source->outputs);
}

nn_status nn_factorize(const nn_factor_source *source, nn_factor_form form, int64_t rank,
                       nn_factorization *out) {
    int64_t columns = source->inputs * taps_of(source);
    memset(out, 0, sizeof *out);
    out->form = form;
    out->rank = rank;
    set_sizes(source, out);
    out->first = nn_alloc((size_t)out->first_count * sizeof(double));
    out->second = nn_alloc((size_t)(out->features * source->outputs) * sizeof(double));
    if (source->moments->has_bias) out->bias = nn_alloc((size_t)source->outputs * sizeof(double));
    double *cov = covariance(source);
    double *map = nn_alloc((size_t)(out->features * columns) * sizeof(double));
    nn_status status = NN_OK;
    if (out->first == NULL || out->second == NULL || cov == NULL || map == NULL ||
        (source->moments->has_bias && out->bias == NULL))
        status = nn_fail_memory((size_t)(out->features * columns) * sizeof(double));
    if (status == NN_OK) {
        if (form == NN_FORM_SPATIAL)
            status = first_of_columns(source, rank, out->first);
        else if (form == NN_FORM_DEPTHWISE)
            status = first_of_channels(source, rank, out->first);
        else
            status = first_of_responses(source, cov, rank, out->first);
    }
    if (status == NN_OK) {
        expand_first(source, out, map);
        status = fit_second(source, cov, map, out);
    }
    nn_free(cov);
    nn_free(map);
    if (status != NN_OK) nn_factorization_clear(out);
    return status;
}

void nn_factorization_clear(nn_factorization *factorization) {
    nn_free(factorization->first);
    nn_free(factorization->second);
    nn_free(factorization->bias);
    memset(factorization, 0, sizeof *factorization);
}
