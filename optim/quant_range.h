/* From a histogram of an activation to the scale and zero point of its 8-bit form. */
#ifndef NN_QUANT_RANGE_H
#define NN_QUANT_RANGE_H

#include "optim/calibration.h"

typedef enum nn_range_method {
    NN_RANGE_MSE, /* the clipping range of least mean squared error (default) */
    NN_RANGE_MINMAX,
    NN_RANGE_PERCENTILE, /* 99.99 % of the values */
    NN_RANGE_KL,         /* least Kullback-Leibler divergence of the clipped histogram */
} nn_range_method;

typedef struct nn_quant_range {
    double low, high;   /* low <= 0 <= high */
    float scale;        /* > 0 */
    int32_t zero_point; /* within the type */
    double error;       /* expected mean squared error over the histogram */
} nn_quant_range;

/* For `type` int8 or uint8. `symmetric`: zero point 0 (int8) or 128 (uint8). Values all equal give
 * a scale that represents them exactly. */
nn_status nn_quant_range_choose(const nn_value_statistics *statistics, nn_range_method method,
                                nn_type type, bool symmetric, nn_quant_range *out);

/* The parameters of a given range, low <= high; zero is always representable. */
void nn_quant_range_set(double low, double high, nn_type type, bool symmetric, nn_quant_range *out);

/* Mean squared error of quantising what the histogram holds with this range. */
double nn_quant_range_error(const nn_value_statistics *statistics, const nn_quant_range *range,
                            nn_type type);

#endif
