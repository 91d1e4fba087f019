/* Quantised convolutions followed by a quantised sum: QConv or QLinearConv, then QLinearAdd with a
 * tensor that is there before, become a QConv that adds, where a kernel takes that. */
#include "engine/graph/patch.h"
#include "engine/plan/plan_parts.h"
#include "ops/family/qlinear_convolution.h"

/* Inputs of QLinearAdd. */
enum { A, A_SCALE, A_ZERO, B, B_SCALE, B_ZERO, Y_SCALE, Y_ZERO, SUM_INPUTS };

/* A convolution and the sum that reads it. */
typedef struct pair {
    nn_node *conv, *sum;
    bool addend_first;
    nn_value *inputs[NN_QCONV_ALL_INPUTS]; /* of both as one */
} pair;

static nn_value *input_of(const nn_node *node, int index) {
    return index < node->in_count ? node->inputs[index] : NULL;
}

static bool is_same(const nn_value *a, const nn_value *b) {
    if (a == b) return true;
    if (a == NULL || b == NULL || !nn_value_is_constant(a) || !nn_value_is_constant(b))
        return false;
    const nn_tensor *x = a->fact.constant, *y = b->fact.constant;
    return x->type == y->type && nn_tensor_count(x) == 1 && nn_tensor_count(y) == 1 &&
           nn_tensor_get(x, 0) == nn_tensor_get(y, 0);
}

/* A node that comes later could not be waited for. */
static bool is_before(const nn_value *value, const nn_node *node) {
    return value->producer == NULL || value->producer->position < node->position;
}

/* The sum must read the convolution's result with the parameters that it was made with. */
static bool match(nn_node *conv, pair *out) {
    if (conv->op != &nn_op_qconv && conv->op != &nn_op_qlinear_conv) return false;
    if (conv->out_count != 1 || conv->outputs[0] == NULL) return false;
    if (conv->in_count > NN_QCONV_INPUTS || conv->epilogue.has_residual) return false;
    nn_value *y_scale = input_of(conv, NN_QCONV_Y_SCALE), *y = conv->outputs[0];
    nn_node *sum = nn_value_single_consumer(y);
    if (y_scale == NULL || sum == NULL || sum->op != &nn_op_qlinear_add) return false;
    bool swap = sum->inputs[B] == y;
    int ours = swap ? B : A, other = swap ? A : B;
    nn_value *addend = sum->inputs[other];
    if (!is_before(addend, conv) || nn_value_is_constant(addend)) return false;
    if (!is_same(input_of(sum, ours + 1), y_scale) ||
        !is_same(input_of(sum, ours + 2), input_of(conv, NN_QCONV_Y_ZERO)))
        return false;
    if (addend->fact.type != y->fact.type ||
        !nn_dims_equal(addend->fact.dims, addend->fact.rank, y->fact.dims, y->fact.rank))
        return false;
    *out = (pair){.conv = conv, .sum = sum, .addend_first = swap};
    for (int i = 0; i < NN_QCONV_INPUTS; i++) out->inputs[i] = input_of(conv, i);
    for (int i = 0; i < 3; i++) out->inputs[NN_QCONV_ADDEND + i] = input_of(sum, other + i);
    for (int i = 0; i < 2; i++) out->inputs[NN_QCONV_SUM_SCALE + i] = input_of(sum, Y_SCALE + i);
    return true;
}

/* Is there a kernel before the reference one? */
static bool is_accepted(const pair *p, const nn_target *target) {
    const nn_fact *in[NN_QCONV_ALL_INPUTS] = {0};
    nn_fact *out[1] = {&p->sum->outputs[0]->fact};
    nn_qconv_attrs attrs = {.conv = *(const nn_conv_attrs *)p->conv->attrs_parsed,
                            .addend_first = p->addend_first};
    for (int i = 0; i < NN_QCONV_ALL_INPUTS; i++)
        if (p->inputs[i] != NULL) in[i] = &p->inputs[i]->fact;
    nn_node_view view = {.name = p->conv->name,
                         .op = &nn_op_qconv,
                         .attrs = &attrs,
                         .opset = 1,
                         .in_count = NN_QCONV_ALL_INPUTS,
                         .out_count = 1,
                         .in = in,
                         .out = out,
                         .epilogue = p->conv->epilogue};
    const nn_kernel *kernel = nn_kernel_select(&view, target);
    return kernel != NULL && kernel != nn_kernel_select_reference(&view, target);
}

static nn_status edit(nn_plan *plan, nn_patch *patch, const pair *p, bool *taken) {
    nn_attr items[32];
    int count = 0;
    const nn_attrs *attrs = &p->conv->attrs;
    if (attrs->count >= (int64_t)(sizeof items / sizeof *items)) return NN_OK;
    for (int64_t i = 0; i < attrs->count; i++) items[count++] = attrs->items[i];
    items[count++] =
        (nn_attr){.name = "sum_order", .kind = NN_ATTR_INT, .i = p->addend_first ? 1 : 0};
    const nn_attrs all = {items, count};
    nn_value *result = p->sum->outputs[0];
    nn_node *made = nn_patch_node(patch, "QConv", "nnopt", p->conv->name, p->inputs,
                                  NN_QCONV_ALL_INPUTS, &result, 1, &all, p->conv);
    if (made == NULL) return NN_OK; /* apply says why */
    nn_patch_set_epilogue(patch, made, &p->conv->epilogue);
    nn_node *old[] = {p->conv, p->sum};
    for (int i = 0; i < 2; i++) {
        taken[old[i]->position] = true;
        nn_patch_remove_node(patch, old[i]);
        NN_TRY(nn_covers_merge(&plan->covers, made, old[i]));
    }
    return NN_OK;
}

static nn_status edit_all(void *argument, nn_patch *patch, bool *taken) {
    const nn_plan_edit *edits = argument;
    nn_plan *plan = edits->plan;
    for (int64_t i = 0; i < plan->graph->node_count; i++) {
        nn_node *node = plan->graph->nodes[i];
        pair p;
        if (taken[i] || nn_node_is_folded(node) || !match(node, &p)) continue;
        if (taken[p.sum->position] || !is_accepted(&p, edits->target)) continue;
        NN_TRY(edit(plan, patch, &p, taken));
    }
    return NN_OK;
}

nn_status nn_plan_fuse_sums(nn_plan *plan, const nn_plan_request *request) {
    nn_plan_edit edits = {plan, &request->target};
    return nn_patch_edit(plan->graph, "plan", "sums of quantised convolutions", edit_all, &edits);
}
