#include "engine/run/dynamic_step.h"

#include "engine/graph/graph_parts.h"
#include "engine/plan/prepare.h"
#include "engine/run/body.h"

/* Tensors up to this size are constants to inference: shapes, axes, scales, limits. */
enum { SMALL_COUNT = 64 };

static bool is_small(const nn_tensor *tensor) {
    return nn_type_is_plain(tensor->type) && nn_tensor_count(tensor) <= SMALL_COUNT;
}

/* ---- life ---- */

static nn_status make_bodies(nn_dynamic_step *step, const nn_plan_request *request,
                             const struct nn_dynamic *dynamic, nn_arena *arena) {
    const char *const *names = step->node->op->bodies;
    size_t count = 0;
    while (names[count] != NULL) count++;
    step->bodies = nn_arena_alloc(arena, (count + 1) * sizeof *step->bodies);
    if (step->bodies == NULL) return nn_fail_memory(count * sizeof *step->bodies);
    step->body_count = (int64_t)count;
    for (size_t i = 0; i < count; i++) {
        const nn_attr *attr = nn_attrs_find(&step->node->attrs, names[i]);
        if (attr == NULL || attr->kind != NN_ATTR_GRAPH) continue;
        nn_status status = nn_body_create(attr->graph, request, dynamic, &step->bodies[i]);
        if (status != NN_OK)
            return nn_fail_context(status, "node '%s' (%s)", step->node->name, step->node->op_type);
    }
    step->call.bodies = step->bodies;
    return NN_OK;
}

nn_status nn_dynamic_step_init(nn_dynamic_step *step, nn_node *node, const nn_plan_request *request,
                               const struct nn_dynamic *dynamic, nn_arena *arena) {
    size_t ins = (size_t)node->in_count + 1, outs = (size_t)node->out_count + 1;
    const nn_fact **in = nn_arena_alloc(arena, ins * sizeof *in);
    nn_fact **out = nn_arena_alloc(arena, outs * sizeof *out);
    *step = (nn_dynamic_step){.node = node, .weights = {.cache = request->cache}};
    step->in_facts = nn_arena_alloc(arena, ins * sizeof *step->in_facts);
    step->out_facts = nn_arena_alloc(arena, outs * sizeof *step->out_facts);
    step->known = nn_arena_alloc(arena, ins * sizeof *step->known);
    step->call.in = nn_arena_alloc(arena, ins * sizeof *step->call.in);
    step->call.out = nn_arena_alloc(arena, outs * sizeof *step->call.out);
    if (in == NULL || out == NULL || step->in_facts == NULL || step->out_facts == NULL ||
        step->known == NULL || step->call.in == NULL || step->call.out == NULL)
        return nn_fail_memory((ins + outs) * sizeof *step->in_facts);
    for (int i = 0; i < node->in_count; i++) {
        step->in_facts[i] = nn_fact_unknown();
        in[i] = node->inputs[i] != NULL ? &step->in_facts[i] : NULL;
    }
    for (int i = 0; i < node->out_count; i++) {
        step->out_facts[i] = nn_fact_unknown();
        out[i] = node->outputs[i] != NULL ? &step->out_facts[i] : NULL;
    }
    step->view = nn_node_view_of(node, in, out);
    step->call.node = &step->view;
    step->call.in_count = node->in_count;
    step->call.out_count = node->out_count;
    step->call.pool = request->pool;
    step->call.texts = &step->texts;
    return node->op->bodies != NULL ? make_bodies(step, request, dynamic, arena) : NN_OK;
}

static void forget(nn_dynamic_step *step) {
    for (int i = 0; i < step->view.in_count; i++) nn_tensor_clear(&step->known[i]);
    nn_weight_list_clear(&step->weights);
    nn_arena_clear(&step->arena);
    step->kernel = NULL;
    step->is_prepared = false;
}

void nn_dynamic_step_clear(nn_dynamic_step *step) {
    forget(step);
    for (int64_t i = 0; i < step->body_count; i++) nn_body_destroy(step->bodies[i]);
    nn_arena_clear(&step->texts);
    nn_free(step->workspace.data);
    step->workspace = (nn_block){0};
}

/* ---- is it as it was? ---- */

static bool is_same_input(const nn_dynamic_step *step, int index) {
    const nn_tensor *tensor = step->call.in[index], *known = &step->known[index];
    const nn_fact *fact = &step->in_facts[index];
    if (tensor->type != fact->type || nn_type_is_container(tensor->type) ||
        !nn_dims_equal(tensor->dims, tensor->rank, fact->dims, fact->rank))
        return false;
    if (known->type == NNOPT_TYPE_NONE || known->data == NULL) return true;
    return memcmp(known->data, tensor->data, (size_t)nn_tensor_bytes(known)) == 0;
}

static bool is_as_before(const nn_dynamic_step *step) {
    if (!step->is_prepared) return false;
    for (int i = 0; i < step->view.in_count; i++)
        if (step->call.in[i] != NULL && !is_same_input(step, i)) return false;
    return true;
}

/* ---- preparing ---- */

static nn_status state_inputs(nn_dynamic_step *step) {
    for (int i = 0; i < step->view.in_count; i++) {
        const nn_tensor *tensor = step->call.in[i];
        if (tensor == NULL) continue;
        const nn_value *value = step->node->inputs[i];
        bool is_constant = nn_value_is_constant(value);
        nn_fact *fact = &step->in_facts[i];
        *fact = nn_fact_of_tensor(tensor, is_constant || nn_type_is_container(tensor->type));
        if (is_constant || !is_small(tensor)) continue;
        NN_TRY(nn_tensor_copy(tensor, &step->known[i]));
        fact->constant = &step->known[i];
    }
    return NN_OK;
}

static nn_status infer(nn_dynamic_step *step) {
    for (int i = 0; i < step->view.out_count; i++) step->out_facts[i] = nn_fact_unknown();
    NN_TRY(nn_node_check_arity(step->node));
    return step->node->op->infer != NULL ? step->node->op->infer(&step->view) : NN_OK;
}

static nn_status select_kernel(nn_dynamic_step *step, const nn_plan_request *request) {
    step->kernel = request->reference_only
                       ? nn_kernel_select_reference(&step->view, &request->target)
                       : nn_kernel_select_standard(&step->view, &request->target);
    if (step->kernel != NULL) return NN_OK;
    char text[512] = "";
    nn_view_describe(&step->view, text, sizeof text);
    return nn_fail(NN_UNSUPPORTED, "no kernel takes 1 node: %s", text);
}

static nn_status call_prepare(nn_dynamic_step *step, const nn_plan_request *request,
                              nn_block_pool *pool) {
    int count = step->view.in_count;
    uint64_t *blobs = nn_arena_alloc(&step->arena, ((size_t)count + 1) * sizeof *blobs);
    if (blobs == NULL) return nn_fail_memory((size_t)count * sizeof *blobs);
    for (int i = 0; i < count; i++) {
        const nn_value *value = step->node->inputs[i];
        if (value != NULL && value->initializer != NULL) blobs[i] = value->initializer->id;
    }
    nn_prepare prepare = {.node = &step->view,
                          .arena = &step->arena,
                          .layout = NN_LAYOUT_STANDARD,
                          .weights = &step->weights,
                          .blobs = blobs};
    if (step->kernel->prepare != NULL)
        NN_TRY(step->kernel->prepare(&step->view, &request->target, &prepare));
    if (prepare.workspace_bytes > INT64_MAX / 2) return nn_fail_memory(prepare.workspace_bytes);
    step->call.state = prepare.state;
    step->packed_bytes = prepare.packed_bytes;
    memcpy(step->description, prepare.description, sizeof step->description);
    step->workspace_bytes = (int64_t)prepare.workspace_bytes;
    if (step->workspace_bytes > step->workspace.capacity) {
        nn_block_pool_give(pool, step->workspace);
        step->workspace = (nn_block){0};
        NN_TRY(nn_block_pool_take(pool, step->workspace_bytes, &step->workspace));
    }
    step->call.workspace = step->workspace.data;
    return NN_OK;
}

static bool is_view(const nn_dynamic_step *step) {
    if (!step->node->op->is_view || step->view.in_count == 0 || step->view.in[0] == NULL)
        return false;
    for (int i = 1; i < step->view.out_count; i++)
        if (step->view.out[i] != NULL) return false;
    return step->view.out_count > 0 && step->view.out[0] != NULL &&
           step->out_facts[0].type == step->in_facts[0].type;
}

nn_status nn_dynamic_step_prepare(nn_dynamic_step *step, const nn_plan_request *request,
                                  nn_block_pool *pool) {
    if (is_as_before(step)) return NN_OK;
    forget(step);
    NN_TRY(state_inputs(step));
    NN_TRY(infer(step));
    step->is_view = is_view(step);
    if (!step->is_view) {
        NN_TRY(select_kernel(step, request));
        NN_TRY(call_prepare(step, request, pool));
    }
    step->is_prepared = true;
    return NN_OK;
}
