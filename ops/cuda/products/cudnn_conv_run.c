/* Puts a convolution into a queue: the graph, or the product, and the kernel behind it. */
#include "ops/cuda/products/cudnn_conv.h"
#include "ops/cuda/products/epilogue_launch.h"
#include "ops/cuda/runtime/queue.h"

/* What the form leaves to us, in place. */
static nn_status run_epilogue(const nn_cudnn_conv *problem, nn_cudnn_form form,
                              const nn_cudnn_conv_operands *o, nn_device_queue *queue) {
    const nn_conv_geometry *g = &problem->geometry;
    const bool is_plain = form == NN_CUDNN_PLAIN;
    nn_cuda_epilogue arguments = {
        .x_type = problem->y_type,
        .y_type = problem->y_type,
        .bias_type = NNOPT_FLOAT,
        .residual_type = problem->residual_type,
        .x = o->y,
        .y = o->y,
        .bias = is_plain && problem->has_bias ? o->bias : NULL,
        .residual = is_plain || !nn_cudnn_conv_adds_residual_first(problem) ? o->residual : NULL,
        .scale = 1,
        .bias_scale = 1,
        .bias_column = 1,
        .before = problem->before,
        .after = problem->after,
        .rows = g->batch * g->out_pixels,
        .columns = g->out_channels};
    return nn_cuda_check(nn_cuda_launch_epilogue(&arguments, queue->stream), "run an epilogue");
}

nn_status nn_cudnn_conv_run(const nn_cudnn_conv *problem, const nn_cudnn_conv_plan *plan,
                            const nn_cudnn_conv_operands *o, nn_device_queue *queue) {
    int64_t uids[NN_CUDNN_Y + NN_CUDNN_MOST_NUMBERS];
    const void *pointers[NN_CUDNN_Y + NN_CUDNN_MOST_NUMBERS];
    const bool is_fused = plan->form == NN_CUDNN_FUSED, is_plain = plan->form == NN_CUDNN_PLAIN;
    const bool adds_residual =
        is_fused || (!is_plain && nn_cudnn_conv_adds_residual_first(problem));
    const struct {
        int64_t uid;
        const void *pointer;
    } operands[] = {{NN_CUDNN_X, o->x},
                    {NN_CUDNN_W, o->w},
                    {NN_CUDNN_BIAS, !is_plain && problem->has_bias ? o->bias : NULL},
                    {NN_CUDNN_RESIDUAL, adds_residual ? o->residual : NULL},
                    {NN_CUDNN_Y, o->y}};
    const nn_product_operands product = {o->x, o->w, o->bias, o->residual, o->y, o->workspace};
    const nn_cudnn *cudnn;
    cudnnHandle_t handle;
    int count = 0;
    if (plan->form == NN_CUDNN_PRODUCT)
        return nn_product_run(&plan->product, &plan->product_plan, &product, queue);
    NN_TRY(nn_cudnn_handle(queue, &cudnn, &handle));
    for (int i = 0; i < NN_CUDNN_Y; i++) {
        if (operands[i].pointer == NULL) continue;
        uids[count] = operands[i].uid;
        pointers[count++] = operands[i].pointer;
    }
    for (int i = 0; i < plan->numbers.count; i++) {
        uids[count] = NN_CUDNN_NUMBERS + i;
        pointers[count++] = &plan->numbers.values[i];
    }
    NN_TRY(nn_cudnn_plan_run(cudnn, handle, &plan->plan, count, uids, (void *const *)pointers,
                             o->workspace));
    if (is_fused || !nn_cudnn_conv_has_form(problem, plan->form)) return NN_OK;
    return run_epilogue(problem, plan->form, o, queue);
}
