/* The Mersenne Twister MT19937 (Matsumoto, Nishimura 1998) and the numbers that NumPy's RandomState
 * draws from it, bit for bit: operators with a seed give what NumPy gives. Everything else takes
 * base/random.h, which is smaller and faster. */
#ifndef NN_MERSENNE_H
#define NN_MERSENNE_H

#include <stdbool.h>
#include <stdint.h>

enum { NN_MERSENNE_WORDS = 624 };

typedef struct nn_mersenne {
    uint32_t words[NN_MERSENNE_WORDS];
    int next; /* words that are used up */
    bool has_normal;
    double normal; /* normals come in pairs: the second one waits here */
} nn_mersenne;

void nn_mersenne_seed(nn_mersenne *twister, uint32_t seed);
uint32_t nn_mersenne_bits(nn_mersenne *twister);
double nn_mersenne_uniform(nn_mersenne *twister); /* in [0, 1), 53 bits */
double nn_mersenne_normal(nn_mersenne *twister);  /* Marsaglia's polar method */

#endif
