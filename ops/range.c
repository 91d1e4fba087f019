#include "ops/family/infer.h"

#include <math.h>

/* Elements from start to limit; -1 when delta is 0 or there are too many. */
static int64_t count_integers(int64_t start, int64_t limit, int64_t delta) {
    if (delta == 0) return -1;
    if (delta > 0 ? start >= limit : start <= limit) return 0;
    uint64_t distance =
        delta > 0 ? (uint64_t)limit - (uint64_t)start : (uint64_t)start - (uint64_t)limit;
    uint64_t step = delta > 0 ? (uint64_t)delta : 0 - (uint64_t)delta;
    uint64_t count = (distance - 1) / step + 1;
    return count <= INT64_MAX ? (int64_t)count : -1;
}

static int64_t count_elements(const nn_tensor *start, const nn_tensor *limit,
                              const nn_tensor *delta) {
    if (nn_type_is_integer(start->type))
        return count_integers(nn_tensor_get_int(start, 0), nn_tensor_get_int(limit, 0),
                              nn_tensor_get_int(delta, 0));
    double step = nn_tensor_get(delta, 0);
    double count = ceil((nn_tensor_get(limit, 0) - nn_tensor_get(start, 0)) / step);
    if (step == 0 || !(count < 0x1p62)) return -1;
    return count > 0 ? (int64_t)count : 0;
}

static nn_status infer(const nn_node_view *node) {
    int64_t dims[1] = {NN_DIM_UNKNOWN};
    NN_TRY(nn_check_types(node, 0, 2, NN_TYPES_NUMBER));
    NN_TRY(nn_check_same_types(node, 0, 2));
    bool known = true;
    for (int i = 0; i < 3; i++) {
        if (node->in[i]->rank >= 0 && nn_fact_count(node->in[i]) != 1 &&
            nn_fact_count(node->in[i]) != -1)
            return nn_view_fail(node, NN_BAD_INPUT, "input %d is not a scalar", i);
        known = known && node->in[i]->constant != NULL;
    }
    nn_type type = NNOPT_TYPE_NONE;
    for (int i = 0; i < 3 && type == NNOPT_TYPE_NONE; i++) type = node->in[i]->type;
    int64_t start, limit, delta;
    if (known) {
        dims[0] =
            count_elements(node->in[0]->constant, node->in[1]->constant, node->in[2]->constant);
        if (dims[0] < 0)
            return nn_view_fail(node, NN_BAD_INPUT, "steps of %g from %g do not end at %g",
                                nn_tensor_get(node->in[2]->constant, 0),
                                nn_tensor_get(node->in[0]->constant, 0),
                                nn_tensor_get(node->in[1]->constant, 0));
    } else if (nn_fact_element(node->in[0], 0, &start) && start == 0 &&
               nn_fact_element(node->in[2], 0, &delta) && delta == 1 &&
               nn_elements_count(node->in[1]) == 1) {
        dims[0] = nn_dim_of_element(nn_elements_get(node->in[1], 0));
        if (nn_fact_element(node->in[1], 0, &limit) && limit < 0) dims[0] = 0;
    }
    return nn_set_output(node, 0, type, 1, dims);
}

static nn_status run(const nn_call *call) {
    const nn_tensor *start = call->in[0], *delta = call->in[2];
    nn_tensor *out = call->out[0];
    int64_t count = nn_tensor_count(out);
    if (nn_type_is_integer(out->type)) {
        uint64_t first = (uint64_t)nn_tensor_get_int(start, 0);
        uint64_t step = (uint64_t)nn_tensor_get_int(delta, 0);
        for (int64_t i = 0; i < count; i++) {
            int64_t value = (int64_t)(first + (uint64_t)i * step);
            nn_store_int(out->type, &value, nn_at_out(out->data, out->type, i), 1);
        }
        return NN_OK;
    }
    double first = nn_tensor_get(start, 0), step = nn_tensor_get(delta, 0);
    for (int64_t i = 0; i < count; i++) {
        double value = first + (double)i * step;
        nn_store_double(out->type, &value, nn_at_out(out->data, out->type, i), 1);
    }
    return NN_OK;
}

static bool accepts(const nn_node_view *node, const nn_target *target) {
    (void)target;
    return nn_type_in(node->in[0]->type, NN_TYPES_NUMBER);
}

static const nn_kernel reference = {
    .name = "range_reference",
    .exactness = NN_EXACT,
    .accepts = accepts,
    .run = run,
};

static const nn_kernel *const kernels[] = {&reference, NULL};

const nn_op nn_op_range = {
    .name = "Range",
    .domain = "",
    .since = 11,
    .min_inputs = 3,
    .max_inputs = 3,
    .min_outputs = 1,
    .max_outputs = 1,
    .infer = infer,
    .kernels = kernels,
};
