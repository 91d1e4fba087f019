#include "engine/run/dynamic.h"

#include "engine/run/dynamic_step.h"

typedef enum value_place {
    PLACE_NONE,
    PLACE_BORROWED, /* an input, a constant, or a view of one */
    PLACE_GIVEN,    /* a given value or a view of one: holds until the next run */
    PLACE_BLOCK,    /* a block of the pool */
    PLACE_OWNED,    /* cleared with nn_tensor_clear */
} value_place;

typedef struct dynamic_value {
    nn_tensor tensor;
    value_place place;
    nn_block block;
    int64_t last; /* the step that reads it last; INT64_MAX: an output */
} dynamic_value;

struct nn_dynamic {
    nn_arena arena;
    nn_graph *graph;
    nn_plan_request request;
    nn_dynamic_step *steps;
    int64_t step_count;
    dynamic_value *values; /* by value id */
    int64_t *given;        /* their value ids */
    int64_t given_count;
    nn_block_pool pool;
};

/* ---- life ---- */

static void read_last(nn_dynamic *dynamic, const nn_value *value, int64_t step) {
    if (value == NULL) return;
    dynamic_value *read = &dynamic->values[value->id];
    if (step > read->last) read->last = step;
}

static void find_lifetimes(nn_dynamic *dynamic) {
    for (int64_t s = 0; s < dynamic->step_count; s++) {
        const nn_node *node = dynamic->steps[s].node;
        for (int i = 0; i < node->in_count; i++) read_last(dynamic, node->inputs[i], s);
        for (int64_t i = 0; i < node->capture_count; i++) read_last(dynamic, node->captures[i], s);
        for (int i = 0; i < node->out_count; i++) read_last(dynamic, node->outputs[i], s);
    }
    for (int64_t i = 0; i < dynamic->graph->output_count; i++)
        read_last(dynamic, dynamic->graph->outputs[i], INT64_MAX);
}

static nn_status make_steps(nn_dynamic *dynamic, const bool *is_dynamic, const nn_covers *covers) {
    nn_graph *graph = dynamic->graph;
    size_t size = ((size_t)graph->node_count + 1) * sizeof *dynamic->steps;
    dynamic->steps = nn_arena_alloc(&dynamic->arena, size);
    if (dynamic->steps == NULL) return nn_fail_memory(size);
    for (int64_t i = 0; i < graph->node_count; i++) {
        if (!is_dynamic[i]) continue;
        nn_dynamic_step *step = &dynamic->steps[dynamic->step_count++];
        NN_TRY(nn_dynamic_step_init(step, graph->nodes[i], &dynamic->request, dynamic,
                                    &dynamic->arena));
        nn_covers_get(covers, graph->nodes[i], &step->cover);
    }
    return NN_OK;
}

static nn_status build(nn_dynamic *dynamic, const bool *is_dynamic, nn_value *const *given,
                       const nn_covers *covers) {
    size_t values = (size_t)dynamic->graph->value_count + 1;
    dynamic->values = nn_arena_alloc(&dynamic->arena, values * sizeof *dynamic->values);
    dynamic->given =
        nn_arena_alloc(&dynamic->arena, ((size_t)dynamic->given_count + 1) * sizeof(int64_t));
    if (dynamic->values == NULL || dynamic->given == NULL)
        return nn_fail_memory(values * sizeof *dynamic->values);
    for (int64_t i = 0; i < dynamic->given_count; i++) dynamic->given[i] = given[i]->id;
    NN_TRY(nn_graph_pin_constants(dynamic->graph));
    NN_TRY(make_steps(dynamic, is_dynamic, covers));
    find_lifetimes(dynamic);
    return NN_OK;
}

nn_status nn_dynamic_create(nn_graph *graph, const bool *is_dynamic, nn_value *const *given,
                            int64_t given_count, const nn_plan_request *request,
                            const nn_covers *covers, nn_dynamic **out) {
    nn_dynamic *dynamic = nn_alloc_zero(sizeof *dynamic);
    if (dynamic == NULL) {
        nn_graph_destroy(graph);
        return nn_fail_memory(sizeof *dynamic);
    }
    dynamic->graph = graph;
    dynamic->request = *request;
    if (request->target.device != NULL) { /* what is not known beforehand runs on the CPU */
        dynamic->request.target.device = NULL;
        dynamic->request.target.precision = NN_PRECISION_FP32;
    }
    dynamic->given_count = given_count;
    nn_status status = build(dynamic, is_dynamic, given, covers);
    if (status != NN_OK) {
        nn_dynamic_destroy(dynamic);
        return status;
    }
    *out = dynamic;
    return NN_OK;
}

static void release(nn_dynamic *dynamic, dynamic_value *value) {
    if (value->place == PLACE_BLOCK) nn_block_pool_give(&dynamic->pool, value->block);
    if (value->place == PLACE_OWNED) nn_tensor_clear(&value->tensor);
    value->place = PLACE_NONE;
    value->tensor = (nn_tensor){0};
    value->block = (nn_block){0};
}

static void release_all(nn_dynamic *dynamic) {
    for (int64_t i = 0; i < dynamic->graph->value_count; i++) release(dynamic, &dynamic->values[i]);
}

void nn_dynamic_destroy(nn_dynamic *dynamic) {
    if (dynamic == NULL) return;
    if (dynamic->values != NULL) release_all(dynamic);
    for (int64_t s = 0; s < dynamic->step_count; s++) nn_dynamic_step_clear(&dynamic->steps[s]);
    nn_block_pool_clear(&dynamic->pool);
    nn_graph_destroy(dynamic->graph);
    nn_arena_clear(&dynamic->arena);
    nn_free(dynamic);
}

/* ---- values ---- */

static void borrow(dynamic_value *value, const nn_tensor *tensor, value_place place) {
    value->tensor = *tensor;
    value->place = place;
}

static void borrow_sources(nn_dynamic *dynamic, const nn_tensor *inputs,
                           const nn_tensor *const *given) {
    const nn_graph *graph = dynamic->graph;
    for (int64_t i = 0; i < graph->value_count; i++)
        if (nn_value_is_constant(graph->values[i]))
            borrow(&dynamic->values[i], graph->values[i]->fact.constant, PLACE_BORROWED);
    for (int64_t i = 0; i < graph->input_count; i++)
        borrow(&dynamic->values[graph->inputs[i]->id], &inputs[i], PLACE_BORROWED);
    for (int64_t i = 0; i < dynamic->given_count; i++)
        borrow(&dynamic->values[dynamic->given[i]], given[i], PLACE_GIVEN);
}

static nn_status take_block(nn_dynamic *dynamic, const nn_fact *fact, dynamic_value *value) {
    int64_t bytes = nn_fact_bytes(fact);
    value->tensor = (nn_tensor){.type = fact->type, .rank = fact->rank};
    memcpy(value->tensor.dims, fact->dims, sizeof fact->dims);
    value->place = PLACE_BLOCK;
    if (bytes == 0) return NN_OK;
    NN_TRY(nn_block_pool_take(&dynamic->pool, bytes, &value->block));
    value->tensor.data = value->block.data;
    return NN_OK;
}

/* ---- steps ---- */

static nn_status fail_unknown(const nn_dynamic_step *step, int output) {
    char text[256];
    return nn_fail(NN_UNSUPPORTED,
                   "node '%s' (%s): the shape of output %d (%s) is not known from its inputs",
                   step->node->name, step->node->op_type, output,
                   nn_fact_text(&step->out_facts[output], text, sizeof text));
}

/* The output is the input's data with other dims; it goes on as it is unless something else reads
 * the input later. */
static nn_status pass_view(nn_dynamic *dynamic, nn_dynamic_step *step, int64_t index) {
    const nn_node *node = step->node;
    dynamic_value *in = &dynamic->values[node->inputs[0]->id];
    dynamic_value *out = &dynamic->values[node->outputs[0]->id];
    const nn_fact *fact = &step->out_facts[0];
    bool is_lent = in->place == PLACE_BORROWED || in->place == PLACE_GIVEN;
    bool moves = !is_lent && in->last == index;
    if (is_lent || moves) {
        out->tensor = in->tensor;
        out->place = in->place;
        out->block = in->block;
        if (moves) {
            in->place = PLACE_NONE;
            in->block = (nn_block){0};
        }
    } else {
        NN_TRY(nn_tensor_copy(&in->tensor, &out->tensor));
        out->place = PLACE_OWNED;
    }
    if (nn_type_is_container(out->tensor.type)) return NN_OK;
    if (!nn_fact_is_concrete(fact)) return fail_unknown(step, 0);
    if (nn_fact_count(fact) != nn_tensor_count(&out->tensor))
        return nn_fail(NN_BAD_INPUT, "node '%s' (%s): the output has %lld elements, the input %lld",
                       node->name, node->op_type, (long long)nn_fact_count(fact),
                       (long long)nn_tensor_count(&out->tensor));
    out->tensor.rank = fact->rank;
    memcpy(out->tensor.dims, fact->dims, sizeof fact->dims);
    return NN_OK;
}

static nn_status make_outputs(nn_dynamic *dynamic, nn_dynamic_step *step) {
    for (int k = 0; k < step->view.out_count; k++) {
        if (step->view.out[k] == NULL) continue;
        dynamic_value *value = &dynamic->values[step->node->outputs[k]->id];
        const nn_fact *fact = &step->out_facts[k];
        ((nn_tensor **)step->call.out)[k] = &value->tensor;
        if (step->kernel->makes_outputs) {
            value->place = PLACE_OWNED;
        } else if (!nn_fact_is_concrete(fact) || nn_fact_bytes(fact) < 0) {
            return fail_unknown(step, k);
        } else if (fact->type == NNOPT_STRING) {
            value->place = PLACE_OWNED;
            NN_TRY(nn_tensor_init(&value->tensor, fact->type, fact->dims, fact->rank));
        } else {
            NN_TRY(take_block(dynamic, fact, value));
        }
    }
    return NN_OK;
}

/* New texts last until the end of the step. */
static nn_status own_texts(nn_dynamic_step *step) {
    for (int k = 0; k < step->view.out_count; k++) {
        nn_tensor *tensor = step->view.out[k] != NULL ? step->call.out[k] : NULL;
        if (tensor != NULL && tensor->type == NNOPT_STRING) NN_TRY(nn_tensor_own_texts(tensor));
    }
    nn_arena_clear(&step->texts);
    return NN_OK;
}

static nn_status run_kernel(nn_dynamic *dynamic, nn_dynamic_step *step) {
    NN_TRY(make_outputs(dynamic, step));
    nn_status status = step->kernel->run(&step->call);
    if (status == NN_OK) return own_texts(step);
    for (int k = 0; k < step->view.out_count; k++)
        if (step->view.out[k] != NULL && step->call.out[k]->type == NNOPT_STRING)
            nn_tensor_clear(step->call.out[k]);
    nn_arena_clear(&step->texts);
    return status;
}

static nn_status run_step(nn_dynamic *dynamic, int64_t index) {
    nn_dynamic_step *step = &dynamic->steps[index];
    for (int i = 0; i < step->view.in_count; i++) {
        const nn_value *value = step->node->inputs[i];
        ((const nn_tensor **)step->call.in)[i] =
            value != NULL ? &dynamic->values[value->id].tensor : NULL;
    }
    NN_TRY(nn_dynamic_step_prepare(step, &dynamic->request, &dynamic->pool));
    return step->is_view ? pass_view(dynamic, step, index) : run_kernel(dynamic, step);
}

static void release_read(nn_dynamic *dynamic, const nn_value *value, int64_t step) {
    if (value != NULL && dynamic->values[value->id].last == step)
        release(dynamic, &dynamic->values[value->id]);
}

static void release_after(nn_dynamic *dynamic, int64_t index) {
    const nn_node *node = dynamic->steps[index].node;
    for (int i = 0; i < node->in_count; i++) release_read(dynamic, node->inputs[i], index);
    for (int64_t i = 0; i < node->capture_count; i++)
        release_read(dynamic, node->captures[i], index);
    for (int i = 0; i < node->out_count; i++) release_read(dynamic, node->outputs[i], index);
}

/* Outputs do not lead to the caller's own memory, nor to the model's. */
static nn_status own_outputs(nn_dynamic *dynamic) {
    for (int64_t i = 0; i < dynamic->graph->output_count; i++) {
        dynamic_value *value = &dynamic->values[dynamic->graph->outputs[i]->id];
        if (value->place != PLACE_BORROWED) continue;
        nn_tensor borrowed = value->tensor;
        value->place = PLACE_NONE;
        NN_TRY(nn_tensor_copy(&borrowed, &value->tensor));
        value->place = PLACE_OWNED;
    }
    return NN_OK;
}

nn_status nn_dynamic_run(nn_dynamic *dynamic, const nn_tensor *inputs,
                         const nn_tensor *const *given, nn_plan *plan, int64_t first_step,
                         nn_step_hook hook, void *user) {
    release_all(dynamic);
    borrow_sources(dynamic, inputs, given);
    for (int64_t s = 0; s < dynamic->step_count; s++) {
        if (hook != NULL) hook(user, plan, first_step + s, true);
        nn_status status = run_step(dynamic, s);
        release_after(dynamic, s);
        if (hook != NULL) hook(user, plan, first_step + s, false);
        NN_TRY(status);
    }
    return own_outputs(dynamic);
}

/* ---- what others ask ---- */

const nn_tensor *nn_dynamic_output(const nn_dynamic *dynamic, int64_t index) {
    return &dynamic->values[dynamic->graph->outputs[index]->id].tensor;
}

nn_status nn_dynamic_take_output(nn_dynamic *dynamic, int64_t index, nn_tensor *out) {
    dynamic_value *value = &dynamic->values[dynamic->graph->outputs[index]->id];
    if (value->place != PLACE_OWNED) return nn_tensor_copy(&value->tensor, out);
    *out = value->tensor;
    value->place = PLACE_BORROWED; /* of who took it */
    return NN_OK;
}

const nn_tensor *nn_dynamic_value(const nn_dynamic *dynamic, int64_t id) {
    return &dynamic->values[id].tensor;
}

int64_t nn_dynamic_step_count(const nn_dynamic *dynamic) {
    return dynamic->step_count;
}

void nn_dynamic_step_info(const nn_dynamic *dynamic, int64_t index, nn_step_info *out) {
    const nn_dynamic_step *step = &dynamic->steps[index];
    *out = (nn_step_info){
        .node = &step->view,
        .kernel = step->kernel,
        .variant = step->description,
        .chosen_by = "first in the list",
        .name = step->node->name,
        .origin = step->node->origin,
        .covers = step->cover.origins,
        .cover_count = step->cover.count,
        .layout = NN_LAYOUT_STANDARD,
        .workspace_bytes = step->workspace_bytes,
        .packed_bytes = step->packed_bytes,
    };
    /* costs are of known shapes */
    if (step->is_prepared) nn_op_cost(&step->view, &out->cost);
}
