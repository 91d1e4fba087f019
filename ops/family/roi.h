/* Regions of a map: attributes of RoiAlign and MaxRoiPool. */
#ifndef NN_FAMILY_ROI_H
#define NN_FAMILY_ROI_H

#include "ops/op.h"

enum { NN_ROI_X, NN_ROI_ROIS, NN_ROI_BATCH };
enum { NN_ROI_MOST_POINTS = 1 << 16 }; /* of RoiAlign's grid in a bin along one axis */

typedef struct nn_roi_align_attrs {
    int64_t height, width, points; /* points 0: about one for each element of a bin */
    float scale;
    bool takes_largest;
    bool half_pixel; /* coordinates are shifted by half an element */
} nn_roi_align_attrs;

typedef struct nn_max_roi_attrs {
    int64_t height, width;
    float scale;
} nn_max_roi_attrs;

#endif
