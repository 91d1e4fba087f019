/* Images in memory: encoded bytes to pixels. */
#ifndef NN_BASE_IMAGE_H
#define NN_BASE_IMAGE_H

#include "base/memory.h"

/* Rows from the top, red green blue in 8 bits each. */
typedef struct nn_image {
    int width, height;
    uint8_t *pixels;
} nn_image;

/* Pixels to be filled. NN_BAD_INPUT for more than 128 million. */
nn_status nn_image_init(nn_image *image, int64_t width, int64_t height);
void nn_image_clear(nn_image *image);

/* Decodes JPEG, JPEG 2000, PNG, WebP, TIFF (its first picture), BMP without compression, PBM, PGM
 * and PPM, known by their first bytes. Gray becomes three equal channels, transparency is dropped,
 * more than 8 bits are scaled down. NN_BAD_INPUT for other bytes and for damage, NN_UNSUPPORTED for
 * colour models without red, green and blue and for formats whose library this build lacks. */
nn_status nn_image_decode(const void *bytes, size_t size, nn_image *out);

#endif
