/* Convolutions: what they infer, refuse and cost; fused work. Their numbers are in the operator
 * cases. */
#include "tests/support/kernel_host.h"
#include "tests/support/runner.h"

#include "ops/cpu/kernels.h"
#include "ops/family/convolution.h"

static const nn_target portable = {.isa = NN_ISA_PORTABLE, .threads = 2};

static void set_dims(kernel_host *host, const int64_t *x, const int64_t *w, int rank) {
    host_input(host, NNOPT_FLOAT, x, rank, false);
    host_input(host, NNOPT_FLOAT, w, rank, true);
}

/* Parses and infers; the host is left for host_clear. */
static nn_status try_infer(kernel_host *host) {
    for (int i = 0; i < host->in_count; i++) {
        host->in_facts[i] = nn_fact_of_tensor(&host->in[i], false);
        host->in_views[i] = &host->in_facts[i];
    }
    host->out_views[0] = &host->out_facts[0];
    host->view = (nn_node_view){.name = "c1",
                                .op = host->op,
                                .in_count = host->in_count,
                                .out_count = 1,
                                .in = host->in_views,
                                .out = host->out_views};
    host->attr_data = nn_alloc_zero(host->op->attr_size);
    host->view.attrs = host->attr_data;
    NN_TRY(host->op->parse(&host->view, &host->attrs, host->attr_data));
    return host->op->infer(&host->view);
}

#define EXPECT_REFUSED(host, text)                                                                 \
    do {                                                                                           \
        ck_assert_fails(try_infer(&(host)), NNOPT_BAD_INPUT, text);                                \
        ck_assert_ptr_nonnull(strstr(nnopt_last_error(), "node 'c1' ("));                          \
        host_clear(&(host));                                                                       \
    } while (0)

START_TEST(wrong_shapes_and_attributes_are_refused) {
    kernel_host host;
    host_init(&host, &nn_op_conv, 22);
    set_dims(&host, (int64_t[]){1, 4, 8, 8}, (int64_t[]){6, 3, 3, 3}, 4);
    EXPECT_REFUSED(host, "weights are for 3 input channels a group, the input has 4");

    host_init(&host, &nn_op_conv, 22);
    set_dims(&host, (int64_t[]){1, 4, 8, 8}, (int64_t[]){6, 4, 9, 3}, 4);
    EXPECT_REFUSED(host, "window covers 9 of axis 2, which has 8 with padding");

    host_init(&host, &nn_op_conv, 22);
    host_int(&host, "group", 4);
    set_dims(&host, (int64_t[]){1, 4, 8, 8}, (int64_t[]){6, 1, 3, 3}, 4);
    EXPECT_REFUSED(host, "6 output channels do not divide into 4 groups");

    host_init(&host, &nn_op_conv, 22);
    host_ints(&host, "strides", (int64_t[]){0, 1}, 2);
    set_dims(&host, (int64_t[]){1, 4, 8, 8}, (int64_t[]){6, 4, 3, 3}, 4);
    EXPECT_REFUSED(host, "strides must be from 1 to");

    host_init(&host, &nn_op_conv, 22);
    host_ints(&host, "pads", (int64_t[]){1, 1, 1}, 3);
    set_dims(&host, (int64_t[]){1, 4, 8, 8}, (int64_t[]){6, 4, 3, 3}, 4);
    EXPECT_REFUSED(host, "pads has 3 values");

    host_init(&host, &nn_op_conv, 22);
    host_ints(&host, "dilations", (int64_t[]){1}, 1);
    set_dims(&host, (int64_t[]){1, 4, 8, 8}, (int64_t[]){6, 4, 3, 3}, 4);
    EXPECT_REFUSED(host, "attributes are for 1 spatial axes, the input has 2");

    host_init(&host, &nn_op_conv, 22);
    host_text(&host, "auto_pad", "SAME");
    set_dims(&host, (int64_t[]){1, 4, 8, 8}, (int64_t[]){6, 4, 3, 3}, 4);
    EXPECT_REFUSED(host, "is 'SAME'");

    host_init(&host, &nn_op_conv, 22);
    set_dims(&host, (int64_t[]){1, 4, 8, 8}, (int64_t[]){6, 4, 3, 3}, 4);
    host_input(&host, NNOPT_FLOAT, (int64_t[]){5}, 1, true);
    EXPECT_REFUSED(host, "bias is 5 for 6 output channels");

    host_init(&host, &nn_op_conv_transpose, 22);
    set_dims(&host, (int64_t[]){1, 4, 8, 8}, (int64_t[]){6, 3, 3, 3}, 4);
    EXPECT_REFUSED(host, "weights are for 6 input channels, the input has 4");
}
END_TEST

START_TEST(symbols_pass_through_where_sizes_stay) {
    static const int64_t batch = -2, width = -3; /* symbols 0 and 1 */
    nn_fact x = nn_fact_make(NNOPT_FLOAT, 4, (int64_t[]){batch, 3, 17, width});
    nn_fact w = nn_fact_make(NNOPT_FLOAT, 4, (int64_t[]){8, 3, 3, 3}), y;
    nn_conv_attrs attrs;
    nn_node_view node = {.name = "c1",
                         .op = &nn_op_conv,
                         .attrs = &attrs,
                         .in_count = 2,
                         .out_count = 1,
                         .in = (const nn_fact *[]){&x, &w},
                         .out = (nn_fact *[]){&y}};
    const int64_t pads[] = {1, 1, 1, 1}, strides[] = {2, 1};
    const nn_attr items[] = {
        {.name = "pads", .kind = NN_ATTR_INTS, .ints = pads, .count = 4},
        {.name = "strides", .kind = NN_ATTR_INTS, .ints = strides, .count = 2}};
    ck_assert_ok(nn_conv_parse(&node, &(nn_attrs){items, 2}, &attrs));
    ck_assert_ok(nn_op_conv.infer(&node));
    ck_assert_int_eq(y.rank, 4);
    ck_assert_int_eq(y.dims[0], batch);
    ck_assert_int_eq(y.dims[1], 8);
    ck_assert_int_eq(y.dims[2], 9);
    ck_assert_int_eq(y.dims[3], width);
    /* Without the padding the width shrinks by an amount that a symbol cannot say. */
    ck_assert_ok(nn_conv_parse(&node, &(nn_attrs){items + 1, 1}, &attrs));
    ck_assert_ok(nn_op_conv.infer(&node));
    ck_assert_int_eq(y.dims[3], NN_DIM_UNKNOWN);
}
END_TEST

START_TEST(cost_counts_each_product) {
    kernel_host host;
    nn_cost cost;
    host_init(&host, &nn_op_conv, 22);
    host_int(&host, "group", 2);
    host_ints(&host, "pads", (int64_t[]){1, 1, 1, 1}, 4);
    set_dims(&host, (int64_t[]){2, 4, 5, 7}, (int64_t[]){6, 2, 3, 3}, 4);
    host_infer(&host);
    nn_op_cost(&host.view, &cost);
    ck_assert_double_eq(cost.macs, 2.0 * 6 * 5 * 7 * 2 * 9);
    ck_assert_double_eq(cost.flops, 2 * cost.macs);
    ck_assert_double_eq(cost.bytes_read, 4.0 * (2 * 4 * 5 * 7 + 6 * 2 * 9));
    ck_assert_double_eq(cost.bytes_written, 4.0 * 2 * 6 * 5 * 7);
    host_clear(&host);
}
END_TEST

static bool is_end(nn_axis_end a, nn_axis_end b) {
    return a.is_output == b.is_output && a.index == b.index && a.axis == b.axis;
}

static bool has_relation(const nn_axis_relations *list, nn_axis_kind kind, nn_axis_end a,
                         nn_axis_end b) {
    for (int i = 0; i < list->count; i++) {
        const nn_axis_relation *r = &list->items[i];
        if (r->kind == kind && is_end(r->a, a) && is_end(r->b, b)) return true;
    }
    return false;
}

START_TEST(axes_say_what_pruning_may_remove) {
    const nn_axis_end x_channel = {false, 0, 1}, w_row = {false, 1, 0}, w_column = {false, 1, 1};
    const nn_axis_end y_channel = {true, 0, 1};
    nn_axis_relations list = {0};
    kernel_host host;
    host_init(&host, &nn_op_conv, 22);
    set_dims(&host, (int64_t[]){1, 4, 8, 8}, (int64_t[]){6, 4, 3, 3}, 4);
    host_infer(&host);
    ck_assert_ok(host.op->axes(&host.view, &list));
    ck_assert(has_relation(&list, NN_AXIS_CONTRACT, x_channel, w_column));
    ck_assert(has_relation(&list, NN_AXIS_SAME, w_row, y_channel));
    host_clear(&host);

    list = (nn_axis_relations){0};
    host_init(&host, &nn_op_conv, 22);
    host_int(&host, "group", 2);
    set_dims(&host, (int64_t[]){1, 4, 8, 8}, (int64_t[]){6, 2, 3, 3}, 4);
    host_infer(&host);
    ck_assert_ok(host.op->axes(&host.view, &list));
    ck_assert(has_relation(&list, NN_AXIS_GROUP, x_channel, y_channel));
    ck_assert(has_relation(&list, NN_AXIS_MIXED, w_column, w_column));
    ck_assert(!has_relation(&list, NN_AXIS_CONTRACT, x_channel, w_column));
    host_clear(&host);
}
END_TEST

/* x = (1, -2, 3, -4), a 1x1 convolution by 2 with bias 1: 3, -3, 7, -7. */
START_TEST(fused_work_follows_the_epilogue) {
    kernel_host host;
    host_init(&host, &nn_op_conv, 22);
    const float x[] = {1, -2, 3, -4}, residual[] = {10, 1, -9, 5}, want[] = {13, 1, -0.4f, 5};
    memcpy(host_input(&host, NNOPT_FLOAT, (int64_t[]){1, 1, 4}, 3, false), x, sizeof x);
    *(float *)host_input(&host, NNOPT_FLOAT, (int64_t[]){1, 1, 1}, 3, true) = 2;
    *(float *)host_input(&host, NNOPT_FLOAT, (int64_t[]){1}, 1, true) = 1;
    memcpy(host_input(&host, NNOPT_FLOAT, (int64_t[]){1, 1, 4}, 3, false), residual,
           sizeof residual);
    host.epilogue = (nn_epilogue){.before = {NN_ACT_CLIP, 0, 5},
                                  .has_residual = true,
                                  .residual = 3,
                                  .after = {NN_ACT_LEAKY_RELU, 0.1f, 0}};
    host_infer(&host);
    host_run(&host, &nn_kernel_conv_reference, NN_LAYOUT_STANDARD, &portable);
    for (int i = 0; i < 4; i++)
        ck_assert_float_eq_tol(((float *)host.out[0].data)[i], want[i], 1e-6f);
    host_clear(&host);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("convolution");
    TCase *conv = tcase_create("convolution");
    tcase_add_test(conv, wrong_shapes_and_attributes_are_refused);
    tcase_add_test(conv, symbols_pass_through_where_sizes_stay);
    tcase_add_test(conv, cost_counts_each_product);
    tcase_add_test(conv, axes_say_what_pruning_may_remove);
    tcase_add_test(conv, fused_work_follows_the_epilogue);
    suite_add_tcase(suite, conv);
    return suite;
}
