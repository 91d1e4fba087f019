#include "base/image_parts.h"

#include "base/libraries.h"

static const int64_t pixel_limit = (int64_t)128 << 20;

nn_status nn_image_init(nn_image *image, int64_t width, int64_t height) {
    if (width < 1 || height < 1 || width > INT32_MAX / 4 || height > INT32_MAX / 4 ||
        width * height > pixel_limit)
        return nn_fail(NN_BAD_INPUT, "an image of %lldx%lld pixels", (long long)width,
                       (long long)height);
    image->width = (int)width;
    image->height = (int)height;
    image->pixels = nn_alloc((size_t)(width * height * 3));
    return image->pixels != NULL ? NN_OK : nn_fail_memory((size_t)(width * height * 3));
}

void nn_image_clear(nn_image *image) {
    nn_free(image->pixels);
    *image = (nn_image){0};
}

/* ---- formats ---- */

static bool begins(const uint8_t *bytes, size_t size, const char *magic, size_t length) {
    return size >= length && memcmp(bytes, magic, length) == 0;
}

static bool is_jpeg(const uint8_t *bytes, size_t size) {
    return begins(bytes, size, "\xff\xd8\xff", 3);
}
static bool is_png(const uint8_t *bytes, size_t size) {
    return begins(bytes, size, "\x89PNG\r\n\x1a\n", 8);
}
static bool is_webp(const uint8_t *bytes, size_t size) {
    return begins(bytes, size, "RIFF", 4) && size >= 12 && memcmp(bytes + 8, "WEBP", 4) == 0;
}
static bool is_tiff(const uint8_t *bytes, size_t size) {
    return begins(bytes, size, "II*\0", 4) || begins(bytes, size, "MM\0*", 4) ||
           begins(bytes, size, "II+\0", 4) || begins(bytes, size, "MM\0+", 4);
}
static bool is_jpeg2000(const uint8_t *bytes, size_t size) {
    return begins(bytes, size, "\0\0\0\x0cjP  \r\n\x87\n", 12) ||
           begins(bytes, size, "\xff\x4f\xff\x51", 4);
}
static bool is_bmp(const uint8_t *bytes, size_t size) {
    return begins(bytes, size, "BM", 2);
}
static bool is_pnm(const uint8_t *bytes, size_t size) {
    return size >= 3 && bytes[0] == 'P' && bytes[1] >= '1' && bytes[1] <= '6';
}

static const struct {
    const char *name;
    bool (*knows)(const uint8_t *bytes, size_t size);
    nn_status (*decode)(const uint8_t *bytes, size_t size, nn_image *out);
    nn_library_index library;
} formats[] = {
    {"JPEG", is_jpeg, nn_image_decode_jpeg, NN_LIBRARY_JPEG},
    {"PNG", is_png, nn_image_decode_png, NN_LIBRARY_PNG},
    {"WebP", is_webp, nn_image_decode_webp, NN_LIBRARY_WEBP},
    {"TIFF", is_tiff, nn_image_decode_tiff, NN_LIBRARY_TIFF},
    {"JPEG 2000", is_jpeg2000, nn_image_decode_jpeg2000, NN_LIBRARY_OPENJPEG},
    {"BMP", is_bmp, nn_image_decode_bmp, NN_LIBRARY_NONE},
    {"PNM", is_pnm, nn_image_decode_pnm, NN_LIBRARY_NONE},
};

nn_status nn_image_decode(const void *bytes, size_t size, nn_image *out) {
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        if (!formats[i].knows(bytes, size)) continue;
        nn_image image = {0};
        nn_status status = nn_library_check(formats[i].library);
        if (status == NN_OK) status = formats[i].decode(bytes, size, &image);
        if (status == NN_OK) {
            *out = image;
            return NN_OK;
        }
        nn_image_clear(&image);
        return nn_fail_context(status, "%s", formats[i].name);
    }
    return nn_fail(NN_BAD_INPUT, "neither a JPEG, JPEG 2000, PNG, WebP, TIFF, BMP nor a PNM image");
}
