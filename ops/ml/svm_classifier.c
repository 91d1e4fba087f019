#include "ops/family/ml/class_labels.h"
#include "ops/family/ml/svm.h"

#include <math.h>

/* With support vectors each pair of classes i < j has a classifier; the classes' vectors follow
 * each other, and row k of the coefficients holds those of each vector against the k-th other
 * class. */
typedef struct classifier_attrs {
    nn_svm_attrs svm;
    nn_class_labels labels;
    const int64_t *vectors_per_class;
    const float *prob_a, *prob_b;
    int64_t prob_count; /* 0: scores are not made probabilities */
    int64_t pairs;
    bool positive; /* no coefficient is negative */
} classifier_attrs;

static nn_status check_vectors(const nn_node_view *node, classifier_attrs *parsed, int64_t count) {
    int64_t classes = parsed->labels.count, vectors = 0, values;
    for (int64_t i = 0; i < count; i++)
        if (parsed->vectors_per_class[i] < 0 ||
            !nn_add_size(vectors, parsed->vectors_per_class[i], &vectors))
            return nn_view_fail(node, NN_BAD_INPUT, "'vectors_per_class' holds %lld",
                                (long long)parsed->vectors_per_class[i]);
    NN_TRY(nn_svm_set_vectors(node, &parsed->svm, vectors, classes));
    if (vectors == 0) return NN_OK;
    if (count != classes || classes < 2)
        return nn_view_fail(node, NN_BAD_INPUT,
                            "'vectors_per_class' has %lld values for %lld classes",
                            (long long)count, (long long)classes);
    if (!nn_mul_size(classes - 1, vectors, &values) || parsed->svm.coefficient_count != values)
        return nn_view_fail(
            node, NN_BAD_INPUT, "'coefficients' has %lld values for %lld classes and %lld vectors",
            (long long)parsed->svm.coefficient_count, (long long)classes, (long long)vectors);
    return NN_OK;
}

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    classifier_attrs *parsed = out;
    int64_t b_count, count;
    NN_TRY(nn_svm_parse(node, attrs, &parsed->svm));
    NN_TRY(nn_class_labels_parse(node, attrs, "classlabels_ints", "classlabels_strings",
                                 &parsed->labels));
    NN_TRY(nn_attrs_floats(attrs, "prob_a", &parsed->prob_a, &parsed->prob_count));
    NN_TRY(nn_attrs_floats(attrs, "prob_b", &parsed->prob_b, &b_count));
    NN_TRY(nn_attrs_ints(attrs, "vectors_per_class", &parsed->vectors_per_class, &count));
    int64_t classes = parsed->labels.count;
    if (classes > UINT16_MAX)
        return nn_view_fail(node, NN_UNSUPPORTED, "%lld classes are too many", (long long)classes);
    NN_TRY(check_vectors(node, parsed, count));
    parsed->pairs = parsed->svm.vectors > 0 ? classes * (classes - 1) / 2 : 0;
    if (parsed->svm.rho_count < parsed->pairs)
        return nn_view_fail(node, NN_BAD_INPUT, "'rho' has %lld values for %lld pairs of classes",
                            (long long)parsed->svm.rho_count, (long long)parsed->pairs);
    if (parsed->prob_count != b_count ||
        (parsed->prob_count > 0 && parsed->prob_count < parsed->pairs))
        return nn_view_fail(
            node, NN_BAD_INPUT, "'prob_a' and 'prob_b' have %lld and %lld values for %lld pairs",
            (long long)parsed->prob_count, (long long)b_count, (long long)parsed->pairs);
    parsed->positive = true;
    for (int64_t i = 0; i < parsed->svm.coefficient_count; i++)
        if (parsed->svm.coefficients[i] < 0) parsed->positive = false;
    return NN_OK;
}

static bool makes_probabilities(const classifier_attrs *attrs) {
    return attrs->svm.vectors > 0 && attrs->prob_count > 0;
}

/* Scores of a sample in the output. */
static int64_t score_count(const classifier_attrs *attrs) {
    if (attrs->svm.vectors == 0 || attrs->prob_count > 0) return attrs->labels.count;
    return attrs->labels.count > 2 ? attrs->pairs : 2;
}

static nn_status infer(const nn_node_view *node) {
    const classifier_attrs *attrs = node->attrs;
    int64_t dims[2] = {0, score_count(attrs)}, columns;
    NN_TRY(nn_check_types(node, 0, 0, NN_TYPES_FEATURE));
    NN_TRY(nn_features_shape(node, &dims[0], &columns));
    NN_TRY(nn_features_check_columns(node, columns, attrs->svm.columns));
    NN_TRY(nn_set_output(node, 0, nn_class_labels_type(&attrs->labels), 1, dims));
    return nn_set_output(node, 1, NNOPT_FLOAT, 2, dims);
}

static void cost(const nn_node_view *node, nn_cost *out) {
    nn_svm_cost(node, &((const classifier_attrs *)node->attrs)->svm, out);
}

/* The workspace of one sample, in this order. */
typedef struct svm_scratch {
    double *scores;  /* of classes or pairs, two at least */
    int64_t *votes;  /* of classes */
    float *kernels;  /* of support vectors, or of the rows of a linear model */
    float *square;   /* classes x classes: the probability of i against j */
    float *products; /* classes x classes and classes: of the iteration */
} svm_scratch;

static size_t scratch_bytes(const classifier_attrs *attrs) {
    size_t classes = (size_t)attrs->labels.count, pairs = (size_t)attrs->pairs;
    size_t kernels = attrs->svm.vectors > 0 ? (size_t)attrs->svm.vectors : classes;
    size_t squares = makes_probabilities(attrs) ? 2 * classes * classes + 2 * classes : 0;
    return (classes + pairs + 2) * sizeof(double) + classes * sizeof(int64_t) +
           (kernels + squares) * sizeof(float);
}

static svm_scratch scratch_of(const classifier_attrs *attrs, void *memory) {
    int64_t classes = attrs->labels.count;
    svm_scratch scratch = {.scores = memory};
    scratch.votes = (int64_t *)(void *)(scratch.scores + classes + attrs->pairs + 2);
    scratch.kernels = (float *)(void *)(scratch.votes + classes);
    scratch.square = scratch.kernels + (attrs->svm.vectors > 0 ? attrs->svm.vectors : classes);
    scratch.products = scratch.square + classes * classes;
    return scratch;
}

static nn_status prepare(const nn_node_view *node, const nn_target *target, nn_prepare *plan) {
    const classifier_attrs *attrs = node->attrs;
    NN_TRY(nn_svm_prepare_state(&attrs->svm, plan));
    return nn_score_rows_prepare(node, target, plan, scratch_bytes(attrs));
}

/* Scores and votes of all pairs of classes. */
static void score_pairs(const classifier_attrs *attrs, const svm_scratch *scratch) {
    const nn_svm_attrs *svm = &attrs->svm;
    int64_t classes = attrs->labels.count, pair = 0, first_i = 0;
    memset(scratch->votes, 0, (size_t)classes * sizeof *scratch->votes);
    for (int64_t i = 0; i < classes; first_i += attrs->vectors_per_class[i], i++) {
        int64_t first_j = first_i + attrs->vectors_per_class[i];
        for (int64_t j = i + 1; j < classes; first_j += attrs->vectors_per_class[j], j++) {
            const float *of_i = svm->coefficients + (j - 1) * svm->vectors + first_i;
            const float *of_j = svm->coefficients + i * svm->vectors + first_j;
            double sum = 0;
            for (int64_t v = 0; v < attrs->vectors_per_class[i]; v++)
                sum += (double)of_i[v] * (double)scratch->kernels[first_i + v];
            for (int64_t v = 0; v < attrs->vectors_per_class[j]; v++)
                sum += (double)of_j[v] * (double)scratch->kernels[first_j + v];
            sum += (double)svm->rho[pair];
            scratch->scores[pair++] = sum;
            scratch->votes[sum > 0 ? i : j]++;
        }
    }
}

/* One pass of the iteration over the classes; false once p has settled. */
static bool couple_once(int64_t n, const float *q, float *qp, float *p) {
    float pqp = 0, worst = 0;
    for (int64_t i = 0; i < n; i++) {
        qp[i] = 0;
        for (int64_t j = 0; j < n; j++) qp[i] += q[i * n + j] * p[j];
        pqp += p[i] * qp[i];
    }
    for (int64_t i = 0; i < n; i++) worst = fmaxf(worst, fabsf(qp[i] - pqp));
    if (worst < 0.005F / (float)n) return false;
    for (int64_t i = 0; i < n; i++) {
        float step = (pqp - qp[i]) / q[i * n + i];
        p[i] += step;
        pqp = (pqp + step * (step * q[i * n + i] + 2 * qp[i])) / (1 + step) / (1 + step);
        for (int64_t j = 0; j < n; j++) {
            qp[j] = (qp[j] + step * q[i * n + j]) / (1 + step);
            p[j] /= 1 + step;
        }
    }
    return true;
}

enum { COUPLING_PASSES = 100 };

/* Probabilities of the classes from those of each pair r[i][j]: the second method of Wu, Lin and
 * Weng, "Probability estimates for multi-class classification by pairwise coupling" (2004). In
 * floats and with the bounds of ONNX Runtime, so that both stop after the same pass. */
static void couple(int64_t n, const float *r, float *work, double *out) {
    float *q = work, *qp = q + n * n, *p = qp + n;
    for (int64_t i = 0; i < n; i++) {
        p[i] = 1.0F / (float)n;
        q[i * n + i] = 0;
        for (int64_t j = 0; j < n; j++) {
            if (j == i) continue;
            q[i * n + i] += r[j * n + i] * r[j * n + i];
            q[i * n + j] = j < i ? q[j * n + i] : -r[j * n + i] * r[i * n + j];
        }
    }
    for (int pass = 0; pass < COUPLING_PASSES && couple_once(n, q, qp, p); pass++) continue;
    for (int64_t i = 0; i < n; i++) out[i] = (double)p[i];
}

static void make_probabilities(const classifier_attrs *attrs, const svm_scratch *scratch) {
    int64_t classes = attrs->labels.count, pair = 0;
    const float least = 1e-7F;
    for (int64_t i = 0; i < classes; i++) {
        for (int64_t j = i + 1; j < classes; j++, pair++) {
            float x = (float)scratch->scores[pair] * attrs->prob_a[pair] + attrs->prob_b[pair];
            float p = 1 - (float)nn_logistic((double)x);
            p = fminf(fmaxf(p, least), 1 - least);
            scratch->square[i * classes + j] = p;
            scratch->square[j * classes + i] = 1 - p;
        }
    }
    couple(classes, scratch->square, scratch->products, scratch->scores);
}

static int64_t largest_vote(const classifier_attrs *attrs, const int64_t *votes) {
    int64_t best = 0;
    for (int64_t i = 1; i < attrs->labels.count; i++)
        if (votes[i] > votes[best]) best = i;
    return best;
}

/* A linear model: the class with the largest score; of two, the second one where that score is
 * positive, or at least 1/2 where no coefficient is negative. */
static int64_t largest_score(const classifier_attrs *attrs, const double *scores) {
    int64_t best = 0, classes = attrs->labels.count;
    for (int64_t i = 1; i < classes; i++)
        if (scores[i] > scores[best]) best = i;
    if (classes != 2 || attrs->prob_count > 0) return best;
    bool second = attrs->positive ? scores[best] >= 0.5 : scores[best] > 0;
    return second ? 1 : best;
}

static void score(const nn_call *call, int64_t index, const float *x, void *memory) {
    const classifier_attrs *attrs = call->node->attrs;
    const nn_svm_attrs *svm = &attrs->svm;
    svm_scratch scratch = scratch_of(attrs, memory);
    nn_tensor *labels = nn_call_out(call, 0), *out = nn_call_out(call, 1);
    int64_t count = score_count(attrs), label;
    nn_svm_kernels(svm, call->state, x, scratch.kernels);
    if (svm->vectors > 0) {
        score_pairs(attrs, &scratch);
        if (attrs->prob_count > 0) make_probabilities(attrs, &scratch);
        label = largest_vote(attrs, scratch.votes);
    } else {
        for (int64_t i = 0; i < count; i++)
            scratch.scores[i] = (double)scratch.kernels[i] + (double)svm->rho[0];
        label = largest_score(attrs, scratch.scores);
    }
    if (labels != NULL) nn_class_labels_write(&attrs->labels, label, labels, index);
    if (out == NULL) return;
    bool is_pair = attrs->pairs == 1 && attrs->prob_count == 0;
    if (is_pair)
        nn_post_transform_pair(svm->transform,
                               svm->transform == NN_POST_NONE ? NN_SECOND_OPPOSITE
                                                              : NN_SECOND_COMPLEMENT,
                               scratch.scores[0], scratch.scores);
    else
        nn_post_transform_apply(svm->transform, scratch.scores, count);
    float *row = (float *)out->data + index * count;
    for (int64_t i = 0; i < count; i++) row[i] = (float)scratch.scores[i];
}

static nn_status run(const nn_call *call) {
    const classifier_attrs *attrs = call->node->attrs;
    nn_score_rows_run(call, scratch_bytes(attrs),
                      attrs->svm.support_count + attrs->svm.coefficient_count, score);
    return NN_OK;
}

static const nn_kernel reference = {
    .name = "svm_classifier",
    .exactness = NN_ROUNDING,
    .prepare = prepare,
    .run = run,
};

static const nn_kernel *const kernels[] = {&reference, NULL};

const nn_op nn_op_svm_classifier = {
    .name = "SVMClassifier",
    .domain = "ai.onnx.ml",
    .since = 1,
    .min_inputs = 1,
    .max_inputs = 1,
    .min_outputs = 1,
    .max_outputs = 2,
    .attr_size = sizeof(classifier_attrs),
    .parse = parse,
    .infer = infer,
    .cost = cost,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
