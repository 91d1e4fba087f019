#include "ops/cuda/products/product.h"

#include "ops/cuda/products/epilogue_launch.h"
#include "ops/cuda/runtime/queue.h"

enum { ALIGNMENT = 256 }; /* of parts of workspace */

static const nn_activation nothing = {NN_ACT_NONE, 0, 0};

static bool is_half(nn_type type) {
    return type == NNOPT_FLOAT16 || type == NNOPT_BFLOAT16;
}

/* cuBLASLt's Gelu is the one with tanh. */
static bool can_fuse(nn_activation a) {
    return a.kind == NN_ACT_RELU || a.kind == NN_ACT_GELU_TANH;
}

/* Multiplications become part of alpha where nothing was added yet. */
static void take_scale(nn_activation *activation, nn_cublas_gemm *gemm) {
    if (activation->kind != NN_ACT_LINEAR || activation->beta != 0) return;
    gemm->alpha *= activation->alpha;
    *activation = nothing;
}

/* Gives cuBLASLt what it can do in its order: product, matrix, bias, activation; the rest is ours.
 */
static void split(const nn_product *p, nn_type d_type, nn_product_plan *out) {
    nn_cublas_gemm *gemm = &out->gemm;
    const bool has_bias = p->bias_type != NNOPT_TYPE_NONE;
    const bool has_residual = p->residual_type != NNOPT_TYPE_NONE;
    *out = (nn_product_plan){.gemm = p->gemm,
                             .own_bias = has_bias,
                             .own_residual = has_residual,
                             .own_before = p->before,
                             .own_after = p->after};
    gemm->d_type = d_type;
    if (!has_bias) take_scale(&out->own_before, gemm);
    if (!has_bias && !has_residual && out->own_before.kind == NN_ACT_NONE)
        take_scale(&out->own_after, gemm);
    if (has_bias && p->bias_type == d_type && p->bias_scale == 1 && p->bias_column == 1) {
        gemm->adds_bias = p->bias_row == 0;
        out->bias_is_matrix = p->bias_row >= gemm->n && gemm->batch == 1;
        out->own_bias = !gemm->adds_bias && !out->bias_is_matrix;
    }
    if (out->own_bias) return;
    if (out->own_before.kind != NN_ACT_NONE) {
        if (!can_fuse(out->own_before)) return;
        gemm->activation = out->own_before.kind;
        out->own_before = nothing;
        return;
    }
    if (has_residual && (p->residual_type != d_type || out->bias_is_matrix)) return;
    out->own_residual = false;
    if (!can_fuse(out->own_after)) return;
    gemm->activation = out->own_after.kind;
    out->own_after = nothing;
}

static void split_nothing(const nn_product *p, nn_type d_type, nn_product_plan *out) {
    *out = (nn_product_plan){.gemm = p->gemm,
                             .own_bias = p->bias_type != NNOPT_TYPE_NONE,
                             .own_residual = p->residual_type != NNOPT_TYPE_NONE,
                             .own_before = p->before,
                             .own_after = p->after};
    out->gemm.d_type = d_type;
}

static bool has_own(const nn_product_plan *plan) {
    return plan->own_bias || plan->own_residual || plan->own_before.kind != NN_ACT_NONE ||
           plan->own_after.kind != NN_ACT_NONE;
}

typedef void split_function(const nn_product *p, nn_type d_type, nn_product_plan *out);

static nn_status try_split(nn_device *device, const nn_product *p, split_function *divide,
                           nn_product_plan *out) {
    divide(p, p->y_type, out);
    /* rounded once, behind all that is added */
    const bool is_float_first = has_own(out) && is_half(p->y_type);
    if (is_float_first) divide(p, NNOPT_FLOAT, out);
    out->is_float_first = is_float_first;
    out->has_own = is_float_first || has_own(out);
    nn_cublas_gemm *gemm = &out->gemm;
    gemm->d_row = gemm->n;
    gemm->d_batch = gemm->m * gemm->n;
    gemm->adds_c =
        out->bias_is_matrix || (p->residual_type != NNOPT_TYPE_NONE && !out->own_residual);
    gemm->c_row = out->bias_is_matrix ? p->bias_row : gemm->n;
    gemm->c_batch = gemm->d_batch;
    NN_TRY(nn_cublas_choose(device, gemm, &out->plan));
    size_t floats = is_float_first ? (size_t)(gemm->batch * gemm->d_batch) * sizeof(float) : 0;
    out->cublas_workspace = (floats + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    out->workspace = out->cublas_workspace + out->plan.workspace;
    return NN_OK;
}

nn_status nn_product_prepare(nn_device *device, const nn_product *product, nn_product_plan *out) {
    nn_status status = try_split(device, product, split, out);
    return status == NN_UNSUPPORTED ? try_split(device, product, split_nothing, out) : status;
}

static nn_status run_own(const nn_product *p, const nn_product_plan *plan,
                         const nn_product_operands *o, const void *d, nn_device_queue *queue) {
    const nn_cublas_gemm *gemm = &plan->gemm;
    const nn_cuda_epilogue arguments = {
        .x_type = gemm->d_type,
        .y_type = p->y_type,
        .bias_type = p->bias_type,
        .residual_type = p->residual_type,
        .x = d,
        .y = o->y,
        .bias = plan->own_bias ? o->bias : NULL,
        .residual = plan->own_residual ? o->residual : NULL,
        .scale = 1,
        .bias_scale = p->bias_scale,
        .bias_row = p->bias_row,
        .bias_column = p->bias_column,
        .before = plan->own_before,
        .after = plan->own_after,
        .rows = gemm->batch * gemm->m,
        .columns = gemm->n,
    };
    return nn_cuda_check(nn_cuda_launch_epilogue(&arguments, queue->stream), "run an epilogue");
}

nn_status nn_product_run(const nn_product *p, const nn_product_plan *plan,
                         const nn_product_operands *o, nn_device_queue *queue) {
    char *workspace = o->workspace;
    void *d = plan->is_float_first ? workspace : o->y;
    const nn_cublas_operands operands = {
        .a = o->a,
        .b = o->b,
        .c = plan->bias_is_matrix ? o->bias : o->residual,
        .bias = o->bias,
        .d = d,
        .workspace = plan->plan.workspace > 0 ? workspace + plan->cublas_workspace : NULL,
    };
    NN_TRY(nn_cublas_run(&plan->gemm, &plan->plan, &operands, queue));
    return plan->has_own ? run_own(p, plan, o, d, queue) : NN_OK;
}

nn_status nn_cuda_convert(const nn_call *call, int input, nn_type to_type, void *to) {
    const nn_tensor *from = call->in[input];
    const nn_cuda_epilogue arguments = {.x_type = from->type,
                                        .y_type = to_type,
                                        .x = from->data,
                                        .y = to,
                                        .scale = 1,
                                        .rows = 1,
                                        .columns = nnopt_tensor_count(from)};
    return nn_cuda_launched(call, nn_cuda_launch_epilogue(&arguments, call->queue->stream));
}
