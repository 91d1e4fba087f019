#include "ops/family/cosine_window.h"

#include <math.h>

nn_status nn_output_datatype(const nn_node_view *node, const nn_attrs *attrs, nn_type *out) {
    int64_t type;
    NN_TRY(nn_attrs_int(attrs, "output_datatype", NNOPT_FLOAT, &type));
    if (type < 0 || type > 31 || !nn_type_in((nn_type)type, NN_TYPES_NUMBER))
        return nn_view_fail(node, NN_BAD_INPUT, "attribute 'output_datatype' is %lld",
                            (long long)type);
    *out = (nn_type)type;
    return NN_OK;
}

nn_status nn_cosine_window_parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    nn_cosine_window_attrs *parsed = out;
    int64_t periodic;
    NN_TRY(nn_attrs_int(attrs, "periodic", 1, &periodic));
    parsed->periodic = periodic != 0;
    return nn_output_datatype(node, attrs, &parsed->type);
}

nn_status nn_cosine_window_infer(const nn_node_view *node) {
    const nn_cosine_window_attrs *attrs = node->attrs;
    int64_t size, dims[1] = {NN_DIM_UNKNOWN};
    NN_TRY(nn_check_types(node, 0, 0, NN_TYPE_BIT(NNOPT_INT32) | NN_TYPE_BIT(NNOPT_INT64)));
    NN_TRY(nn_check_scalar(node, 0));
    if (nn_scalar_input(node, 0, 0, &size) && size < 0)
        return nn_view_fail(node, NN_BAD_INPUT, "size is %lld", (long long)size);
    if (nn_elements_count(node->in[0]) == 1)
        dims[0] = nn_dim_of_element(nn_elements_get(node->in[0], 0));
    return nn_set_output(node, 0, attrs->type, 1, dims);
}

nn_status nn_cosine_window_run(const nn_call *call, const double a[3]) {
    const nn_cosine_window_attrs *attrs = call->node->attrs;
    nn_tensor *out = call->out[0];
    int64_t size = out->dims[0], period = attrs->periodic ? size : size - 1;
    /* A symmetric window of one element is its own middle. */
    if (period == 0 && size == 1) nn_tensor_set(out, 0, 1);
    for (int64_t i = 0; period > 0 && i < size; i++) {
        double angle = 2 * 3.14159265358979323846 * (double)i / (double)period;
        nn_tensor_set(out, i, a[0] - a[1] * cos(angle) + a[2] * cos(2 * angle));
    }
    return NN_OK;
}

bool nn_cosine_window_accepts(const nn_node_view *node, const nn_target *target) {
    (void)target;
    return nn_epilogue_is_empty(&node->epilogue) && nn_type_in(node->out[0]->type, NN_TYPES_NUMBER);
}
