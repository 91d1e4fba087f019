#include "base/image_parts.h"

#if NN_HAS_TIFF
#    include <stdarg.h>
#    include <stdio.h>

#    include <tiffio.h>

typedef struct tiff_bytes {
    const uint8_t *bytes;
    uint64_t size, at;
    char message[256];
} tiff_bytes;

static tmsize_t read_bytes(thandle_t handle, void *out, tmsize_t count) {
    tiff_bytes *self = (tiff_bytes *)handle;
    uint64_t left = self->at < self->size ? self->size - self->at : 0;
    uint64_t taken = (uint64_t)count < left ? (uint64_t)count : left;
    if (taken > 0) memcpy(out, self->bytes + self->at, (size_t)taken);
    self->at += taken;
    return (tmsize_t)taken;
}

static tmsize_t write_bytes(thandle_t handle, void *in, tmsize_t count) {
    (void)handle;
    (void)in;
    (void)count;
    return 0;
}

static toff_t seek(thandle_t handle, toff_t offset, int whence) {
    tiff_bytes *self = (tiff_bytes *)handle;
    uint64_t base = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? self->at : self->size;
    self->at = base + offset;
    return self->at;
}

static int close_nothing(thandle_t handle) {
    (void)handle;
    return 0;
}

static toff_t size_of(thandle_t handle) {
    return ((tiff_bytes *)handle)->size;
}

static int keep_message(TIFF *tiff, void *user, const char *module, const char *format,
                        va_list arguments) {
    (void)tiff;
    (void)module;
    tiff_bytes *self = user;
    if (self->message[0] == '\0') vsnprintf(self->message, sizeof self->message, format, arguments);
    return 1;
}

static int drop_message(TIFF *tiff, void *user, const char *module, const char *format,
                        va_list arguments) {
    (void)tiff;
    (void)user;
    (void)module;
    (void)format;
    (void)arguments;
    return 1;
}

static nn_status fail(const tiff_bytes *self) {
    return nn_fail(NN_BAD_INPUT, "%s",
                   self->message[0] != '\0' ? self->message : "the data is damaged");
}

static nn_status decode(TIFF *tiff, const tiff_bytes *self, nn_image *out) {
    uint32_t width = 0, height = 0;
    if (!TIFFGetField(tiff, TIFFTAG_IMAGEWIDTH, &width) ||
        !TIFFGetField(tiff, TIFFTAG_IMAGELENGTH, &height))
        return fail(self);
    NN_TRY(nn_image_init(out, width, height));
    size_t count = (size_t)width * height;
    uint32_t *raster = nn_alloc(count * sizeof *raster);
    if (raster == NULL) return nn_fail_memory(count * sizeof *raster);
    nn_status status = NN_OK;
    if (!TIFFReadRGBAImageOriented(tiff, width, height, raster, ORIENTATION_TOPLEFT, 1))
        status = fail(self);
    for (size_t i = 0; status == NN_OK && i < count; i++) {
        out->pixels[3 * i] = (uint8_t)TIFFGetR(raster[i]);
        out->pixels[3 * i + 1] = (uint8_t)TIFFGetG(raster[i]);
        out->pixels[3 * i + 2] = (uint8_t)TIFFGetB(raster[i]);
    }
    nn_free(raster);
    return status;
}

nn_status nn_image_decode_tiff(const uint8_t *bytes, size_t size, nn_image *out) {
    tiff_bytes self = {.bytes = bytes, .size = size};
    TIFFOpenOptions *options = TIFFOpenOptionsAlloc();
    if (options == NULL) return nn_fail_memory(1);
    TIFFOpenOptionsSetMaxSingleMemAlloc(options, (tmsize_t)1 << 30);
    TIFFOpenOptionsSetErrorHandlerExtR(options, keep_message, &self);
    TIFFOpenOptionsSetWarningHandlerExtR(options, drop_message, NULL);
    /* "m": no mapping. */
    TIFF *tiff = TIFFClientOpenExt("image", "rm", (thandle_t)&self, read_bytes, write_bytes, seek,
                                   close_nothing, size_of, NULL, NULL, options);
    TIFFOpenOptionsFree(options);
    if (tiff == NULL) return fail(&self);
    nn_status status = decode(tiff, &self, out);
    TIFFClose(tiff);
    return status;
}
#else
#    include "base/libraries.h"

nn_status nn_image_decode_tiff(const uint8_t *bytes, size_t size, nn_image *out) {
    (void)bytes;
    (void)size;
    (void)out;
    return nn_library_check(NN_LIBRARY_TIFF);
}
#endif
