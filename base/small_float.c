/* What calls of small_float.h there are for the library, and a table of all values. */
#include "base/small_float.h"
#include "base/tensor.h"

#include <math.h>
#include <pthread.h>

_Static_assert((int)NN_SMALL_UP == (int)NN_SCALE_UP && (int)NN_SMALL_DOWN == (int)NN_SCALE_DOWN &&
                   (int)NN_SMALL_NEAREST == (int)NN_SCALE_NEAREST,
               "nn_float_rules has the same values");

bool nn_type_is_small_float(nn_type type) {
    return nn_type_is_float(type) && nn_type_bits(type) <= 8;
}

float nn_small_to_float(nn_type type, unsigned code) {
    return nn_small_value(type, code);
}

unsigned nn_float_to_small(nn_type type, float value, nn_float_rules rules) {
    return nn_small_code(type, value, rules.overflow, (int)rules.scale);
}

enum { FIRST_SMALL = NNOPT_FLOAT8E4M3FN, SMALL_SPAN = NNOPT_FLOAT6E3M2 - FIRST_SMALL + 1 };

static float tables[SMALL_SPAN][256];

static void fill_tables(void) {
    for (int i = 0; i < SMALL_SPAN; i++) {
        nn_type type = (nn_type)(FIRST_SMALL + i);
        if (!nn_type_is_small_float(type)) continue;
        for (unsigned code = 0; code < 1u << nn_type_bits(type); code++)
            tables[i][code] = nn_small_to_float(type, code);
    }
}

const float *nn_small_float_table(nn_type type) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, fill_tables);
    return tables[type - FIRST_SMALL];
}

float nn_double_to_float_odd(double value) {
    float nearest = (float)value;
    uint32_t bits = nn_small_bits_of(nearest);
    bool is_exact = (double)nearest == value || isnan(value);
    if (is_exact || isinf(nearest) || (bits & 1)) return nearest;
    if (nearest == 0) return value < 0 ? nn_small_float_of(0x80000001) : nn_small_float_of(1);
    bool away = nearest > 0 ? value > nearest : value < nearest;
    return nn_small_float_of(away ? bits + 1 : bits - 1);
}
