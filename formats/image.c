#include "formats/image.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>

#include <jpeglib.h>
#include <png.h>
#include <setjmp.h>

static const int64_t pixel_limit = (int64_t)128 << 20;

void nn_image_clear(nn_image *image) {
    nn_free(image->pixels);
    *image = (nn_image){0};
}

static nn_status allocate(const char *path, int64_t width, int64_t height, nn_image *out) {
    if (width < 1 || height < 1 || width > INT32_MAX / 4 || height > INT32_MAX / 4 ||
        width * height > pixel_limit)
        return nn_fail(NN_BAD_INPUT, "%s: an image of %lldx%lld pixels", path, (long long)width,
                       (long long)height);
    out->width = (int)width;
    out->height = (int)height;
    out->pixels = nn_alloc((size_t)(width * height * 3));
    return out->pixels != NULL ? NN_OK : nn_fail_memory((size_t)(width * height * 3));
}

/* ---- JPEG ---- */

typedef struct jpeg_errors {
    struct jpeg_error_mgr base;
    jmp_buf jump;
    char message[JMSG_LENGTH_MAX];
} jpeg_errors;

static void jpeg_failed(j_common_ptr info) {
    jpeg_errors *errors = (jpeg_errors *)info->err;
    errors->base.format_message(info, errors->message);
    longjmp(errors->jump, 1);
}

static void jpeg_silent(j_common_ptr info) {
    (void)info;
}

/* Everything that libjpeg touches, so that nothing of it is a local that longjmp may spoil. */
typedef struct jpeg_reader {
    struct jpeg_decompress_struct info;
    jpeg_errors errors;
    const char *path;
    nn_image *out;
    nn_status status;
} jpeg_reader;

static void decode_jpeg(jpeg_reader *self) {
    struct jpeg_decompress_struct *info = &self->info;
    jpeg_read_header(info, TRUE);
    if (info->jpeg_color_space == JCS_CMYK || info->jpeg_color_space == JCS_YCCK) {
        self->status = nn_fail(NN_UNSUPPORTED, "%s: a JPEG in CMYK colours", self->path);
        return;
    }
    self->status = allocate(self->path, info->image_width, info->image_height, self->out);
    if (self->status != NN_OK) return;
    info->out_color_space = JCS_RGB;
    jpeg_start_decompress(info);
    while (info->output_scanline < info->output_height) {
        JSAMPROW row =
            self->out->pixels + (size_t)info->output_scanline * (size_t)self->out->width * 3;
        jpeg_read_scanlines(info, &row, 1);
    }
    jpeg_finish_decompress(info);
    if (self->errors.base.num_warnings > 0)
        self->status = nn_fail(NN_BAD_INPUT, "%s: a damaged or truncated JPEG", self->path);
}

static nn_status load_jpeg(const char *path, FILE *stream, nn_image *out) {
    jpeg_reader *self = nn_alloc_zero(sizeof *self);
    if (self == NULL) return nn_fail_memory(sizeof *self);
    self->path = path;
    self->out = out;
    self->info.err = jpeg_std_error(&self->errors.base);
    self->errors.base.error_exit = jpeg_failed;
    self->errors.base.output_message = jpeg_silent;
    if (setjmp(self->errors.jump) == 0) {
        jpeg_create_decompress(&self->info);
        jpeg_stdio_src(&self->info, stream);
        decode_jpeg(self);
    } else {
        self->status = nn_fail(NN_BAD_INPUT, "%s: %s", path, self->errors.message);
    }
    nn_status status = self->status;
    jpeg_destroy_decompress(&self->info);
    nn_free(self);
    return status;
}

/* ---- PNG ---- */

static nn_status load_png(const char *path, FILE *stream, nn_image *out) {
    png_image image;
    memset(&image, 0, sizeof image);
    image.version = PNG_IMAGE_VERSION;
    if (!png_image_begin_read_from_stdio(&image, stream))
        return nn_fail(NN_BAD_INPUT, "%s: %s", path, image.message);
    nn_status status = allocate(path, image.width, image.height, out);
    uint8_t *rgba = NULL;
    if (status == NN_OK) {
        image.format = PNG_FORMAT_RGBA;
        rgba = nn_alloc(PNG_IMAGE_SIZE(image));
        if (rgba == NULL) status = nn_fail_memory(PNG_IMAGE_SIZE(image));
    }
    if (status == NN_OK && !png_image_finish_read(&image, NULL, rgba, 0, NULL))
        status = nn_fail(NN_BAD_INPUT, "%s: %s", path, image.message);
    int64_t count = (int64_t)out->width * out->height;
    for (int64_t i = 0; status == NN_OK && i < count; i++)
        memcpy(out->pixels + 3 * i, rgba + 4 * i, 3);
    nn_free(rgba);
    png_image_free(&image);
    return status;
}

nn_status nn_image_load(const char *path, nn_image *out) {
    unsigned char magic[8] = {0};
    nn_image image = {0};
    FILE *stream = fopen(path, "rbe");
    if (stream == NULL) return nn_fail(NN_IO, "cannot read '%s': %s", path, strerror(errno));
    size_t got = fread(magic, 1, sizeof magic, stream);
    nn_status status;
    if (ferror(stream) || fseek(stream, 0, SEEK_SET) != 0)
        status = nn_fail(NN_IO, "cannot read '%s': %s", path, strerror(errno));
    else if (got >= 3 && memcmp(magic, "\xff\xd8\xff", 3) == 0)
        status = load_jpeg(path, stream, &image);
    else if (got == 8 && memcmp(magic, "\x89PNG\r\n\x1a\n", 8) == 0)
        status = load_png(path, stream, &image);
    else
        status = nn_fail(NN_BAD_INPUT, "%s: neither a JPEG nor a PNG image", path);
    fclose(stream);
    if (status == NN_OK)
        *out = image;
    else
        nn_image_clear(&image);
    return status;
}

/* ---- resizing ---- */

/* The source pixels that make one target pixel, with their weights. */
typedef struct taps {
    int first, count;
    float *weights;
} taps;

/* Weights for all `to` targets of a line of `from` pixels; *memory holds them. */
static nn_status make_taps(int from, int to, taps **out, float **memory) {
    double scale = (double)from / to, reach = scale > 1 ? scale : 1;
    int most = (int)ceil(reach) * 2 + 1;
    *out = nn_alloc((size_t)to * sizeof **out);
    *memory = nn_alloc((size_t)to * (size_t)most * sizeof **memory);
    if (*out == NULL || *memory == NULL) return nn_fail_memory((size_t)to * (size_t)most * 4);
    for (int i = 0; i < to; i++) {
        taps *t = &(*out)[i];
        double centre = (i + 0.5) * scale, sum = 0;
        int first = (int)(centre - reach + 0.5), last = (int)(centre + reach + 0.5);
        t->first = first > 0 ? first : 0;
        t->count = (last < from ? last : from) - t->first;
        t->weights = *memory + (size_t)i * (size_t)most;
        for (int k = 0; k < t->count; k++) {
            double weight = 1 - fabs((t->first + k - centre + 0.5) / reach);
            t->weights[k] = (float)(weight > 0 ? weight : 0);
            sum += t->weights[k];
        }
        for (int k = 0; k < t->count; k++) t->weights[k] = (float)(t->weights[k] / sum);
    }
    return NN_OK;
}

static uint8_t round_pixel(float value) {
    return value <= 0 ? 0 : value >= 255 ? 255 : (uint8_t)(value + 0.5f);
}

/* One line: pixels `step` bytes apart, in and out. */
static void resize_line(const uint8_t *from, size_t from_step, uint8_t *to, size_t to_step,
                        const taps *line, int count) {
    for (int i = 0; i < count; i++, to += to_step) {
        const uint8_t *pixel = from + (size_t)line[i].first * from_step;
        float sum[3] = {0, 0, 0};
        for (int k = 0; k < line[i].count; k++, pixel += from_step)
            for (int c = 0; c < 3; c++) sum[c] += line[i].weights[k] * pixel[c];
        for (int c = 0; c < 3; c++) to[c] = round_pixel(sum[c]);
    }
}

nn_status nn_image_resize(const nn_image *image, int width, int height, nn_image *out) {
    nn_image wide = {0}, done = {0};
    taps *across = NULL, *down = NULL;
    float *across_weights = NULL, *down_weights = NULL;
    nn_status status;
    NN_TRY_DONE(allocate("resized", width, image->height, &wide));
    NN_TRY_DONE(allocate("resized", width, height, &done));
    NN_TRY_DONE(make_taps(image->width, width, &across, &across_weights));
    NN_TRY_DONE(make_taps(image->height, height, &down, &down_weights));
    for (int y = 0; y < image->height; y++)
        resize_line(image->pixels + (size_t)y * (size_t)image->width * 3, 3,
                    wide.pixels + (size_t)y * (size_t)width * 3, 3, across, width);
    for (int x = 0; x < width; x++)
        resize_line(wide.pixels + (size_t)x * 3, (size_t)width * 3, done.pixels + (size_t)x * 3,
                    (size_t)width * 3, down, height);
    *out = done;
    done = (nn_image){0};
done:
    nn_image_clear(&wide);
    nn_image_clear(&done);
    nn_free(across);
    nn_free(down);
    nn_free(across_weights);
    nn_free(down_weights);
    return status;
}
