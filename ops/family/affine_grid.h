/* AffineGrid: the grid [N, out..., axes] of the places theta [N, axes, axes + 1] (x, 1) for the
 * places x of an image of size [N, C, out...], from -1 to 1 along each axis, the last axis first. */
#ifndef NN_FAMILY_AFFINE_GRID_H
#define NN_FAMILY_AFFINE_GRID_H

#include "ops/op.h"

enum { NN_AFFINE_THETA, NN_AFFINE_SIZE };
enum { NN_AFFINE_AXES = 3 };

typedef struct nn_affine_attrs {
    bool align_corners;
} nn_affine_attrs;

#endif
