#include "optim/prune_plan.h"

#include "optim/node_costs.h"

#include <math.h>
#include <stdlib.h>

nn_status nn_prune_plan_create(nn_model *model, nn_prune_plan *out) {
    const nn_graph *graph = model->graph;
    memset(out, 0, sizeof *out);
    out->model = model;
    NN_TRY(nn_channel_groups_build(graph, &out->groups));
    double *macs = NULL;
    nn_status status = nn_node_macs(graph, &macs);
    if (status != NN_OK) {
        nn_prune_plan_clear(out);
        return status;
    }
    size_t structures = (size_t)out->groups.structure_count + 1;
    out->nodes = nn_alloc_zero(((size_t)graph->node_count + 1) * sizeof *out->nodes);
    out->importance = nn_alloc_zero(structures * sizeof *out->importance);
    out->removed = nn_alloc_zero(structures);
    if (out->nodes == NULL || out->importance == NULL || out->removed == NULL) {
        nn_free(macs);
        nn_prune_plan_clear(out);
        return nn_fail_memory(structures * sizeof *out->importance);
    }
    for (int64_t n = 0; n < graph->node_count; n++) {
        nn_prune_node *node = &out->nodes[out->node_count];
        out->macs += macs[n];
        if (!nn_linear_node_init(graph->nodes[n], &node->linear)) continue;
        node->macs = macs[n];
        node->in_total = node->linear.groups * node->linear.inputs;
        node->out_total = node->linear.groups * node->linear.outputs;
        out->node_count++;
    }
    nn_free(macs);
    return NN_OK;
}

void nn_prune_plan_clear(nn_prune_plan *plan) {
    nn_channel_groups_clear(&plan->groups);
    nn_free(plan->nodes);
    nn_free(plan->importance);
    nn_free(plan->removed);
    memset(plan, 0, sizeof *plan);
}

/* The axis of a linear node's input or output that counts channels. */
static int channel_axis(const nn_linear_node *linear, const nn_value *value) {
    return linear->is_conv ? 1 : value->fact.rank - 1;
}

/* How many of a structure's members are input or output channels of a node. */
static void count_channels(const nn_structure *structure, const nn_linear_node *linear, int64_t *in,
                           int64_t *out) {
    const nn_value *x = linear->node->inputs[0], *y = linear->node->outputs[0];
    *in = *out = 0;
    for (int64_t m = 0; m < structure->member_count; m++) {
        const nn_channel_member *member = &structure->members[m];
        *in += member->value == x && member->axis == channel_axis(linear, x);
        *out += member->value == y && member->axis == channel_axis(linear, y);
    }
}

static double node_macs(const nn_prune_node *node, int64_t in_removed, int64_t out_removed) {
    double outputs = 1 - (double)out_removed / (double)node->out_total;
    double inputs = 1 - (double)in_removed / (double)node->in_total;
    /* whole groups go: what one output reads stays the same */
    return node->macs * (node->linear.groups > 1 ? outputs : outputs * inputs);
}

double nn_prune_macs(const nn_prune_plan *plan) {
    double macs = plan->macs;
    for (int64_t n = 0; n < plan->node_count; n++) {
        const nn_prune_node *node = &plan->nodes[n];
        macs += node_macs(node, node->in_removed, node->out_removed) - node->macs;
    }
    return macs;
}

/* ---- selection ---- */

/* The structures of one family, least important first; the first `taken` are removed. */
typedef struct family {
    int64_t *order;
    int64_t count, taken;
    struct { /* what one structure takes from a node */
        int64_t node, in, out;
    } * effects;
    int64_t effect_count;
} family;

typedef struct ranked {
    double importance;
    int64_t structure;
} ranked;

static int compare_ranked(const void *a, const void *b) {
    const ranked *left = a, *right = b;
    if (left->importance != right->importance) return left->importance < right->importance ? -1 : 1;
    return (left->structure > right->structure) - (left->structure < right->structure);
}

static void free_families(family *families, int64_t count) {
    for (int64_t f = 0; families != NULL && f < count; f++) {
        nn_free(families[f].order);
        nn_free(families[f].effects);
    }
    nn_free(families);
}

static nn_status fill_family(const nn_prune_plan *plan, int64_t index, ranked *scratch,
                             family *out) {
    for (int64_t s = 0; s < plan->groups.structure_count; s++)
        if (plan->groups.structures[s].family == index)
            scratch[out->count++] = (ranked){plan->importance[s], s};
    qsort(scratch, (size_t)out->count, sizeof *scratch, compare_ranked);
    out->order = nn_alloc(((size_t)out->count + 1) * sizeof *out->order);
    out->effects = nn_alloc(((size_t)plan->node_count + 1) * sizeof *out->effects);
    if (out->order == NULL || out->effects == NULL)
        return nn_fail_memory((size_t)plan->node_count * sizeof *out->effects);
    for (int64_t s = 0; s < out->count; s++) out->order[s] = scratch[s].structure;
    for (int64_t n = 0; out->count > 0 && n < plan->node_count; n++) {
        int64_t in, made;
        count_channels(&plan->groups.structures[out->order[0]], &plan->nodes[n].linear, &in, &made);
        if (in == 0 && made == 0) continue;
        out->effects[out->effect_count].node = n;
        out->effects[out->effect_count].in = in;
        out->effects[out->effect_count++].out = made;
    }
    return NN_OK;
}

static nn_status make_families(const nn_prune_plan *plan, family **out) {
    int64_t count = plan->groups.family_count;
    family *families = nn_alloc_zero(((size_t)count + 1) * sizeof *families);
    ranked *scratch = nn_alloc(((size_t)plan->groups.structure_count + 1) * sizeof *scratch);
    nn_status status = families != NULL && scratch != NULL
                           ? NN_OK
                           : nn_fail_memory((size_t)plan->groups.structure_count * sizeof *scratch);
    for (int64_t f = 0; status == NN_OK && f < count; f++)
        status = fill_family(plan, f, scratch, &families[f]);
    nn_free(scratch);
    if (status != NN_OK) {
        free_families(families, count);
        return status;
    }
    *out = families;
    return NN_OK;
}

static void take(nn_prune_plan *plan, family *of, int64_t block) {
    for (int64_t s = 0; s < block; s++) plan->removed[of->order[of->taken + s]] = true;
    of->taken += block;
    for (int64_t e = 0; e < of->effect_count; e++) {
        nn_prune_node *node = &plan->nodes[of->effects[e].node];
        node->in_removed += of->effects[e].in * block;
        node->out_removed += of->effects[e].out * block;
    }
}

static double macs_saved(const nn_prune_plan *plan, const family *of, int64_t block) {
    double saved = 0;
    for (int64_t e = 0; e < of->effect_count; e++) {
        const nn_prune_node *node = &plan->nodes[of->effects[e].node];
        saved += node_macs(node, node->in_removed, node->out_removed) -
                 node_macs(node, node->in_removed + of->effects[e].in * block,
                           node->out_removed + of->effects[e].out * block);
    }
    return saved;
}

/* The next block of a family: what remains after it is a multiple of round_to. 0: none is left. */
static int64_t next_block(const family *of, double least_kept, int64_t round_to) {
    int64_t kept = of->count - of->taken;
    int64_t block = kept % round_to != 0 ? kept % round_to : round_to;
    int64_t least = (int64_t)ceil(least_kept * (double)of->count);
    if (least < round_to && of->count > round_to) least = round_to;
    if (least < 1) least = 1;
    return kept - block >= least ? block : 0;
}

nn_status nn_prune_select_macs(nn_prune_plan *plan, double macs_kept, double least_kept,
                               int64_t round_to) {
    family *families;
    NN_TRY(make_families(plan, &families));
    nn_status status = NN_OK;
    while (nn_prune_macs(plan) > macs_kept * plan->macs) {
        int64_t best = -1, best_block = 0;
        double least_price = INFINITY;
        for (int64_t f = 0; f < plan->groups.family_count; f++) {
            int64_t block = next_block(&families[f], least_kept, round_to);
            double saved = block > 0 ? macs_saved(plan, &families[f], block) : 0, harm = 0;
            if (saved <= 0) continue;
            for (int64_t s = 0; s < block; s++)
                harm += plan->importance[families[f].order[families[f].taken + s]];
            if (harm / saved >= least_price) continue;
            least_price = harm / saved;
            best = f;
            best_block = block;
        }
        if (best < 0) {
            status =
                nn_fail(NN_CHECK,
                        "pruning stops at %.0f %% of the MACs: no group of channels may shrink "
                        "further, --macs asks for %.0f %%",
                        100 * nn_prune_macs(plan) / plan->macs, 100 * macs_kept);
            break;
        }
        take(plan, &families[best], best_block);
    }
    free_families(families, plan->groups.family_count);
    return status;
}

nn_status nn_prune_select_ratio(nn_prune_plan *plan, double ratio, int64_t round_to) {
    family *families;
    NN_TRY(make_families(plan, &families));
    for (int64_t f = 0; f < plan->groups.family_count; f++) {
        family *of = &families[f];
        if (macs_saved(plan, of, 1) <= 0) continue;
        int64_t kept = (int64_t)ceil(ratio * (double)of->count / (double)round_to) * round_to;
        if (kept < 1) kept = 1;
        if (kept < of->count) take(plan, of, of->count - kept);
    }
    free_families(families, plan->groups.family_count);
    return NN_OK;
}
