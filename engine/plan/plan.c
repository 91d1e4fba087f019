#include "engine/run/dynamic.h"

#include <math.h>
#include <stdio.h>

/* ---- nodes of the model without a row ---- */

static const char row_reason[] = "row";

/* Records the first reason given for a node. */
static nn_status give_reason(nn_name_table *reasons, const char *origin, const char *reason) {
    if (nn_name_table_get(reasons, origin) != NULL) return NN_OK;
    return nn_name_table_put(reasons, origin, (void *)reason);
}

/* Each node of the model is covered once: by its own row, else by the first step that does its work
 * or a part of it (what it made may be dequantised in several places under its name). */
static nn_status cover_once(nn_plan *plan, nn_name_table *reasons, nn_step *step) {
    size_t size = ((size_t)step->cover.count + 1) * sizeof *step->cover.origins;
    nn_cover kept = {nn_arena_alloc(&plan->arena, size), 0};
    const char *fused = NULL;
    char reason[512];
    if (kept.origins == NULL) return nn_fail_memory(size);
    snprintf(reason, sizeof reason, "fused into '%s'", step->origin);
    for (int64_t i = 0; i < step->cover.count; i++) {
        const char *origin = step->cover.origins[i];
        bool is_own = strcmp(origin, step->origin) == 0;
        if (!is_own && nn_name_table_get(reasons, origin) != NULL) continue;
        kept.origins[kept.count++] = origin;
        if (is_own) continue;
        if (fused == NULL) fused = nn_arena_strdup(&plan->arena, reason);
        if (fused == NULL) return nn_fail_memory(sizeof reason);
        NN_TRY(give_reason(reasons, origin, fused));
    }
    step->cover = kept;
    return NN_OK;
}

static bool is_joined(const nn_plan *plan, const nn_node *node) {
    for (int64_t i = 0; i < plan->joined_count; i++)
        if (plan->joined[i] == node) return true;
    return false;
}

/* What is neither folded nor a row moves nothing. */
static nn_status give_views(nn_plan *plan, nn_name_table *reasons) {
    for (int64_t i = 0; i < plan->graph->node_count; i++) {
        const nn_node *node = plan->graph->nodes[i];
        if (nn_node_is_folded(node)) continue;
        const char *reason = is_joined(plan, node) ? "written in place" : "view";
        nn_cover cover;
        nn_covers_get(&plan->covers, node, &cover);
        for (int64_t k = 0; k < cover.count; k++)
            NN_TRY(give_reason(reasons, cover.origins[k], reason));
    }
    return NN_OK;
}

static nn_status give_reasons(nn_plan *plan, nn_name_table *reasons) {
    for (int64_t s = 0; s < nn_plan_step_count(plan); s++) {
        nn_step_info step;
        nn_plan_step(plan, s, &step);
        NN_TRY(give_reason(reasons, step.origin, row_reason));
    }
    for (int64_t s = 0; s < plan->step_count; s++) {
        NN_TRY(cover_once(plan, reasons, &plan->steps[s]));
    }
    return give_views(plan, reasons);
}

static nn_status list_absences(nn_plan *plan, const nn_graph *model) {
    nn_name_table reasons = {0};
    size_t size = ((size_t)model->node_count + 1) * sizeof *plan->absences;
    nn_status status = NN_OK;
    plan->absences = nn_arena_alloc(&plan->arena, size);
    if (plan->absences == NULL) return nn_fail_memory(size);
    NN_TRY_DONE(give_reasons(plan, &reasons));
    for (int64_t i = 0; i < model->node_count; i++) {
        const char *origin = model->nodes[i]->origin;
        const char *reason = nn_name_table_get(&reasons, origin);
        if (reason == row_reason) continue;
        plan->absences[plan->absence_count++] =
            (nn_plan_absence){origin, reason != NULL ? reason : "folded"};
        /* nodes of one origin are listed once */
        NN_TRY_DONE(nn_name_table_put(&reasons, origin, (void *)row_reason));
    }
done:
    nn_name_table_clear(&reasons);
    return status;
}

/* ---- life ---- */

static nn_status build(nn_plan *plan, const nn_plan_request *request, const nn_tensor *inputs) {
    NN_TRY(nn_plan_make_graph(plan, request, inputs));
    NN_TRY(nn_plan_make_groups(plan, request, inputs));
    if (plan->groups != NULL) return NN_OK;
    if (!request->no_fusion) {
        NN_TRY(nn_plan_fuse(plan, request));
        NN_TRY(nn_plan_fuse_sums(plan, request));
    }
    if (!request->no_fusion && request->target.device == NULL) { /* the CPU alone has kernels */
        NN_TRY(nn_plan_fuse_blocks(plan, request));
        NN_TRY(nn_plan_fuse_scales(plan, request));
    }
    if (!request->no_fusion && request->target.device != NULL)
        NN_TRY(nn_plan_fuse_chains(plan, request));
    NN_TRY(nn_plan_choose_types(plan, request));
    size_t size = ((size_t)plan->graph->node_count + 1) * sizeof(nn_choice);
    nn_choice *choices = nn_arena_alloc(&plan->arena, size);
    if (choices == NULL) return nn_fail_memory(size);
    NN_TRY(nn_plan_select_kernels(plan, request, choices));
    NN_TRY(nn_plan_make_steps(plan, request, choices));
    NN_TRY(nn_plan_join(plan, request));
    NN_TRY(nn_plan_prepare_steps(plan, request));
    NN_TRY(nn_plan_place_tensors(plan));
    NN_TRY(nn_plan_make_segments(plan));
    return list_absences(plan, request->model);
}

nn_status nn_plan_create(const nn_plan_request *request, const nn_tensor *inputs, nn_plan **out) {
    nn_plan *plan = nn_alloc_zero(sizeof *plan);
    if (plan == NULL) return nn_fail_memory(sizeof *plan);
    plan->weights.cache = request->cache;
    plan->target = request->target;
    nn_status status = build(plan, request, inputs);
    if (status == NN_OK && request->selector != NULL)
        status = nn_plan_prove_selection(request, inputs, &plan);
    if (status != NN_OK) {
        nn_plan_destroy(plan);
        return status;
    }
    *out = plan;
    return NN_OK;
}

void nn_plan_destroy(nn_plan *plan) {
    if (plan == NULL) return;
    nn_plan_destroy_groups(plan);
    nn_plan_forget_recordings(plan);
    nn_dynamic_destroy(plan->dynamic);
    for (int i = 0; i < plan->target.threads && plan->workers != NULL; i++) {
        nn_weight_list_clear(&plan->workers[i].weights);
        nn_prepare_room_clear(&plan->workers[i].room);
        nn_arena_clear(&plan->workers[i].arena);
    }
    nn_weight_list_clear(&plan->weights);
    nn_covers_clear(&plan->covers);
    nn_graph_destroy(plan->graph);
    nn_free(plan->steps);
    nn_free(plan->tensors);
    nn_arena_clear(&plan->arena);
    nn_free(plan);
}

/* ---- running ---- */

static nn_status run_hooked(nn_plan *plan, nn_step_hook hook, void *user) {
    for (int64_t s = 0; s < plan->step_count; s++) {
        hook(user, plan, s, true);
        nn_status status = plan->steps[s].kernel->run(&plan->steps[s].call);
        hook(user, plan, s, false);
        if (status != NN_OK) return status;
    }
    return NN_OK;
}

static nn_status run_steps(nn_plan *plan, nn_step_hook hook, void *user) {
    if (plan->segments != NULL) return nn_plan_run_segments(plan, hook, user);
    if (hook != NULL) return run_hooked(plan, hook, user);
    for (const nn_step *step = plan->steps, *end = step + plan->step_count; step < end; step++)
        NN_TRY(step->kernel->run(&step->call));
    return NN_OK;
}

nn_status nn_plan_run(nn_plan *plan, const nn_tensor *inputs, nn_step_hook hook, void *user) {
    if (plan->groups != NULL) return nn_plan_run_groups(plan, inputs, hook, user);
    for (int64_t i = 0; i < plan->graph->input_count; i++) {
        if (plan->inputs[i] != NULL) plan->inputs[i]->tensor.data = inputs[i].data;
    }
    for (int64_t i = 0; i < plan->input_view_count; i++) {
        nn_plan_tensor *view = plan->input_views[i];
        view->tensor.data = nn_plan_tensor_owner(view)->tensor.data;
    }
    NN_TRY(run_steps(plan, hook, user));
    if (plan->dynamic == NULL) return NN_OK;
    for (int64_t i = 0; i < plan->graph->output_count; i++)
        plan->given[i] = &plan->outputs[i]->tensor;
    return nn_dynamic_run(plan->dynamic, inputs, plan->given, plan, plan->step_count, hook, user);
}

const nn_tensor *nn_plan_output(const nn_plan *plan, int64_t index) {
    if (plan->groups != NULL) return &plan->groups->results[index];
    if (plan->dynamic != NULL) return nn_dynamic_output(plan->dynamic, index);
    return &plan->outputs[index]->tensor;
}

nn_status nn_plan_take_output(nn_plan *plan, int64_t index, nn_tensor *out) {
    if (plan->dynamic != NULL) return nn_dynamic_take_output(plan->dynamic, index, out);
    return nn_tensor_copy(nn_plan_output(plan, index), out);
}

/* ---- what a profile asks ---- */

/* The plan whose steps run. */
static const nn_plan *stepping(const nn_plan *plan) {
    return plan->groups != NULL ? plan->groups->plans[0] : plan;
}

int64_t nn_plan_group_count(const nn_plan *plan) {
    return plan->groups != NULL ? plan->groups->count : 1;
}

int64_t nn_plan_step_count(const nn_plan *plan) {
    plan = stepping(plan);
    return plan->step_count + (plan->dynamic != NULL ? nn_dynamic_step_count(plan->dynamic) : 0);
}

static const char *reason_of(const nn_plan *plan, const nn_step *step) {
    if (step->view.op == &nn_op_transfer) return "copy";
    if (step->node == NULL) return "layout";
    if (step->reason != NULL) return step->reason;
    const char *reason = nn_choice_estimate_reason(&step->view, &plan->target);
    return plan->is_kept ? "first in the list: what was measured made no faster plan" : reason;
}

/* A step runs for each group; its constants are read each time. */
static void multiply(nn_step_info *step, double groups) {
    step->cost.macs *= groups;
    step->cost.flops *= groups;
    step->cost.bytes_read *= groups;
    step->cost.bytes_written *= groups;
}

void nn_plan_step(const nn_plan *plan, int64_t index, nn_step_info *out) {
    if (plan->groups != NULL) {
        nn_plan_step(stepping(plan), index, out);
        multiply(out, (double)plan->groups->count);
        return;
    }
    if (index >= plan->step_count) {
        nn_dynamic_step_info(plan->dynamic, index - plan->step_count, out);
        return;
    }
    const nn_step *step = &plan->steps[index];
    *out = (nn_step_info){
        .node = &step->view,
        .kernel = step->kernel,
        .variant = step->settled != NULL ? step->settled : "",
        .chosen_by = reason_of(plan, step),
        .name = step->view.name,
        .origin = step->origin,
        .covers = step->cover.origins,
        .cover_count = step->cover.count,
        .layout = step->call.layout,
        .is_conversion = step->node == NULL,
        .on_device = step->kernel->on_device,
        .live_bytes = step->live_bytes,
        .workspace_bytes = step->workspace_bytes,
        .packed_bytes = step->packed_bytes,
    };
    nn_op_cost(&step->view, &out->cost);
}

int64_t nn_plan_slab_bytes(const nn_plan *plan) {
    return plan->slabs[NN_MEMORY_HOST].bytes;
}

int64_t nn_plan_device_slab_bytes(const nn_plan *plan) {
    return plan->slabs[NN_MEMORY_DEVICE].bytes;
}

double nn_plan_device_seconds(const nn_plan *plan, int64_t index) {
    return plan->device_seconds != NULL && index < plan->step_count ? plan->device_seconds[index]
                                                                    : NAN;
}

double nn_plan_occupancy(const nn_plan *plan, int64_t index) {
    return plan->occupancy != NULL && index < plan->step_count ? plan->occupancy[index] : 0;
}

bool nn_plan_is_recorded(const nn_plan *plan) {
    return plan->is_recorded;
}

int64_t nn_plan_packed_bytes(const nn_plan *plan) {
    plan = stepping(plan);
    int64_t bytes = 0;
    for (int64_t i = 0; i < plan->weights.count; i++)
        bytes += (int64_t)plan->weights.items[i]->bytes;
    return bytes;
}

int64_t nn_plan_absent_count(const nn_plan *plan) {
    return stepping(plan)->absence_count;
}

const char *nn_plan_absent(const nn_plan *plan, int64_t index, const char **reason) {
    plan = stepping(plan);
    if (reason != NULL) *reason = plan->absences[index].reason;
    return plan->absences[index].node;
}
