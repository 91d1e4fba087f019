/* Pruning as data: the linear nodes, what each structure costs and how much it matters, what goes.
 */
#ifndef NN_PRUNE_PLAN_H
#define NN_PRUNE_PLAN_H

#include "base/dataset.h"
#include "engine/graph/model.h"
#include "optim/channel_groups.h"
#include "optim/linear_node.h"

/* A linear node with the counts that removals change. */
typedef struct nn_prune_node {
    nn_linear_node linear;
    double macs;                 /* of one run, before */
    int64_t in_total, out_total; /* channels of the whole node */
    int64_t in_removed, out_removed;
} nn_prune_node;

typedef struct nn_prune_plan {
    nn_model *model; /* borrowed: simplified, facts inferred */
    nn_channel_groups groups;
    nn_prune_node *nodes;
    int64_t node_count;
    double *importance; /* by structure: predicted relative output error, or weight norm */
    bool *removed;      /* by structure */
    double macs;        /* of the whole model, before */
} nn_prune_plan;

nn_status nn_prune_plan_create(nn_model *model, nn_prune_plan *out);
void nn_prune_plan_clear(nn_prune_plan *plan);

/* Importance from calibration data: for consumers with weights W and H = sum x x^T + lambda I of
 * what they read, the error after the best compensation (optimal brain surgeon, as in ZipLM), sum
 * over consumers of tr(W_S ((H^-1)_SS)^-1 W_S^T) / tr(W H W^T), S the columns that the structure
 * removes. */
nn_status nn_prune_importance(nn_prune_plan *plan, nn_dataset *calib, int64_t max_samples,
                              uint64_t seed);
/* Without data: the squared norm of the weights that go, relative to their family's mean. */
void nn_prune_importance_by_norm(nn_prune_plan *plan);

/* MACs of the linear nodes with what `removed` says, plus the rest of the model. */
double nn_prune_macs(const nn_prune_plan *plan);

/* Removes the cheapest blocks of `round_to` structures a family until at most `macs_kept` of the
 * MACs are left; every family keeps at least `least_kept` of its structures. NN_CHECK when that is
 * not enough. */
nn_status nn_prune_select_macs(nn_prune_plan *plan, double macs_kept, double least_kept,
                               int64_t round_to);
/* Keeps the same fraction of every family, rounded up to a multiple of round_to. */
nn_status nn_prune_select_ratio(nn_prune_plan *plan, double ratio, int64_t round_to);

/* Slices every constant that a removed structure lies in, adjusts groups, shapes and splits; one
 * patch. The result has the same node names. */
nn_status nn_prune_apply(const nn_prune_plan *plan, nn_model **out);
/* The oracle: the same model with the columns that read removed channels set to zero. Its outputs
 * equal those of the pruned model without refit. */
nn_status nn_prune_mask(const nn_prune_plan *plan, nn_model **out);

/* Refits, in topological order, every dense linear node that lost input channels to the results of
 * the original by ridge regression; a refit is kept where the error on held-back samples falls. */
nn_status nn_prune_refit(const nn_prune_plan *plan, nn_model *pruned, nn_dataset *calib,
                         int64_t max_samples, double lambda, uint64_t seed, int64_t *refitted);

#endif
