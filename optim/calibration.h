/* The calibration service: statistics of activations that passes share. Memory is bounded: tensors
 * are reduced as they are produced, never kept. */
#ifndef NN_CALIBRATION_H
#define NN_CALIBRATION_H

#include "base/dataset.h"
#include "engine/graph/model.h"

enum { NN_HISTOGRAM_BINS = 2048 };

typedef struct nn_value_statistics {
    const char *value;  /* name in the model graph; borrowed from the caller */
    int64_t count;      /* elements seen */
    int64_t zero_count; /* of them exactly zero: quantised without error */
    double minimum, maximum;
    double sum, square_sum;
    /* Bin b counts values in limit * [2 b / BINS - 1, 2 (b + 1) / BINS - 1); limit doubles (bins
     * merge in pairs) when a value lies outside. 0 until a value other than zero was seen. */
    double limit;
    uint64_t histogram[NN_HISTOGRAM_BINS];
} nn_value_statistics;

/* Adds values; NN_BAD_INPUT for NaN or infinity. */
nn_status nn_value_statistics_add(nn_value_statistics *statistics, const float *values,
                                  int64_t count);

/* Runs feeds until `max_samples` samples were seen (0: all) with taps on the named float values and
 * fills out[count], whose `value` fields the caller has set. NaN or infinity in an activation is
 * NN_BAD_INPUT that names value and sample; so is an empty data set. */
nn_status nn_calibrate_values(nn_model *model, nn_dataset *data, int64_t max_samples,
                              nn_value_statistics *out, int64_t count);

/* Called once per feed with the tapped tensors, in the order of `values`; standard layout. */
typedef nn_status (*nn_tap_function)(void *user, const nn_tensor *taps, int64_t sample_count);
nn_status nn_for_each_feed(nn_model *model, nn_dataset *data, int64_t max_samples,
                           const char *const *values, int64_t count, nn_tap_function visit,
                           void *user);

#endif
