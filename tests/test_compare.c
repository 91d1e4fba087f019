/* Comparing models: which step belongs to which node of the base, and the verdicts. */
#include "engine/compare/compare.h"
#include "tests/support/maker.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { SAMPLES = 40, MAX_STEPS = 8 };

/* A profile made by hand: steps with these covers ("a,b"; the first is the key) and milliseconds.
 */
typedef struct hand_profile {
    nn_profile profile;
    nn_profile_row rows[MAX_STEPS];
    const char *absent_nodes[2], *absent_reasons[2];
} hand_profile;

static void hand_step(hand_profile *self, const char *covers, double ms) {
    nn_profile_row *row = &self->rows[self->profile.row_count++];
    nn_arena *arena = &self->profile.arena;
    *row = (nn_profile_row){.op = "Conv",
                            .kernel = "k",
                            .shape = "1",
                            .seconds = 1e-3 * ms,
                            .median = 1e-3 * ms,
                            .bound = NN_BOUND_COMPUTE};
    row->covers = nn_arena_alloc(arena, MAX_STEPS * sizeof *row->covers);
    char *text = nn_arena_strdup(arena, covers), *rest = NULL;
    ck_assert(row->covers != NULL && text != NULL);
    for (char *name = strtok_r(text, ",", &rest); name != NULL; name = strtok_r(NULL, ",", &rest))
        row->covers[row->cover_count++] = name;
    row->node = row->covers[0];
    for (int i = 0; i < SAMPLES; i++) /* 4 % up and down, in step between the models */
        ck_assert_ok(nn_samples_add(&row->samples, 1e-3 * ms * (1 + 0.02 * (i % 5 - 2))));
    self->profile.rows = self->rows;
}

static void hand_absent(hand_profile *self, const char *node, const char *reason) {
    self->absent_nodes[self->profile.absent_count] = node;
    self->absent_reasons[self->profile.absent_count++] = reason;
    self->profile.absent_nodes = self->absent_nodes;
    self->profile.absent_reasons = self->absent_reasons;
}

static void hand_clear(hand_profile *self) {
    self->profile.rows = self->rows;
    nn_profile_clear(&self->profile);
}

static nn_compare_table compare(const hand_profile *a, const hand_profile *b, const nn_graph *base,
                                const nn_graph *other) {
    nn_compare_table table;
    const nn_profile *profiles[] = {&a->profile, &b->profile};
    const nn_graph *graphs[] = {base, other};
    ck_assert_ok(nn_compare_rows(profiles, graphs, 2, &table));
    return table;
}

static const nn_compare_row *row_of(const nn_compare_table *table, const char *node) {
    for (int64_t r = 0; r < table->row_count; r++)
        if (strcmp(table->rows[r].node, node) == 0) return &table->rows[r];
    ck_abort_msg("no row '%s'", node);
    return NULL;
}

static double other_ms(const nn_compare_table *table, const char *node) {
    return 1e3 * row_of(table, node)->cells[1].seconds;
}

/* ---- matching ---- */

START_TEST(steps_are_found_by_origin) {
    hand_profile a = {0}, b = {0};
    hand_step(&a, "conv,relu", 3);
    hand_step(&a, "add", 1);
    hand_step(&b, "conv", 0.25); /* a QuantizeLinear that stems from conv */
    hand_step(&b, "conv,relu", 1);
    hand_step(&b, "add", 1);
    nn_compare_table table = compare(&a, &b, NULL, NULL);
    ck_assert_int_eq(table.row_count, 2);
    ck_assert_str_eq(table.rows[0].node, "conv");
    ck_assert_int_eq(table.rows[0].cells[1].step_count, 2);
    ck_assert_double_eq_tol(other_ms(&table, "conv"), 1.25, 1e-9);
    ck_assert_ptr_eq(table.rows[0].cells[1].row, &b.rows[1]); /* the heaviest */
    ck_assert_int_eq(row_of(&table, "conv")->cells[1].versus.verdict, NN_FASTER);
    ck_assert_double_eq_tol(row_of(&table, "conv")->cells[1].versus.ratio, 1.25 / 3, 1e-6);
    ck_assert_int_eq(row_of(&table, "add")->cells[1].versus.verdict, NN_NO_DIFFERENCE);
    nn_compare_table_clear(&table);
    hand_clear(&a);
    hand_clear(&b);
}
END_TEST

/* The base runs the activation with the convolution; the other model runs it alone. */
START_TEST(what_the_base_fused_counts_to_its_row) {
    hand_profile a = {0}, b = {0};
    hand_step(&a, "conv,relu", 3);
    hand_step(&b, "conv", 2);
    hand_step(&b, "relu", 2);
    nn_compare_table table = compare(&a, &b, NULL, NULL);
    ck_assert_int_eq(table.row_count, 1);
    ck_assert_double_eq_tol(other_ms(&table, "conv"), 4, 1e-9);
    ck_assert_int_eq(table.rows[0].cells[1].versus.verdict, NN_SLOWER);
    nn_compare_table_clear(&table);
    hand_clear(&a);
    hand_clear(&b);
}
END_TEST

/* The other model does the addition inside the convolution: 3.5 ms against 3 and 1. */
START_TEST(rows_that_one_step_covers_are_judged_together) {
    hand_profile a = {0}, b = {0};
    hand_step(&a, "conv", 3);
    hand_step(&a, "add", 1);
    hand_step(&b, "conv,add", 3.5);
    nn_compare_table table = compare(&a, &b, NULL, NULL);
    const nn_compare_cell *conv = &row_of(&table, "conv")->cells[1];
    const nn_compare_cell *add = &row_of(&table, "add")->cells[1];
    ck_assert_double_eq_tol(1e3 * conv->seconds, 3.5, 1e-9);
    ck_assert_ptr_null(add->row);
    ck_assert_str_eq(add->absence, "fused into 'conv'");
    ck_assert_int_eq(conv->leader, -1);
    ck_assert_int_eq(add->leader, 0);
    ck_assert_int_eq(conv->versus.verdict, NN_FASTER);
    ck_assert_double_eq_tol(conv->versus.ratio, 3.5 / 4, 1e-6);
    ck_assert_double_eq_tol(add->versus.ratio, 3.5 / 4, 1e-6);
    nn_compare_table_clear(&table);
    hand_clear(&a);
    hand_clear(&b);
}
END_TEST

START_TEST(absences_have_reasons) {
    hand_profile a = {0}, b = {0};
    hand_step(&a, "conv", 3);
    hand_step(&a, "batch_norm", 1);
    hand_step(&a, "dropout", 1);
    hand_step(&b, "conv", 3);
    hand_step(&b, "resample", 2);
    hand_absent(&b, "batch_norm", "folded");
    nn_compare_table table = compare(&a, &b, NULL, NULL);
    ck_assert_int_eq(table.row_count, 4);
    ck_assert_str_eq(row_of(&table, "batch_norm")->cells[1].absence, "folded");
    ck_assert_str_eq(row_of(&table, "dropout")->cells[1].absence, "removed");
    ck_assert(!row_of(&table, "dropout")->cells[1].has_versus);
    ck_assert(!row_of(&table, "resample")->is_of_base);
    ck_assert_str_eq(row_of(&table, "resample")->cells[0].absence, "not in this model");
    ck_assert_double_eq_tol(other_ms(&table, "resample"), 2, 1e-9);
    nn_compare_table_clear(&table);
    hand_clear(&a);
    hand_clear(&b);
}
END_TEST

/* Files of tools that leave no origin: names that begin with one of the base. */
START_TEST(names_of_other_tools_lead_to_their_node) {
    hand_profile a = {0}, b = {0};
    hand_step(&a, "/fc1/MatMul", 3);
    hand_step(&a, "Conv", 3);
    hand_step(&a, "Conv_1", 3);
    hand_step(&b, "/fc1/MatMul_MatMulInteger", 1);
    hand_step(&b, "/fc1/MatMul_quant_scales_mul:0", 1);
    hand_step(&b, "Conv_1_quant", 1);
    hand_step(&b, "Conv_12", 1); /* is not part of Conv */
    nn_compare_table table = compare(&a, &b, NULL, NULL);
    ck_assert_double_eq_tol(other_ms(&table, "/fc1/MatMul"), 2, 1e-9);
    ck_assert_double_eq_tol(other_ms(&table, "Conv_1"), 1, 1e-9);
    ck_assert_ptr_null(row_of(&table, "Conv")->cells[1].row);
    ck_assert(!row_of(&table, "Conv_12")->is_of_base);
    nn_compare_table_clear(&table);
    hand_clear(&a);
    hand_clear(&b);
}
END_TEST

static nn_model *two_nodes(const char *first, const char *second, const char *between) {
    maker m = make(17);
    make_input(&m, "x", NNOPT_FLOAT, "2,3");
    make_node(&m, "Relu", first, "x", between, NULL);
    make_node(&m, "Exp", second, between, "y", NULL);
    return make_model(&m, "y");
}

/* ... and values that have the name of one of the base, or begin with it. */
START_TEST(values_lead_to_their_node) {
    nn_model *base = two_nodes("first", "second", "middle");
    nn_model *other = two_nodes("renamed_1", "renamed_2", "middle_QuantizeLinear_Output");
    hand_profile a = {0}, b = {0};
    hand_step(&a, "first", 3);
    hand_step(&a, "second", 1);
    hand_step(&b, "renamed_1", 1);
    hand_step(&b, "renamed_2", 1);
    hand_step(&b, "middle_DequantizeLinear_2", 0.5); /* named after the value */
    nn_compare_table table = compare(&a, &b, base->graph, other->graph);
    ck_assert_int_eq(table.row_count, 2);
    ck_assert_double_eq_tol(other_ms(&table, "first"), 1.5, 1e-9);
    ck_assert_double_eq_tol(other_ms(&table, "second"), 1, 1e-9);
    nn_compare_table_clear(&table);
    hand_clear(&a);
    hand_clear(&b);
    nnopt_model_destroy(base);
    nnopt_model_destroy(other);
}
END_TEST

START_TEST(allocations_may_fail) {
    hand_profile a = {0}, b = {0};
    hand_step(&a, "conv", 3);
    hand_step(&a, "add", 1);
    hand_step(&b, "conv,add", 2);
    hand_step(&b, "new_node", 2);
    const nn_profile *profiles[] = {&a.profile, &b.profile};
    const nn_graph *graphs[] = {NULL, NULL};
    for (uint64_t n = 1;; n++) {
        nn_compare_table table;
        nn_fail_allocation(n);
        nn_status status = nn_compare_rows(profiles, graphs, 2, &table);
        nn_fail_allocation(0);
        if (status == NN_OK) {
            nn_compare_table_clear(&table);
            ck_assert_uint_gt(n, 20);
            break;
        }
        ck_assert_int_eq(status, NN_NO_MEMORY);
    }
    hand_clear(&a);
    hand_clear(&b);
}
END_TEST

/* Sums of binomial coefficients: 2 (1 + 11 + 55 + 165) / 2^11 for 3 and 8. */
START_TEST(mcnemar_is_exact) {
    ck_assert_double_eq_tol(nn_mcnemar(3, 8), 0.2265625, 1e-12);
    ck_assert_double_eq_tol(nn_mcnemar(8, 3), 0.2265625, 1e-12);
    ck_assert_double_eq_tol(nn_mcnemar(0, 10), 2.0 / 1024, 1e-12);
    ck_assert_double_eq_tol(nn_mcnemar(5, 5), 1, 1e-12);
    ck_assert_double_eq_tol(nn_mcnemar(0, 0), 1, 1e-12);
    ck_assert_double_eq_tol(nn_mcnemar(400, 500), 0.000956444137, 1e-11); /* whole numbers */
}
END_TEST

/* ---- real models ---- */

static nnopt_model *load(const char *source) {
    char path[512];
    nnopt_model *model;
    snprintf(path, sizeof path, "%s/models/glyphs/%s", getenv("NNOPT_SOURCE"), source);
    ck_assert_ok(nnopt_model_load(path, &model));
    return model;
}

static nnopt_dataset *data_for(nnopt_model *model, int64_t samples) {
    nnopt_dataset *data;
    ck_assert_ok(nnopt_dataset_random(model, 1, samples, NULL, &data));
    return data;
}

static nnopt_options *quick(void) {
    nnopt_options *options;
    ck_assert_ok(nnopt_options_create(&options));
    ck_assert_ok(nnopt_options_set(options, "iterations", "8"));
    ck_assert_ok(nnopt_options_set(options, "warmup", "0"));
    ck_assert_ok(nnopt_options_set(options, "threads", "1"));
    return options;
}

static cJSON *compare_models(nnopt_model *const *models, nnopt_dataset *data,
                             const nnopt_options *options) {
    static const char *const names[] = {"before", "after"};
    nnopt_report *report;
    char *text;
    ck_assert_ok(nnopt_compare(models, names, 2, data, options, &report));
    ck_assert_ok(nnopt_report_json(report, &text));
    cJSON *root = cJSON_Parse(text);
    nnopt_text_destroy(text);
    nnopt_report_destroy(report);
    return root;
}

static double number(const cJSON *object, const char *key) {
    const cJSON *item = cJSON_GetObjectItem(object, key);
    ck_assert_msg(cJSON_IsNumber(item), "no number '%s'", key);
    return item->valuedouble;
}

/* All time of all steps stands in rows of the base, and none twice. */
static void check_complete(const cJSON *root) {
    const cJSON *rows = cJSON_GetObjectItem(root, "rows");
    const cJSON *totals = cJSON_GetObjectItem(cJSON_GetObjectItem(root, "total"), "models");
    for (int k = 0; k < 2; k++) {
        double sum = 0;
        for (const cJSON *row = rows->child; row != NULL; row = row->next) {
            const cJSON *cells = cJSON_GetObjectItem(row, "models");
            ck_assert_int_eq(cJSON_GetArraySize(cells), 2);
            sum += number(cJSON_GetArrayItem(cells, k), "ms");
            ck_assert_msg(cJSON_IsTrue(cJSON_GetObjectItem(row, "of_base")),
                          "'%s' is no node of the base",
                          cJSON_GetObjectItem(row, "node")->valuestring);
        }
        ck_assert_double_eq_tol(sum, number(cJSON_GetArrayItem(totals, k), "attributed_ms"), 1e-9);
    }
}

/* The keys of the base are the nodes of its file, whatever became of them in the other. */
START_TEST(a_quantised_file_is_mapped_completely) {
    nnopt_model *models[3] = {load("glyphs.onnx"), NULL, NULL};
    nnopt_dataset *data = data_for(models[0], 16);
    nnopt_report *report;
    nnopt_options *options = quick();
    char path[] = "/tmp/nnopt-compare-XXXXXX";
    int file = mkstemp(path);
    ck_assert_int_ge(file, 0);
    close(file);
    ck_assert_ok(nnopt_quantize(models[0], data, NULL, &models[1], &report));
    ck_assert_ok(nnopt_model_save(models[1], path));
    ck_assert_ok(nnopt_model_load(path, &models[2]));
    remove(path);
    for (int k = 1; k < 3; k++) { /* in the process, and through a file */
        nnopt_model *pair[] = {models[0], models[k]};
        cJSON *root = compare_models(pair, NULL, options);
        check_complete(root);
        int integers = 0;
        for (const cJSON *row = cJSON_GetObjectItem(root, "rows")->child; row != NULL;
             row = row->next) {
            const cJSON *cell = cJSON_GetArrayItem(cJSON_GetObjectItem(row, "models"), 1);
            const cJSON *kind = cJSON_GetObjectItem(cell, "arithmetic");
            const char *name = cJSON_GetObjectItem(row, "node")->valuestring;
            ck_assert_msg(nn_graph_find_node(models[0]->graph, name) != NULL, "'%s'", name);
            integers += kind != NULL && strcmp(kind->valuestring, "int8") == 0;
        }
        ck_assert_int_gt(integers, 10);
        cJSON_Delete(root);
    }
    nnopt_report_destroy(report);
    nnopt_options_destroy(options);
    nnopt_dataset_destroy(data);
    for (int k = 0; k < 3; k++) nnopt_model_destroy(models[k]);
}
END_TEST

START_TEST(a_model_is_no_better_than_itself) {
    nnopt_model *model = load("glyphs.onnx");
    nnopt_model *pair[] = {model, model};
    nnopt_options *options = quick(), *single;
    char path[512];
    nnopt_dataset *data;
    ck_assert_ok(nnopt_options_create(&single));
    ck_assert_ok(nnopt_options_set(single, "batch", "1"));
    snprintf(path, sizeof path, "%s/models/glyphs/calib.npz", getenv("NNOPT_SOURCE"));
    ck_assert_ok(nnopt_dataset_open(model, path, single, &data));
    cJSON *root = compare_models(pair, data, options);
    const cJSON *after = cJSON_GetArrayItem(cJSON_GetObjectItem(root, "models"), 1);
    const cJSON *accuracy = cJSON_GetObjectItem(after, "accuracy");
    check_complete(root);
    if (data->has_labels) {
        const cJSON *change = cJSON_GetObjectItem(after, "accuracy_change");
        ck_assert_str_eq(cJSON_GetObjectItem(accuracy, "metric")->valuestring, "top1");
        ck_assert_double_eq(number(change, "difference"), 0);
        ck_assert_double_eq(number(change, "mcnemar_p"), 1);
    } else {
        ck_assert_str_eq(cJSON_GetObjectItem(accuracy, "metric")->valuestring, "agreement");
        ck_assert_double_eq(number(accuracy, "value"), 1);
    }
    cJSON_Delete(root);
    nnopt_dataset_destroy(data);
    nnopt_options_destroy(single);
    nnopt_options_destroy(options);
    nnopt_model_destroy(model);
}
END_TEST

/* A gain of 1000 ms cannot be met, one of nothing can. */
START_TEST(predictions_stand_beside_what_was_measured) {
    nnopt_model *model = load("glyphs.onnx"), *other = load("glyphs.onnx");
    nnopt_model *pair[] = {model, other};
    nnopt_options *options = quick();
    ck_assert_ok(nn_model_set_metadata(
        other, NN_PREDICTIONS_KEY,
        "[{\"technique\": \"magic\", \"saved_ms\": 1000},"
        " {\"technique\": \"magic\", \"node\": \"/fc/Gemm\", \"saved_ms\": 1000},"
        " {\"technique\": \"magic\", \"node\": \"no such node\", \"saved_ms\": 1},"
        " {\"technique\": \"slow down\", \"saved_ms\": -1000}, 7, {\"saved_ms\": 1}]"));
    cJSON *root = compare_models(pair, NULL, options);
    const cJSON *list = cJSON_GetObjectItem(root, "predictions");
    ck_assert_int_eq(cJSON_GetArraySize(list), 3);
    static const char *const verdicts[] = {"missed", "missed", "better"};
    for (int i = 0; i < 3; i++)
        ck_assert_str_eq(cJSON_GetObjectItem(cJSON_GetArrayItem(list, i), "verdict")->valuestring,
                         verdicts[i]);
    cJSON_Delete(root);
    nnopt_options_destroy(options);
    nnopt_model_destroy(model);
    nnopt_model_destroy(other);
}
END_TEST

START_TEST(what_cannot_be_compared_is_refused) {
    nnopt_model *model = load("glyphs.onnx"), *other = two_nodes("a", "b", "m");
    nnopt_model *pair[] = {model, other}, *many[9];
    static const char *const names[9] = {"a", "b", "c", "d", "e", "f", "g", "h", "i"};
    nnopt_report *report;
    nnopt_options *options;
    for (int i = 0; i < 9; i++) many[i] = model;
    ck_assert_fails(nnopt_compare(pair, names, 2, NULL, NULL, &report), NNOPT_USAGE,
                    "b: its inputs");
    ck_assert_fails(nnopt_compare(pair, names, 1, NULL, NULL, &report), NNOPT_USAGE, "2 to 8");
    ck_assert_fails(nnopt_compare(many, names, 9, NULL, NULL, &report), NNOPT_USAGE, "1 to 8");
    ck_assert_ok(nnopt_options_create(&options));
    ck_assert_ok(nnopt_options_set(options, "metric", "top1"));
    ck_assert_fails(nnopt_compare(many, names, 2, NULL, options, &report), NNOPT_USAGE, "--data");
    nnopt_options_destroy(options);
    nnopt_model_destroy(model);
    nnopt_model_destroy(other);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("compare");
    TCase *cases = tcase_create("compare");
    tcase_set_timeout(cases, 120);
    tcase_add_test(cases, steps_are_found_by_origin);
    tcase_add_test(cases, what_the_base_fused_counts_to_its_row);
    tcase_add_test(cases, rows_that_one_step_covers_are_judged_together);
    tcase_add_test(cases, absences_have_reasons);
    tcase_add_test(cases, names_of_other_tools_lead_to_their_node);
    tcase_add_test(cases, values_lead_to_their_node);
    tcase_add_test(cases, allocations_may_fail);
    tcase_add_test(cases, mcnemar_is_exact);
    tcase_add_test(cases, a_quantised_file_is_mapped_completely);
    tcase_add_test(cases, a_model_is_no_better_than_itself);
    tcase_add_test(cases, predictions_stand_beside_what_was_measured);
    tcase_add_test(cases, what_cannot_be_compared_is_refused);
    suite_add_tcase(suite, cases);
    return suite;
}
