/* Ensembles of decision trees: TreeEnsemble, TreeEnsembleClassifier, TreeEnsembleRegressor.
 *
 * Attributes are read into one form for the three operators; `prepare` checks the trees once and
 * stores them as an array of nodes, in which every step of a walk is one comparison and one load.
 */
#ifndef NN_FAMILY_TREE_ENSEMBLE_H
#define NN_FAMILY_TREE_ENSEMBLE_H

#include "ops/family/ml/class_labels.h"
#include "ops/family/ml/features.h"
#include "ops/family/ml/post_transform.h"

/* ---- attributes ---- */

/* A list of floats, or a tensor of floats, doubles or halves. */
typedef struct nn_tree_numbers {
    int64_t count;
    const float *floats;
    const nn_tensor *tensor; /* where floats is NULL */
} nn_tree_numbers;

double nn_tree_number(const nn_tree_numbers *numbers, int64_t index);

typedef enum nn_tree_aggregate { /* the numbers of TreeEnsemble */
                                 NN_TREE_AVERAGE,
                                 NN_TREE_SUM,
                                 NN_TREE_MIN,
                                 NN_TREE_MAX,
} nn_tree_aggregate;

typedef enum nn_tree_mode { /* the numbers of TreeEnsemble, then the mode of older versions */
                            NN_TREE_LEQ,
                            NN_TREE_LT,
                            NN_TREE_GTE,
                            NN_TREE_GT,
                            NN_TREE_EQ,
                            NN_TREE_NEQ,
                            NN_TREE_MEMBER,
                            NN_TREE_LEAF,
} nn_tree_mode;

/* Lists borrow from the attributes; those of one count have that many values. */
typedef struct nn_tree_attrs {
    int64_t node_count;
    const int64_t *features, *true_ids, *false_ids;
    const int64_t *missing; /* NULL: NaN takes the false branch everywhere */
    nn_tree_numbers thresholds;

    /* Classifier and regressor: nodes are named by tree and id, leaves are nodes. */
    const int64_t *tree_ids, *node_ids;
    const nn_text *mode_names;
    /* TreeEnsemble: nodes are named by place, leaves are rows of the leaf lists. */
    const int64_t *true_leafs, *false_leafs, *roots;
    int64_t root_count;
    const nn_tensor *modes; /* uint8; NULL for the others */
    nn_tree_numbers members;

    int64_t vote_count;
    const int64_t *vote_targets;
    const int64_t *vote_trees, *vote_nodes; /* classifier and regressor */
    nn_tree_numbers votes;

    int64_t target_count; /* or classes */
    nn_tree_numbers base;
    nn_tree_aggregate aggregate;
    nn_post_transform transform;
    nn_class_labels labels; /* of the classifier; else count 0 */
    int64_t feature_count;  /* one more than the largest feature that a node asks for */
} nn_tree_attrs;

nn_status nn_tree_parse_ensemble(const nn_node_view *node, const nn_attrs *attrs, void *out);
nn_status nn_tree_parse_classifier(const nn_node_view *node, const nn_attrs *attrs, void *out);
nn_status nn_tree_parse_regressor(const nn_node_view *node, const nn_attrs *attrs, void *out);

/* The mode of node `index`; false where it has none of the standard's names or numbers. */
bool nn_tree_mode_of(const nn_tree_attrs *attrs, int64_t index, nn_tree_mode *out);

/* ---- trees ready to be walked ---- */

/* A node of either precision. Where the feature's value is at most the threshold, the walk goes on
 * at next[1], else at next[0]. A leaf leads to itself, and its threshold is its payload: the weight
 * where every leaf has one vote and all votes are for the same target, else its number. */
typedef struct nn_tree_node_f32 {
    union {
        float threshold;
        uint32_t leaf;
    };
    uint32_t feature;
    uint32_t next[2];
} nn_tree_node_f32;

typedef struct nn_tree_node_f64 {
    union {
        double threshold;
        uint32_t leaf;
    };
    uint32_t feature;
    uint32_t next[2];
} nn_tree_node_f64;

enum { NN_TREE_LANES = 8 }; /* walks that go on in turn; `feature` of a node is a multiple of it */

/* How node i is tested beside the comparison; a set's number stands in its threshold. */
enum {
    NN_TREE_TEST_NAN = 1, /* NaN goes on at next[1] */
    NN_TREE_TEST_EQUAL = 2,
    NN_TREE_TEST_MEMBER = 4,
};

typedef enum nn_tree_walk {
    NN_TREE_WALK_PLAIN,   /* no node has a test */
    NN_TREE_WALK_NAN,     /* tests of NaN only */
    NN_TREE_WALK_GENERAL, /* any */
} nn_tree_walk;

typedef enum nn_tree_votes {
    NN_TREE_VOTES_ONE,   /* one vote per leaf, all for one target: the payload is the weight */
    NN_TREE_VOTES_DENSE, /* weights[leaf * targets + target] */
    NN_TREE_VOTES_SPARSE,
} nn_tree_votes;

typedef struct nn_tree_ensemble {
    nn_type type; /* of thresholds, features, weights and sums: FLOAT or DOUBLE */
    nn_tree_walk walk;
    nn_tree_votes votes;
    int64_t tree_count, target_count, leaf_count;
    int64_t only_target; /* ONE: whom the votes are for */
    const uint32_t *roots;
    const uint32_t *heights; /* of each tree: steps to its deepest leaf */
    uint32_t height;         /* the largest of them */
    double mean_height;
    const void *nodes;
    const uint8_t *tests;
    const uint32_t *vote_start;   /* SPARSE: of each leaf, and one more */
    const uint32_t *vote_targets; /* SPARSE */
    const void *weights;          /* DENSE and SPARSE */
    const uint32_t *set_start;    /* of each set of members, and one more */
    const void *set_values;       /* ascending within a set */
    const double *base;
    int64_t base_count;
    bool votes_are_positive; /* no weight is negative */
    bool votes_for_one;      /* all votes are for the same class, and there are two */
    int64_t block;           /* samples that one tree is walked with in turn */
    bool turns;              /* the samples of a block are copied feature by feature */
    size_t worker_bytes;     /* workspace of one thread */
} nn_tree_ensemble;

/* Checks the trees and leaves an nn_tree_ensemble as state. Fails for ids and places that do not
 * exist, and for cycles. */
nn_status nn_tree_prepare(const nn_node_view *node, const nn_target *target, nn_prepare *prepare);

/* Scores of one sample, aggregated over the trees, become outputs. `seen[t]`: some leaf voted for
 * target t. */
typedef void (*nn_tree_finish)(const nn_call *call, const nn_tree_ensemble *trees, int64_t sample,
                               double *scores, const uint8_t *seen);

nn_status nn_tree_run(const nn_call *call, nn_tree_finish finish);
/* Adds base values, applies the transform, and writes row `sample` of output 0. */
void nn_tree_finish_regression(const nn_call *call, const nn_tree_ensemble *trees, int64_t sample,
                               double *scores, const uint8_t *seen);

nn_status nn_tree_infer_regressor(const nn_node_view *node);
nn_status nn_tree_run_regressor(const nn_call *call);
void nn_tree_cost(const nn_node_view *node, nn_cost *out);

#endif
