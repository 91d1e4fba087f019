/* DepthwiseBlock: its kernels against the reference over odd shapes, and when plans use it. */
#include "tests/support/kernel_host.h"
#include "tests/support/maker.h"

#include "engine/lower/activation.h"
#include "engine/plan/plan_parts.h"
#include "ops/family/depthwise_block.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct block_case {
    int64_t batch, channels, expanded, outputs; /* expanded, outputs 0: without that convolution */
    int64_t height, width, kernel, stride, dilation;
    int64_t pads[4];
    /* Of the first convolution; 0: 1x1. Padded by half its kernel. */
    int64_t first_kernel, first_stride;
    bool in_planes;
    bool no_bias;
    nn_activation between[NN_BLOCK_ACTIVATIONS];
    nn_epilogue epilogue;
} block_case;

static nn_activation random_activation(void) {
    return (nn_activation){(nn_activation_kind)host_random_below(NN_ACT_KINDS), 0.1f, 0.5f};
}

static void add_input(kernel_host *host, const int64_t *dims, int rank, bool constant) {
    float *data = host_input(host, NNOPT_FLOAT, dims, rank, constant);
    int64_t count = 1;
    for (int i = 0; i < rank; i++) count *= dims[i];
    for (int64_t i = 0; i < count; i++) data[i] = host_random();
}

static void add_bias(kernel_host *host, const block_case *c, int64_t channels) {
    if (channels == 0 || c->no_bias)
        host_absent(host);
    else
        add_input(host, &channels, 1, true);
}

/* Weights of a convolution, but for the depthwise one, and its bias. */
static void add_conv(kernel_host *host, const block_case *c, int64_t from, int64_t to,
                     int64_t kernel) {
    if (to == 0)
        host_absent(host);
    else
        add_input(host, (int64_t[]){to, from, kernel, kernel}, 4, true);
    add_bias(host, c, to);
}

static int64_t slide(const block_case *c, int axis) {
    int64_t in = axis == 0 ? c->height : c->width;
    if (c->first_kernel > 0)
        in = (in + c->first_kernel / 2 * 2 - c->first_kernel) / c->first_stride + 1;
    return (in + c->pads[axis] + c->pads[axis + 2] - (c->kernel - 1) * c->dilation - 1) /
               c->stride +
           1;
}

static void make_host(kernel_host *host, const block_case *c, nn_chain_storage *storage) {
    const int64_t channels = c->expanded ? c->expanded : c->channels;
    const int64_t outputs = c->outputs ? c->outputs : channels;
    nn_activation_chain chain = {.count = NN_BLOCK_ACTIVATIONS};
    memcpy(chain.items, c->between, sizeof c->between);
    host_init(host, &nn_op_depthwise_block, 1);
    host_int(host, "group", channels);
    host_ints(host, "strides", (int64_t[]){c->stride, c->stride}, 2);
    host_ints(host, "dilations", (int64_t[]){c->dilation, c->dilation}, 2);
    host_ints(host, "pads", c->pads, 4);
    if (c->first_kernel > 0) {
        const int64_t pad = c->first_kernel / 2;
        host_ints(host, "expand_strides", (int64_t[]){c->first_stride, c->first_stride}, 2);
        host_ints(host, "expand_pads", (int64_t[]){pad, pad, pad, pad}, 4);
    }
    if (c->in_planes) host_int(host, "in_planes", 1);
    const nn_attrs attrs = nn_activation_chain_attrs(&chain, storage);
    for (int64_t i = 0; i < attrs.count; i++)
        host->attr_items[host->attrs.count++] = attrs.items[i];
    add_input(host, (int64_t[]){c->batch, c->channels, c->height, c->width}, 4, false);
    add_input(host, (int64_t[]){channels, 1, c->kernel, c->kernel}, 4, true);
    add_conv(host, c, c->channels, c->expanded, c->first_kernel > 0 ? c->first_kernel : 1);
    add_bias(host, c, channels);
    add_conv(host, c, channels, c->outputs, 1);
    host->epilogue = c->epilogue;
    if (c->epilogue.has_residual) {
        host->epilogue.residual = NN_BLOCK_INPUTS;
        add_input(host, (int64_t[]){c->batch, outputs, slide(c, 0), slide(c, 1)}, 4, false);
    }
    host_infer(host);
}

/* Differs by more than rounding; NaN equals NaN, infinities equal themselves. */
static bool differs(float got, float want, double tolerance) {
    if (isnan(got) || isnan(want)) return isnan(got) != isnan(want);
    if (got == want) return false;
    return !(fabs((double)got - (double)want) <= tolerance * (1 + fabs((double)want)));
}

static void check_kernels(kernel_host *host, const char *what) {
    const nn_kernel *const *kernel = host->op->kernels, *reference;
    while (kernel[1] != NULL) kernel++;
    reference = *kernel;
    nn_target target = {.isa = nn_cpu_get()->isa, .threads = 1};
    host_run(host, reference, NN_LAYOUT_STANDARD, &target);
    int64_t count = nn_tensor_count(&host->out[0]);
    float *want = malloc((size_t)count * sizeof *want);
    ck_assert_ptr_nonnull(want);
    memcpy(want, host->out[0].data, (size_t)count * sizeof *want);
    for (kernel = host->op->kernels; *kernel != reference; kernel++)
        for (target.threads = 1; target.threads <= 3; target.threads++) {
            if ((*kernel)->isa > target.isa) continue;
            ck_assert(host_accepts(host, *kernel, &target));
            host_run(host, *kernel, NN_LAYOUT_CHANNELS_LAST, &target);
            const float *got = host->out[0].data;
            for (int64_t i = 0; i < count; i++)
                ck_assert_msg(!differs(got[i], want[i], 4e-5),
                              "%s, '%s', %d threads: element %lld is %.9g, must be %.9g", what,
                              (*kernel)->name, target.threads, (long long)i, (double)got[i],
                              (double)want[i]);
        }
    free(want);
}

static void check_block(const block_case *c) {
    kernel_host host;
    nn_chain_storage storage;
    char what[160];
    snprintf(what, sizeof what, "%lldx%lldx%lldx%lld, %lld, %lld, kernel %lld stride %lld",
             (long long)c->batch, (long long)c->channels, (long long)c->height, (long long)c->width,
             (long long)c->expanded, (long long)c->outputs, (long long)c->kernel,
             (long long)c->stride);
    make_host(&host, c, &storage);
    check_kernels(&host, what);
    host_clear(&host);
}

START_TEST(blocks_of_random_sizes) {
    host_seed(20 + (uint32_t)_i);
    for (int i = 0; i < 20; i++) {
        block_case c = {
            .batch = host_between(1, 2),
            .channels = host_between(2, 20),
            .kernel = host_between(1, 5),
            .stride = host_between(1, 3),
            .dilation = host_between(1, 2),
            .no_bias = host_between(0, 3) == 0,
        };
        for (int k = 0; k < NN_BLOCK_ACTIVATIONS; k++)
            if (host_between(0, 2)) c.between[k] = random_activation();
        if (host_between(0, 3)) c.expanded = host_between(2, 70);
        if (host_between(0, 3)) c.outputs = host_between(1, 70);
        for (int k = 0; k < 4; k++) c.pads[k] = host_between(0, c.kernel);
        c.height = host_between((c.kernel - 1) * c.dilation + 1, 20);
        c.width = host_between((c.kernel - 1) * c.dilation + 1, 20);
        if (host_between(0, 1))
            c.epilogue =
                (nn_epilogue){random_activation(), host_between(0, 1), 0, random_activation()};
        check_block(&c);
    }
}
END_TEST

/* The first convolution of a network of images, which may read planes: of few and of many channels
 * a pixel, of rows that fill the band of one unit and of several. */
START_TEST(blocks_that_begin_with_a_dense_convolution) {
    host_seed(60 + (uint32_t)_i);
    for (int i = 0; i < 20; i++) {
        block_case c = {
            .batch = host_between(1, 2),
            .channels = host_between(1, 5),
            .expanded = host_between(2, 70),
            .outputs = host_between(0, 1) ? host_between(1, 40) : 0,
            .kernel = 3,
            .stride = host_between(1, 2),
            .dilation = 1,
            .pads = {1, 1, 1, 1},
            .first_kernel = host_between(2, 5),
            .first_stride = host_between(1, 3),
            .height = host_between(12, 60),
            .width = host_between(12, 60),
            .no_bias = host_between(0, 3) == 0,
            .in_planes = host_between(0, 1),
            .between = {{NN_ACT_SILU, 0, 0}},
        };
        check_block(&c);
    }
}
END_TEST

/* More rows than the ring of expanded ones holds: it turns over several times. */
START_TEST(blocks_of_many_bands) {
    static const block_case cases[] = {
        {.batch = 1,
         .channels = 4,
         .expanded = 700,
         .outputs = 5,
         .height = 30,
         .width = 29,
         .kernel = 3,
         .stride = 1,
         .dilation = 1,
         .pads = {1, 1, 1, 1},
         .between = {[0] = {NN_ACT_CLIP, 0, 6}, [2] = {NN_ACT_CLIP, 0, 6}},
         .epilogue = {.has_residual = true}},
        {.batch = 2,
         .channels = 3,
         .expanded = 530,
         .height = 31,
         .width = 40,
         .kernel = 5,
         .stride = 2,
         .dilation = 1,
         .pads = {2, 2, 2, 2},
         .between = {{NN_ACT_SILU, 0, 0}},
         .epilogue = {.before = {NN_ACT_SILU, 0, 0}}},
        {.batch = 1,
         .channels = 2,
         .expanded = 900,
         .outputs = 3,
         .height = 26,
         .width = 25,
         .kernel = 3,
         .stride = 1,
         .dilation = 3,
         .pads = {3, 3, 3, 3},
         .no_bias = true,
         .between = {{NN_ACT_RELU, 0, 0}}},
    };
    host_seed(31);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) check_block(&cases[i]);
}
END_TEST

/* So few rows that threads take channels each: in blocks of one, and of more than one a part. */
START_TEST(blocks_whose_channels_are_divided) {
    static const int64_t expanded[] = {96, 1152};
    host_seed(37);
    for (int i = 0; i < 4; i++) {
        const block_case c = {
            .batch = i < 2 ? 1 : 2,
            .channels = 6,
            .expanded = expanded[i % 2],
            .height = 11,
            .width = 9,
            .kernel = 5,
            .stride = 1 + i % 2,
            .dilation = 1,
            .pads = {2, 2, 2, 2},
            .between = {{NN_ACT_SILU, 0, 0}},
            .epilogue = {.before = {NN_ACT_SILU, 0, 0}},
        };
        check_block(&c);
    }
}
END_TEST

START_TEST(infinities_and_nan_stay_where_they_are) {
    block_case c = {.batch = 1,
                    .channels = 5,
                    .expanded = 40,
                    .outputs = 9,
                    .height = 9,
                    .width = 17,
                    .kernel = 3,
                    .stride = 1,
                    .dilation = 1,
                    .pads = {1, 1, 1, 1}};
    host_seed(41);
    for (int i = 0; i < 3; i++) {
        static const float values[] = {INFINITY, -INFINITY, NAN};
        kernel_host host;
        nn_chain_storage storage;
        make_host(&host, &c, &storage);
        ((float *)host.in[NN_BLOCK_X].data)[5 * 17 + 8] = values[i];
        check_kernels(&host, "a value that is not finite");
        host_clear(&host);
    }
}
END_TEST

START_TEST(what_does_not_fit_is_refused) {
    const int64_t x[] = {1, 4, 8, 8}, w[] = {6, 1, 3, 3}, expand[] = {6, 5, 1, 1}, y[] = {0};
    nn_fact in[3] = {nn_fact_make(NNOPT_FLOAT, 4, x), nn_fact_make(NNOPT_FLOAT, 4, w),
                     nn_fact_make(NNOPT_FLOAT, 4, expand)};
    nn_fact out = nn_fact_make(NNOPT_FLOAT, 0, y);
    const nn_fact *ins[3] = {&in[0], &in[1], &in[2]};
    nn_fact *outs[1] = {&out};
    nn_depthwise_block_attrs attrs = {
        .depthwise = {.window = {.stride = {1, 1}, .dilation = {1, 1}}, .group = 6},
        .expand = {.window = {.stride = {1, 1}, .dilation = {1, 1}}, .group = 1},
        .activations.count = 2};
    nn_node_view node = {.name = "block",
                         .op = &nn_op_depthwise_block,
                         .attrs = &attrs,
                         .opset = 1,
                         .in_count = 3,
                         .out_count = 1,
                         .in = ins,
                         .out = outs};
    ck_assert_fails(nn_depthwise_block_infer(&node), NNOPT_BAD_INPUT, "for 5 input channels");
    in[2].dims[1] = 2;
    attrs.expand.group = 2;
    ck_assert_fails(nn_depthwise_block_infer(&node), NNOPT_BAD_INPUT, "has 2 groups, not 1");
    attrs.expand.group = 1;
    in[2].dims[1] = 4;
    ck_assert_ok(nn_depthwise_block_infer(&node));
    attrs.depthwise.group = 3;
    ck_assert_fails(nn_depthwise_block_infer(&node), NNOPT_BAD_INPUT, "a group");
}
END_TEST

/* ---- plans ---- */

/* 1x1, depthwise and 1x1 with Clip between them and the input added. */
static nn_model *make_block_model(int64_t height, int64_t width) {
    char dims[64];
    maker m = make(13);
    snprintf(dims, sizeof dims, "1,16,%lld,%lld", (long long)height, (long long)width);
    make_input(&m, "x", NNOPT_FLOAT, dims);
    make_random(&m, "expand_w", "96,16,1,1", 1);
    make_random(&m, "w", "96,1,3,3", 2);
    make_random(&m, "project_w", "16,96,1,1", 3);
    make_floats(&m, "zero", "", (float[]){0});
    make_floats(&m, "six", "", (float[]){6});
    make_node(&m, "Conv", "expand", "x,expand_w", "a", NULL);
    make_node(&m, "Clip", "clip_a", "a,zero,six", "b", NULL);
    make_node(&m, "Conv", "filter", "b,w", "c", "group=96 pads=[1,1,1,1]");
    make_node(&m, "Clip", "clip_c", "c,zero,six", "d", NULL);
    make_node(&m, "Conv", "project", "d,project_w", "e", NULL);
    make_node(&m, "Add", "sum", "e,x", "y", NULL);
    return make_model(&m, "y");
}

static const nn_plan *plan_of(nn_session *session, const nn_tensor *x) {
    nn_plan *plan;
    ck_assert_ok(nn_session_plan(session, x, 1, &plan));
    return plan;
}

/* The step that runs the block, or NULL. */
static bool find_block(const nn_plan *plan, nn_step_info *out) {
    for (int64_t i = 0; i < nn_plan_step_count(plan); i++) {
        nn_plan_step(plan, i, out);
        if (out->node->op == &nn_op_depthwise_block) return true;
    }
    return false;
}

/* A session of a model for 1x16x128x128 (6 MB and more in between: more than a part of any
 * second-level cache) and its block, after its results were compared with those of an unfused one.
 */
static nn_session *open_with_block(nn_model *model, nn_step_info *block) {
    const nn_session_options options = {.threads = 1}, plain = {.threads = 1, .no_fusion = true};
    nn_tensor x = random_tensor("1,16,128,128", 5);
    nn_tensor want = run_model(model, &plain, &x, 1, 0), got = run_model(model, &options, &x, 1, 0);
    check_close(&got, &want, 1e-5, 1e-4);
    nn_session *session;
    ck_assert_ok(nn_session_open(model, &options, &session));
    ck_assert(find_block(plan_of(session, &x), block));
    nn_tensor_clear(&want);
    nn_tensor_clear(&got);
    nn_tensor_clear(&x);
    return session;
}

START_TEST(a_block_is_one_step_that_names_what_it_covers) {
    const int64_t size = 128; /* 6 MB expanded: more than a part of any second-level cache */
    nn_model *model = make_block_model(size, size);
    nn_step_info block;
    nn_session *session = open_with_block(model, &block);
    static const char *const names[] = {"expand", "clip_a", "filter", "clip_c", "project", "sum"};
    ck_assert_int_eq(block.cover_count, 6);
    for (int i = 0; i < 6; i++) {
        bool found = false;
        for (int k = 0; k < 6; k++) found |= strcmp(block.covers[k], names[i]) == 0;
        ck_assert_msg(found, "'%s' is not covered", names[i]);
    }
    ck_assert_float_eq((float)block.cost.macs, 128.0f * 128 * 96 * (16 + 9 + 16));
    nnopt_session_destroy(session);
    nnopt_model_destroy(model);
}
END_TEST

/* Two depthwise convolutions with scaled HardSwish and a 1x1 between them: the map before the
 * second is larger, so that it and not the first gets the 1x1, with both activations. */
START_TEST(the_larger_of_two_maps_stays_in_a_block) {
    maker m = make(14);
    make_input(&m, "x", NNOPT_FLOAT, "1,16,128,128");
    make_random(&m, "w0", "16,1,3,3", 1);
    make_random(&m, "w1", "48,16,1,1", 2);
    make_random(&m, "w2", "48,1,3,3", 3);
    make_random(&m, "w3", "24,48,1,1", 4);
    make_floats(&m, "scale", "", (float[]){0.75f});
    make_floats(&m, "shift", "", (float[]){-0.25f});
    make_node(&m, "Conv", "first", "x,w0", "a", "group=16 pads=[1,1,1,1]");
    make_node(&m, "HardSwish", "swish_a", "a", "b", NULL);
    make_node(&m, "Conv", "expand", "b,w1", "c", NULL);
    make_node(&m, "HardSwish", "swish_c", "c", "d", NULL);
    make_node(&m, "Mul", "scaled", "d,scale", "e", NULL);
    make_node(&m, "Add", "shifted", "e,shift", "f", NULL);
    make_node(&m, "Conv", "second", "f,w2", "g", "group=48 pads=[1,1,1,1] strides=[2,2]");
    make_node(&m, "HardSwish", "swish_g", "g", "h", NULL);
    make_node(&m, "Conv", "project", "h,w3", "y", NULL);
    nn_model *model = make_model(&m, "y");
    nn_step_info block;
    nn_session *session = open_with_block(model, &block);
    ck_assert_int_eq(block.cover_count, 7);
    for (int k = 0; k < block.cover_count; k++)
        ck_assert_msg(strcmp(block.covers[k], "first") != 0, "the first one is in the block");
    nnopt_session_destroy(session);
    nnopt_model_destroy(model);
}
END_TEST

/* A first convolution of three channels, whose planes the block reads as they come. */
START_TEST(a_block_begins_with_the_stem_of_a_network) {
    maker m = make(14);
    make_input(&m, "x", NNOPT_FLOAT, "1,3,224,224");
    make_random(&m, "stem_w", "32,3,3,3", 1);
    make_random(&m, "w", "32,1,3,3", 2);
    make_random(&m, "project_w", "16,32,1,1", 3);
    make_node(&m, "Conv", "stem", "x,stem_w", "a", "strides=[2,2] pads=[0,0,1,1]");
    make_node(&m, "HardSwish", "swish_a", "a", "b", NULL);
    make_node(&m, "Conv", "filter", "b,w", "c", "group=32 pads=[1,1,1,1]");
    make_node(&m, "HardSwish", "swish_c", "c", "d", NULL);
    make_node(&m, "Conv", "project", "d,project_w", "y", NULL);
    nn_model *model = make_model(&m, "y");
    const nn_session_options options = {.threads = 1}, plain = {.threads = 1, .no_fusion = true};
    nn_tensor x = random_tensor("1,3,224,224", 5);
    nn_tensor want = run_model(model, &plain, &x, 1, 0), got = run_model(model, &options, &x, 1, 0);
    check_close(&got, &want, 1e-5, 1e-4);
    nn_session *session;
    nn_step_info block;
    ck_assert_ok(nn_session_open(model, &options, &session));
    const nn_plan *plan = plan_of(session, &x);
    ck_assert(find_block(plan, &block));
    ck_assert_int_eq(block.cover_count, 5);
    nn_step_info first;
    nn_plan_step(plan, 0, &first);
    ck_assert_ptr_eq(first.node, block.node); /* nothing reorders x before it */
    nnopt_session_destroy(session);
    nn_tensor_clear(&want);
    nn_tensor_clear(&got);
    nn_tensor_clear(&x);
    nnopt_model_destroy(model);
}
END_TEST

static bool has_block(nn_model *model, const char *dims, int threads) {
    nn_session_options options = {.threads = threads};
    nn_tensor x = random_tensor(dims, 5);
    nn_session *session;
    nn_step_info block;
    ck_assert_ok(nn_session_open(model, &options, &session));
    const bool found = find_block(plan_of(session, &x), &block);
    nnopt_session_destroy(session);
    nn_tensor_clear(&x);
    return found;
}

START_TEST(small_maps_stay_as_they_are) {
    nn_model *model = make_block_model(8, 8);
    ck_assert(!has_block(model, "1,16,8,8", 1));
    nnopt_model_destroy(model);
}
END_TEST

/* Each thread would expand the two rows beside its own as well: half of six in vain. */
START_TEST(maps_of_few_rows_are_a_block_of_one_thread_only) {
    nn_model *model = make_block_model(12, 2000);
    ck_assert(has_block(model, "1,16,12,2000", 1));
    ck_assert(!has_block(model, "1,16,12,2000", 2));
    nnopt_model_destroy(model);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("depthwise blocks");
    TCase *kernels = tcase_create("kernels");
    tcase_set_timeout(kernels, 120);
    tcase_add_loop_test(kernels, blocks_of_random_sizes, 0, 4);
    tcase_add_loop_test(kernels, blocks_that_begin_with_a_dense_convolution, 0, 3);
    tcase_add_test(kernels, blocks_of_many_bands);
    tcase_add_test(kernels, blocks_whose_channels_are_divided);
    tcase_add_test(kernels, infinities_and_nan_stay_where_they_are);
    tcase_add_test(kernels, what_does_not_fit_is_refused);
    suite_add_tcase(suite, kernels);
    TCase *plans = tcase_create("plans");
    tcase_add_test(plans, a_block_is_one_step_that_names_what_it_covers);
    tcase_add_test(plans, a_block_begins_with_the_stem_of_a_network);
    tcase_add_test(plans, the_larger_of_two_maps_stays_in_a_block);
    tcase_add_test(plans, small_maps_stay_as_they_are);
    tcase_add_test(plans, maps_of_few_rows_are_a_block_of_one_thread_only);
    suite_add_tcase(suite, plans);
    return suite;
}
