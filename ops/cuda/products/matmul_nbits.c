/* MatMulNBits: few rows read the weights as they are; for more they are unpacked first, and the
 * product is cuBLASLt's. */
#include "ops/family/matmul_nbits.h"

#include "ops/cuda/elements/element_host.h"
#include "ops/cuda/products/matmul_nbits_launch.h"
#include "ops/cuda/products/product.h"
#include "ops/cuda/runtime/queue.h"
#include "ops/family/types.h"

enum { FEW_ROWS = 16, ALIGNMENT = 256 };

typedef struct nbits_state {
    bool unpacks;
    nn_product product;
    nn_product_plan plan;
    size_t product_workspace; /* offset, behind the weights */
} nbits_state;

static bool accepts(const nn_node_view *node, const nn_target *target) {
    const nn_fact *bias = nn_view_in(node, NN_NBITS_BIAS);
    (void)target;
    return nn_epilogue_is_empty(&node->epilogue) && nn_view_in(node, NN_NBITS_ORDER) == NULL &&
           (bias == NULL || bias->type == node->in[NN_NBITS_A]->type);
}

static int64_t rows_of(const nn_node_view *node) {
    const nn_nbits_attrs *attrs = node->attrs;
    return nn_fact_count(node->in[NN_NBITS_A]) / attrs->k;
}

static nn_product product_of(const nn_node_view *node, const nn_target *target) {
    const nn_nbits_attrs *attrs = node->attrs;
    const nn_type type = node->in[NN_NBITS_A]->type;
    const bool has_bias = nn_view_in(node, NN_NBITS_BIAS) != NULL;
    return (nn_product){
        .gemm = {.batch = 1,
                 .m = rows_of(node),
                 .n = attrs->n,
                 .k = attrs->k,
                 .transpose_b = true,
                 .a_row = attrs->k,
                 .b_row = attrs->k,
                 .type = type,
                 .alpha = 1,
                 .alignment = 16,
                 .precision = target->precision,
                 .deterministic = target->deterministic},
        .y_type = type,
        .bias_type = has_bias ? type : NNOPT_TYPE_NONE,
        .bias_column = 1,
        .bias_scale = 1,
    };
}

static nn_status prepare(const nn_node_view *node, const nn_target *target, nn_prepare *prepare) {
    const nn_nbits_attrs *attrs = node->attrs;
    nbits_state *state = nn_prepare_state(prepare, sizeof *state);
    if (state == NULL) return nn_fail_memory(sizeof *state);
    if (rows_of(node) <= FEW_ROWS) return NN_OK;
    state->product = product_of(node, target);
    const nn_status status = nn_product_prepare(target->device, &state->product, &state->plan);
    if (status == NN_UNSUPPORTED) return NN_OK; /* as of few rows */
    NN_TRY(status);
    const size_t bytes = nn_element_bytes(attrs->n * attrs->k, state->product.y_type);
    state->unpacks = true;
    state->product_workspace = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    nn_prepare_workspace(prepare, state->product_workspace + state->plan.workspace);
    return NN_OK;
}

static nn_status run(const nn_call *call) {
    const nn_nbits_attrs *attrs = call->node->attrs;
    const nbits_state *state = call->state;
    const nn_tensor *a = call->in[NN_NBITS_A], *scales = call->in[NN_NBITS_SCALES];
    const nn_tensor *zeros = nn_call_in(call, NN_NBITS_ZEROS);
    const nn_tensor *bias = nn_call_in(call, NN_NBITS_BIAS), *y = call->out[0];
    const nn_nbits_weights w = nn_nbits_weights_of(attrs, call->in[NN_NBITS_B], scales, zeros);
    if (nn_tensor_count(y) == 0) return NN_OK;
    const nn_cuda_nbits weights = {
        .bits = (int)attrs->bits,
        .k = attrs->k,
        .n = attrs->n,
        .block_shift = __builtin_ctzll((unsigned long long)attrs->block),
        .blocks = w.blocks,
        .block_bytes = w.block_bytes,
        .zero_bytes = w.zero_bytes,
        .scale_type = scales->type,
        .zero_type = zeros != NULL ? zeros->type : NNOPT_TYPE_NONE,
        .b = w.b,
        .scales = scales->data,
        .zeros = zeros != NULL ? zeros->data : NULL,
    };
    const void *bias_data = bias != NULL ? bias->data : NULL;
    if (state->unpacks) {
        NN_TRY(
            nn_cuda_launched(call, nn_cuda_launch_nbits_unpack(&weights, a->type, call->workspace,
                                                               call->queue->stream)));
        const nn_product_operands operands = {
            .a = a->data,
            .b = call->workspace,
            .bias = bias_data,
            .y = y->data,
            .workspace = (char *)call->workspace + state->product_workspace,
        };
        return nn_product_run(&state->product, &state->plan, &operands, call->queue);
    }
    const nn_cuda_nbits_product product = {
        .weights = weights,
        .type = a->type,
        .bias_type = bias != NULL ? bias->type : NNOPT_TYPE_NONE,
        .rows = nn_tensor_count(y) / attrs->n,
        .a = a->data,
        .bias = bias_data,
        .y = y->data,
    };
    return nn_cuda_launched(call, nn_cuda_launch_nbits_product(&product, call->queue->stream));
}

static const nn_kernel matmul_nbits_cuda = {
    .name = "matmul_nbits_cuda",
    .on_device = true,
    .exactness = NN_ROUNDING,
    .accepts = accepts,
    .prepare = prepare,
    .run = run,
};

const nn_kernel *const nn_cuda_matmul_nbits_kernels[] = {&matmul_nbits_cuda, NULL};
