/* The calibration service: statistics of activations that passes share. Memory is bounded: tensors
 * are reduced as they are produced. */
#ifndef NN_CALIBRATION_H
#define NN_CALIBRATION_H

#include "base/dataset.h"
#include "engine/model.h"

enum { NN_HISTOGRAM_BINS = 2048 };

typedef struct nn_value_statistics {
    const char *value; /* name in the model graph */
    double minimum, maximum;
    int64_t count;
    float absolute_limit; /* histogram spans [-limit, limit], widened by doubling */
    uint64_t histogram[NN_HISTOGRAM_BINS];
} nn_value_statistics;

/* Runs every feed (at most `max_samples`, 0: all) with taps on the named float values and fills one
 * entry each. NaN or infinity in an activation is NN_BAD_INPUT that names value and sample. */
nn_status nn_calibrate_values(nn_model *model, nn_dataset *data, const char *const *values,
                              int64_t count, int64_t max_samples, nn_value_statistics *out);

/* Second moments of what a linear node (Conv, Gemm, MatMul with constant weights) reads. The rows x
 * are the patches that meet one output: length = in_channels / groups * kernel elements, then a 1
 * for the bias. gram = sum x x^T of one group after the other, symmetric, row-major, float64. When
 * positions are too many they are subsampled with a seed. cross = sum x_new x_old^T (NULL unless
 * asked). */
typedef struct nn_gram {
    int64_t groups, side; /* side includes the bias row */
    int64_t positions;
    double *matrix; /* groups x side x side */
    double *cross;
} nn_gram;

/* Gram matrices of the named nodes of `model`. */
nn_status nn_calibrate_grams(nn_model *model, nn_dataset *data, const char *const *nodes,
                             int64_t count, int64_t max_samples, uint64_t seed, nn_gram *out);
void nn_gram_clear(nn_gram *gram);

#endif
