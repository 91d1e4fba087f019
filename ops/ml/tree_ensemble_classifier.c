#include "ops/family/ml/tree_ensemble.h"

static nn_status infer(const nn_node_view *node) {
    const nn_tree_attrs *attrs = node->attrs;
    nn_fact scores = nn_fact_unknown();
    nn_fact *out = &scores;
    nn_node_view view = *node;
    view.out = &out;
    view.out_count = 1;
    NN_TRY(nn_tree_infer_regressor(&view));
    NN_TRY(nn_set_output(node, 0, nn_class_labels_type(&attrs->labels), 1, scores.dims));
    return nn_set_output(node, 1, NNOPT_FLOAT, 2, scores.dims);
}

/* Scores of one sample with two classes, in place; returns the class. ONNX Runtime's rules: where
 * the leaves voted for the second class its score decides by its sign, else the only score does;
 * against 1/2 where all votes of the ensemble are for one class and none is negative. Base values
 * count for classes that were voted for. */
static int finish_two(const nn_tree_attrs *attrs, const nn_tree_ensemble *trees, double *scores,
                      const uint8_t *seen) {
    bool is_pair = seen[1] || trees->base_count == 2;
    if (trees->base_count == 2 && seen[1]) {
        scores[1] = scores[0] + trees->base[1];
        scores[0] = -scores[1];
    } else if (trees->base_count > 0) {
        scores[0] += trees->base[0];
    }
    for (int t = 0; t < 2; t++) {
        if (is_pair && !seen[t]) scores[t] = 0;
        if (trees->type == NNOPT_FLOAT) scores[t] = (float)scores[t];
    }
    double score = scores[seen[1] ? 1 : 0];
    bool against_half = trees->votes_for_one && trees->votes_are_positive;
    int label = score > (against_half ? 0.5 : 0);
    if (is_pair)
        nn_post_transform_apply(attrs->transform, scores, 2);
    else
        nn_post_transform_pair(attrs->transform,
                               against_half ? NN_SECOND_COMPLEMENT : NN_SECOND_OPPOSITE, score,
                               scores);
    return label;
}

static int64_t finish_many(const nn_tree_attrs *attrs, const nn_tree_ensemble *trees,
                           double *scores, const uint8_t *seen) {
    int64_t best = -1;
    for (int64_t t = 0; t < trees->target_count; t++) {
        if (trees->base_count > 0) scores[t] += trees->base[t];
        if (trees->type == NNOPT_FLOAT) scores[t] = (float)scores[t];
        bool counts = seen[t] || trees->base_count > 0;
        if (counts && (best < 0 || scores[t] > scores[best])) best = t;
    }
    nn_post_transform_apply(attrs->transform, scores, trees->target_count);
    return best < 0 ? 0 : best;
}

static void finish(const nn_call *call, const nn_tree_ensemble *trees, int64_t sample,
                   double *scores, const uint8_t *seen) {
    const nn_tree_attrs *attrs = call->node->attrs;
    int64_t count = trees->target_count, label = 0;
    nn_tensor *labels = nn_call_out(call, 0), *out = nn_call_out(call, 1);
    bool by_sign = false;
    if (count > 2) {
        label = finish_many(attrs, trees, scores, seen);
    } else if (count == 2) {
        label = finish_two(attrs, trees, scores, seen);
    } else {
        if (trees->base_count > 0) scores[0] += trees->base[0];
        by_sign = attrs->labels.ints != NULL;
        label = scores[0] > 0;
        nn_post_transform_apply(attrs->transform, scores, 1);
    }
    if (labels != NULL && by_sign)
        nn_class_labels_write_sign(&attrs->labels, label, labels, sample);
    else if (labels != NULL)
        nn_class_labels_write(&attrs->labels, count == 1 ? 0 : label, labels, sample);
    if (out != NULL)
        for (int64_t t = 0; t < count; t++)
            ((float *)out->data)[sample * count + t] = (float)scores[t];
}

static nn_status run(const nn_call *call) {
    return nn_tree_run(call, finish);
}

static const nn_kernel reference = {
    .name = "tree_ensemble_classifier",
    .exactness = NN_ROUNDING,
    .prepare = nn_tree_prepare,
    .run = run,
};

static const nn_kernel *const kernels[] = {&reference, NULL};

const nn_op nn_op_tree_ensemble_classifier = {
    .name = "TreeEnsembleClassifier",
    .domain = "ai.onnx.ml",
    .since = 1,
    .min_inputs = 1,
    .max_inputs = 1,
    .min_outputs = 1,
    .max_outputs = 2,
    .attr_size = sizeof(nn_tree_attrs),
    .parse = nn_tree_parse_classifier,
    .infer = infer,
    .cost = nn_tree_cost,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
