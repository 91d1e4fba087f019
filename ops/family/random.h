/* Operators that draw random numbers. With a seed every run draws the same ones, those of NumPy's
 * RandomState; without one every run draws others. */
#ifndef NN_FAMILY_RANDOM_H
#define NN_FAMILY_RANDOM_H

#include "base/mersenne.h"
#include "ops/family/axes.h"
#include "ops/family/copy.h"
#include "ops/family/infer.h"

typedef struct nn_random_attrs {
    bool is_seeded;
    uint32_t seed;
    nn_type type;      /* of the output; NONE: that of the input */
    double low, scale; /* uniform in [low, low + scale), or normal with mean low */
    nn_list shape;     /* of operators without an input */
    int64_t samples;   /* Multinomial */
} nn_random_attrs;

/* Reads `seed`, a float or an int. Seeds are used modulo 2^32. */
nn_status nn_random_parse_seed(const nn_attrs *attrs, nn_random_attrs *out);
/* Reads `dtype`, one of a set, or absent. */
nn_status nn_random_parse_type(const nn_node_view *node, const nn_attrs *attrs, nn_type_set types,
                               nn_type fallback, nn_random_attrs *out);
/* Starts the generator of one run: NumPy's of the seed plus `stream`. Runs without a seed count up
 * from 0 in each process. */
void nn_random_start(const nn_random_attrs *attrs, uint32_t stream, nn_mersenne *twister);

/* RandomUniform, RandomUniformLike; RandomNormal, RandomNormalLike. */
nn_status nn_random_uniform_parse(const nn_node_view *node, const nn_attrs *attrs, void *out);
nn_status nn_random_normal_parse(const nn_node_view *node, const nn_attrs *attrs, void *out);
nn_status nn_random_infer(const nn_node_view *node);
nn_status nn_random_like_infer(const nn_node_view *node);
extern const nn_kernel *const nn_random_uniform_kernels[], *const nn_random_normal_kernels[];

#define NN_RANDOM_COLUMNS                                                                          \
    .domain = "", .since = 1, .min_outputs = 1, .max_outputs = 1,                                  \
    .attr_size = sizeof(nn_random_attrs), .cost = nn_cost_of_header, .quant = NN_QUANT_FLOAT,      \
    .is_impure = true

#endif
