/* How arrays become feeds, random feeds, views, and what is refused. */
#include "base/dataset.h"
#include "engine/graph/model.h"
#include "tests/support/expected.h"
#include "tests/support/runner.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- models that only have inputs ---- */

enum { N = -2, M = -3, FREE = -1 }; /* symbols "N" and "M", a dimension without a name */

typedef struct input_spec {
    const char *name;
    nnopt_type type;
    int rank;
    int64_t dims[4];
} input_spec;

static nnopt_model *make_model(const input_spec *inputs, int count) {
    nn_graph *graph;
    nnopt_model *model;
    int64_t dim;
    ck_assert_ok(nn_graph_create("inputs", &graph));
    ck_assert_ok(nn_graph_set_opset(graph, "", 17));
    ck_assert_ok(nn_graph_symbol(graph, "N", &dim));
    ck_assert_int_eq(dim, N);
    ck_assert_ok(nn_graph_symbol(graph, "M", &dim));
    ck_assert_int_eq(dim, M);
    for (int i = 0; i < count; i++) {
        nn_value *value;
        ck_assert_ok(nn_graph_add_value(graph, inputs[i].name, &value));
        ck_assert_ok(nn_graph_add_input(graph, value));
        value->declared = nn_fact_make(inputs[i].type, inputs[i].rank, inputs[i].dims);
        value->fact = value->declared;
    }
    ck_assert_ok(nn_model_create(graph, &model));
    return model;
}

static nnopt_options *options_of(const char *name, const char *value) {
    nnopt_options *options;
    ck_assert_ok(nnopt_options_create(&options));
    if (name != NULL) ck_assert_ok(nnopt_options_set(options, name, value));
    return options;
}

/* Floats 0, 1, 2, ... in a shape. */
static nn_tensor counting(float *values, int rank, int64_t a, int64_t b) {
    nn_tensor tensor = {.type = NNOPT_FLOAT, .rank = rank, .dims = {a, b}, .data = values};
    for (int64_t i = 0; i < nn_tensor_count(&tensor); i++) values[i] = (float)i;
    return tensor;
}

static const float *floats(const nn_feed *feed, int input) {
    return feed->inputs[input].data;
}

/* ---- the rules ---- */

START_TEST(arrays_that_fit_are_one_feed) {
    nnopt_model *model = make_model((input_spec[]){{"x", NNOPT_FLOAT, 2, {N, 3}}}, 1);
    float values[12];
    nn_tensor array = counting(values, 2, 4, 3);
    nnopt_dataset *data;
    nn_feed feed;
    ck_assert_ok(nnopt_dataset_create(model, (const char *[]){"x"}, &array, 1, NULL, &data));
    nnopt_model_destroy(model); /* data sets do not need it any more */
    ck_assert_int_eq(data->feed_count, 1);
    ck_assert_int_eq(nnopt_dataset_samples(data), 4);
    ck_assert(data->cut_inputs[0]);
    ck_assert_int_eq(data->fixed_batch, 0);
    ck_assert_ok(data->read(data, 0, &feed));
    ck_assert(!feed.cut);
    ck_assert_int_eq(feed.sample_count, 4);
    ck_assert_int_eq(feed.inputs[0].dims[0], 4);
    ck_assert_float_eq(floats(&feed, 0)[11], 11);
    nnopt_dataset_destroy(data);
}
END_TEST

START_TEST(a_first_axis_that_does_not_fit_counts_samples) {
    nnopt_model *model = make_model(
        (input_spec[]){{"x", NNOPT_FLOAT, 2, {2, 3}}, {"state", NNOPT_FLOAT, 1, {2}}}, 2);
    float values[18], state[2];
    nn_tensor arrays[2] = {counting(values, 2, 6, 3), counting(state, 1, 2, 0)};
    nnopt_dataset *data;
    nn_feed feed;
    ck_assert_ok(
        nnopt_dataset_create(model, (const char *[]){"x", "state"}, arrays, 2, NULL, &data));
    ck_assert_int_eq(data->feed_count, 3);
    ck_assert_int_eq(data->sample_count, 6);
    ck_assert_int_eq(data->fixed_batch, 2);
    ck_assert(data->cut_inputs[0] && !data->cut_inputs[1]);
    for (int64_t i = 0; i < 3; i++) {
        ck_assert_ok(data->read(data, i, &feed));
        ck_assert(feed.cut);
        ck_assert_int_eq(feed.inputs[0].dims[0], 2);
        ck_assert_float_eq(floats(&feed, 0)[0], (float)(6 * i));
        ck_assert_float_eq(floats(&feed, 1)[1], 1); /* given to every run */
    }
    nnopt_dataset_destroy(data);

    arrays[0] = counting(values, 2, 5, 3);
    ck_assert_fails(
        nnopt_dataset_create(model, (const char *[]){"x", "state"}, arrays, 2, NULL, &data),
        NNOPT_BAD_INPUT, "input 'x': 5 samples cannot be cut into feeds of 2");
    nnopt_model_destroy(model);
}
END_TEST

START_TEST(inputs_that_are_cut_agree_in_their_counts) {
    nnopt_model *model =
        make_model((input_spec[]){{"a", NNOPT_FLOAT, 2, {1, 3}}, {"b", NNOPT_FLOAT, 2, {1, 2}}}, 2);
    float values[12], others[8];
    nn_tensor arrays[2] = {counting(values, 2, 4, 3), counting(others, 2, 4, 2)};
    nnopt_dataset *data;
    nn_feed feed;
    ck_assert_ok(nnopt_dataset_create(model, (const char *[]){"a", "b"}, arrays, 2, NULL, &data));
    ck_assert_ok(data->read(data, 3, &feed));
    ck_assert_float_eq(floats(&feed, 0)[0], 9);
    ck_assert_float_eq(floats(&feed, 1)[0], 6);
    nnopt_dataset_destroy(data);
    arrays[1] = counting(others, 2, 3, 2);
    ck_assert_fails(nnopt_dataset_create(model, (const char *[]){"a", "b"}, arrays, 2, NULL, &data),
                    NNOPT_BAD_INPUT, "input 'a' holds 4 samples, input 'b' 3");
    nnopt_model_destroy(model);
}
END_TEST

START_TEST(symbols_are_bound_to_one_size) {
    nnopt_model *model =
        make_model((input_spec[]){{"a", NNOPT_FLOAT, 2, {1, N}}, {"b", NNOPT_FLOAT, 1, {N}}}, 2);
    float values[8], others[4];
    nn_tensor arrays[2] = {counting(values, 2, 1, 4), counting(others, 1, 4, 0)};
    nnopt_dataset *data;
    ck_assert_ok(nnopt_dataset_create(model, (const char *[]){"a", "b"}, arrays, 2, NULL, &data));
    nnopt_dataset_destroy(data);
    arrays[1] = counting(others, 1, 3, 0);
    ck_assert_fails(nnopt_dataset_create(model, (const char *[]){"a", "b"}, arrays, 2, NULL, &data),
                    NNOPT_BAD_INPUT, "input 'b' is N, the data is 3");
    nnopt_model_destroy(model);
}
END_TEST

START_TEST(a_batch_cuts_a_free_first_axis) {
    nnopt_model *model = make_model((input_spec[]){{"x", NNOPT_FLOAT, 2, {N, 3}}}, 1);
    float values[15];
    nn_tensor array = counting(values, 2, 5, 3);
    nnopt_options *options = options_of("batch", "2");
    nnopt_dataset *data;
    nn_feed feed;
    ck_assert_ok(nnopt_dataset_create(model, (const char *[]){"x"}, &array, 1, options, &data));
    ck_assert_int_eq(data->feed_count, 3);
    ck_assert_int_eq(data->sample_count, 5);
    ck_assert_ok(data->read(data, 2, &feed)); /* the last piece is smaller */
    ck_assert_int_eq(feed.sample_count, 1);
    ck_assert_int_eq(feed.inputs[0].dims[0], 1);
    ck_assert_float_eq(floats(&feed, 0)[0], 12);
    nnopt_dataset_destroy(data);
    nnopt_options_destroy(options);
    nnopt_model_destroy(model);
}
END_TEST

START_TEST(a_batch_against_a_fixed_axis_is_refused) {
    nnopt_model *model = make_model((input_spec[]){{"x", NNOPT_FLOAT, 2, {1, 3}}}, 1);
    float values[15];
    nn_tensor array = counting(values, 2, 5, 3);
    nnopt_options *options = options_of("batch", "2");
    nnopt_dataset *data;
    ck_assert_fails(nnopt_dataset_create(model, (const char *[]){"x"}, &array, 1, options, &data),
                    NNOPT_USAGE, "option 'batch': 2, and input 'x' is fixed to 1x3");
    ck_assert_fails(nnopt_dataset_random(model, 1, 4, options, &data), NNOPT_USAGE,
                    "option 'batch': 2, and input 'x' is fixed to 1x3");
    nnopt_options_destroy(options);
    options = options_of("batch", "1");
    ck_assert_ok(nnopt_dataset_create(model, (const char *[]){"x"}, &array, 1, options, &data));
    ck_assert_int_eq(data->feed_count, 5);
    nnopt_dataset_destroy(data);
    nnopt_options_destroy(options);
    nnopt_model_destroy(model);
}
END_TEST

START_TEST(wrong_ranks_names_and_shapes_are_refused) {
    nnopt_model *model = make_model((input_spec[]){{"x", NNOPT_FLOAT, 2, {1, 3}}}, 1);
    float values[15];
    nn_tensor array = counting(values, 1, 3, 0);
    nnopt_dataset *data;
    ck_assert_fails(nnopt_dataset_create(model, (const char *[]){"x"}, &array, 1, NULL, &data),
                    NNOPT_BAD_INPUT, "input 'x' is 1x3, the data is 3");
    array = counting(values, 2, 1, 4);
    ck_assert_fails(nnopt_dataset_create(model, (const char *[]){"x"}, &array, 1, NULL, &data),
                    NNOPT_BAD_INPUT, "input 'x' is 1x3, the data is 1x4");
    ck_assert_fails(nnopt_dataset_create(model, (const char *[]){"y"}, &array, 1, NULL, &data),
                    NNOPT_BAD_INPUT, "no array for input 'x'");
    array = counting(values, 2, 0, 3);
    ck_assert_fails(nnopt_dataset_create(model, (const char *[]){"x"}, &array, 1, NULL, &data),
                    NNOPT_BAD_INPUT, "holds no samples");
    ck_assert_fails(nnopt_dataset_open(model, test_path("none.npz"), NULL, &data), NNOPT_IO,
                    "none.npz");
    test_write_file(test_path("data.txt"), "1", 1);
    ck_assert_fails(nnopt_dataset_open(model, test_path("data.txt"), NULL, &data), NNOPT_BAD_INPUT,
                    "not a source of data");
    nnopt_model_destroy(model);
}
END_TEST

/* ---- types ---- */

START_TEST(numbers_convert_only_where_nothing_is_lost) {
    static const uint8_t bytes[3] = {0, 7, 255};
    static const double doubles[3] = {0.5, -1.5, 1e40};
    static const float reals[3] = {1, 2, 3};
    static const int64_t wholes[3] = {-1, 5, 127}, large[3] = {0, 0, 300};
    nnopt_dataset *data;
    nn_feed feed;
    nnopt_model *model = make_model((input_spec[]){{"x", NNOPT_FLOAT, 1, {3}}}, 1);
    nn_tensor array = {
        .type = NNOPT_UINT8, .rank = 1, .dims = {3}, .data = (void *)(uintptr_t)bytes};
    ck_assert_ok(nnopt_dataset_create(model, (const char *[]){"x"}, &array, 1, NULL, &data));
    ck_assert_ok(data->read(data, 0, &feed));
    ck_assert_float_eq(floats(&feed, 0)[2], 255);
    nnopt_dataset_destroy(data);
    array = (nn_tensor){
        .type = NNOPT_DOUBLE, .rank = 1, .dims = {3}, .data = (void *)(uintptr_t)doubles};
    ck_assert_ok(nnopt_dataset_create(model, (const char *[]){"x"}, &array, 1, NULL, &data));
    ck_assert_ok(data->read(data, 0, &feed));
    ck_assert_float_eq(floats(&feed, 0)[1], -1.5f);
    ck_assert(isinf(floats(&feed, 0)[2]));
    nnopt_dataset_destroy(data);
    nnopt_model_destroy(model);

    model = make_model((input_spec[]){{"i", NNOPT_INT8, 1, {3}}}, 1);
    array =
        (nn_tensor){.type = NNOPT_FLOAT, .rank = 1, .dims = {3}, .data = (void *)(uintptr_t)reals};
    ck_assert_fails(nnopt_dataset_create(model, (const char *[]){"i"}, &array, 1, NULL, &data),
                    NNOPT_BAD_INPUT, "input 'i': data: the data is float32, the model wants int8");
    array =
        (nn_tensor){.type = NNOPT_INT64, .rank = 1, .dims = {3}, .data = (void *)(uintptr_t)wholes};
    ck_assert_ok(nnopt_dataset_create(model, (const char *[]){"i"}, &array, 1, NULL, &data));
    ck_assert_ok(data->read(data, 0, &feed));
    ck_assert_int_eq(((const int8_t *)feed.inputs[0].data)[0], -1);
    nnopt_dataset_destroy(data);
    array.data = (void *)(uintptr_t)large;
    ck_assert_ok(nnopt_dataset_create(model, (const char *[]){"i"}, &array, 1, NULL, &data));
    ck_assert_fails(data->read(data, 0, &feed), NNOPT_BAD_INPUT, "value 300 does not fit int8");
    nnopt_dataset_destroy(data);
    nnopt_model_destroy(model);
}
END_TEST

START_TEST(nan_is_refused_where_it_is_asked_for) {
    nnopt_model *model = make_model((input_spec[]){{"x", NNOPT_FLOAT, 1, {3}}}, 1);
    float values[3];
    nn_tensor array = counting(values, 1, 3, 0);
    nnopt_dataset *data;
    nn_feed feed;
    for (int with_nan = 0; with_nan < 2; with_nan++) {
        if (with_nan) values[1] = NAN;
        ck_assert_ok(nnopt_dataset_create(model, (const char *[]){"x"}, &array, 1, NULL, &data));
        ck_assert_ok(data->read(data, 0, &feed));
        if (with_nan)
            ck_assert_fails(nn_dataset_refuse_nan(data, 0, &feed), NNOPT_BAD_INPUT,
                            "input 'x' of feed 0 holds NaN");
        else
            ck_assert_ok(nn_dataset_refuse_nan(data, 0, &feed));
        nnopt_dataset_destroy(data);
    }
    nnopt_model_destroy(model);
}
END_TEST

/* ---- labels ---- */

START_TEST(labels_count_the_samples) {
    nnopt_model *model = make_model((input_spec[]){{"x", NNOPT_FLOAT, 2, {1, 2}}}, 1);
    float values[8];
    uint8_t numbers[4] = {3, 1, 4, 1};
    nn_tensor arrays[2] = {counting(values, 2, 4, 2),
                           {.type = NNOPT_UINT8, .rank = 1, .dims = {4}, .data = numbers}};
    nnopt_dataset *data;
    nn_feed feed;
    ck_assert_ok(
        nnopt_dataset_create(model, (const char *[]){"x", "labels"}, arrays, 2, NULL, &data));
    ck_assert(data->has_labels);
    ck_assert_ok(data->read(data, 2, &feed));
    ck_assert_int_eq(nn_tensor_get_int(feed.labels, 0), 4);
    ck_assert_int_eq(feed.labels->dims[0], 1);
    nnopt_dataset_destroy(data);
    arrays[1].dims[0] = 3;
    ck_assert_fails(
        nnopt_dataset_create(model, (const char *[]){"x", "labels"}, arrays, 2, NULL, &data),
        NNOPT_BAD_INPUT, "3 labels for 4 samples");
    arrays[1] = counting(values, 1, 4, 0);
    ck_assert_fails(
        nnopt_dataset_create(model, (const char *[]){"x", "labels"}, arrays, 2, NULL, &data),
        NNOPT_BAD_INPUT, "labels must be a list of whole numbers");

    test_write_file(test_path("labels.txt"), "5\n6\r\n7\n8", 8);
    nnopt_options *options = options_of("labels", test_path("labels.txt"));
    arrays[0] = counting(values, 2, 4, 2);
    ck_assert_ok(nnopt_dataset_create(model, (const char *[]){"x"}, arrays, 1, options, &data));
    ck_assert_ok(data->read(data, 3, &feed));
    ck_assert_int_eq(nn_tensor_get_int(feed.labels, 0), 8);
    nnopt_dataset_destroy(data);
    test_write_file(test_path("labels.txt"), "5\nsix\n", 6);
    ck_assert_fails(nnopt_dataset_create(model, (const char *[]){"x"}, arrays, 1, options, &data),
                    NNOPT_BAD_INPUT, "line 2 is no whole number");
    nnopt_options_destroy(options);
    nnopt_model_destroy(model);
}
END_TEST

/* ---- options for shapes ---- */

START_TEST(symbols_and_shapes_can_be_given) {
    nnopt_model *model =
        make_model((input_spec[]){{"x:0", NNOPT_FLOAT, 2, {N, M}}, {"s", NNOPT_FLOAT, 0, {0}}}, 2);
    nnopt_dataset *data;
    nn_feed feed;
    ck_assert_fails(nnopt_dataset_random(model, 1, 1, NULL, &data), NNOPT_USAGE,
                    "input 'x:0' is NxM: give the size with --dim M=N");
    nnopt_options *options = options_of("dim", "M=3");
    ck_assert_ok(nnopt_dataset_random(model, 1, 1, options, &data));
    ck_assert_ok(data->read(data, 0, &feed));
    ck_assert(nn_dims_equal(feed.inputs[0].dims, 2, (int64_t[]){1, 3}, 2));
    nnopt_dataset_destroy(data);
    nnopt_options_destroy(options);

    options = options_of("shapes", "x:0:4x5,s:");
    ck_assert_ok(nnopt_dataset_random(model, 1, 1, options, &data));
    ck_assert_ok(data->read(data, 0, &feed));
    ck_assert(nn_dims_equal(feed.inputs[0].dims, 2, (int64_t[]){4, 5}, 2));
    nnopt_dataset_destroy(data);
    nnopt_options_destroy(options);

    static const struct {
        const char *name, *value, *message;
    } wrong[] = {{"dim", "K=3", "have no dimension 'K'"},
                 {"dim", "M", "'M' is not NAME=SIZE"},
                 {"shapes", "x:0:4", "does not fit input 'x:0'"},
                 {"shapes", "y:4", "no input 'y'"},
                 {"shapes", "s", "is not NAME:SHAPE"},
                 {"shapes", "x:0:4x", "is no shape"},
                 {"batch", "0", "batch"},
                 {"btach", "1", "btach"}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        options = options_of(wrong[i].name, wrong[i].value);
        ck_assert_fails(nnopt_dataset_random(model, 1, 1, options, &data), NNOPT_USAGE,
                        wrong[i].message);
        nnopt_options_destroy(options);
    }
    nnopt_model_destroy(model);
}
END_TEST

/* ---- random feeds ---- */

START_TEST(random_feeds_follow_the_seed_and_not_the_batch) {
    nnopt_model *model = make_model(
        (input_spec[]){{"x", NNOPT_FLOAT, 2, {N, 500}}, {"i", NNOPT_INT64, 2, {N, 500}}}, 2);
    nnopt_options *options = options_of("batch", "4");
    nnopt_dataset *one, *four, *other;
    nn_feed feed;
    float kept[500];
    ck_assert_ok(nnopt_dataset_random(model, 7, 6, NULL, &one));
    ck_assert_ok(nnopt_dataset_random(model, 7, 6, options, &four));
    ck_assert_ok(nnopt_dataset_random(model, 8, 6, options, &other));
    ck_assert_int_eq(one->feed_count, 6);
    ck_assert_int_eq(four->feed_count, 2);
    double sum = 0, squares = 0;
    int64_t ones = 0;
    for (int64_t i = 0; i < 6; i++) {
        ck_assert_ok(one->read(one, i, &feed));
        memcpy(kept, feed.inputs[0].data, sizeof kept);
        for (int k = 0; k < 500; k++) {
            int64_t whole = ((const int64_t *)feed.inputs[1].data)[k];
            ck_assert(whole == 0 || whole == 1);
            ones += whole;
            sum += kept[k];
            squares += (double)kept[k] * kept[k];
        }
        ck_assert_ok(four->read(four, i / 4, &feed));
        ck_assert(memcmp(floats(&feed, 0) + i % 4 * 500, kept, sizeof kept) == 0);
        ck_assert_ok(other->read(other, i / 4, &feed));
        ck_assert(memcmp(floats(&feed, 0) + i % 4 * 500, kept, sizeof kept) != 0);
    }
    ck_assert_int_eq(feed.sample_count, 2); /* the last feed of four */
    ck_assert_double_lt(fabs(sum / 3000), 0.1);
    ck_assert_double_lt(fabs(squares / 3000 - 1), 0.1);
    ck_assert_int_gt(ones, 1350);
    ck_assert_int_lt(ones, 1650);
    nnopt_dataset_destroy(one);
    nnopt_dataset_destroy(four);
    nnopt_dataset_destroy(other);
    nnopt_options_destroy(options);
    nnopt_model_destroy(model);
}
END_TEST

/* ---- views ---- */

START_TEST(views_choose_and_regroup_samples) {
    nnopt_model *model =
        make_model((input_spec[]){{"x", NNOPT_FLOAT, 2, {N, 2}}, {"mask", NNOPT_FLOAT, 1, {2}}}, 2);
    float values[20], mask[2];
    int64_t numbers[10];
    for (int i = 0; i < 10; i++) numbers[i] = 100 + i;
    nn_tensor arrays[3] = {counting(values, 2, 10, 2),
                           counting(mask, 1, 2, 0),
                           {.type = NNOPT_INT64, .rank = 1, .dims = {10}, .data = numbers}};
    nnopt_dataset *data, *chosen, *grouped;
    nn_feed feed;
    uint64_t hash, same;
    ck_assert_ok(nnopt_dataset_create(model, (const char *[]){"x", "mask", "labels"}, arrays, 3,
                                      NULL, &data));
    static const int64_t indices[5] = {9, 0, 4, 4, 7};
    ck_assert_ok(nn_dataset_subset(data, indices, 5, &chosen));
    ck_assert_int_eq(chosen->feed_count, 5);
    ck_assert_ok(nn_dataset_rebatch(chosen, 2, &grouped));
    ck_assert_int_eq(grouped->feed_count, 3);
    for (int64_t i = 0; i < 3; i++) {
        ck_assert_ok(grouped->read(grouped, i, &feed));
        ck_assert(feed.cut);
        ck_assert_int_eq(feed.sample_count, i < 2 ? 2 : 1);
        ck_assert_int_eq(feed.inputs[0].dims[0], feed.sample_count);
        ck_assert_float_eq(floats(&feed, 1)[1], 1);
        for (int64_t k = 0; k < feed.sample_count; k++) {
            int64_t sample = indices[2 * i + k];
            ck_assert_float_eq(floats(&feed, 0)[2 * k], (float)(2 * sample));
            ck_assert_int_eq(nn_tensor_get_int(feed.labels, k), 100 + sample);
        }
    }
    ck_assert_ok(data->hash(data, 4, &hash));
    ck_assert_ok(grouped->hash(grouped, 3, &same));
    ck_assert_uint_eq(hash, same);
    ck_assert_ok(data->hash(data, 5, &same));
    ck_assert_uint_ne(hash, same);
    ck_assert_fails(nn_dataset_subset(data, (int64_t[]){10}, 1, &chosen), NNOPT_USAGE,
                    "sample 10 of 10");
    nnopt_dataset_destroy(grouped);
    nnopt_dataset_destroy(chosen);
    nnopt_dataset_destroy(data);
    nnopt_model_destroy(model);
}
END_TEST

START_TEST(hashes_see_what_the_model_sees) {
    nnopt_model *model = make_model((input_spec[]){{"x", NNOPT_FLOAT, 2, {1, 3}}}, 1);
    float values[6];
    uint8_t bytes[6] = {0, 1, 2, 3, 4, 5};
    nn_tensor arrays[2] = {counting(values, 2, 2, 3),
                           {.type = NNOPT_UINT8, .rank = 2, .dims = {2, 3}, .data = bytes}};
    uint64_t hashes[2];
    for (int i = 0; i < 2; i++) {
        nnopt_dataset *data;
        ck_assert_ok(
            nnopt_dataset_create(model, (const char *[]){"x"}, &arrays[i], 1, NULL, &data));
        ck_assert_ok(data->hash(data, 1, &hashes[i]));
        nnopt_dataset_destroy(data);
    }
    ck_assert_uint_eq(hashes[0], hashes[1]);
    nnopt_model_destroy(model);
}
END_TEST

START_TEST(a_fixed_batch_stays) {
    nnopt_model *model = make_model((input_spec[]){{"x", NNOPT_FLOAT, 2, {2, 3}}}, 1);
    float values[12];
    nn_tensor array = counting(values, 2, 4, 3);
    nnopt_dataset *data, *grouped;
    ck_assert_ok(nnopt_dataset_create(model, (const char *[]){"x"}, &array, 1, NULL, &data));
    ck_assert_fails(nn_dataset_rebatch(data, 1, &grouped), NNOPT_USAGE,
                    "batch 1, and the model fixes it to 2");
    ck_assert_ok(nn_dataset_rebatch(data, 2, &grouped));
    nnopt_dataset_destroy(grouped);
    nnopt_dataset_destroy(data);
    nnopt_model_destroy(model);
}
END_TEST

/* ---- files ---- */

START_TEST(archives_and_reference_folders_feed_real_models) {
    const char *path = test_data_path("mnist-8/model.onnx");
    if (path == NULL) {
        printf("skipped: NNOPT_TEST_DATA is not set\n");
        return;
    }
    nnopt_model *model;
    nnopt_dataset *data;
    nn_feed feed;
    ck_assert_ok(nnopt_model_load(path, &model));
    ck_assert_ok(nnopt_dataset_open(model, test_data_path("mnist-8/t10k.npz"), NULL, &data));
    ck_assert_int_eq(data->sample_count, 10000);
    ck_assert_int_eq(data->feed_count, 10000);
    ck_assert_ok(data->read(data, 9999, &feed));
    ck_assert_int_eq(feed.inputs[0].type, NNOPT_FLOAT);
    ck_assert_int_eq(nn_tensor_get_int(feed.labels, 0), 6); /* the last digit of the set */
    nnopt_dataset_destroy(data);
    ck_assert_ok(nnopt_dataset_open(model, test_data_path("mnist-8/test_data_set_0"), NULL, &data));
    ck_assert_int_eq(data->feed_count, 1);
    ck_assert_ok(data->read(data, 0, &feed));
    float first = floats(&feed, 0)[300];
    nnopt_dataset_destroy(data);
    ck_assert_ok(nnopt_dataset_open(model, test_data_path("mnist-8"), NULL, &data));
    ck_assert_int_eq(data->feed_count, 3); /* all three sets */
    ck_assert_ok(data->read(data, 2, &feed));
    ck_assert_ok(data->read(data, 0, &feed));
    ck_assert_float_eq(floats(&feed, 0)[300], first);
    uint64_t hashes[3];
    for (int64_t i = 0; i < 3; i++) ck_assert_ok(data->hash(data, i, &hashes[i]));
    ck_assert(hashes[0] != hashes[1] && hashes[1] != hashes[2]);
    nnopt_dataset_destroy(data);
    nnopt_model_destroy(model);
}
END_TEST

START_TEST(every_allocation_may_fail) {
    nnopt_model *model = make_model((input_spec[]){{"x", NNOPT_FLOAT, 2, {N, 2}}}, 1);
    float values[20];
    nn_tensor array = counting(values, 2, 10, 2);
    nnopt_options *options = options_of("batch", "3");
    int failures = 0;
    for (uint64_t n = 1;; n++, failures++) {
        nnopt_dataset *data = NULL, *random = NULL, *view = NULL;
        nn_feed feed;
        nn_fail_allocation(n);
        nnopt_status status =
            nnopt_dataset_create(model, (const char *[]){"x"}, &array, 1, options, &data);
        if (status == NNOPT_OK) status = nnopt_dataset_random(model, 1, 5, options, &random);
        if (status == NNOPT_OK) status = nn_dataset_rebatch(data, 4, &view);
        if (status == NNOPT_OK) status = view->read(view, 0, &feed);
        nn_fail_allocation(0);
        nnopt_dataset_destroy(view);
        nnopt_dataset_destroy(data);
        nnopt_dataset_destroy(random);
        if (status == NNOPT_OK) break;
        ck_assert_int_eq(status, NNOPT_NO_MEMORY);
    }
    ck_assert_int_gt(failures, 15);
    nnopt_options_destroy(options);
    nnopt_model_destroy(model);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("dataset");
    TCase *tcase = tcase_create("dataset");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, arrays_that_fit_are_one_feed);
    tcase_add_test(tcase, a_first_axis_that_does_not_fit_counts_samples);
    tcase_add_test(tcase, inputs_that_are_cut_agree_in_their_counts);
    tcase_add_test(tcase, symbols_are_bound_to_one_size);
    tcase_add_test(tcase, a_batch_cuts_a_free_first_axis);
    tcase_add_test(tcase, a_batch_against_a_fixed_axis_is_refused);
    tcase_add_test(tcase, wrong_ranks_names_and_shapes_are_refused);
    tcase_add_test(tcase, numbers_convert_only_where_nothing_is_lost);
    tcase_add_test(tcase, nan_is_refused_where_it_is_asked_for);
    tcase_add_test(tcase, labels_count_the_samples);
    tcase_add_test(tcase, symbols_and_shapes_can_be_given);
    tcase_add_test(tcase, random_feeds_follow_the_seed_and_not_the_batch);
    tcase_add_test(tcase, views_choose_and_regroup_samples);
    tcase_add_test(tcase, hashes_see_what_the_model_sees);
    tcase_add_test(tcase, a_fixed_batch_stays);
    tcase_add_test(tcase, archives_and_reference_folders_feed_real_models);
    tcase_add_test(tcase, every_allocation_may_fail);
    suite_add_tcase(suite, tcase);
    return suite;
}
