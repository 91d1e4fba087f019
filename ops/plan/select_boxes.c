/* NonMaxSuppression with room for all that may be found: output 0 begins with what was, output 1
 * counts it. For plans whose kernels cannot make their outputs. */
#include "ops/family/box_selection.h"
#include "ops/family/infer.h"

static nn_status infer(const nn_node_view *node) {
    const nn_fact *scores = node->in[NN_BOX_SCORES];
    const int64_t most = nn_box_most(node), one = 1;
    int64_t rows = NN_DIM_UNKNOWN;
    NN_TRY(nn_box_check(node));
    if (most >= 0 && scores->rank == 3)
        rows = nn_dim_multiply(nn_dim_multiply(scores->dims[0], scores->dims[1]), most);
    NN_TRY(nn_set_output(node, 1, NNOPT_INT64, 1, &one));
    return nn_set_output(node, 0, NNOPT_INT64, 2, (int64_t[]){rows, 3});
}

static nn_status run(const nn_call *call) {
    nn_tensor *triples = call->out[0], *count = call->out[1];
    nn_box_list list;
    nn_status status = nn_box_select(call, &list);
    if (status == NN_OK && triples != NULL) {
        nn_tensor_zero(triples);
        if (list.count > 0)
            memcpy(triples->data, list.triples, (size_t)list.count * 3 * sizeof *list.triples);
    }
    if (status == NN_OK && count != NULL) *(int64_t *)count->data = list.count;
    nn_free(list.triples);
    return status;
}

static const nn_kernel reference = {
    .name = "select_boxes_reference",
    .exactness = NN_EXACT,
    .run = run,
};

static const nn_kernel *const kernels[] = {&reference, NULL};

const nn_op nn_op_select_boxes = {
    .name = "SelectBoxes",
    .domain = "nnopt",
    .since = 1,
    .min_inputs = 2,
    .max_inputs = 5,
    .min_outputs = 2,
    .max_outputs = 2,
    .attr_size = sizeof(nn_box_attrs),
    .parse = nn_box_parse,
    .infer = infer,
    .kernels = kernels,
};
