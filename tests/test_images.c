/* Images and sound: pixels as other decoders give them, the way into an input, classes, damage. */
#include "base/dataset.h"
#include "engine/graph/model.h"
#include "formats/image.h"
#include "tests/support/expected.h"
#include "tests/support/runner.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static nn_tensor view_of(const nn_image *image) {
    return (nn_tensor){.type = NNOPT_UINT8,
                       .rank = 3,
                       .dims = {image->height, image->width, 3},
                       .data = image->pixels};
}

static void check_image(const expected_arrays *expected, const char *file, const char *name,
                        double tolerance) {
    nn_image image;
    ck_assert_ok(nn_image_load(format_path(file), &image));
    nn_tensor tensor = view_of(&image);
    if (tolerance > 0) {
        /* Decoders may round differently by one step: compare as numbers, not as whole numbers. */
        int64_t count = nn_tensor_count(&tensor);
        const char *at = expected_find(expected, name)->values;
        char *end;
        ck_assert(nn_dims_equal(tensor.dims, 3, expected_find(expected, name)->dims, 3));
        for (int64_t i = 0; i < count; i++, at = end)
            ck_assert_double_le(fabs(strtod(at, &end) - nn_tensor_get(&tensor, i)), tolerance);
    } else {
        expected_check(expected_find(expected, name), &tensor, 0);
    }
    nn_image_clear(&image);
}

START_TEST(images_decode_to_the_pixels_they_were_made_of) {
    expected_arrays expected = expected_load("images");
    check_image(&expected, "rgb.png", "rgb", 0);
    check_image(&expected, "rgba.png", "rgb", 0); /* transparency is dropped */
    check_image(&expected, "gray.png", "gray", 0);
    check_image(&expected, "palette.png", "palette", 0);
    check_image(&expected, "photo.jpg", "photo", 1);
    expected_free(&expected);
}
END_TEST

START_TEST(resizing_gives_the_pixels_of_pillow) {
    expected_arrays expected = expected_load("images");
    static const struct {
        const char *name;
        int width, height;
    } sizes[] = {{"photo_small", 7, 5}, {"photo_large", 31, 18}};
    nn_image image, resized;
    ck_assert_ok(nn_image_load(format_path("photo.jpg"), &image));
    for (int i = 0; i < 2; i++) {
        ck_assert_ok(nn_image_resize(&image, sizes[i].width, sizes[i].height, &resized));
        const char *at = expected_find(&expected, sizes[i].name)->values;
        char *end;
        for (int k = 0; k < sizes[i].width * sizes[i].height * 3; k++, at = end)
            ck_assert_double_le(fabs(strtod(at, &end) - resized.pixels[k]), 1);
        nn_image_clear(&resized);
    }
    nn_image_clear(&image);
    expected_free(&expected);
}
END_TEST

START_TEST(damaged_images_are_refused) {
    nn_image image;
    static const char *const names[] = {"rgb.png", "photo.jpg"};
    for (int i = 0; i < 2; i++) {
        size_t size;
        char *bytes = test_read_file(format_path(names[i]), &size);
        for (size_t length = 0; length < size - 20; length += 7) {
            test_write_file(test_path("short"), bytes, length);
            ck_assert_int_ne(nn_image_load(test_path("short"), &image), NNOPT_OK);
        }
        for (size_t at = 0; at < size; at++) { /* refused or other pixels, never worse */
            bytes[at] ^= 0x55;
            test_write_file(test_path("changed"), bytes, size);
            if (nn_image_load(test_path("changed"), &image) == NNOPT_OK) nn_image_clear(&image);
            bytes[at] ^= 0x55;
        }
        free(bytes);
    }
    ck_assert_fails(nn_image_load(format_path("cmyk.jpg"), &image), NNOPT_UNSUPPORTED, "CMYK");
    ck_assert_fails(nn_image_load(format_path("plain.npy"), &image), NNOPT_BAD_INPUT,
                    "neither a JPEG");
    ck_assert_fails(nn_image_load(test_path("none.png"), &image), NNOPT_IO, "none.png");
}
END_TEST

START_TEST(an_image_that_claims_a_huge_size_is_refused) {
    nn_image image;
    size_t size;
    char *bytes = test_read_file(format_path("photo.jpg"), &size);
    char *frame = memmem(bytes, size, "\xff\xc0", 2);
    ck_assert_ptr_nonnull(frame);
    memcpy(frame + 5, "\xfd\xe8\xfd\xe8", 4); /* 65000 x 65000 */
    test_write_file(test_path("huge.jpg"), bytes, size);
    free(bytes);
    ck_assert_fails(nn_image_load(test_path("huge.jpg"), &image), NNOPT_BAD_INPUT,
                    "65000x65000 pixels");
}
END_TEST

/* ---- into a model's input ---- */

static nnopt_model *make_model(nnopt_type type, int rank, int64_t a, int64_t b, int64_t c,
                               int64_t d) {
    nn_graph *graph;
    nn_value *value;
    nnopt_model *model;
    ck_assert_ok(nn_graph_create("image", &graph));
    ck_assert_ok(nn_graph_set_opset(graph, "", 17));
    ck_assert_ok(nn_graph_add_value(graph, "x", &value));
    ck_assert_ok(nn_graph_add_input(graph, value));
    value->declared = value->fact = nn_fact_make(type, rank, (int64_t[]){a, b, c, d});
    ck_assert_ok(nn_model_create(graph, &model));
    return model;
}

static nnopt_options *options_of(const char *const *pairs) {
    nnopt_options *options;
    ck_assert_ok(nnopt_options_create(&options));
    for (; pairs[0] != NULL; pairs += 2)
        ck_assert_ok(nnopt_options_set(options, pairs[0], pairs[1]));
    return options;
}

static nnopt_dataset *open_with(nnopt_model *model, const char *path, const char *const *pairs) {
    nnopt_options *options = options_of(pairs);
    nnopt_dataset *data;
    ck_assert_ok(nnopt_dataset_open(model, path, options, &data));
    nnopt_options_destroy(options);
    return data;
}

static const char *const no_options[] = {NULL};

START_TEST(pixels_are_scaled_and_ordered) {
    expected_arrays expected = expected_load("images");
    int64_t pixels[6 * 8 * 3];
    const char *at = expected_find(&expected, "rgb")->values;
    char *end;
    for (int i = 0; i < 6 * 8 * 3; i++, at = end) pixels[i] = strtoll(at, &end, 10);
    expected_free(&expected);
    nn_feed feed;

    nnopt_model *model = make_model(NNOPT_FLOAT, 4, 1, 3, 6, 8);
    nnopt_dataset *data = open_with(model, format_path("rgb.png"), no_options);
    ck_assert_ok(data->read(data, 0, &feed));
    ck_assert(nn_dims_equal(feed.inputs[0].dims, 4, (int64_t[]){1, 3, 6, 8}, 4));
    for (int c = 0; c < 3; c++)
        for (int i = 0; i < 48; i++)
            ck_assert_float_eq_tol(((const float *)feed.inputs[0].data)[c * 48 + i],
                                   (float)pixels[3 * i + c] / 255, 1e-6f);
    nnopt_dataset_destroy(data);

    static const char *const shifted[] = {"scale",         "1",   "mean", "10,20,30", "std", "2",
                                          "channel-order", "bgr", NULL};
    data = open_with(model, format_path("rgb.png"), shifted);
    ck_assert_ok(data->read(data, 0, &feed));
    for (int i = 0; i < 48; i++) {
        ck_assert_float_eq(((const float *)feed.inputs[0].data)[i],
                           ((float)pixels[3 * i + 2] - 10) / 2);
        ck_assert_float_eq(((const float *)feed.inputs[0].data)[96 + i],
                           ((float)pixels[3 * i] - 30) / 2);
    }
    nnopt_dataset_destroy(data);
    nnopt_model_destroy(model);

    model = make_model(NNOPT_UINT8, 4, -1, 6, 8, 3); /* channels last, bytes as they are */
    data = open_with(model, format_path("rgb.png"), no_options);
    ck_assert_ok(data->read(data, 0, &feed));
    for (int i = 0; i < 144; i++)
        ck_assert_int_eq(((const uint8_t *)feed.inputs[0].data)[i], pixels[i]);
    nnopt_dataset_destroy(data);
    nnopt_model_destroy(model);
}
END_TEST

START_TEST(gray_inputs_get_luma) {
    expected_arrays expected = expected_load("images");
    nnopt_model *model = make_model(NNOPT_FLOAT, 4, 1, 1, 16, 20);
    static const char *const plain[] = {"scale", "1", NULL};
    nnopt_dataset *data = open_with(model, format_path("photo.jpg"), plain);
    nn_feed feed;
    ck_assert_ok(data->read(data, 0, &feed));
    const char *at = expected_find(&expected, "photo_luma")->values;
    char *end;
    for (int i = 0; i < 320; i++, at = end)
        ck_assert_double_le(fabs(strtod(at, &end) - ((const float *)feed.inputs[0].data)[i]), 1);
    nnopt_dataset_destroy(data);
    nnopt_model_destroy(model);
    expected_free(&expected);
}
END_TEST

START_TEST(sizes_follow_the_options_and_the_model) {
    static const struct {
        const char *options[5];
        int64_t model_height, model_width, height, width;
    } cases[] = {{{NULL}, 5, 7, 5, 7},                     /* stretched */
                 {{"resize", "10", NULL}, 10, 10, 10, 10}, /* shorter side, centre */
                 {{"resize", "10", NULL}, -1, -1, 10, 13}, /* as it comes: 12.5 rounds up */
                 {{"resize", "9x11", "crop", "8x8", NULL}, -1, -1, 8, 8},
                 {{"crop", "8x6", NULL}, 8, 6, 8, 6}, /* cut from the whole image */
                 {{NULL}, -1, -1, 16, 20}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        nnopt_model *model =
            make_model(NNOPT_FLOAT, 4, -1, 3, cases[i].model_height, cases[i].model_width);
        nnopt_dataset *data = open_with(model, format_path("photo.jpg"), cases[i].options);
        nn_feed feed;
        ck_assert_ok(data->read(data, 0, &feed));
        ck_assert_int_eq(feed.inputs[0].dims[2], cases[i].height);
        ck_assert_int_eq(feed.inputs[0].dims[3], cases[i].width);
        nnopt_dataset_destroy(data);
        nnopt_model_destroy(model);
    }
}
END_TEST

START_TEST(contradicting_image_options_are_refused) {
    static const struct {
        const char *name, *value, *message;
    } wrong[] = {{"resize", "0", "'0' is not N or HxW"},
                 {"resize", "axb", "is not N or HxW"},
                 {"crop", "5", "'5' is not HxW"},
                 {"crop", "9x9", "and input 'x' takes 6x8"},
                 {"mean", "1,2", "is not 1 or 3 numbers"},
                 {"std", "0", "positive"},
                 {"channel-order", "gray", "no axis of 1 chan"},
                 {"channel-order", "hsv", "channel-order"},
                 {"batch", "4", "the model takes 1 images"}};
    nnopt_model *model = make_model(NNOPT_FLOAT, 4, 1, 3, 6, 8);
    nnopt_dataset *data;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        nnopt_options *options =
            options_of((const char *const[]){wrong[i].name, wrong[i].value, NULL});
        ck_assert_int_ne(nnopt_dataset_open(model, format_path("rgb.png"), options, &data),
                         NNOPT_OK);
        ck_assert_msg(strstr(nnopt_last_error(), wrong[i].message) != NULL, "%s",
                      nnopt_last_error());
        nnopt_options_destroy(options);
    }
    nnopt_model_destroy(model);
    model = make_model(NNOPT_UINT8, 4, 1, 3, 6, 8);
    nnopt_options *options = options_of((const char *const[]){"mean", "1", NULL});
    ck_assert_fails(nnopt_dataset_open(model, format_path("rgb.png"), options, &data), NNOPT_USAGE,
                    "get the pixels as they are");
    nnopt_options_destroy(options);
    nnopt_model_destroy(model);
}
END_TEST

static void copy_file(const char *from, const char *to) {
    size_t size;
    char *bytes = test_read_file(format_path(from), &size);
    test_write_file(test_path(to), bytes, size);
    free(bytes);
}

START_TEST(folders_are_classes) {
    ck_assert_int_eq(mkdir(test_path("pets"), 0777), 0);
    ck_assert_int_eq(mkdir(test_path("pets/dog"), 0777), 0);
    ck_assert_int_eq(mkdir(test_path("pets/cat"), 0777), 0);
    copy_file("rgb.png", "pets/dog/b.png");
    copy_file("photo.jpg", "pets/dog/a.JPG");
    copy_file("rgb.png", "pets/cat/z.png");
    test_write_file(test_path("pets/cat/notes.txt"), "no image", 8);
    nnopt_model *model = make_model(NNOPT_FLOAT, 4, -1, 3, 6, 8);
    nnopt_dataset *data = open_with(model, test_path("pets"), no_options);
    nn_feed feed;
    static const int64_t labels[3] = {0, 1, 1};
    ck_assert_int_eq(data->sample_count, 3);
    for (int64_t i = 0; i < 3; i++) {
        ck_assert_ok(data->read(data, i, &feed));
        ck_assert_int_eq(nn_tensor_get_int(feed.labels, 0), labels[i]);
    }
    nnopt_dataset_destroy(data);

    static const char *const in_twos[] = {"batch", "2", NULL};
    data = open_with(model, test_path("pets"), in_twos);
    ck_assert_int_eq(data->feed_count, 2);
    ck_assert_ok(data->read(data, 0, &feed));
    ck_assert_int_eq(feed.inputs[0].dims[0], 2);
    ck_assert_int_eq(nn_tensor_get_int(feed.labels, 1), 1);
    nnopt_dataset_destroy(data);

    test_write_file(test_path("classes.txt"), "bird\ndog\nfish\ncat\n", 18);
    const char *const listed[] = {"labels", test_path("classes.txt"), NULL};
    data = open_with(model, test_path("pets"), listed);
    ck_assert_ok(data->read(data, 0, &feed));
    ck_assert_int_eq(nn_tensor_get_int(feed.labels, 0), 3);
    nnopt_dataset_destroy(data);
    test_write_file(test_path("classes.txt"), "bird\ndog\n", 9);
    nnopt_options *options = options_of(listed);
    ck_assert_fails(nnopt_dataset_open(model, test_path("pets"), options, &data), NNOPT_BAD_INPUT,
                    "class 'cat' is not in the list");
    nnopt_options_destroy(options);

    copy_file("rgb.png", "pets/stray.png");
    ck_assert_fails(nnopt_dataset_open(model, test_path("pets"), NULL, &data), NNOPT_BAD_INPUT,
                    "images beside folders");
    ck_assert_int_eq(mkdir(test_path("nothing"), 0777), 0);
    ck_assert_fails(nnopt_dataset_open(model, test_path("nothing"), NULL, &data), NNOPT_BAD_INPUT,
                    "no .jpg or .png image");
    nnopt_model_destroy(model);
}
END_TEST

/* ---- sound ---- */

START_TEST(sound_is_mixed_and_cut_into_windows) {
    expected_arrays expected = expected_load("audio");
    nnopt_model *model = make_model(NNOPT_FLOAT, 2, -1, -1, 0, 0);
    nnopt_dataset *data = open_with(model, format_path("stereo.wav"), no_options);
    nn_feed feed;
    ck_assert_ok(data->read(data, 0, &feed));
    ck_assert(nn_dims_equal(feed.inputs[0].dims, 2, (int64_t[]){1, 7}, 2));
    nn_tensor line = feed.inputs[0];
    line.rank = 1;
    line.dims[0] = 7;
    expected_check(expected_find(&expected, "stereo"), &line, 1e-7);
    nnopt_dataset_destroy(data);
    nnopt_model_destroy(model);

    model = make_model(NNOPT_FLOAT, 3, 1, 4, 1, 0);
    data = open_with(model, format_path("stereo.wav"), no_options);
    ck_assert_int_eq(data->feed_count, 2);
    ck_assert_ok(data->read(data, 1, &feed));
    ck_assert(nn_dims_equal(feed.inputs[0].dims, 3, (int64_t[]){1, 4, 1}, 3));
    ck_assert_float_eq_tol(((const float *)feed.inputs[0].data)[0], 0.125f, 1e-6f);
    ck_assert_float_eq(((const float *)feed.inputs[0].data)[3], 0); /* filled up with silence */
    nnopt_dataset_destroy(data);
    nnopt_model_destroy(model);

    model = make_model(NNOPT_FLOAT, 3, 1, 4, 2, 0);
    ck_assert_fails(nnopt_dataset_open(model, format_path("stereo.wav"), NULL, &data),
                    NNOPT_BAD_INPUT, "no one axis for audio samples");
    test_write_file(test_path("bad.wav"), "RIFFxxxx", 8);
    nnopt_model_destroy(model);
    model = make_model(NNOPT_FLOAT, 2, 1, -1, 0, 0);
    ck_assert_fails(nnopt_dataset_open(model, test_path("bad.wav"), NULL, &data), NNOPT_BAD_INPUT,
                    "bad.wav");
    nnopt_model_destroy(model);
    expected_free(&expected);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("images");
    TCase *tcase = tcase_create("images");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, images_decode_to_the_pixels_they_were_made_of);
    tcase_add_test(tcase, resizing_gives_the_pixels_of_pillow);
    tcase_add_test(tcase, damaged_images_are_refused);
    tcase_add_test(tcase, an_image_that_claims_a_huge_size_is_refused);
    tcase_add_test(tcase, pixels_are_scaled_and_ordered);
    tcase_add_test(tcase, gray_inputs_get_luma);
    tcase_add_test(tcase, sizes_follow_the_options_and_the_model);
    tcase_add_test(tcase, contradicting_image_options_are_refused);
    tcase_add_test(tcase, folders_are_classes);
    tcase_add_test(tcase, sound_is_mixed_and_cut_into_windows);
    suite_add_tcase(suite, tcase);
    return suite;
}
