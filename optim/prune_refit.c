#include "optim/prune_plan.h"

#include "optim/regression.h"

enum { POSITIONS_PER_COLUMN = 12, MIN_POSITIONS = 8000, MAX_SIDE = 6000 };

/* The shortcut that is added to a node's result, when it is complete before the node runs: the node
 * then aims at the original sum less the shortcut as it has become. */
static const nn_value *shortcut_of(const nn_node *node, const nn_node **sum) {
    const nn_node *reader = nn_value_single_consumer(node->outputs[0]);
    if (reader == NULL || strcmp(reader->op_type, "Add") != 0) return NULL;
    const nn_value *other = reader->inputs[reader->inputs[0] == node->outputs[0] ? 1 : 0];
    if (other == node->outputs[0] || nn_value_is_constant(other) || other->producer == NULL ||
        other->producer->position > node->position ||
        !nn_dims_equal(other->fact.dims, other->fact.rank, node->outputs[0]->fact.dims,
                       node->outputs[0]->fact.rank))
        return NULL;
    *sum = reader;
    return other;
}

/* Channels of the original result that are still there. */
static int64_t *kept_channels(const nn_prune_plan *plan, const nn_linear_node *original) {
    const nn_value *y = original->node->outputs[0];
    int axis = original->is_conv ? 1 : y->fact.rank - 1;
    int64_t total = original->groups * original->outputs, count = 0;
    bool *gone = nn_alloc_zero((size_t)total);
    int64_t *kept = nn_alloc((size_t)total * sizeof *kept);
    if (gone == NULL || kept == NULL) {
        nn_free(gone);
        nn_free(kept);
        return NULL;
    }
    for (int64_t s = 0; s < plan->groups.structure_count; s++) {
        if (!plan->removed[s]) continue;
        const nn_structure *structure = &plan->groups.structures[s];
        for (int64_t m = 0; m < structure->member_count; m++)
            if (structure->members[m].value == y && structure->members[m].axis == axis)
                gone[structure->members[m].index] = true;
    }
    for (int64_t c = 0; c < total; c++)
        if (!gone[c]) kept[count++] = c;
    nn_free(gone);
    return kept;
}

typedef struct refit_data {
    nn_dataset *fit, *judge;
} refit_data;

static nn_status refit_node(const nn_prune_plan *plan, const nn_linear_node *original,
                            nn_model *pruned, const refit_data *data, double lambda, uint64_t seed,
                            bool *accepted) {
    *accepted = false;
    nn_linear_node linear;
    nn_node *node = nn_graph_find_node(pruned->graph, original->node->name);
    if (node == NULL || !nn_linear_node_init(node, &linear) || linear.groups > 1 ||
        linear.side > MAX_SIDE)
        return NN_OK;
    int64_t *channels = kept_channels(plan, original);
    if (channels == NULL) return nn_fail_memory((size_t)original->outputs * sizeof *channels);
    const nn_node *sum = NULL;
    const nn_value *shortcut = shortcut_of(node, &sum);
    const nn_node *original_sum =
        sum != NULL ? nn_graph_find_node(plan->model->graph, sum->name) : NULL;
    if (original_sum == NULL) shortcut = NULL;
    int64_t positions = linear.side * POSITIONS_PER_COLUMN;
    nn_regression regression = {.model = pruned,
                                .linear = &linear,
                                .target_model = plan->model,
                                .target = shortcut != NULL ? original_sum->outputs[0]->name
                                                           : original->node->outputs[0]->name,
                                .channels = channels,
                                .subtract = shortcut != NULL ? shortcut->name : NULL,
                                .max_positions =
                                    positions > MIN_POSITIONS ? positions : MIN_POSITIONS,
                                .seed = seed};
    nn_moments fit = {0}, judge = {0};
    size_t size = (size_t)(linear.outputs * linear.side) * sizeof(double);
    double *before = nn_alloc(size), *after = nn_alloc(size);
    nn_status status = before != NULL && after != NULL ? NN_OK : nn_fail_memory(size);
    if (status == NN_OK) status = nn_regress(&regression, data->fit, &fit);
    if (status == NN_OK) status = nn_regress(&regression, data->judge, &judge);
    if (status == NN_OK) {
        nn_linear_get(&linear, 0, before);
        status = nn_ridge_solve(&fit, lambda, before, after);
    }
    if (status == NN_OK && nn_moments_error(&judge, after) < nn_moments_error(&judge, before)) {
        status = nn_linear_set(&linear, pruned->graph, after, "prune",
                               "refit to the original's results");
        *accepted = status == NN_OK;
    }
    nn_moments_clear(&fit);
    nn_moments_clear(&judge);
    nn_free(before);
    nn_free(after);
    nn_free(channels);
    return status;
}

/* Three quarters of the samples fit, every fourth judges. */
static nn_status split(nn_dataset *calib, int64_t max_samples, refit_data *out) {
    int64_t samples = calib->sample_count;
    if (max_samples > 0 && max_samples < samples) samples = max_samples;
    if (samples < 8)
        return nn_fail(NN_BAD_INPUT, "%s: %lld samples are too few to refit with; at least 8",
                       calib->name, (long long)samples);
    int64_t *fit = nn_alloc((size_t)samples * 2 * sizeof *fit), fit_count = 0, judge_count = 0;
    if (fit == NULL) return nn_fail_memory((size_t)samples * 2 * sizeof *fit);
    int64_t *judge = fit + samples;
    for (int64_t s = 0; s < samples; s++) {
        if (s % 4 == 3)
            judge[judge_count++] = s;
        else
            fit[fit_count++] = s;
    }
    nn_status status = nn_dataset_subset(calib, fit, fit_count, &out->fit);
    if (status == NN_OK) status = nn_dataset_subset(calib, judge, judge_count, &out->judge);
    nn_free(fit);
    return status;
}

nn_status nn_prune_refit(const nn_prune_plan *plan, nn_model *pruned, nn_dataset *calib,
                         int64_t max_samples, double lambda, uint64_t seed, int64_t *refitted) {
    refit_data data = {0};
    *refitted = 0;
    nn_status status = split(calib, max_samples, &data);
    for (int64_t n = 0; status == NN_OK && n < plan->node_count; n++) {
        const nn_prune_node *node = &plan->nodes[n];
        if (node->in_removed == 0 || node->linear.groups > 1) continue;
        bool accepted;
        nn_progress("refitting", (double)n, (double)plan->node_count, NULL);
        status = refit_node(plan, &node->linear, pruned, &data, lambda, seed, &accepted);
        *refitted += accepted;
    }
    nnopt_dataset_destroy(data.fit);
    nnopt_dataset_destroy(data.judge);
    return status;
}
