/* Image files to pixels, and resizing. */
#ifndef NN_IMAGE_H
#define NN_IMAGE_H

#include "base/image.h"

/* Decodes a file (nn_image_decode); errors name it. */
nn_status nn_image_load(const char *path, nn_image *out);

/* Bilinear with a triangle as wide as the step when shrinking, so that every pixel counts (as PIL's
 * BILINEAR does). Takes the size from `out`, allocates its pixels. */
nn_status nn_image_resize(const nn_image *image, int width, int height, nn_image *out);

#endif
