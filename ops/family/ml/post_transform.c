#include "ops/family/ml/post_transform.h"

#include <math.h>

static const char *const names[] = {"NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT"};

nn_status nn_post_transform_parse(const nn_node_view *node, const nn_attrs *attrs,
                                  nn_post_transform *out) {
    const char *text;
    NN_TRY(nn_attrs_string(attrs, "post_transform", "NONE", &text));
    for (int i = 0; i <= NN_POST_PROBIT; i++) {
        if (strcmp(text, names[i]) != 0) continue;
        *out = (nn_post_transform)i;
        return NN_OK;
    }
    return nn_view_fail(node, NN_BAD_INPUT, "'post_transform' is '%s'", text);
}

nn_status nn_post_transform_of_number(const nn_node_view *node, int64_t number,
                                      nn_post_transform *out) {
    if (number < 0 || number > NN_POST_PROBIT)
        return nn_view_fail(node, NN_BAD_INPUT, "'post_transform' is %lld, not 0 to %d",
                            (long long)number, NN_POST_PROBIT);
    *out = (nn_post_transform)number;
    return NN_OK;
}

double nn_logistic(double x) {
    double y = 1 / (1 + exp(-fabs(x)));
    return x < 0 ? 1 - y : y;
}

static double probit(double score) {
    double x = 2 * score - 1, log_part = log((1 - x) * (1 + x));
    double a = 2 / (3.14159 * 0.147) + 0.5 * log_part;
    double root = sqrt(sqrt(a * a - log_part / 0.147) - a);
    return 1.4142135623730951 * (x < 0 ? -root : root);
}

static void softmax(double *scores, int64_t count, bool skip_zeros) {
    double most = scores[0], sum = 0;
    for (int64_t i = 1; i < count; i++) most = scores[i] > most ? scores[i] : most;
    for (int64_t i = 0; i < count; i++) {
        bool is_zero = skip_zeros && fabs(scores[i]) <= 1e-7;
        scores[i] = is_zero ? scores[i] * exp(-most) : exp(scores[i] - most);
        if (!is_zero) sum += scores[i];
    }
    for (int64_t i = 0; i < count; i++) scores[i] /= sum;
}

void nn_post_transform_apply(nn_post_transform transform, double *scores, int64_t count) {
    if (transform == NN_POST_PROBIT) {
        for (int64_t i = 0; i < count; i++) scores[i] = probit(scores[i]);
    } else if (count < 2) {
        return;
    } else if (transform == NN_POST_LOGISTIC) {
        for (int64_t i = 0; i < count; i++) scores[i] = nn_logistic(scores[i]);
    } else if (transform != NN_POST_NONE) {
        softmax(scores, count, transform == NN_POST_SOFTMAX_ZERO);
    }
}

void nn_post_transform_pair(nn_post_transform transform, nn_second_score second, double score,
                            double pair[2]) {
    if (transform == NN_POST_PROBIT) {
        pair[0] = probit(score);
        pair[1] = -pair[0];
    } else if (transform == NN_POST_LOGISTIC) {
        pair[0] = nn_logistic(-score);
        pair[1] = nn_logistic(score);
    } else if (second == NN_SECOND_COMPLEMENT) {
        pair[0] = 1 - score;
        pair[1] = score;
    } else {
        pair[0] = -score;
        pair[1] = score;
    }
}
