/* Packed weights of conv_u8s8.h. */
#ifndef NN_CONV_U8S8_PACK_H
#define NN_CONV_U8S8_PACK_H

#include "base/integers.h"
#include "ops/cpu/int8/conv_u8s8.h"

typedef struct nn_u8s8_packing {
    nn_u8s8_shape shape;
    nn_int8_inputs inputs;
    const nn_u8s8_unit *unit;
    bool merged;              /* a whole kernel row is one tap */
    bool shared;              /* products are: w_sums are the weights' own */
    int parts;                /* that weights are split in */
    int64_t tap_count, steps; /* of all parts; k / depth of one tap */
    int64_t panels;           /* of one group */
    int64_t width;            /* channels of a panel */
    int64_t panel_bytes;      /* of a whole one */
    int64_t group_bytes;
} nn_u8s8_packing;

/* The node's weights must be constant. */
nn_u8s8_packing nn_u8s8_packing_make(const nn_node_view *node, const nn_u8s8_unit *unit,
                                     const nn_int8_inputs *inputs, const nn_u8s8_shape *shape,
                                     bool merged, bool shared);

/* Vectors of channels in a panel: the last one of a group may need fewer than others. */
static inline int nn_u8s8_panel_vectors(const nn_u8s8_packing *packing, int64_t panel) {
    const int lanes = packing->unit->lanes;
    int64_t rest = packing->shape.out_channels - panel * packing->width;
    return rest >= packing->width ? packing->unit->vectors : (int)nn_divide_up(rest, lanes);
}

/* Packs, or finds what was packed before. Fills sizes and w_sums of the parameters. */
nn_status nn_u8s8_pack(const nn_node_view *node, nn_prepare *prepare,
                       const nn_u8s8_packing *packing, nn_int8_parameters *parameters,
                       const int8_t **weights);

#endif
