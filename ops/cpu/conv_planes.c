#include "ops/cpu/conv_planes.h"

#include "ops/family/half.h"

static void run_planes(void *argument, int64_t begin, int64_t end, int worker) {
    const nn_conv_planes *self = argument;
    int64_t pixels = self->geometry.out_pixels;
    (void)worker;
    for (int64_t i = begin; i < end; i++) {
        if (self->type == NNOPT_DOUBLE) {
            self->plane_f64(self, i);
            continue;
        }
        self->plane_f32(self, i);
        const float *residual = self->residual ? self->residual + i * pixels : NULL;
        nn_epilogue_apply(self->epilogue, residual, (float *)self->y + i * pixels, pixels);
    }
}

nn_status nn_conv_planes_run(const nn_call *call, const nn_conv_geometry *geometry,
                             nn_conv_plane plane_f32, nn_conv_plane plane_f64) {
    const nn_epilogue *epilogue = &call->node->epilogue;
    nn_conv_planes self = {
        .geometry = *geometry,
        .type = call->out[0]->type,
        .x = call->in[0]->data,
        .w = call->in[1]->data,
        .bias = call->in_count > 2 && call->in[2] != NULL ? call->in[2]->data : NULL,
        .y = call->out[0]->data,
        .epilogue = epilogue,
        .residual = nn_call_residual_data(call),
        .plane_f32 = plane_f32,
        .plane_f64 = plane_f64,
    };
    nn_parallel(call->pool, geometry->batch * geometry->out_channels, 1, run_planes, &self);
    return NN_OK;
}

nn_status nn_conv_planes_prepare(const nn_node_view *node, const nn_target *target,
                                 nn_prepare *services) {
    (void)target;
    nn_prepare_workspace(services, nn_half_workspace(node));
    return NN_OK;
}

bool nn_conv_planes_accepts(const nn_node_view *node, const nn_target *target) {
    (void)target;
    return node->out[0]->type == NNOPT_FLOAT || nn_epilogue_is_empty(&node->epilogue);
}
