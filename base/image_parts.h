/* The decoders behind nn_image_decode; only image*.c include this. Each gets bytes that `knows`
 * recognised; what it leaves in `out` is cleared after a failure. */
#ifndef NN_BASE_IMAGE_PARTS_H
#define NN_BASE_IMAGE_PARTS_H

#include "base/image.h"

nn_status nn_image_decode_jpeg(const uint8_t *bytes, size_t size, nn_image *out);
nn_status nn_image_decode_png(const uint8_t *bytes, size_t size, nn_image *out);
nn_status nn_image_decode_webp(const uint8_t *bytes, size_t size, nn_image *out);
nn_status nn_image_decode_tiff(const uint8_t *bytes, size_t size, nn_image *out);
nn_status nn_image_decode_jpeg2000(const uint8_t *bytes, size_t size, nn_image *out);
nn_status nn_image_decode_bmp(const uint8_t *bytes, size_t size, nn_image *out);
nn_status nn_image_decode_pnm(const uint8_t *bytes, size_t size, nn_image *out);

#endif
