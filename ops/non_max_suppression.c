#include "ops/family/box_selection.h"
#include "ops/family/infer.h"

static nn_status infer(const nn_node_view *node) {
    NN_TRY(nn_box_check(node));
    return nn_set_output(node, 0, NNOPT_INT64, 2, (int64_t[]){NN_DIM_UNKNOWN, 3});
}

static nn_status run(const nn_call *call) {
    nn_box_list list;
    nn_status status = nn_box_select(call, &list);
    if (status == NN_OK)
        status = nn_tensor_init(call->out[0], NNOPT_INT64, (int64_t[]){list.count, 3}, 2);
    if (status == NN_OK && list.count > 0)
        memcpy(call->out[0]->data, list.triples, (size_t)list.count * 3 * sizeof *list.triples);
    nn_free(list.triples);
    return status;
}

static const nn_kernel reference = {
    .name = "non_max_suppression_reference",
    .exactness = NN_EXACT,
    .makes_outputs = true,
    .run = run,
};

static const nn_kernel *const kernels[] = {&reference, NULL};

const nn_op nn_op_non_max_suppression = {
    .name = "NonMaxSuppression",
    .domain = "",
    .since = 10,
    .min_inputs = 2,
    .max_inputs = 5,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(nn_box_attrs),
    .parse = nn_box_parse,
    .infer = infer,
    .kernels = kernels,
};
