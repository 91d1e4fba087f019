#include "base/random.h"

#include <math.h>

double nn_random_normal(nn_random *random) {
    double radius = sqrt(-2 * log(1 - nn_random_uniform(random)));
    return radius * cos(2 * 3.14159265358979323846 * nn_random_uniform(random));
}

void nn_random_order(nn_random *random, int64_t *order, int64_t count) {
    for (int64_t i = 0; i < count; i++) order[i] = i;
    for (int64_t i = count - 1; i > 0; i--) {
        int64_t other = nn_random_below(random, i + 1), kept = order[i];
        order[i] = order[other];
        order[other] = kept;
    }
}
