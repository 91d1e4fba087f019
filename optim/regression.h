/* Moments of what a linear node reads against what its result should be, over calibration data. */
#ifndef NN_REGRESSION_H
#define NN_REGRESSION_H

#include "base/dataset.h"
#include "engine/graph/model.h"
#include "optim/least_squares.h"
#include "optim/linear_node.h"

typedef struct nn_regression {
    /* The node to fit, in `model`; its input is tapped there. */
    nn_model *model;
    const nn_linear_node *linear;
    /* The value it should produce, in `target_model` (may be the same model), before any
     * activation. */
    nn_model *target_model;
    const char *target;
    const int64_t *channels; /* nn_linear_gather_output; NULL: the same */
    /* Subtracted from the target where both have the same shape (a shortcut that is added behind
     * the node); a value of `model`. NULL: nothing. */
    const char *subtract;
    int64_t max_samples;
    int64_t max_positions; /* over all samples; the others are left out at random (seeded) */
    uint64_t seed;
} nn_regression;

/* moments[groups], which the caller clears on success. */
nn_status nn_regress(const nn_regression *regression, nn_dataset *data, nn_moments *moments);

/* What one dense node (one group) of `count` reads, without a target; `moments` is cleared after.
 */
typedef nn_status (*nn_gram_function)(void *user, int64_t index, const nn_moments *moments);

/* Gram matrices of many dense nodes of one model, from as few passes over the data as
 * NN_GRAM_BYTES of matrices at a time allow. `rows_per_column` positions a column, at least
 * `least_rows`, are drawn. */
enum { NN_GRAM_BYTES = 512 << 20 };
typedef struct nn_gram_request {
    nn_model *model;
    const nn_linear_node *const *nodes;
    int64_t count;
    int64_t max_samples, rows_per_column, least_rows;
    uint64_t seed;
} nn_gram_request;
nn_status nn_for_each_gram(const nn_gram_request *request, nn_dataset *data, nn_gram_function visit,
                           void *user);

#endif
