/* Seeded pseudo-random numbers: SplitMix64 (Steele, Lea, Flood 2014). The same seed gives the same
 * stream on every machine; copying the state copies the stream. */
#ifndef NN_RANDOM_H
#define NN_RANDOM_H

#include <stdint.h>

typedef struct nn_random {
    uint64_t state;
} nn_random;

static inline nn_random nn_random_seed(uint64_t seed) {
    return (nn_random){seed};
}

static inline uint64_t nn_random_bits(nn_random *random) {
    uint64_t z = random->state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* In [0, 1), 53 bits. */
static inline double nn_random_uniform(nn_random *random) {
    return (double)(nn_random_bits(random) >> 11) * 0x1p-53;
}

/* In [0, bound), bound > 0. */
static inline int64_t nn_random_below(nn_random *random, int64_t bound) {
    return (int64_t)(nn_random_uniform(random) * (double)bound);
}

/* Standard normal (Box and Muller); uses two uniform numbers. */
double nn_random_normal(nn_random *random);

/* A random order of 0 .. count-1 (Fisher and Yates). */
void nn_random_order(nn_random *random, int64_t *order, int64_t count);

#endif
