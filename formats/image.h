/* Images: JPEG and PNG files to pixels, and resizing. */
#ifndef NN_IMAGE_H
#define NN_IMAGE_H

#include "base/memory.h"

/* Rows from the top, red green blue in 8 bits each. */
typedef struct nn_image {
    int width, height;
    uint8_t *pixels;
} nn_image;

/* Reads a JPEG or PNG file, known by its first bytes. Gray becomes three equal channels,
 * transparency is dropped. NN_BAD_INPUT for damage and for more than 128 million pixels. */
nn_status nn_image_load(const char *path, nn_image *out);
void nn_image_clear(nn_image *image);

/* Bilinear with a triangle as wide as the step when shrinking, so that every pixel counts (as PIL's
 * BILINEAR does). Takes the size from `out`, allocates its pixels. */
nn_status nn_image_resize(const nn_image *image, int width, int height, nn_image *out);

#endif
