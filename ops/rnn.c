#include "ops/cpu/kernels.h"
#include "ops/family/recurrent.h"

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    return nn_recurrent_parse(node, attrs, NN_GATES_RNN, out);
}

static const nn_kernel *const kernels[] = {NN_BF16_PRODUCT(recurrent) NN_ROW_KERNELS(recurrent),
                                           &nn_kernel_recurrent_reference, NULL};

const nn_op nn_op_rnn = {
    .name = "RNN",
    NN_RECURRENT_COLUMNS,
    .max_inputs = 6,
    .max_outputs = 2,
    .parse = parse,
    .kernels = kernels,
};
