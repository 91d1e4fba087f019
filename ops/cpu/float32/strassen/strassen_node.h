/* What the kernels of products by Strassen's algorithm share: a node whose weights suit, or that is
 * computed plainly. */
#ifndef NN_STRASSEN_NODE_H
#define NN_STRASSEN_NODE_H

#include "ops/cpu/float32/conv_f32.h"
#include "ops/cpu/float32/strassen/strassen_f32.h"

/* Packed weights come behind factors of their columns, those behind what was found of them. */
typedef union nn_strassen_header {
    nn_strassen_found found;
    char line[NN_ALIGNMENT];
} nn_strassen_header;

/* The argument of the function that packs. */
typedef struct nn_strassen_pack {
    const nn_strassen_plan *plan;
    nn_prepare *services;
} nn_strassen_pack;

typedef struct nn_strassen_state {
    nn_strassen_plan plan;
    const float *packed, *factors, *bias;
    float limit; /* 0: the weights do not suit, and the node runs as `plain` */
    nn_conv_f32_state plain;
} nn_strassen_state;

/* Where the function that packs writes. */
typedef struct nn_strassen_places {
    nn_strassen_found *found;
    float *factors, *weights;
} nn_strassen_places;
nn_strassen_places nn_strassen_places_of(const nn_strassen_plan *plan, void *packed);

/* The types and constants of a node with inputs A, `w` and `bias`, of which the last may be absent.
 */
bool nn_strassen_takes(const nn_node_view *node, const nn_target *target, int w, int bias,
                       const nn_strassen_product *product);

/* Packs with `pack`, which gets an nn_strassen_pack and fills a header with weights behind it.
 * Where state->limit is 0 afterwards, the caller prepares state->plain. */
nn_status nn_strassen_prepare(const nn_node_view *node, const nn_target *target,
                              nn_prepare *services, const nn_strassen_product *product,
                              const nn_strassen_form *form, nn_pack_function pack, int w, int bias,
                              nn_strassen_state *state);

/* Input 0 is A. */
nn_status nn_strassen_run_node(const nn_call *call);

#endif
