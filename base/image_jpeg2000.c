#include "base/image_parts.h"

#if NN_HAS_OPENJPEG
#    include <openjpeg.h>

typedef struct byte_stream {
    const uint8_t *bytes;
    size_t size, at;
} byte_stream;

static OPJ_SIZE_T read_bytes(void *out, OPJ_SIZE_T count, void *user) {
    byte_stream *self = user;
    size_t left = self->size - self->at, taken = count < left ? count : left;
    if (taken == 0) return (OPJ_SIZE_T)-1;
    memcpy(out, self->bytes + self->at, taken);
    self->at += taken;
    return taken;
}

static OPJ_OFF_T skip_bytes(OPJ_OFF_T count, void *user) {
    byte_stream *self = user;
    if (count < 0) return -1;
    size_t left = self->size - self->at;
    self->at += (uint64_t)count < left ? (size_t)count : left;
    return count;
}

static OPJ_BOOL seek(OPJ_OFF_T offset, void *user) {
    byte_stream *self = user;
    if (offset < 0 || (uint64_t)offset > self->size) return OPJ_FALSE;
    self->at = (size_t)offset;
    return OPJ_TRUE;
}

static void keep_message(const char *message, void *user) {
    char *text = user;
    if (text[0] != '\0') return;
    size_t length = strcspn(message, "\n");
    if (length > 255) length = 255;
    memcpy(text, message, length);
    text[length] = '\0';
}

/* A sample scaled to 8 bits. */
static uint8_t sample_at(const opj_image_comp_t *component, int x, int y) {
    uint32_t column = (uint32_t)x / component->dx, row = (uint32_t)y / component->dy;
    if (column >= component->w) column = component->w - 1;
    if (row >= component->h) row = component->h - 1;
    int64_t value = component->data[(size_t)row * component->w + column];
    if (component->sgnd) value += (int64_t)1 << (component->prec - 1);
    int64_t most = ((int64_t)1 << component->prec) - 1;
    if (value < 0) value = 0;
    if (value > most) value = most;
    if (component->prec > 8) return (uint8_t)(value >> (component->prec - 8));
    return (uint8_t)(component->prec == 8 ? value : value * 255 / most);
}

static uint8_t to_byte(double value) {
    return value <= 0 ? 0 : value >= 255 ? 255 : (uint8_t)(value + 0.5);
}

static nn_status check_image(const opj_image_t *image) {
    if (image->numcomps < 1 || image->numcomps > 4 || image->color_space == OPJ_CLRSPC_CMYK)
        return nn_fail(NN_UNSUPPORTED, "an image of %u components", image->numcomps);
    for (uint32_t c = 0; c < image->numcomps; c++) {
        const opj_image_comp_t *component = &image->comps[c];
        if (component->dx < 1 || component->dy < 1 || component->prec < 1 || component->prec > 31)
            return nn_fail(NN_BAD_INPUT, "a component of %u bits", component->prec);
    }
    return NN_OK;
}

static nn_status convert(const opj_image_t *image, nn_image *out) {
    bool is_gray = image->numcomps < 3;
    bool is_luma = !is_gray && image->color_space == OPJ_CLRSPC_SYCC;
    for (uint32_t c = 0; c < (is_gray ? 1u : 3u); c++)
        if (image->comps[c].data == NULL || image->comps[c].w < 1 || image->comps[c].h < 1)
            return nn_fail(NN_BAD_INPUT, "component %u has no samples", c);
    uint8_t *pixel = out->pixels;
    for (int y = 0; y < out->height; y++) {
        for (int x = 0; x < out->width; x++, pixel += 3) {
            for (int c = 0; c < 3; c++) pixel[c] = sample_at(&image->comps[is_gray ? 0 : c], x, y);
            if (!is_luma) continue;
            double luma = pixel[0], blue = pixel[1] - 128.0, red = pixel[2] - 128.0;
            pixel[0] = to_byte(luma + 1.402 * red);
            pixel[1] = to_byte(luma - 0.344136 * blue - 0.714136 * red);
            pixel[2] = to_byte(luma + 1.772 * blue);
        }
    }
    return NN_OK;
}

static nn_status decode(opj_codec_t *codec, opj_stream_t *stream, char *message,
                        opj_image_t **image, nn_image *out) {
    opj_dparameters_t parameters;
    opj_set_default_decoder_parameters(&parameters);
    opj_set_error_handler(codec, keep_message, message);
    if (!opj_setup_decoder(codec, &parameters) || !opj_read_header(stream, codec, image))
        return nn_fail(NN_BAD_INPUT, "%s", message[0] ? message : "the header is damaged");
    NN_TRY(check_image(*image));
    int64_t width = (int64_t)(*image)->x1 - (*image)->x0;
    int64_t height = (int64_t)(*image)->y1 - (*image)->y0;
    NN_TRY(nn_image_init(out, width, height));
    if (!opj_decode(codec, stream, *image) || !opj_end_decompress(codec, stream))
        return nn_fail(NN_BAD_INPUT, "%s", message[0] ? message : "the data is damaged");
    NN_TRY(check_image(*image));
    return convert(*image, out);
}

nn_status nn_image_decode_jpeg2000(const uint8_t *bytes, size_t size, nn_image *out) {
    byte_stream source = {bytes, size, 0};
    char message[256] = "";
    opj_image_t *image = NULL;
    opj_codec_t *codec = opj_create_decompress(bytes[0] == 0 ? OPJ_CODEC_JP2 : OPJ_CODEC_J2K);
    opj_stream_t *stream = opj_stream_create(size < 65536 ? 65536 : size, OPJ_TRUE);
    nn_status status = NN_OK;
    if (codec == NULL || stream == NULL) {
        status = nn_fail_memory(size);
    } else {
        opj_stream_set_user_data(stream, &source, NULL);
        opj_stream_set_user_data_length(stream, size);
        opj_stream_set_read_function(stream, read_bytes);
        opj_stream_set_skip_function(stream, skip_bytes);
        opj_stream_set_seek_function(stream, seek);
        status = decode(codec, stream, message, &image, out);
    }
    if (image != NULL) opj_image_destroy(image);
    if (stream != NULL) opj_stream_destroy(stream);
    if (codec != NULL) opj_destroy_codec(codec);
    return status;
}
#else
#    include "base/libraries.h"

nn_status nn_image_decode_jpeg2000(const uint8_t *bytes, size_t size, nn_image *out) {
    (void)bytes;
    (void)size;
    (void)out;
    return nn_library_check(NN_LIBRARY_OPENJPEG);
}
#endif
