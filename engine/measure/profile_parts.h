/* Shared by the files of the profiler. */
#ifndef NN_PROFILE_PARTS_H
#define NN_PROFILE_PARTS_H

#include "base/pool.h"
#include "engine/measure/profile.h"

/* The hook's memory: seconds of each step of the current run. */
typedef struct nn_step_timer {
    int threads; /* more than 1: `idle` is wanted */
    double begin;
    nn_pool_load load; /* then */
    double *durations; /* one per step */
    double *idle;      /* of each step, of all threads together */
} nn_step_timer;

void nn_step_timer_hook(void *user, const nn_plan *plan, int64_t step, bool begin);

/* Fills everything of a row that does not need measuring. */
nn_status nn_profile_describe_row(nn_profile *profile, const nn_step_info *step,
                                  nn_profile_row *row);

#endif
