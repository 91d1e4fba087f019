#include "base/mersenne.h"

#include <math.h>

enum { WORDS = NN_MERSENNE_WORDS, SHIFT = 397 };

void nn_mersenne_seed(nn_mersenne *twister, uint32_t seed) {
    uint32_t *words = twister->words;
    words[0] = seed;
    for (int i = 1; i < WORDS; i++)
        words[i] = 1812433253u * (words[i - 1] ^ words[i - 1] >> 30) + (uint32_t)i;
    twister->next = WORDS;
    twister->has_normal = false;
    twister->normal = 0;
}

static uint32_t twist(uint32_t high, uint32_t low) {
    uint32_t mixed = (high & 0x80000000u) | (low & 0x7fffffffu);
    return mixed >> 1 ^ (low & 1 ? 0x9908b0dfu : 0);
}

static void make_words(uint32_t *words) {
    int i = 0;
    for (; i < WORDS - SHIFT; i++) words[i] = words[i + SHIFT] ^ twist(words[i], words[i + 1]);
    for (; i < WORDS - 1; i++) words[i] = words[i + SHIFT - WORDS] ^ twist(words[i], words[i + 1]);
    words[i] = words[SHIFT - 1] ^ twist(words[i], words[0]);
}

uint32_t nn_mersenne_bits(nn_mersenne *twister) {
    if (twister->next == WORDS) {
        make_words(twister->words);
        twister->next = 0;
    }
    uint32_t y = twister->words[twister->next++];
    y ^= y >> 11;
    y ^= y << 7 & 0x9d2c5680u;
    y ^= y << 15 & 0xefc60000u;
    return y ^ y >> 18;
}

double nn_mersenne_uniform(nn_mersenne *twister) {
    uint32_t high = nn_mersenne_bits(twister) >> 5, low = nn_mersenne_bits(twister) >> 6;
    return (high * 67108864.0 + low) / 9007199254740992.0;
}

double nn_mersenne_normal(nn_mersenne *twister) {
    double x, y, square;
    if (twister->has_normal) {
        twister->has_normal = false;
        return twister->normal;
    }
    do {
        x = 2 * nn_mersenne_uniform(twister) - 1;
        y = 2 * nn_mersenne_uniform(twister) - 1;
        square = x * x + y * y;
    } while (square >= 1 || square == 0);
    double factor = sqrt(-2 * log(square) / square);
    twister->normal = factor * x;
    twister->has_normal = true;
    return factor * y;
}
