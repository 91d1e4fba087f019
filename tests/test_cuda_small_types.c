/* Elements of 2 to 8 bits on a device: casts, quantisation, and movement of packed ones, against
 * the CPU. */
#include "ops/device_kernels.h"
#include "ops/family/types.h"
#include "tests/support/device_fill.h"
#include "tests/support/device_host.h"
#include "tests/support/runner.h"

#include <math.h>

static const nn_type small[] = {
    NNOPT_FLOAT8E4M3FN, NNOPT_FLOAT8E4M3FNUZ, NNOPT_FLOAT8E5M2, NNOPT_FLOAT8E5M2FNUZ,
    NNOPT_FLOAT8E8M0,   NNOPT_FLOAT4E2M1,     NNOPT_FLOAT6E2M3, NNOPT_FLOAT6E3M2,
    NNOPT_INT4,         NNOPT_UINT4,          NNOPT_INT2,       NNOPT_UINT2,
};
enum { SMALL = sizeof small / sizeof *small };

static const nn_type wide[] = {NNOPT_FLOAT, NNOPT_FLOAT16, NNOPT_BFLOAT16, NNOPT_DOUBLE,
                               NNOPT_INT8,  NNOPT_UINT8,   NNOPT_INT16,    NNOPT_UINT16,
                               NNOPT_INT32, NNOPT_UINT32,  NNOPT_INT64,    NNOPT_UINT64,
                               NNOPT_BOOL};
enum { WIDE = sizeof wide / sizeof *wide };

static bool is_signed_real(nn_type type) {
    return nn_type_in(type, NN_TYPES_FLOAT | NN_TYPES_SMALL_FLOAT) && type != NNOPT_FLOAT8E8M0;
}

/* Every code of a small type, or numbers around the ends of small types. */
static void fill(nn_tensor *x) {
    static const double special[] = {0,    -0.0, 1,       -1,    6,    447,    448.5,   464,
                                     1e5,  -1e5, 1.0 / 3, -2.5,  1e-3, -1e-4,  57344,   61440,
                                     7.75, 3.5,  0.5,     -0.25, 200,  -128.5, 2.03125, 0.0078125};
    const int bits = nn_type_bits(x->type);
    const int64_t count = nn_tensor_count(x);
    if (bits <= 8 && !nn_type_in(x->type, NN_TYPES_INTEGER | NN_TYPES_BOOL)) {
        for (int64_t i = 0; i < count; i++)
            nn_packed_set(x->data, bits, i, (unsigned)i * 7u & ((1u << bits) - 1));
        return;
    }
    for (int64_t i = 0; i < count; i++) {
        const double value = special[i % 24] * (i < 24 ? 1 : 1 + (double)host_random() / 4);
        nn_tensor_set(x, i, is_signed_real(x->type) ? value : floor(fabs(value)));
    }
    if (!nn_type_in(x->type, NN_TYPES_FLOAT)) return;
    nn_tensor_set(x, 25, NAN);
    nn_tensor_set(x, 26, INFINITY);
    nn_tensor_set(x, 27, -INFINITY);
}

static void cast(nn_type from, nn_type to, int64_t count, int way) {
    static const char *const modes[] = {"up", "down", "nearest"};
    kernel_host host;
    host_init(&host, nn_op_find("", "Cast", 24), 24);
    host_int(&host, "to", (int64_t)to);
    host_int(&host, "saturate", way != 1);
    host_text(&host, "round_mode", modes[way]);
    host_input(&host, from, &count, 1, false);
    fill(&host.in[0]);
    device_host_judge(&host, NN_LAYOUT_STANDARD, 0);
}

START_TEST(to_small) {
    for (int t = 0; t < SMALL; t++)
        for (int from = 0; from < WIDE; from++)
            for (int way = 0; way < 3; way++) cast(wide[from], small[t], 267, way);
}
END_TEST

START_TEST(from_small) {
    for (int t = 0; t < SMALL; t++)
        for (int to = 0; to < WIDE; to++) cast(small[t], wide[to], 259, 0);
}
END_TEST

START_TEST(between_small) {
    for (int t = 0; t < SMALL; t++)
        for (int to = 0; to < SMALL; to++)
            if (to != t) cast(small[t], small[to], 261, to % 2);
}
END_TEST

/* ---- quantisation ---- */

static const int64_t dims[3] = {3, 8, 5};

/* One scale, one for each index of axis 1, one for each block of 4 of them. */
static void add_scales(kernel_host *host, nn_type type, nn_type zero_type, int grain) {
    const int64_t scale_dims[3] = {grain == 1 ? 8 : 3, 2, 5};
    const int rank = grain == 0 ? 0 : grain == 1 ? 1 : 3;
    host_int(host, "axis", 1);
    if (grain == 2) host_int(host, "block_size", 4);
    fill_input(host, type, scale_dims, rank, false, 0.4, 1.3);
    if (zero_type == NNOPT_TYPE_NONE) return;
    nn_tensor *zero =
        (host_input(host, zero_type, scale_dims, rank, false), &host->in[host->in_count - 1]);
    if (nn_type_is_integer(zero_type))
        for (int64_t i = 0; i < nn_tensor_count(zero); i++) nn_tensor_set(zero, i, (double)(i % 2));
}

START_TEST(quantized_to_small) {
    static const nn_type given[] = {NNOPT_FLOAT, NNOPT_FLOAT16, NNOPT_BFLOAT16, NNOPT_INT32};
    for (int t = 0; t < SMALL; t++)
        for (int from = 0; from < 4; from++)
            for (int grain = 0; grain < 3; grain++) {
                kernel_host host;
                if (small[t] == NNOPT_FLOAT8E8M0) continue;
                host_init(&host, nn_op_find("", "QuantizeLinear", 25), 25);
                fill_input(&host, given[from], dims, 3, false, -9, 9);
                add_scales(&host, from == 3 ? NNOPT_FLOAT : given[from], small[t], grain);
                device_host_judge(&host, NN_LAYOUT_STANDARD, 0);
            }
}
END_TEST

START_TEST(dequantized_from_small) {
    static const nn_type scales[] = {NNOPT_FLOAT, NNOPT_FLOAT16, NNOPT_BFLOAT16, NNOPT_FLOAT8E8M0};
    for (int t = 0; t < SMALL; t++)
        for (int type = 0; type < 4; type++)
            for (int grain = 0; grain < 3; grain++) {
                kernel_host host;
                if (small[t] == NNOPT_FLOAT8E8M0) continue;
                host_init(&host, nn_op_find("", "DequantizeLinear", 25), 25);
                host_input(&host, small[t], dims, 3, false);
                fill(&host.in[0]);
                if (type == 3) host_int(&host, "output_dtype", NNOPT_FLOAT);
                add_scales(&host, scales[type], grain == 1 ? NNOPT_TYPE_NONE : small[t], grain);
                device_host_judge(&host, NN_LAYOUT_STANDARD, 0);
            }
}
END_TEST

/* ---- movement ---- */

START_TEST(moved) {
    static const int64_t order[3] = {2, 0, 1}, sizes[3] = {3, 5, 7}, flat[2] = {5, 21};
    static const int64_t cache[3] = {3, 6, 3}, update[3] = {3, 2, 3};
    const int64_t samples = 3, two = 2;
    for (int t = 0; t < SMALL; t++) {
        kernel_host host;
        host_init(&host, nn_op_find("", "Transpose", 25), 25);
        host_ints(&host, "perm", order, 3);
        host_input(&host, small[t], sizes, 3, false);
        fill(&host.in[0]);
        device_host_judge(&host, NN_LAYOUT_STANDARD, 0);
        host_init(&host, nn_op_find("", "Reshape", 25), 25);
        host_input(&host, small[t], sizes, 3, false);
        fill(&host.in[0]);
        memcpy(host_input(&host, NNOPT_INT64, &two, 1, true), flat, sizeof flat);
        device_host_judge(&host, NN_LAYOUT_STANDARD, 0);
        host_init(&host, nn_op_find("", "TensorScatter", 24), 24);
        host_input(&host, small[t], cache, 3, false);
        fill(&host.in[0]);
        host_input(&host, small[t], update, 3, false);
        fill(&host.in[1]);
        int64_t *first = host_input(&host, NNOPT_INT64, &samples, 1, false);
        for (int i = 0; i < 3; i++) first[i] = 2 * i;
        device_host_judge(&host, NN_LAYOUT_STANDARD, 0);
    }
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("cuda_small_types");
    TCase *tests = tcase_create("cases");
    device_host_open();
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, to_small);
    tcase_add_test(tests, from_small);
    tcase_add_test(tests, between_small);
    tcase_add_test(tests, quantized_to_small);
    tcase_add_test(tests, dequantized_from_small);
    tcase_add_test(tests, moved);
    suite_add_tcase(suite, tests);
    return suite;
}
