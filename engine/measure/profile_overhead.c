/* What measuring costs, and what running a step costs before it does any work. */
#include "engine/measure/profile_parts.h"

#include <stdlib.h>

enum { REPEATS = 2001 };

static int compare_doubles(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double nn_profile_timer_seconds(void) {
    double durations[REPEATS] = {0};
    nn_step_timer timer = {.durations = durations};
    for (int i = 0; i < REPEATS; i++) {
        nn_step_timer_hook(&timer, NULL, i, true);
        nn_step_timer_hook(&timer, NULL, i, false);
    }
    qsort(durations, REPEATS, sizeof *durations, compare_doubles);
    return durations[REPEATS / 2];
}
