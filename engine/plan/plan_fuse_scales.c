#include "engine/graph/patch.h"
#include "engine/plan/plan_parts.h"
#include "ops/family/convolution.h"
#include "ops/family/scaled_conv.h"

/* A multiplication of each channel by a factor and the 1x1 convolution that alone reads it. */
typedef struct scaled {
    nn_node *product, *conv;
    nn_value *x, *scale;
} scaled;

static bool is_scale_of(const nn_value *scale, const nn_value *x) {
    const nn_fact *s = &scale->fact, *f = &x->fact;
    return f->type == NNOPT_FLOAT && f->rank == 4 && s->rank == 4 && s->dims[0] == f->dims[0] &&
           s->dims[1] == f->dims[1] && s->dims[2] == 1 && s->dims[3] == 1;
}

/* Pixels that a convolution has for each of its outputs, at least, if its weights are scaled in
 * place of the pixels: these are in a near cache and are scaled by all threads, the weights often
 * come from memory and are to be made ready for products in each run. */
enum { LEAST_PIXELS_PER_CHANNEL = 3 };

/* A convolution of constant weights that reads and makes the same pixels. */
static bool suits(const nn_node *conv) {
    if (conv == NULL || conv->op != &nn_op_conv || conv->outputs[0] == NULL) return false;
    const nn_conv_attrs *attrs = conv->attrs_parsed;
    const nn_fact *x = &conv->inputs[0]->fact, *w = &conv->inputs[1]->fact;
    const nn_fact *y = &conv->outputs[0]->fact;
    return y->rank == 4 && attrs->group == 1 && w->dims[2] == 1 && w->dims[3] == 1 &&
           x->dims[2] == y->dims[2] && x->dims[3] == y->dims[3] &&
           attrs->window.pad_begin[0] == 0 && attrs->window.pad_begin[1] == 0 &&
           y->dims[2] * y->dims[3] >= LEAST_PIXELS_PER_CHANNEL * y->dims[1] &&
           nn_value_is_constant(conv->inputs[1]) &&
           (conv->in_count < 3 || conv->inputs[2] == NULL || nn_value_is_constant(conv->inputs[2]));
}

static bool match(nn_node *node, scaled *out) {
    if (node->op != &nn_op_mul || nn_node_is_folded(node) || !nn_epilogue_is_empty(&node->epilogue))
        return false;
    nn_value *a = node->inputs[0], *b = node->inputs[1];
    *out = (scaled){.product = node, .x = a, .scale = b};
    if (!is_scale_of(b, a)) {
        if (!is_scale_of(a, b)) return false;
        out->x = b;
        out->scale = a;
    }
    out->conv = nn_value_single_consumer(node->outputs[0]);
    return suits(out->conv) && out->conv->inputs[0] == node->outputs[0];
}

static nn_status edit(nn_plan *plan, nn_patch *patch, const scaled *s) {
    nn_node *conv = s->conv;
    nn_epilogue epilogue = conv->epilogue;
    nn_value *inputs[NN_SCALED_INPUTS] = {
        [NN_SCALED_X] = s->x,
        [NN_SCALED_W] = conv->inputs[1],
        [NN_SCALED_SCALE] = s->scale,
        [NN_SCALED_BIAS] = conv->in_count > 2 ? conv->inputs[2] : NULL,
    };
    nn_patch_remove_node(patch, s->product);
    nn_patch_remove_node(patch, conv);
    nn_node *made = nn_patch_node(patch, "ScaledConv", "nnopt", conv->name, inputs,
                                  NN_SCALED_INPUTS, conv->outputs, 1, NULL, conv);
    if (made == NULL) return NN_OK; /* apply says why */
    NN_TRY(nn_covers_merge(&plan->covers, made, conv));
    NN_TRY(nn_covers_merge(&plan->covers, made, s->product));
    if (epilogue.has_residual) {
        nn_patch_append_input(patch, made, conv->inputs[epilogue.residual]);
        epilogue.residual = NN_SCALED_INPUTS;
    }
    nn_patch_set_epilogue(patch, made, &epilogue);
    return NN_OK;
}

static nn_status edit_all(void *argument, nn_patch *patch, bool *taken) {
    nn_plan *plan = ((const nn_plan_edit *)argument)->plan;
    (void)taken;
    for (int64_t i = 0; i < plan->graph->node_count; i++) {
        scaled s;
        if (match(plan->graph->nodes[i], &s)) NN_TRY(edit(plan, patch, &s));
    }
    return NN_OK;
}

nn_status nn_plan_fuse_scales(nn_plan *plan, const nn_plan_request *request) {
    /* Other precisions have kernels for the convolution alone. */
    if (request->target.precision != NN_PRECISION_FP32) return NN_OK;
    nn_plan_edit edits = {plan, &request->target};
    return nn_patch_edit(plan->graph, "plan", "scaled channels of 1x1 convolutions", edit_all,
                         &edits);
}
