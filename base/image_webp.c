#include "base/image_parts.h"

#if NN_HAS_WEBP
#    include <webp/decode.h>

nn_status nn_image_decode_webp(const uint8_t *bytes, size_t size, nn_image *out) {
    int width, height;
    if (!WebPGetInfo(bytes, size, &width, &height))
        return nn_fail(NN_BAD_INPUT, "the header is damaged");
    NN_TRY(nn_image_init(out, width, height));
    size_t total = (size_t)width * (size_t)height * 3;
    if (WebPDecodeRGBInto(bytes, size, out->pixels, total, width * 3) == NULL)
        return nn_fail(NN_BAD_INPUT, "the data is damaged or truncated");
    return NN_OK;
}
#else
#    include "base/libraries.h"

nn_status nn_image_decode_webp(const uint8_t *bytes, size_t size, nn_image *out) {
    (void)bytes;
    (void)size;
    (void)out;
    return nn_library_check(NN_LIBRARY_WEBP);
}
#endif
