#include "engine/run/body.h"

#include "engine/lower/lower.h"
#include "engine/run/executor.h"

typedef struct body_runner {
    nn_body base;
    const nn_dynamic *owner;
    nn_graph *graph; /* the body on its own: its inputs, then its captures */
    nn_lowered *lowered;
    nn_executor executor;
    int64_t *captures; /* ids of the owner's values */
    int64_t capture_count;
    nn_tensor *inputs;
} body_runner;

static nn_status run(nn_body *body, const nn_tensor *in, nn_tensor *out) {
    body_runner *runner = (body_runner *)body;
    nn_tensor *inputs = runner->inputs;
    nn_plan *plan;
    for (int i = 0; i < body->in_count; i++) inputs[i] = in[i];
    for (int64_t i = 0; i < runner->capture_count; i++)
        inputs[body->in_count + i] = *nn_dynamic_value(runner->owner, runner->captures[i]);
    size_t count = (size_t)(body->in_count + runner->capture_count);
    NN_TRY(nn_executor_select(&runner->executor, inputs, count, false, &plan));
    NN_TRY(nn_executor_run(&runner->executor, inputs, NULL, NULL));
    for (int i = 0; i < body->out_count; i++) {
        nn_status status = nn_plan_take_output(plan, i, &out[i]);
        if (status == NN_OK) continue;
        while (i-- > 0) nn_tensor_clear(&out[i]);
        return status;
    }
    return NN_OK;
}

static const nn_fact *output_fact(const nn_body *body, int index) {
    return &((const body_runner *)body)->graph->outputs[index]->fact;
}

static nn_status find_captures(body_runner *runner, const nn_graph *body) {
    size_t size = ((size_t)body->value_count + 1) * sizeof(nn_value *);
    const nn_value **captured = nn_alloc(size);
    if (captured == NULL) return nn_fail_memory(size);
    nn_status status = nn_graph_clone_body(body, &runner->graph, captured, &runner->capture_count);
    size = ((size_t)runner->capture_count + 1) * sizeof *runner->captures;
    if (status == NN_OK) {
        runner->captures = nn_alloc(size);
        if (runner->captures == NULL) status = nn_fail_memory(size);
    }
    for (int64_t i = 0; status == NN_OK && i < runner->capture_count; i++)
        runner->captures[i] = captured[i]->id;
    nn_free(captured);
    return status;
}

static nn_status build(body_runner *runner, const nn_graph *body, const nn_plan_request *request) {
    NN_TRY(find_captures(runner, body));
    size_t size = ((size_t)runner->graph->input_count + 1) * sizeof(nn_tensor);
    runner->inputs = nn_alloc_zero(size);
    if (runner->inputs == NULL) return nn_fail_memory(size);
    NN_TRY(nn_graph_infer(runner->graph));
    NN_TRY(nn_lower(runner->graph, request->no_fusion ? NN_LOWERED_PLAIN : NN_LOWERED_FUSED, NULL,
                    0, &runner->lowered));
    runner->executor.request = *request;
    runner->executor.request.model = runner->graph;
    runner->executor.request.in_groups = false;
    runner->executor.request.lowered = runner->lowered;
    return NN_OK;
}

nn_status nn_body_create(const nn_graph *body, const nn_plan_request *request,
                         const nn_dynamic *owner, nn_body **out) {
    body_runner *runner = nn_alloc_zero(sizeof *runner);
    if (runner == NULL) return nn_fail_memory(sizeof *runner);
    runner->base = (nn_body){(int)body->input_count, (int)body->output_count, run, output_fact};
    runner->owner = owner;
    nn_status status = build(runner, body, request);
    if (status != NN_OK) {
        nn_body_destroy(&runner->base);
        return status;
    }
    *out = &runner->base;
    return NN_OK;
}

void nn_body_destroy(nn_body *body) {
    if (body == NULL) return;
    body_runner *runner = (body_runner *)body;
    nn_executor_clear(&runner->executor);
    nn_lowered_destroy(runner->lowered);
    nn_graph_destroy(runner->graph);
    nn_free(runner->captures);
    nn_free(runner->inputs);
    nn_free(runner);
}
