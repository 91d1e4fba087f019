/* GridSample: Y [N, C, out...] holds X [N, C, in...] at the places that grid [N, out..., axes]
 * names, from -1 to 1 along each axis, the last axis first. */
#ifndef NN_FAMILY_GRID_SAMPLE_H
#define NN_FAMILY_GRID_SAMPLE_H

#include "ops/op.h"

enum { NN_SAMPLE_X, NN_SAMPLE_GRID };

typedef enum nn_sample_mode { NN_SAMPLE_NEAREST, NN_SAMPLE_LINEAR, NN_SAMPLE_CUBIC } nn_sample_mode;
typedef enum nn_sample_padding {
    NN_SAMPLE_ZEROS,
    NN_SAMPLE_BORDER,
    NN_SAMPLE_REFLECTION
} nn_sample_padding;

typedef struct nn_sample_attrs {
    nn_sample_mode mode;
    nn_sample_padding padding;
    bool align_corners;
} nn_sample_attrs;

#endif
