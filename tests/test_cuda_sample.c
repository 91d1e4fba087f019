/* GridSample, AffineGrid, RoiAlign, MaxRoiPool, Col2Im, MaxUnpool, Resize, DeformConv and
 * GlobalLpPool on a device, against those of the CPU. */
#include "ops/device_kernels.h"
#include "tests/support/device_fill.h"
#include "tests/support/device_host.h"
#include "tests/support/runner.h"

#include <math.h>

static const nn_type floats[] = {NNOPT_FLOAT, NNOPT_FLOAT16, NNOPT_BFLOAT16, NNOPT_DOUBLE};
enum { FLOATS = 4 };

/* ---- GridSample ---- */

static const char *const modes[] = {"nearest", "linear", "cubic"};
static const char *const paddings[] = {"zeros", "border", "reflection"};

static const struct {
    int axes;
    int64_t batch, channels, in[3], out[3];
} samples[] = {
    {2, 2, 3, {5, 7}, {4, 6}}, {2, 1, 16, {9, 4}, {7, 5}},      {2, 1, 1, {1, 1}, {3, 2}},
    {1, 2, 5, {11}, {9}},      {3, 1, 8, {3, 4, 5}, {2, 5, 3}}, {2, 0, 3, {5, 7}, {4, 6}},
};
enum { SAMPLES = sizeof samples / sizeof *samples };

/* Places around the map, some exactly on its corners, some nowhere. */
static void fill_grid(nn_tensor *grid) {
    static const double special[] = {-1, 1, 0, NAN, INFINITY, -INFINITY, 1e4, -1.0001, 0.5, -0.2};
    for (int64_t i = 0; i < nn_tensor_count(grid); i++)
        nn_tensor_set(grid, i, i % 5 == 0 ? special[i / 5 % 10] : 1.6 * (double)host_random());
}

static void sample(int i, const char *mode, const char *padding, int align, nn_type type,
                   nn_type grid_type, nn_layout layout) {
    const int axes = samples[i].axes;
    int64_t x_dims[5] = {samples[i].batch, samples[i].channels}, grid_dims[5] = {samples[i].batch};
    kernel_host host;
    host_init(&host, nn_op_find("", "GridSample", 20), 20);
    host_text(&host, "mode", mode);
    host_text(&host, "padding_mode", padding);
    host_int(&host, "align_corners", align);
    for (int k = 0; k < axes; k++) {
        x_dims[2 + k] = samples[i].in[k];
        grid_dims[1 + k] = samples[i].out[k];
    }
    grid_dims[1 + axes] = axes;
    fill_input(&host, type, x_dims, axes + 2, false, -1, 1);
    host_input(&host, grid_type, grid_dims, axes + 2, false);
    fill_grid(&host.in[1]);
    device_host_judge(&host, layout, 8 * device_tolerance(type));
}

START_TEST(grids) {
    for (int i = 0; i < SAMPLES; i++)
        for (int way = 0; way < 18; way++)
            for (int layout = 0; layout < 2; layout++)
                sample(i, modes[way % 3], paddings[way / 3 % 3], way / 9, floats[_i],
                       way % 2 == 0 ? NNOPT_FLOAT : floats[(_i + way) % FLOATS],
                       layout == 0 ? NN_LAYOUT_STANDARD : NN_LAYOUT_CHANNELS_LAST);
}
END_TEST

START_TEST(nearest_of_any_type) {
    static const nn_type types[] = {NNOPT_INT8, NNOPT_BOOL, NNOPT_UINT16, NNOPT_INT32, NNOPT_INT64};
    for (size_t t = 0; t < sizeof types / sizeof *types; t++)
        for (int padding = 0; padding < 3; padding++)
            sample(1, "nearest", paddings[padding], 0, types[t], NNOPT_FLOAT,
                   t % 2 == 0 ? NN_LAYOUT_STANDARD : NN_LAYOUT_CHANNELS_LAST);
}
END_TEST

/* ---- regions ---- */

static const struct {
    int64_t batch, channels, height, width, regions, out_height, out_width;
} maps[] = {
    {2, 3, 9, 11, 5, 3, 2},
    {1, 16, 8, 7, 3, 2, 5},
    {3, 8, 1, 1, 2, 2, 2},
    {2, 4, 6, 6, 0, 2, 2},
};
enum { MAPS = sizeof maps / sizeof *maps };

/* Corners in and around a map of `height` x `width`, some in the wrong order.
 */
static void fill_box(nn_tensor *rois, int64_t first, int64_t height, int64_t width) {
    for (int k = 0; k < 4; k++) {
        const double size = (double)(k % 2 == 0 ? width : height);
        nn_tensor_set(rois, first + k, (0.5 + 0.7 * (double)host_random()) * size * 2);
    }
}

static void add_map(kernel_host *host, int i, nn_type type) {
    const int64_t dims[4] = {maps[i].batch, maps[i].channels, maps[i].height, maps[i].width};
    fill_input(host, type, dims, 4, false, -1, 1);
}

static void align(int i, int way, nn_type type, nn_layout layout) {
    const int64_t dims[2] = {maps[i].regions, 4};
    kernel_host host;
    host_init(&host, nn_op_find("", "RoiAlign", 16), 16);
    host_text(&host, "mode", way & 1 ? "max" : "avg");
    host_text(&host, "coordinate_transformation_mode",
              way & 2 ? "half_pixel" : "output_half_pixel");
    host_int(&host, "sampling_ratio", way & 4 ? 2 : 0);
    host_int(&host, "output_height", maps[i].out_height);
    host_int(&host, "output_width", maps[i].out_width);
    host_float(&host, "spatial_scale", 0.5f);
    add_map(&host, i, type);
    host_input(&host, type, dims, 2, false);
    for (int64_t k = 0; k < maps[i].regions; k++)
        fill_box(&host.in[1], 4 * k, maps[i].height, maps[i].width);
    int64_t *samples_of = host_input(&host, NNOPT_INT64, dims, 1, false);
    for (int64_t k = 0; k < maps[i].regions; k++) samples_of[k] = k % maps[i].batch;
    device_host_judge(&host, layout, 8 * device_tolerance(type));
}

START_TEST(aligned_regions) {
    for (int i = 0; i < MAPS; i++)
        for (int way = 0; way < 8; way++)
            for (int layout = 0; layout < 2; layout++)
                align(i, way, floats[_i],
                      layout == 0 ? NN_LAYOUT_STANDARD : NN_LAYOUT_CHANNELS_LAST);
}
END_TEST

static void max_of_regions(int i, nn_type type, nn_layout layout) {
    const int64_t dims[2] = {maps[i].regions, 5};
    kernel_host host;
    host_init(&host, nn_op_find("", "MaxRoiPool", 22), 22);
    host_ints(&host, "pooled_shape", (int64_t[]){maps[i].out_height, maps[i].out_width}, 2);
    host_float(&host, "spatial_scale", 0.5f);
    add_map(&host, i, type);
    host_input(&host, type, dims, 2, false);
    for (int64_t k = 0; k < maps[i].regions; k++) {
        nn_tensor_set(&host.in[1], 5 * k, (double)(k % maps[i].batch));
        fill_box(&host.in[1], 5 * k + 1, maps[i].height, maps[i].width);
    }
    device_host_judge(&host, layout, device_tolerance(type));
}

START_TEST(largest_in_regions) {
    for (int i = 0; i < MAPS; i++)
        for (int layout = 0; layout < 2; layout++)
            max_of_regions(i, floats[_i],
                           layout == 0 ? NN_LAYOUT_STANDARD : NN_LAYOUT_CHANNELS_LAST);
}
END_TEST

/* ---- AffineGrid ---- */

static void affine(nn_type type, int axes, int align, int64_t last) {
    const int64_t theta[3] = {2, axes, axes + 1}, count = axes + 2, size[5] = {2, 3, 4, last, 3};
    kernel_host host;
    host_init(&host, nn_op_find("", "AffineGrid", 20), 20);
    host_int(&host, "align_corners", align);
    fill_input(&host, type, theta, 3, false, -1, 1);
    memcpy(host_input(&host, NNOPT_INT64, &count, 1, true), size, (size_t)count * sizeof *size);
    device_host_judge(&host, NN_LAYOUT_STANDARD, 4 * device_tolerance(type));
}

START_TEST(affine_grids) {
    for (int way = 0; way < 8; way++)
        affine(floats[_i], way & 1 ? 2 : 3, (way & 2) != 0, way & 4 ? 1 : 5);
}
END_TEST

/* ---- what windows took, put back ---- */

static const struct {
    int axes;
    int64_t image[3], block[3], strides[3], dilations[3], pads[6], columns;
} overlaps[] = {
    {2, {5, 7}, {2, 3}, {1, 1}, {1, 1}, {0}, 20},
    {2, {6, 5}, {3, 2}, {2, 1}, {1, 2}, {1, 0, 0, 1}, 12},
    {1, {9}, {3}, {2}, {2}, {1, 1}, 4},
    {3, {3, 4, 5}, {2, 2, 2}, {1, 2, 1}, {1, 1, 1}, {0}, 16},
};
enum { OVERLAPS = sizeof overlaps / sizeof *overlaps };

START_TEST(columns) {
    for (int i = 0; i < OVERLAPS; i++) {
        const int axes = overlaps[i].axes;
        const int64_t count = axes;
        int64_t dims[3] = {2, 3, overlaps[i].columns};
        kernel_host host;
        host_init(&host, nn_op_find("", "Col2Im", 18), 18);
        host_ints(&host, "strides", overlaps[i].strides, axes);
        host_ints(&host, "dilations", overlaps[i].dilations, axes);
        host_ints(&host, "pads", overlaps[i].pads, 2 * axes);
        for (int k = 0; k < axes; k++) dims[1] *= overlaps[i].block[k];
        fill_input(&host, floats[_i], dims, 3, false, -1, 1);
        const size_t bytes = (size_t)axes * sizeof count;
        memcpy(host_input(&host, NNOPT_INT64, &count, 1, true), overlaps[i].image, bytes);
        memcpy(host_input(&host, NNOPT_INT64, &count, 1, true), overlaps[i].block, bytes);
        device_host_judge(&host, NN_LAYOUT_STANDARD, 2 * device_tolerance(floats[_i]));
    }
}
END_TEST

static void unpool(nn_type type, bool has_shape) {
    const int64_t dims[4] = {2, 3, 3, 4}, four = 4, shape[4] = {2, 3, 8, 9};
    kernel_host host;
    host_init(&host, nn_op_find("", "MaxUnpool", 22), 22);
    host_ints(&host, "kernel_shape", (int64_t[]){2, 2}, 2);
    host_ints(&host, "strides", (int64_t[]){2, 2}, 2);
    fill_input(&host, type, dims, 4, false, -1, 1);
    int64_t *indices = host_input(&host, NNOPT_INT64, dims, 4, false);
    for (int64_t i = 0; i < 72; i++) indices[i] = 4 * i + i % 4;
    if (has_shape) memcpy(host_input(&host, NNOPT_INT64, &four, 1, true), shape, sizeof shape);
    device_host_judge(&host, NN_LAYOUT_STANDARD, 0);
}

START_TEST(unpooled) {
    unpool(floats[_i], false);
    unpool(floats[_i], true);
}
END_TEST

/* ---- Resize ---- */

static const struct {
    int rank;
    int64_t dims[5];
    float scales[5];
} resized[] = {
    {4, {1, 3, 9, 8}, {1, 1, 0.4f, 0.6f}},
    {4, {2, 16, 5, 6}, {1, 1, 2, 1.5f}},
    {4, {1, 8, 12, 5}, {1, 1, 0.3f, 2}},
    {5, {1, 2, 6, 5, 4}, {1, 1, 0.5f, 1, 0.7f}},
};
enum { RESIZED = sizeof resized / sizeof *resized };

static void resize(nn_type type, int i, int mode, const char *coordinates, bool antialias,
                   nn_layout layout) {
    const int64_t count = resized[i].rank;
    kernel_host host;
    host_init(&host, nn_op_find("", "Resize", 19), 19);
    host_text(&host, "mode", modes[mode]);
    host_text(&host, "coordinate_transformation_mode", coordinates);
    host_int(&host, "antialias", antialias);
    host_int(&host, "exclude_outside", mode == 2 && i % 2 == 0);
    fill_input(&host, type, resized[i].dims, resized[i].rank, false, -1, 1);
    host_absent(&host);
    memcpy(host_input(&host, NNOPT_FLOAT, &count, 1, true), resized[i].scales,
           (size_t)count * sizeof(float));
    device_host_judge(&host, layout, 8 * device_tolerance(type));
}

START_TEST(other_sizes) {
    static const char *const coordinates[] = {"half_pixel", "align_corners", "asymmetric",
                                              "pytorch_half_pixel", "half_pixel_symmetric"};
    for (int i = 0; i < RESIZED; i++)
        for (int mode = 0; mode < 3; mode++)
            for (int way = 0; way < 10; way++)
                resize(floats[_i], i, mode, coordinates[way % 5], mode > 0 && way < 5,
                       (i + way) % 2 == 0 ? NN_LAYOUT_STANDARD : NN_LAYOUT_CHANNELS_LAST);
}
END_TEST

/* ---- DeformConv ---- */

static const struct {
    int axes;
    int64_t batch, channels, out_channels, group, offset_group, in[3], kernel[3], out[3];
    int64_t strides[3], pads[6];
} deformed[] = {
    {2, 1, 4, 5, 1, 1, {6, 7}, {3, 3}, {4, 5}, {1, 1}, {0}},
    {2, 2, 8, 8, 2, 4, {9, 8}, {3, 2}, {5, 7}, {2, 1}, {1, 0, 1, 0}},
    {1, 2, 6, 3, 3, 2, {11}, {3}, {9}, {1}, {0}},
    {3, 1, 2, 3, 1, 1, {3, 4, 5}, {2, 2, 2}, {2, 3, 4}, {1, 1, 1}, {0}},
};
enum { DEFORMED = sizeof deformed / sizeof *deformed };

static void deform(nn_type type, int i, bool has_bias, bool has_mask) {
    const int axes = deformed[i].axes;
    const int64_t batch = deformed[i].batch, groups = deformed[i].offset_group;
    int64_t x[5] = {batch, deformed[i].channels};
    int64_t w[5] = {deformed[i].out_channels, deformed[i].channels / deformed[i].group};
    int64_t offset[5] = {batch, groups * axes}, mask[5] = {batch, groups};
    kernel_host host;
    host_init(&host, nn_op_find("", "DeformConv", 22), 22);
    for (int k = 0; k < axes; k++) {
        x[2 + k] = deformed[i].in[k];
        w[2 + k] = deformed[i].kernel[k];
        offset[2 + k] = mask[2 + k] = deformed[i].out[k];
        offset[1] *= deformed[i].kernel[k];
        mask[1] *= deformed[i].kernel[k];
    }
    host_int(&host, "group", deformed[i].group);
    host_int(&host, "offset_group", groups);
    host_ints(&host, "strides", deformed[i].strides, axes);
    host_ints(&host, "pads", deformed[i].pads, 2 * axes);
    fill_input(&host, type, x, axes + 2, false, -1, 1);
    fill_input(&host, type, w, axes + 2, true, -1, 1);
    fill_input(&host, type, offset, axes + 2, false, -2.5, 2.5);
    if (has_bias)
        fill_input(&host, type, w, 1, true, -1, 1);
    else if (has_mask)
        host_absent(&host);
    if (has_mask) fill_input(&host, type, mask, axes + 2, false, 0, 1);
    /* What was gathered is rounded to the type before it is multiplied. */
    device_host_judge(&host, NN_LAYOUT_STANDARD, 8 * device_tolerance(type));
}

START_TEST(moved_taps) {
    for (int i = 0; i < DEFORMED; i++)
        for (int way = 0; way < 4; way++) deform(floats[_i], i, way & 1, way & 2);
}
END_TEST

START_TEST(norms_of_planes) {
    static const int64_t dims[][4] = {{2, 3, 5, 7}, {1, 40, 3, 3}, {1, 2, 90, 70}};
    for (int i = 0; i < 3; i++)
        for (int p = 1; p < 3; p++)
            for (int layout = 0; layout < 2; layout++) {
                kernel_host host;
                host_init(&host, nn_op_find("", "GlobalLpPool", 22), 22);
                host_int(&host, "p", p);
                fill_input(&host, floats[_i], dims[i], 4, false, -1, 1);
                device_host_judge(&host, layout == 0 ? NN_LAYOUT_STANDARD : NN_LAYOUT_CHANNELS_LAST,
                                  4 * device_tolerance(floats[_i]));
            }
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("cuda_sample");
    TCase *tests = tcase_create("cases");
    device_host_open();
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, grids, 0, FLOATS);
    tcase_add_test(tests, nearest_of_any_type);
    tcase_add_loop_test(tests, aligned_regions, 0, FLOATS);
    tcase_add_loop_test(tests, largest_in_regions, 0, FLOATS);
    tcase_add_loop_test(tests, affine_grids, 0, FLOATS);
    tcase_add_loop_test(tests, columns, 0, FLOATS);
    tcase_add_loop_test(tests, unpooled, 0, FLOATS);
    tcase_add_loop_test(tests, other_sizes, 0, FLOATS);
    tcase_add_loop_test(tests, moved_taps, 0, FLOATS - 1); /* of double there is none */
    tcase_add_loop_test(tests, norms_of_planes, 0, FLOATS);
    suite_add_tcase(suite, tests);
    return suite;
}
