#include "formats/compare.h"

#include <math.h>
#include <stdio.h>

typedef struct difference {
    int64_t count, worst;
    double excess; /* how far the worst is over its tolerance */
} difference;

/* What the comparison computes in: numpy's result type of the elements and a Python float. */
static double rounded(nn_type type, double value) {
    if (type == NNOPT_FLOAT16)
        return nn_half_to_float(nn_float_to_half(nn_double_to_float_odd(value)));
    bool is_single = type == NNOPT_FLOAT || type == NNOPT_BFLOAT16 || type == NNOPT_COMPLEX64;
    return is_single ? (double)(float)value : value;
}

static double tolerance_of(nn_type type, double magnitude, double rtol, double atol) {
    double share = rounded(type, rounded(type, rtol) * magnitude);
    return rounded(type, rounded(type, atol) + share);
}

static void judge(difference *found, int64_t index, double distance, double tolerance) {
    double excess = distance - tolerance;
    if (excess <= 0) return; /* false for NaN, and infinite where one side is */
    if (isnan(excess)) excess = INFINITY;
    if (found->count++ > 0 && excess <= found->excess) return;
    found->worst = index;
    found->excess = excess;
}

static nn_status compare_numbers(const nn_tensor *expected, const nn_tensor *actual, double rtol,
                                 double atol) {
    nn_type type = expected->type;
    int64_t count = nn_tensor_count(expected);
    difference found = {0};
    for (int64_t i = 0; i < count; i++) {
        double a = nn_tensor_get(expected, i), b = nn_tensor_get(actual, i);
        if (a == b || (isnan(a) && isnan(b))) continue;
        judge(&found, i, fabs(rounded(type, b - a)), tolerance_of(type, fabs(a), rtol, atol));
    }
    if (found.count == 0) return NN_OK;
    return nn_fail(NN_CHECK,
                   "%lld of %lld elements differ, worst element %lld: %.9g, expected %.9g",
                   (long long)found.count, (long long)count, (long long)found.worst,
                   nn_tensor_get(actual, found.worst), nn_tensor_get(expected, found.worst));
}

/* Element `index` of complex numbers seen as twice as many real ones. */
static double part_of(const nn_tensor *tensor, int64_t index) {
    nn_tensor parts = *tensor;
    parts.type = tensor->type == NNOPT_COMPLEX64 ? NNOPT_FLOAT : NNOPT_DOUBLE;
    return nn_tensor_get(&parts, index);
}

/* The distance is that of the plane; a number with one NaN is NaN. */
static nn_status compare_complex(const nn_tensor *expected, const nn_tensor *actual, double rtol,
                                 double atol) {
    nn_type type = expected->type;
    int64_t count = nn_tensor_count(expected);
    difference found = {0};
    for (int64_t i = 0; i < count; i++) {
        double x = part_of(expected, 2 * i), y = part_of(expected, 2 * i + 1);
        double u = part_of(actual, 2 * i), v = part_of(actual, 2 * i + 1);
        if ((x == u && y == v) || ((isnan(x) || isnan(y)) && (isnan(u) || isnan(v)))) continue;
        double distance = rounded(type, hypot(rounded(type, u - x), rounded(type, v - y)));
        judge(&found, i, isnan(u) || isnan(v) ? NAN : distance,
              tolerance_of(type, rounded(type, hypot(x, y)), rtol, atol));
    }
    if (found.count == 0) return NN_OK;
    int64_t at = 2 * found.worst;
    return nn_fail(NN_CHECK,
                   "%lld of %lld elements differ, worst element %lld: %.9g%+.9gi, expected "
                   "%.9g%+.9gi",
                   (long long)found.count, (long long)count, (long long)found.worst,
                   part_of(actual, at), part_of(actual, at + 1), part_of(expected, at),
                   part_of(expected, at + 1));
}

static nn_status compare_strings(const nn_tensor *expected, const nn_tensor *actual) {
    const char *const *a = expected->data, *const *b = actual->data;
    for (int64_t i = 0; i < nn_tensor_count(expected); i++)
        if (strcmp(a[i], b[i]) != 0)
            return nn_fail(NN_CHECK, "element %lld is '%s', expected '%s'", (long long)i, b[i],
                           a[i]);
    return NN_OK;
}

static nn_status compare_items(const nn_tensor *expected, const nn_tensor *actual, double rtol,
                               double atol) {
    const nn_tensor *a = expected->data, *b = actual->data;
    for (int64_t i = 0; i < expected->dims[0]; i++) {
        nn_status status = nn_tensor_compare(&a[i], &b[i], rtol, atol);
        if (status != NN_OK) return nn_fail_context(status, "item %lld", (long long)i);
    }
    return NN_OK;
}

nn_status nn_tensor_compare(const nn_tensor *expected, const nn_tensor *actual, double rtol,
                            double atol) {
    if (expected->type != actual->type)
        return nn_fail(NN_CHECK, "type is %s, expected %s", nnopt_type_name(actual->type),
                       nnopt_type_name(expected->type));
    if (!nn_dims_equal(expected->dims, expected->rank, actual->dims, actual->rank)) {
        char got[256], wanted[256];
        return nn_fail(NN_CHECK, "shape is %s, expected %s",
                       nn_dims_text(actual->dims, actual->rank, got, sizeof got),
                       nn_dims_text(expected->dims, expected->rank, wanted, sizeof wanted));
    }
    if (nn_type_is_container(expected->type)) return compare_items(expected, actual, rtol, atol);
    if (expected->type == NNOPT_STRING) return compare_strings(expected, actual);
    if (expected->type == NNOPT_BFLOAT16) rtol = fmax(rtol, 0x1p-6);
    if (expected->type == NNOPT_COMPLEX64 || expected->type == NNOPT_COMPLEX128)
        return compare_complex(expected, actual, rtol, atol);
    return compare_numbers(expected, actual, rtol, atol);
}
