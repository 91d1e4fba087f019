/* The search of `optimize`: candidates in a sensible order, each measured for speed and quality. */
#ifndef NN_SEARCH_H
#define NN_SEARCH_H

#include "optim/candidate.h"
#include "optim/data_split.h"

typedef struct nn_search_options {
    double max_drop;
    bool strict; /* judge by the bound of the interval, not by the point estimate */
    double budget_seconds;
    nn_session_options session; /* what candidates are judged and timed with */
    const nn_metric *metric;
    const char *output; /* judged output; NULL: the first */
    int class_axis;
    const char *model_path, *calib_path; /* for replay lines */
} nn_search_options;

typedef struct nn_search {
    nn_search_options options;
    nn_model *base; /* borrowed */
    nn_data_split *data;
    nn_arena arena; /* texts of candidates */
    nn_candidate *candidates;
    int64_t count, capacity;
    nn_session *base_session;
    nn_quality base_quality, base_test_quality;
    double started;
    int64_t best; /* index, or -1: the base model stays */
    bool is_interrupted;
} nn_search;

nn_status nn_search_create(nn_model *base, nn_data_split *data, const nn_search_options *options,
                           nn_search *out);
void nn_search_clear(nn_search *search);

/* Tries candidates until all are done or the budget is spent. NN_OK after an interrupt too, with
 * is_interrupted set: what was judged so far stands. */
nn_status nn_search_run(nn_search *search);

/* Marks the front, then judges kept candidates, fastest first, on the test samples until one is
 * within the budget there: that is `best`. */
nn_status nn_search_choose(nn_search *search);

#endif
