/* Every kernel of an operator that has several, in every variant, against the reference kernel over
 * the cases that `nnopt list-kernels --bench` times and those of odd sizes; and that each has such
 * a case.
 */
#include "engine/select/kernel_case.h"
#include "engine/select/select_parts.h"
#include "tests/support/kernel_host.h"
#include "tests/support/runner.h"

#include <math.h>
#include <stdio.h>

static nn_target target_for(const nn_kernel *kernel) {
    return (nn_target){
        .isa = nn_cpu_get()->isa, .threads = 1, .precision = kernel->precision, .explores = true};
}

/* ---- a case on the guarded host ---- */

/* `node` must outlive the host: attributes are borrowed. */
static void open_host(kernel_host *host, const nn_case_node *node) {
    host_init(host, node->op, node->view.opset);
    host->out_count = node->view.out_count;
    for (int64_t i = 0; i < node->attrs.count; i++)
        host->attr_items[host->attrs.count++] = node->attrs.items[i];
    for (int i = 0; i < node->in_count; i++) {
        const nn_tensor *in = &node->in[i];
        if (in->type == NNOPT_TYPE_NONE) {
            host_absent(host);
            continue;
        }
        void *data = host_input(host, in->type, in->dims, in->rank, node->is_constant[i]);
        memcpy(data, in->data, (size_t)nn_tensor_bytes(in));
    }
    host_infer(host);
}

static nn_layout layout_of(const kernel_host *host, const nn_kernel *kernel) {
    const bool matters = host->out[0].rank >= 3 && host->out[0].rank <= 5;
    return kernel->layout == NN_LAYOUT_CHANNELS_LAST && matters ? NN_LAYOUT_CHANNELS_LAST
                                                                : NN_LAYOUT_STANDARD;
}

/* ---- results ---- */

static void compare(const nn_tensor *got, const nn_tensor *wanted, const nn_kernel *kernel,
                    const char *what) {
    const int64_t count = nn_tensor_count(wanted);
    double range = 0;
    for (int64_t i = 0; i < count; i++) {
        double value = fabs(nn_tensor_get(wanted, i));
        if (isfinite(value)) range = fmax(range, value);
    }
    const double relative = kernel->precision == NN_PRECISION_BF16 ? 0x1p-6 : 1e-4;
    const double bound = kernel->exactness == NN_EXACT    ? 0
                         : nn_type_is_float(wanted->type) ? relative * range + 1e-6
                                                          : 1;
    for (int64_t i = 0; i < count; i++) {
        const double a = nn_tensor_get(got, i), b = nn_tensor_get(wanted, i);
        const bool is_same = (isnan(a) && isnan(b)) || a == b || fabs(a - b) <= bound;
        ck_assert_msg(is_same, "%s: element %lld is %.9g, not %.9g", what, (long long)i, a, b);
    }
}

/* All variants of a kernel; each asks for its own packing. */
static void compare_variants(kernel_host *host, const nn_kernel *kernel, const nn_tensor *wanted) {
    const nn_target target = target_for(kernel);
    const char *variant;
    for (int v = 0; (variant = nn_select_variant(kernel, v)) != NULL; v++) {
        char what[160];
        snprintf(what, sizeof what, "%s of %s, %s", kernel->name, host->op->name, variant);
        host->variant = v;
        host_run(host, kernel, layout_of(host, kernel), &target);
        for (int i = 0; i < host->out_count; i++) compare(&host->out[i], &wanted[i], kernel, what);
    }
    host->variant = 0;
}

START_TEST(every_variant_gives_what_the_reference_gives) {
    const nn_kernel_case *row = &nn_kernel_cases[_i];
    nn_case_node node;
    kernel_host host;
    nn_tensor wanted[HOST_OUTPUTS];
    ck_assert_ok(nn_case_node_init(&node, row));
    open_host(&host, &node);
    const nn_kernel *reference = host_reference(node.op);
    nn_target target = target_for(reference);
    ck_assert_msg(host_accepts(&host, reference, &target), "%s: %s: the reference does not take it",
                  row->op, row->inputs);
    host_run(&host, reference, layout_of(&host, reference), &target);
    for (int i = 0; i < host.out_count; i++) ck_assert_ok(nn_tensor_copy(&host.out[i], &wanted[i]));
    for (const nn_kernel *const *kernel = node.op->kernels; *kernel != reference; kernel++) {
        target.precision = (*kernel)->precision;
        if (host_accepts(&host, *kernel, &target)) compare_variants(&host, *kernel, wanted);
    }
    for (int i = 0; i < host.out_count; i++) nn_tensor_clear(&wanted[i]);
    host_clear(&host);
    nn_case_node_clear(&node);
}
END_TEST

/* ---- maps that are some of the channels of others ---- */

/* Kernels for any layout are run channels last, as between convolutions. */
static bool takes_pitch(const kernel_host *host, const nn_kernel *kernel) {
    const int rank = host->out[0].rank;
    return (kernel->pitched_output || kernel->pitched_inputs != 0) && rank >= 3 && rank <= 5 &&
           kernel->layout != NN_LAYOUT_STANDARD;
}

START_TEST(maps_inside_of_others_are_read_and_written_alone) {
    enum { GAP = 5 };
    nn_case_node node;
    kernel_host host;
    ck_assert_ok(nn_case_node_init(&node, &nn_kernel_cases[_i]));
    open_host(&host, &node);
    for (const nn_kernel *const *kernel = node.op->kernels; *kernel != NULL; kernel++) {
        nn_target target = target_for(*kernel);
        nn_tensor wanted;
        if (!takes_pitch(&host, *kernel) || !host_accepts(&host, *kernel, &target)) continue;
        for (target.threads = 1; target.threads <= 3; target.threads += 2) {
            host.gap = 0;
            host_run(&host, *kernel, NN_LAYOUT_CHANNELS_LAST, &target);
            ck_assert_ok(nn_tensor_copy(&host.out[0], &wanted));
            host.gap = GAP;
            host_run(&host, *kernel, NN_LAYOUT_CHANNELS_LAST, &target);
            compare(&host.out[0], &wanted, *kernel, (*kernel)->name);
            nn_tensor_clear(&wanted);
        }
    }
    host_clear(&host);
    nn_case_node_clear(&node);
}
END_TEST

/* ---- threads ---- */

static void check_bits(const nn_tensor *got, const nn_tensor *wanted, const char *kernel,
                       int threads) {
    const size_t size = (size_t)nn_type_bits(wanted->type) / 8;
    for (int64_t i = 0; i < nn_tensor_count(wanted); i++)
        ck_assert_msg(memcmp((const char *)got->data + (size_t)i * size,
                             (const char *)wanted->data + (size_t)i * size, size) == 0,
                      "%s: element %lld is %.9g on %d threads, %.9g on one", kernel, (long long)i,
                      nn_tensor_get(got, i), threads, nn_tensor_get(wanted, i));
}

START_TEST(deterministic_kernels_give_the_same_bits_on_any_number_of_threads) {
    nn_case_node node;
    kernel_host host;
    nn_tensor first[HOST_OUTPUTS] = {{0}};
    ck_assert_ok(nn_case_node_init(&node, &nn_kernel_cases[_i]));
    open_host(&host, &node);
    for (int threads = 1; threads <= 3; threads++) {
        const nn_target target = {
            .isa = nn_cpu_get()->isa, .threads = threads, .deterministic = true};
        const nn_kernel *kernel = nn_kernel_select(&host.view, &target);
        ck_assert_ptr_nonnull(kernel);
        host_run(&host, kernel, layout_of(&host, kernel), &target);
        for (int i = 0; i < host.out_count; i++) {
            if (threads == 1)
                ck_assert_ok(nn_tensor_copy(&host.out[i], &first[i]));
            else
                check_bits(&host.out[i], &first[i], kernel->name, threads);
        }
    }
    for (int i = 0; i < host.out_count; i++) nn_tensor_clear(&first[i]);
    host_clear(&host);
    nn_case_node_clear(&node);
}
END_TEST

/* ---- coverage ---- */

enum { MOST_PAIRS = 1024, MOST_CANDIDATES = 64 };

typedef struct kernel_of_op {
    const nn_op *op;
    const nn_kernel *kernel;
} kernel_of_op;

static bool is_among(const kernel_of_op *pairs, int count, const nn_op *op,
                     const nn_kernel *kernel) {
    for (int i = 0; i < count; i++)
        if (pairs[i].op == op && pairs[i].kernel == kernel) return true;
    return false;
}

/* Which kernels take a row of the table. */
static int find_taken(kernel_of_op *pairs) {
    const nn_target target = {.isa = nn_cpu_get()->isa, .threads = 1, .explores = true};
    int count = 0;
    for (const nn_kernel_case *row = nn_kernel_cases; row->op != NULL; row++) {
        nn_case_node node;
        const nn_kernel *found[MOST_CANDIDATES];
        ck_assert_ok(nn_case_node_init(&node, row));
        const int candidates = nn_kernel_candidates(&node.view, &target, found, MOST_CANDIDATES);
        ck_assert_int_le(candidates, MOST_CANDIDATES);
        ck_assert_int_le(count + candidates, MOST_PAIRS);
        for (int i = 0; i < candidates; i++)
            if (!is_among(pairs, count, node.op, found[i]))
                pairs[count++] = (kernel_of_op){node.op, found[i]};
        nn_case_node_clear(&node);
    }
    return count;
}

/* Cannot this machine run it? Kernels whose file is compiled for VBMI2 refuse without. */
static bool is_for_others(const nn_kernel *kernel) {
    return kernel->isa > nn_cpu_get()->isa ||
           (strstr(kernel->name, "_vbmi2") != NULL && !nn_cpu_get()->has_vbmi2);
}

START_TEST(every_kernel_has_a_case) {
    char missing[4096] = "";
    kernel_of_op taken[MOST_PAIRS];
    const int count = find_taken(taken);
    for (const nn_op *const *op = nn_op_table; *op != NULL; op++) {
        const nn_kernel *const *kernel = (*op)->kernels;
        if (kernel == NULL || kernel[0] == NULL || kernel[1] == NULL) continue;
        if (host_reference(*op)->exactness == NN_RANDOM) continue; /* nothing to compare with */
        for (; *kernel != NULL; kernel++) {
            /* bf16 beside float in one node is made by plans alone: tests/test_kernels_bf16.c */
            if ((*kernel)->precision == NN_PRECISION_BF16 || (*kernel)->on_device) continue;
            if (is_for_others(*kernel) || is_among(taken, count, *op, *kernel)) continue;
            size_t used = strlen(missing);
            snprintf(missing + used, sizeof missing - used, " %s:%s", (*op)->name, (*kernel)->name);
        }
    }
    ck_assert_msg(missing[0] == '\0', "no row of kernel_case_table.def for%s", missing);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("kernel cases");
    TCase *tests = tcase_create("cases");
    int count = 0;
    while (nn_kernel_cases[count].op != NULL) count++;
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, every_variant_gives_what_the_reference_gives, 0, count);
    tcase_add_loop_test(tests, maps_inside_of_others_are_read_and_written_alone, 0, count);
    tcase_add_loop_test(tests, deterministic_kernels_give_the_same_bits_on_any_number_of_threads, 0,
                        count);
    tcase_add_test(tests, every_kernel_has_a_case);
    suite_add_tcase(suite, tests);
    return suite;
}
