#include "formats/image.h"

#include "formats/mapping.h"

#include <math.h>

nn_status nn_image_load(const char *path, nn_image *out) {
    nn_storage *file;
    NN_TRY(nn_mapping_open(path, &file));
    nn_status status = nn_image_decode(file->base, file->size, out);
    nn_storage_release(file);
    return status == NN_OK ? NN_OK : nn_fail_context(status, "%s", path);
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
    NN_TRY_DONE(nn_image_init(&wide, width, image->height));
    NN_TRY_DONE(nn_image_init(&done, width, height));
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
