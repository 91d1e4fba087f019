#include "ops/family/ml/svm.h"

#include "ops/cpu/float32/rows_f32.h"

#include <math.h>

static nn_status parse_kernel(const nn_node_view *node, const nn_attrs *attrs, nn_svm_attrs *out) {
    static const char *const names[] = {"LINEAR", "POLY", "RBF", "SIGMOID"};
    const char *text;
    const float *params;
    int64_t count;
    int kernel = 0;
    NN_TRY(nn_attrs_string(attrs, "kernel_type", "LINEAR", &text));
    NN_TRY(nn_attrs_floats(attrs, "kernel_params", &params, &count));
    while (kernel < 4 && strcmp(text, names[kernel]) != 0) kernel++;
    if (kernel == 4) return nn_view_fail(node, NN_BAD_INPUT, "'kernel_type' is '%s'", text);
    if (count != 0 && count != 3)
        return nn_view_fail(node, NN_BAD_INPUT, "'kernel_params' has %lld values, not 3",
                            (long long)count);
    out->kernel = (nn_svm_kernel)kernel;
    out->gamma = count > 0 ? params[0] : 0;
    out->coef0 = count > 0 ? params[1] : 0;
    out->degree = count > 0 ? params[2] : 0;
    return NN_OK;
}

nn_status nn_svm_parse(const nn_node_view *node, const nn_attrs *attrs, nn_svm_attrs *out) {
    NN_TRY(parse_kernel(node, attrs, out));
    NN_TRY(nn_attrs_floats(attrs, "coefficients", &out->coefficients, &out->coefficient_count));
    NN_TRY(nn_attrs_floats(attrs, "rho", &out->rho, &out->rho_count));
    NN_TRY(nn_attrs_floats(attrs, "support_vectors", &out->support_vectors, &out->support_count));
    NN_TRY(nn_post_transform_parse(node, attrs, &out->transform));
    if (out->coefficient_count == 0 || out->rho_count == 0)
        return nn_view_fail(node, NN_BAD_INPUT, "'%s' is missing",
                            out->rho_count == 0 ? "rho" : "coefficients");
    return NN_OK;
}

nn_status nn_svm_set_vectors(const nn_node_view *node, nn_svm_attrs *attrs, int64_t vectors,
                             int64_t linear_rows) {
    int64_t values = vectors > 0 ? attrs->support_count : attrs->coefficient_count;
    int64_t rows = vectors > 0 ? vectors : linear_rows;
    attrs->vectors = vectors;
    if (values == 0 || values % rows != 0)
        return nn_view_fail(node, NN_BAD_INPUT, "'%s' has %lld values for %lld rows",
                            vectors > 0 ? "support_vectors" : "coefficients", (long long)values,
                            (long long)rows);
    attrs->columns = values / rows;
    if (vectors == 0) attrs->kernel = NN_SVM_LINEAR;
    return NN_OK;
}

nn_status nn_svm_prepare_state(const nn_svm_attrs *attrs, nn_prepare *prepare) {
    bool is_linear = attrs->vectors == 0;
    int64_t rows = is_linear ? attrs->coefficient_count / attrs->columns : attrs->vectors;
    size_t bytes;
    if (!nn_weight_rows_bytes(rows, attrs->columns, &bytes)) return nn_fail_memory(SIZE_MAX);
    char *state = nn_prepare_state(prepare, NN_ALIGNMENT + bytes);
    if (state == NULL) return nn_fail_memory(NN_ALIGNMENT + bytes);
    nn_weight_rows_init((nn_weight_rows *)(void *)state,
                        is_linear ? attrs->coefficients : attrs->support_vectors, rows,
                        attrs->columns, (float *)(void *)(state + NN_ALIGNMENT));
    return NN_OK;
}

static float power(float x, float degree) {
    if (degree == 2) return x * x;
    return degree == 3 ? x * x * x : powf(x, degree);
}

void nn_svm_kernels(const nn_svm_attrs *attrs, const nn_weight_rows *vectors, const float *x,
                    float *out) {
    int64_t count = vectors->rows;
    const nn_rows_f32 *rows = nn_rows_f32_best();
    if (attrs->kernel == NN_SVM_RBF) {
        nn_weight_distances(vectors, x, out);
        for (int64_t v = 0; v < count; v++) out[v] *= -attrs->gamma;
        rows->exp(NULL, out, out, count);
        return;
    }
    nn_weight_products(vectors, x, out);
    if (attrs->kernel == NN_SVM_LINEAR) return;
    for (int64_t v = 0; v < count; v++) out[v] = attrs->gamma * out[v] + attrs->coef0;
    if (attrs->kernel == NN_SVM_SIGMOID)
        rows->tanh(NULL, out, out, count);
    else
        for (int64_t v = 0; v < count; v++) out[v] = power(out[v], attrs->degree);
}

void nn_svm_cost(const nn_node_view *node, const nn_svm_attrs *attrs, nn_cost *out) {
    const nn_fact *x = node->in[0];
    double rows = (double)(x->rank == 1 ? 1 : x->dims[0]);
    out->macs = rows * (double)(attrs->support_count + attrs->coefficient_count);
    out->flops = 2 * out->macs;
}
