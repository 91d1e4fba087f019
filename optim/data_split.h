/* Which samples calibrate, which guide the search, which judge the result. */
#ifndef NN_DATA_SPLIT_H
#define NN_DATA_SPLIT_H

#include "base/dataset.h"

typedef struct nn_data_split {
    nn_dataset *calibrate; /* owned unless it is the caller's */
    nn_dataset *search;    /* owned */
    nn_dataset *test;      /* owned; the search never sees these samples */
    bool owns_calibrate;
    int64_t removed; /* samples of the data that the calibration set holds too */
} nn_data_split;

/* With `calib`: its samples are removed from `data`; a third of the rest is searched on, two thirds
 * test. Without it, or when nothing remains: a quarter calibrates, a quarter is searched on, half
 * tests. The order is seeded. NN_BAD_INPUT when a part would have fewer than 16 samples. */
nn_status nn_data_split_create(nn_dataset *data, nn_dataset *calib, uint64_t seed,
                               nn_data_split *out);
void nn_data_split_clear(nn_data_split *split);

#endif
