#include "base/image_parts.h"

#if NN_HAS_PNG
#    include <png.h>

nn_status nn_image_decode_png(const uint8_t *bytes, size_t size, nn_image *out) {
    png_image image;
    memset(&image, 0, sizeof image);
    image.version = PNG_IMAGE_VERSION;
    if (!png_image_begin_read_from_memory(&image, bytes, size))
        return nn_fail(NN_BAD_INPUT, "%s", image.message);
    nn_status status = nn_image_init(out, image.width, image.height);
    uint8_t *rgba = NULL;
    if (status == NN_OK) {
        image.format = PNG_FORMAT_RGBA;
        rgba = nn_alloc(PNG_IMAGE_SIZE(image));
        if (rgba == NULL) status = nn_fail_memory(PNG_IMAGE_SIZE(image));
    }
    if (status == NN_OK && !png_image_finish_read(&image, NULL, rgba, 0, NULL))
        status = nn_fail(NN_BAD_INPUT, "%s", image.message);
    int64_t count = (int64_t)out->width * out->height;
    for (int64_t i = 0; status == NN_OK && i < count; i++)
        memcpy(out->pixels + 3 * i, rgba + 4 * i, 3);
    nn_free(rgba);
    png_image_free(&image);
    return status;
}
#else
#    include "base/libraries.h"

nn_status nn_image_decode_png(const uint8_t *bytes, size_t size, nn_image *out) {
    (void)bytes;
    (void)size;
    (void)out;
    return nn_library_check(NN_LIBRARY_PNG);
}
#endif
