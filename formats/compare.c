#include "formats/compare.h"

#include <math.h>
#include <stdio.h>

typedef struct difference {
    int64_t count, worst;
    double excess; /* how far the worst is over its tolerance */
    double expected, actual;
} difference;

static void judge(difference *found, int64_t index, double expected, double actual, double rtol,
                  double atol) {
    if (expected == actual || (isnan(expected) && isnan(actual))) return;
    double excess = fabs(actual - expected) - (atol + rtol * fabs(expected));
    if (excess <= 0) return; /* false for NaN, and infinite where one side is */
    if (isnan(excess)) excess = INFINITY;
    if (found->count++ > 0 && excess <= found->excess) return;
    found->worst = index;
    found->excess = excess;
    found->expected = expected;
    found->actual = actual;
}

/* Real view of complex numbers: twice as many elements. */
static nn_tensor real_view(const nn_tensor *tensor, int64_t *count) {
    nn_tensor view = *tensor;
    *count = nn_tensor_count(tensor);
    if (tensor->type == NNOPT_COMPLEX64 || tensor->type == NNOPT_COMPLEX128) {
        view.type = tensor->type == NNOPT_COMPLEX64 ? NNOPT_FLOAT : NNOPT_DOUBLE;
        *count *= 2;
    }
    return view;
}

static nn_status compare_strings(const nn_tensor *expected, const nn_tensor *actual) {
    const char *const *a = expected->data, *const *b = actual->data;
    for (int64_t i = 0; i < nn_tensor_count(expected); i++)
        if (strcmp(a[i], b[i]) != 0)
            return nn_fail(NN_CHECK, "element %lld is '%s', expected '%s'", (long long)i, b[i],
                           a[i]);
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
    if (expected->type == NNOPT_STRING) return compare_strings(expected, actual);
    if (expected->type == NNOPT_BFLOAT16) rtol = fmax(rtol, 0x1p-6);
    int64_t count;
    nn_tensor a = real_view(expected, &count), b = real_view(actual, &count);
    bool is_whole = nn_type_is_integer(a.type);
    difference found = {0};
    for (int64_t i = 0; i < count; i++) {
        /* Doubles do not hold every int64. */
        if (is_whole && nn_tensor_get_int(&a, i) == nn_tensor_get_int(&b, i)) continue;
        judge(&found, i, nn_tensor_get(&a, i), nn_tensor_get(&b, i), rtol, atol);
    }
    if (found.count == 0) return NN_OK;
    return nn_fail(NN_CHECK,
                   "%lld of %lld elements differ, worst element %lld: %.9g, expected %.9g",
                   (long long)found.count, (long long)count, (long long)found.worst, found.actual,
                   found.expected);
}
