/* Every kernel of GridSample that this CPU can run against the reference: sizes around the widths
 * of vectors and of blocks of places, places at, on and beyond the edges, both paddings, both
 * meanings of the corners. */
#include "tests/support/kernel_host.h"
#include "tests/support/runner.h"

#include <math.h>
#include <stdlib.h>

typedef struct sample_case {
    int64_t batch, channels, in[2], out[2];
    const char *padding;
    bool align_corners;
} sample_case;

/* Places around the map, some exactly on its corners, some nowhere. */
static void fill_grid(float *grid, int64_t count) {
    static const float special[] = {-1, 1, 0, NAN, INFINITY, -INFINITY, 1e30f, -1.0001f};
    for (int64_t i = 0; i < count; i++)
        grid[i] = i % 7 == 0 ? special[i / 7 % 8] : 1.4f * host_random();
}

static void compare(const kernel_host *host, const nn_kernel *kernel, const float *want) {
    const float *got = host->out[0].data;
    for (int64_t i = 0; i < nn_tensor_count(&host->out[0]); i++)
        ck_assert_msg(fabsf(got[i] - want[i]) <= 2e-5f,
                      "kernel '%s': element %lld is %.9g, must be %.9g", kernel->name, (long long)i,
                      (double)got[i], (double)want[i]);
}

static void check_case(const sample_case *c) {
    kernel_host host;
    host_init(&host, &nn_op_grid_sample, 20);
    host_text(&host, "padding_mode", c->padding);
    host_int(&host, "align_corners", c->align_corners);
    const int64_t x_count = c->batch * c->channels * c->in[0] * c->in[1];
    const int64_t places = c->batch * c->out[0] * c->out[1];
    float *x = host_input(&host, NNOPT_FLOAT,
                          (int64_t[]){c->batch, c->channels, c->in[0], c->in[1]}, 4, false);
    for (int64_t i = 0; i < x_count; i++) x[i] = host_random();
    fill_grid(
        host_input(&host, NNOPT_FLOAT, (int64_t[]){c->batch, c->out[0], c->out[1], 2}, 4, false),
        2 * places);
    host_infer(&host);
    const nn_kernel *const *kernels = host.op->kernels;
    int reference = 0;
    while (kernels[reference + 1] != NULL) reference++;
    const nn_target plain = {.isa = NN_ISA_PORTABLE, .threads = 1};
    host_run(&host, kernels[reference], NN_LAYOUT_STANDARD, &plain);
    size_t bytes = (size_t)nn_tensor_bytes(&host.out[0]);
    float *want = malloc(bytes);
    ck_assert_ptr_nonnull(want);
    memcpy(want, host.out[0].data, bytes);
    for (int i = 0; i < reference; i++)
        for (int threads = 1; threads <= 3; threads += 2) {
            const nn_target target = {.isa = nn_cpu_get()->isa, .threads = threads};
            if (!host_accepts(&host, kernels[i], &target)) continue;
            host_run(&host, kernels[i], NN_LAYOUT_STANDARD, &target);
            compare(&host, kernels[i], want);
        }
    free(want);
    host_clear(&host);
}

static const sample_case table[] = {
    {.batch = 1, .channels = 1, .in = {1, 1}, .out = {1, 1}},
    {.batch = 2, .channels = 3, .in = {5, 7}, .out = {3, 5}},
    {.batch = 1, .channels = 2, .in = {7, 1}, .out = {4, 4}},
    {.batch = 1, .channels = 2, .in = {16, 16}, .out = {16, 16}},
    {.batch = 3, .channels = 1, .in = {9, 20}, .out = {33, 65}}, /* more than a block */
};

START_TEST(places_inside_and_outside) {
    host_seed((uint32_t)_i + 1);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        sample_case c = table[i];
        c.padding = _i / 2 == 0 ? "zeros" : _i / 2 == 1 ? "border" : "reflection";
        c.align_corners = _i % 2;
        check_case(&c);
    }
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("grid_sample_f32");
    TCase *tests = tcase_create("grid_sample_f32");
    tcase_add_loop_test(tests, places_inside_and_outside, 0, 6);
    suite_add_tcase(suite, tests);
    return suite;
}
