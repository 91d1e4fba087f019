/* Loops over bytes, and every kernel of the quantised operators that take elements one by one, or
 * windows of them, against the reference kernel (int8_host.h). */
#include "ops/cpu/int8/int8_loops.h"
#include "ops/cpu/int8/table_map.h"
#include "ops/cpu/kernels.h"
#include "ops/family/requantize.h"
#include "tests/support/int8_host.h"
#include "tests/support/runner.h"

#include <math.h>
#include <stdio.h>

/* ---- loops ---------------------------------------------------------------------------------- */

enum { LOOPS = 3 };

/* Those that this CPU has; others are the portable ones once more. */
static void each_loops(const nn_int8_loops *all[LOOPS]) {
    for (int i = 0; i < LOOPS; i++) all[i] = &nn_int8_loops_portable;
#if defined(__x86_64__)
    if (nn_cpu_get()->isa >= NN_ISA_AVX2) all[1] = &nn_int8_loops_avx2;
    if (nn_cpu_get()->isa >= NN_ISA_AVX512) all[2] = &nn_int8_loops_avx512;
#endif
}

START_TEST(planes_are_interleaved) {
    const nn_int8_loops *all[LOOPS];
    each_loops(all);
    uint8_t planes[3 * 70], y[3 * 70 + 1];
    for (int i = 0; i < 3 * 70; i++) planes[i] = (uint8_t)(i * 37);
    for (size_t k = 0; k < LOOPS; k++)
        for (int64_t count = 0; count <= 70; count++) {
            memset(y, 99, sizeof y);
            all[k]->interleave_3(planes, y, count);
            for (int64_t i = 0; i < 3 * count; i++)
                ck_assert_uint_eq(y[i], planes[i % 3 * count + i / 3]);
            ck_assert_uint_eq(y[3 * count], 99);
        }
}
END_TEST

START_TEST(bytes_are_transposed) {
    enum { MOST = 37, STEP = MOST + 3 };
    const nn_int8_loops *all[LOOPS];
    each_loops(all);
    uint8_t x[MOST * STEP], y[MOST * STEP];
    for (int i = 0; i < MOST * STEP; i++) x[i] = (uint8_t)(i * 37);
    for (size_t k = 0; k < LOOPS; k++)
        for (int64_t rows = 1; rows <= MOST; rows++)
            for (int64_t columns = 1; columns <= MOST; columns += 4) {
                memset(y, 99, sizeof y);
                all[k]->transpose(x, STEP, y, STEP, rows, columns);
                for (int64_t at = 0; at < MOST * STEP; at++) {
                    int64_t c = at / STEP, r = at % STEP;
                    bool inside = r < rows && c < columns;
                    ck_assert_uint_eq(y[at], inside ? x[r * STEP + c] : 99);
                }
            }
}
END_TEST

/* Values at the middle of two bytes and the nearest floats to them, where a product with 1 / scale
 * may fall on the other side; far ones, and NaN. */
START_TEST(quantised_values_are_quotients) {
    enum { MIDDLES = 600, COUNT = 3 * MIDDLES + 8 };
    static const float scales[] = {0.1f, 0.03f, 1.7f, 0.0078431377f, 3e-39f, 1e38f};
    const nn_int8_loops *all[LOOPS];
    each_loops(all);
    for (size_t s = 0; s < sizeof scales / sizeof *scales; s++) {
        float x[COUNT] = {NAN, INFINITY, -INFINITY, 1e30f, -1e30f, 0, -0.0f, 1};
        for (int i = 0; i < MIDDLES; i++) {
            float middle = ((float)(i - MIDDLES / 2) + 0.5f) * scales[s];
            x[8 + 3 * i] = middle;
            x[9 + 3 * i] = nextafterf(middle, INFINITY);
            x[10 + 3 * i] = nextafterf(middle, -INFINITY);
        }
        const nn_bytes_quant quant = {scales[s], (int32_t)(s * 51), s % 2 ? 0x80 : 0};
        for (size_t k = 0; k < LOOPS; k++) {
            uint8_t y[COUNT];
            all[k]->quantize(x, y, COUNT, quant);
            for (int i = 0; i < COUNT; i++) {
                int32_t expected = nn_quant_round(x[i] / scales[s], quant.zero, 0, 255);
                ck_assert_msg(y[i] == (uint8_t)(expected ^ quant.flip), "%.9g by %.9g: %d, not %d",
                              x[i], scales[s], y[i], expected ^ quant.flip);
            }
        }
    }
}
END_TEST

/* ---- operators of elements, pools --------------------------------------------------------------
 */

static void random_dims(int64_t *dims, int rank) {
    for (int i = 0; i < rank; i++) dims[i] = chance(20) ? 1 : host_between(1, 11);
    if (chance(30)) dims[rank - 1] = host_between(60, 300);
}

START_TEST(sums_and_products_agree) {
    host_seed((uint32_t)_i + 6000);
    bool is_add = chance(50);
    int rank = (int)host_between(1, 4);
    nn_type type = type8();
    int64_t a[4], b[4];
    random_dims(a, rank);
    for (int i = 0; i < rank; i++) b[i] = a[i];
    for (int i = 0; i < rank; i++)
        if (chance(25)) (chance(50) ? a : b)[i] = 1;
    kernel_host host;
    host_init(&host, is_add ? &nn_op_qlinear_add : &nn_op_qlinear_mul, 1);
    add_bytes(&host, type, a, rank, false);
    add_quant(&host, type, 0.05f, chance(50));
    add_bytes(&host, type, b, rank, false);
    add_quant(&host, type, 0.03f, chance(50));
    add_quant(&host, type, is_add ? 0.06f : 0.2f, chance(50));
    host_infer(&host);
    ck_assert_int_ge(compare_all(&host, is_add ? "add" : "multiply"), 1);
    host_clear(&host);
}
END_TEST

START_TEST(quantizing_agrees) {
    static const float odd[] = {INFINITY, -INFINITY, NAN, 1e30f, -1e30f, 0.5f, -0.5f, 2.5f, -0.0f};
    host_seed((uint32_t)_i + 7000);
    int rank = (int)host_between(1, 4);
    int64_t dims[4];
    random_dims(dims, rank);
    kernel_host host;
    bool dynamic = chance(30);
    host_init(&host, dynamic ? &nn_op_dynamic_quantize_linear : &nn_op_quantize_linear, 13);
    if (dynamic) host.out_count = 3;
    float *x = host_input(&host, NNOPT_FLOAT, dims, rank, false);
    for (int64_t i = 0; i < nn_tensor_count(&host.in[0]); i++)
        x[i] = chance(5) && !dynamic ? odd[host_between(0, 8)] : 200 * host_random();
    if (!dynamic) {
        add_scale(&host, 1, chance(50) ? 1 : 0.37f, chance(50));
        if (chance(80)) add_zero(&host, type8(), 1, (int32_t)host_between(-128, 127), chance(50));
    }
    host_infer(&host);
    ck_assert_int_ge(compare_all(&host, dynamic ? "dynamic" : "quantize"), 1);
    host_clear(&host);
}
END_TEST

START_TEST(dequantizing_agrees) {
    host_seed((uint32_t)_i + 8000);
    int rank = (int)host_between(1, 4);
    int64_t dims[4];
    random_dims(dims, rank);
    nn_type type = type8();
    kernel_host host;
    host_init(&host, &nn_op_dequantize_linear, 13);
    int axis = (int)host_between(0, rank - 1);
    host_int(&host, "axis", axis);
    int64_t count = chance(50) ? 1 : dims[axis];
    add_bytes(&host, type, dims, rank, false);
    add_scale(&host, count, 0.37f, chance(50));
    if (chance(80)) {
        uint8_t *zero = host_input(&host, type, &count, count == 1 ? 0 : 1, chance(50));
        for (int64_t i = 0; i < count; i++) zero[i] = (uint8_t)host_between(0, 255);
    }
    host_infer(&host);
    ck_assert_int_ge(compare_all(&host, "dequantize"), 1);
    host_clear(&host);
}
END_TEST

START_TEST(pools_agree) {
    host_seed((uint32_t)_i + 9000);
    bool is_global = chance(40);
    int spatial = (int)host_between(1, 3);
    nn_type type = type8();
    int64_t dims[5] = {host_between(1, 2),
                       chance(50) ? host_between(1, 40) : host_between(100, 300)};
    int64_t kernel[3], stride[3], pads[6];
    for (int i = 0; i < spatial; i++) {
        kernel[i] = host_between(1, 4);
        stride[i] = host_between(1, 3);
        pads[i] = host_between(0, kernel[i] - 1);
        pads[i + spatial] = host_between(0, kernel[i] - 1);
        dims[i + 2] = host_between(kernel[i], 9);
    }
    kernel_host host;
    host_init(&host, is_global ? &nn_op_qlinear_global_average_pool : &nn_op_qlinear_average_pool,
              1);
    if (!is_global) {
        host_ints(&host, "kernel_shape", kernel, spatial);
        host_ints(&host, "strides", stride, spatial);
        host_ints(&host, "pads", pads, 2 * spatial);
        host_int(&host, "count_include_pad", chance(50));
        host_int(&host, "ceil_mode", chance(50));
    }
    add_bytes(&host, type, dims, spatial + 2, false);
    add_quant(&host, type, 0.05f, chance(50));
    add_quant(&host, is_global ? type8() : type, 0.03f, chance(50));
    host_infer(&host);
    ck_assert_int_ge(compare_all(&host, is_global ? "global pool" : "pool"), 1);
    host_clear(&host);
}
END_TEST

START_TEST(table_maps_agree) {
    const nn_cpu *cpu = nn_cpu_get();
    const struct {
        nn_table_map map;
        bool runs;
    } maps[] = {
        {nn_table_map_for(cpu->isa), true},
#if defined(__x86_64__)
        {nn_table_map_avx2, cpu->isa >= NN_ISA_AVX2},
        {nn_table_map_avx512, cpu->isa >= NN_ISA_AVX512},
        {nn_table_map_vbmi, cpu->has_vbmi},
#endif
    };
    host_seed((uint32_t)_i + 10000);
    uint8_t table[256], x[300], expected[300], got[302];
    for (int i = 0; i < 256; i++) table[i] = (uint8_t)host_between(0, 255);
    for (int i = 0; i < 300; i++) x[i] = (uint8_t)host_between(0, 255);
    int64_t count = _i;
    nn_table_map_portable(table, x, expected, count);
    for (int64_t i = 0; i < count; i++) ck_assert_uint_eq(expected[i], table[x[i]]);
    for (size_t k = 0; k < sizeof maps / sizeof *maps; k++) {
        if (!maps[k].runs) continue;
        got[0] = got[count + 1] = 0xa5;
        maps[k].map(table, x, got + 1, count);
        ck_assert_mem_eq(got + 1, expected, (size_t)count);
        ck_assert(got[0] == 0xa5 && got[count + 1] == 0xa5);
        memcpy(got, x, (size_t)count);
        maps[k].map(table, got, got, count);
        ck_assert_mem_eq(got, expected, (size_t)count);
    }
}
END_TEST

START_TEST(blocks_agree) {
    host_seed((uint32_t)_i + 2500);
    int64_t block = host_between(2, 4);
    kernel_host host;
    host_init(&host, &nn_op_depth_to_space, 13);
    host_int(&host, "blocksize", block);
    add_bytes(&host, NNOPT_UINT8,
              (int64_t[]){host_between(1, 2), host_between(1, 40) * block * block,
                          host_between(1, 5), host_between(1, 5)},
              4, false);
    host_infer(&host);
    ck_assert_int_eq(compare_all(&host, "blocks"), 1);
    host_clear(&host);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("kernels on quantised elements");
    TCase *tcase = tcase_create("loops");
    tcase_add_test(tcase, planes_are_interleaved);
    tcase_add_test(tcase, bytes_are_transposed);
    tcase_add_test(tcase, quantised_values_are_quotients);
    suite_add_tcase(suite, tcase);
    tcase = tcase_create("elements");
    tcase_add_loop_test(tcase, sums_and_products_agree, 0, 80);
    tcase_add_loop_test(tcase, quantizing_agrees, 0, 60);
    tcase_add_loop_test(tcase, dequantizing_agrees, 0, 60);
    tcase_add_loop_test(tcase, pools_agree, 0, 60);
    tcase_add_loop_test(tcase, table_maps_agree, 0, 300);
    tcase_add_loop_test(tcase, blocks_agree, 0, 20);
    suite_add_tcase(suite, tcase);
    return suite;
}
