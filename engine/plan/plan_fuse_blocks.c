#include "engine/graph/patch.h"
#include "engine/lower/activation.h"
#include "engine/plan/plan_parts.h"
#include "ops/family/depthwise_block.h"

/* A depthwise convolution with the convolutions before and behind it; those are NULL where there is
 * none that fits. */
typedef struct block {
    nn_node *expand, *depthwise, *project;
} block;

static bool is_constant_at(const nn_node *node, int index) {
    return index >= node->in_count || node->inputs[index] == NULL ||
           nn_value_is_constant(node->inputs[index]);
}

/* A convolution of two axes with constant weights. */
static bool is_conv(const nn_node *node) {
    return node != NULL && node->op == &nn_op_conv && node->outputs[0] != NULL &&
           node->outputs[0]->fact.type == NNOPT_FLOAT && node->outputs[0]->fact.rank == 4 &&
           is_constant_at(node, 1) && is_constant_at(node, 2);
}

static bool is_depthwise(const nn_node *node) {
    if (!is_conv(node)) return false;
    const nn_conv_attrs *attrs = node->attrs_parsed;
    const int64_t channels = node->inputs[0]->fact.dims[1];
    return channels > 1 && attrs->group == channels && node->outputs[0]->fact.dims[1] == channels;
}

static bool is_pointwise(const nn_node *node) {
    if (!is_conv(node)) return false;
    const nn_conv_attrs *attrs = node->attrs_parsed;
    const nn_fact *x = &node->inputs[0]->fact, *w = &node->inputs[1]->fact;
    const nn_fact *y = &node->outputs[0]->fact;
    return attrs->group == 1 && w->dims[2] == 1 && w->dims[3] == 1 && x->dims[2] == y->dims[2] &&
           x->dims[3] == y->dims[3] && attrs->window.pad_begin[0] == 0 &&
           attrs->window.pad_begin[1] == 0;
}

/* The first convolution of a network of images: of so few channels that its weights stay in L1
 * whatever the rows that are made at once, and that no transform makes it faster. */
static bool is_stem(const nn_node *node) {
    enum { FEW_CHANNELS = 4, MOST_WEIGHT_BYTES = 16 << 10 };
    if (!is_conv(node)) return false;
    const nn_conv_attrs *attrs = node->attrs_parsed;
    const int64_t channels = node->inputs[0]->fact.dims[1];
    return attrs->group == 1 && channels <= FEW_CHANNELS &&
           nn_fact_bytes(&node->inputs[1]->fact) <= MOST_WEIGHT_BYTES &&
           node->outputs[0]->fact.dims[3] > 1;
}

/* Does a stem read an input of the graph, which lies in planes? Its rows become pixels where they
 * are read then. */
static bool reads_planes(const nn_node *stem) {
    return !is_pointwise(stem) && stem->inputs[0]->producer == NULL &&
           stem->inputs[1]->fact.dims[3] > 1;
}

/* No more than activations, which the block can do between two convolutions. */
static bool has_plain_epilogue(const nn_node *node) {
    return !node->epilogue.has_residual;
}

/* Does what stands between two convolutions leave the second-level cache otherwise? Smaller maps
 * than LEAST_BYTES make bands of few rows, for each of which weights are read again; the last cache
 * gives the maps faster. */
static bool is_large(const nn_value *value) {
    enum { LEAST_BYTES = 512 << 10 };
    const int64_t l2 = nn_cpu_get()->l2_bytes > 0 ? nn_cpu_get()->l2_bytes : 1 << 20;
    const int64_t bytes = nn_fact_bytes(&value->fact);
    return bytes > l2 / 4 && bytes > LEAST_BYTES;
}

/* Are there so many rows that threads which share them expand few twice? A kernel may divide the
 * channels instead (depthwise_block_f32.c), but none of fewer rows gained by being a block. */
static bool has_rows_for(const nn_node *depthwise, int threads) {
    enum { ROWS_OF_BOTH = 4 };
    const nn_conv_attrs *attrs = depthwise->attrs_parsed;
    const int64_t *x = depthwise->inputs[0]->fact.dims;
    const int64_t both = (depthwise->inputs[1]->fact.dims[2] - 1) * attrs->window.dilation[0];
    return threads == 1 || x[0] * x[2] >= ROWS_OF_BOTH * both * threads;
}

/* Is the output of a 1x1 convolution larger than `value`, its input, and the input of the next
 * depthwise convolution only, whose block then saves more? */
static bool suits_next_better(const nn_node *pointwise, const nn_value *value) {
    const nn_value *made = pointwise->outputs[0];
    return has_plain_epilogue(pointwise) && is_depthwise(nn_value_single_consumer(made)) &&
           nn_fact_bytes(&made->fact) > nn_fact_bytes(&value->fact);
}

static bool match(nn_node *node, int threads, const bool *taken, block *out) {
    if (!is_depthwise(node) || nn_node_is_folded(node) || taken[node->position] ||
        !has_rows_for(node, threads))
        return false;
    *out = (block){.depthwise = node};
    nn_node *before = node->inputs[0]->producer;
    if ((is_pointwise(before) || is_stem(before)) && !taken[before->position] &&
        has_plain_epilogue(before) && nn_value_single_consumer(before->outputs[0]) == node &&
        is_large(before->outputs[0]))
        out->expand = before;
    nn_node *behind = nn_value_single_consumer(node->outputs[0]);
    if (is_pointwise(behind) && !taken[behind->position] && has_plain_epilogue(node) &&
        behind->inputs[0] == node->outputs[0] &&
        (out->expand != NULL ||
         (is_large(node->outputs[0]) && !suits_next_better(behind, node->outputs[0]))))
        out->project = behind;
    return out->expand != NULL || out->project != NULL;
}

static nn_value *input_at(const nn_node *node, int index) {
    return node != NULL && index < node->in_count ? node->inputs[index] : NULL;
}

/* The attributes of the depthwise and of the first convolution, and the activations in between. */
static nn_status make_attrs(const block *b, nn_chain_storage *storage, nn_attr **items,
                            nn_attrs *out) {
    nn_activation_chain chain = {.count = NN_BLOCK_ACTIVATIONS};
    if (b->expand != NULL) {
        chain.items[0] = b->expand->epilogue.before;
        chain.items[1] = b->expand->epilogue.after;
    }
    if (b->project != NULL) {
        chain.items[2] = b->depthwise->epilogue.before;
        chain.items[3] = b->depthwise->epilogue.after;
    }
    const nn_attrs own = b->depthwise->attrs, more = nn_activation_chain_attrs(&chain, storage);
    const size_t most = (size_t)(own.count + more.count + NN_BLOCK_EXPAND_ATTRS + 1);
    *items = nn_alloc(most * sizeof **items);
    if (*items == NULL) return nn_fail_memory(most * sizeof **items);
    int64_t count = 0;
    for (int64_t i = 0; i < own.count; i++) (*items)[count++] = own.items[i];
    for (int64_t i = 0; i < more.count; i++) (*items)[count++] = more.items[i];
    if (b->expand != NULL)
        count += nn_depthwise_block_expand_attrs(&b->expand->attrs, *items + count);
    if (b->expand != NULL && reads_planes(b->expand))
        (*items)[count++] = (nn_attr){.name = "in_planes", .kind = NN_ATTR_INT, .i = 1};
    *out = (nn_attrs){*items, count};
    return NN_OK;
}

static nn_status edit(nn_plan *plan, nn_patch *patch, const block *b, bool *taken) {
    nn_node *parts[3] = {b->expand, b->depthwise, b->project};
    nn_node *first = b->expand != NULL ? b->expand : b->depthwise;
    nn_node *last = b->project != NULL ? b->project : b->depthwise;
    nn_epilogue epilogue = last->epilogue;
    nn_value *inputs[NN_BLOCK_INPUTS + 1] = {
        [NN_BLOCK_X] = first->inputs[0],
        [NN_BLOCK_W] = b->depthwise->inputs[1],
        [NN_BLOCK_EXPAND_W] = input_at(b->expand, 1),
        [NN_BLOCK_EXPAND_BIAS] = input_at(b->expand, 2),
        [NN_BLOCK_BIAS] = input_at(b->depthwise, 2),
        [NN_BLOCK_PROJECT_W] = input_at(b->project, 1),
        [NN_BLOCK_PROJECT_BIAS] = input_at(b->project, 2),
    };
    nn_chain_storage storage;
    nn_attr *items;
    nn_attrs attrs;
    NN_TRY(make_attrs(b, &storage, &items, &attrs));
    for (int i = 0; i < 3; i++) {
        if (parts[i] == NULL) continue;
        taken[parts[i]->position] = true;
        nn_patch_remove_node(patch, parts[i]);
    }
    nn_node *made =
        nn_patch_node(patch, "DepthwiseBlock", "nnopt", b->depthwise->name, inputs, NN_BLOCK_INPUTS,
                      last->outputs, 1, &attrs, b->expand ? b->expand : last);
    nn_free(items);
    if (made == NULL) return NN_OK; /* apply says why */
    for (int i = 0; i < 3; i++)
        if (parts[i] != NULL) NN_TRY(nn_covers_merge(&plan->covers, made, parts[i]));
    if (epilogue.has_residual) {
        nn_patch_append_input(patch, made, last->inputs[epilogue.residual]);
        epilogue.residual = NN_BLOCK_INPUTS;
    }
    nn_patch_set_epilogue(patch, made, &epilogue);
    return NN_OK;
}

static nn_status edit_all(void *argument, nn_patch *patch, bool *taken) {
    const nn_plan_edit *edits = argument;
    nn_plan *plan = edits->plan;
    for (int64_t i = 0; i < plan->graph->node_count; i++) {
        block b;
        if (match(plan->graph->nodes[i], edits->target->threads, taken, &b))
            NN_TRY(edit(plan, patch, &b, taken));
    }
    return NN_OK;
}

nn_status nn_plan_fuse_blocks(nn_plan *plan, const nn_plan_request *request) {
    /* Other precisions have kernels for the single convolutions only. */
    if (request->target.precision != NN_PRECISION_FP32) return NN_OK;
    nn_plan_edit edits = {plan, &request->target};
    return nn_patch_edit(plan->graph, "plan", "depthwise convolutions with their neighbours",
                         edit_all, &edits);
}
