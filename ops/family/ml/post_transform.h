/* What classifiers and regressors of ai.onnx.ml do with their scores at last. */
#ifndef NN_FAMILY_POST_TRANSFORM_H
#define NN_FAMILY_POST_TRANSFORM_H

#include "ops/op.h"

typedef enum nn_post_transform { /* the numbers of TreeEnsemble */
                                 NN_POST_NONE,
                                 NN_POST_SOFTMAX,
                                 NN_POST_LOGISTIC,
                                 NN_POST_SOFTMAX_ZERO, /* softmax that leaves scores of 0 at 0 */
                                 NN_POST_PROBIT,       /* sqrt 2 erfinv(2 x - 1) by Winitzki's
                                                          approximation with a = 0.147 */
} nn_post_transform;

/* Attribute 'post_transform' as a text, and by number. */
nn_status nn_post_transform_parse(const nn_node_view *node, const nn_attrs *attrs,
                                  nn_post_transform *out);
nn_status nn_post_transform_of_number(const nn_node_view *node, int64_t number,
                                      nn_post_transform *out);

/* In place over the scores of one sample. A single score is changed by PROBIT only. */
void nn_post_transform_apply(nn_post_transform transform, double *scores, int64_t count);

/* How one score of a classifier with two classes becomes two. */
typedef enum nn_second_score {
    NN_SECOND_COMPLEMENT, /* 1 - s, s */
    NN_SECOND_OPPOSITE,   /* -s, s */
} nn_second_score;

/* Whatever `second` is, LOGISTIC gives the logistic function of -s and s, and PROBIT the opposite
 * of the transformed score after it. */
void nn_post_transform_pair(nn_post_transform transform, nn_second_score second, double score,
                            double pair[2]);

double nn_logistic(double x);

#endif
