/* Every kernel of the quantised matrix products against the reference kernel (int8_host.h), over
 * odd sizes, zero points and saturating values, in guarded memory. */
#include "ops/cpu/kernels.h"
#include "tests/support/int8_host.h"
#include "tests/support/runner.h"

#include <stdio.h>

typedef struct product_case {
    int64_t batch, m, k, n;
    nn_type a_type, b_type;
} product_case;

static product_case random_product(void) {
    return (product_case){.batch = chance(70) ? 1 : host_between(2, 4),
                          .m = chance(30)   ? 1
                               : chance(10) ? host_between(250, 600)
                                            : host_between(1, 40),
                          .k = chance(50) ? host_between(1, 70) : 4 * host_between(1, 40),
                          .n = host_between(1, 100),
                          .a_type = type8(),
                          .b_type = type8()};
}

static const char *product_text(const product_case *p, uint32_t seed) {
    static char text[120];
    snprintf(text, sizeof text, "seed %u: %lld x [%lld, %lld] [%lld, %lld]", seed,
             (long long)p->batch, (long long)p->m, (long long)p->k, (long long)p->k,
             (long long)p->n);
    return text;
}

/* Scale and zero point of 8-bit results: some of them saturate. */
static void add_result_quant(kernel_host *host, const product_case *p, bool constant) {
    add_quant(host, type8(), 0.02f * 0.01f * 90 * 90 * sqrtf((float)p->k) / 60, constant);
}

START_TEST(qlinear_products_agree) {
    uint32_t seed = (uint32_t)_i + 3000;
    host_seed(seed);
    product_case p = random_product();
    bool constant = chance(70), per_column = chance(50);
    kernel_host host;
    host_init(&host, &nn_op_qlinear_matmul, 10);
    add_bytes(&host, p.a_type, (int64_t[]){p.batch, p.m, p.k}, 3, false);
    add_quant(&host, p.a_type, 0.02f, constant);
    add_bytes(&host, p.b_type, (int64_t[]){p.k, p.n}, 2, true);
    add_scale(&host, per_column ? p.n : 1, 0.01f, constant);
    add_zero(&host, p.b_type, per_column ? p.n : 1, (int32_t)host_between(-128, 127), true);
    add_result_quant(&host, &p, constant);
    host_infer(&host);
    compare_all(&host, product_text(&p, seed));
    host_clear(&host);
}
END_TEST

/* Both matrices come from other nodes; k over the length whose sums are exact in a float. */
START_TEST(qlinear_products_of_activations_agree) {
    uint32_t seed = (uint32_t)_i + 3500;
    host_seed(seed);
    product_case p = random_product();
    bool constant = chance(50), one_b = chance(20);
    if (chance(20)) p.k = host_between(250, 600);
    kernel_host host;
    host_init(&host, &nn_op_qlinear_matmul, 10);
    add_bytes(&host, p.a_type, (int64_t[]){p.batch, 2, p.m, p.k}, 4, false);
    add_quant(&host, p.a_type, 0.02f, constant);
    add_bytes(&host, p.b_type, (int64_t[]){one_b ? 1 : p.batch, 2, p.k, p.n}, 4, false);
    add_quant(&host, p.b_type, 0.01f, constant);
    add_result_quant(&host, &p, constant);
    host_infer(&host);
    compare_all(&host, product_text(&p, seed));
    host_clear(&host);
}
END_TEST

START_TEST(integer_products_agree) {
    uint32_t seed = (uint32_t)_i + 4000;
    host_seed(seed);
    product_case p = random_product();
    kernel_host host;
    host_init(&host, &nn_op_matmul_integer, 10);
    add_bytes(&host, p.a_type, (int64_t[]){p.batch, p.m, p.k}, 3, false);
    add_bytes(&host, p.b_type, (int64_t[]){p.k, p.n}, 2, true);
    if (chance(80)) {
        add_zero(&host, p.a_type, 1, (int32_t)host_between(-128, 127), chance(30));
        if (chance(80)) add_zero(&host, p.b_type, 1, (int32_t)host_between(-128, 127), true);
    }
    host_infer(&host);
    compare_all(&host, product_text(&p, seed));
    host_clear(&host);
}
END_TEST

START_TEST(scaled_products_agree) {
    uint32_t seed = (uint32_t)_i + 4500;
    host_seed(seed);
    product_case p = random_product();
    bool constant = chance(50), per_column = chance(50);
    kernel_host host;
    host_init(&host, &nn_op_matmul_integer_to_float, 1);
    add_bytes(&host, p.a_type, (int64_t[]){p.batch, p.m, p.k}, 3, false);
    add_bytes(&host, p.b_type, (int64_t[]){p.k, p.n}, 2, true);
    add_scale(&host, 1, 0.02f, constant);
    add_scale(&host, per_column ? p.n : 1, 0.01f, constant);
    add_zero(&host, p.a_type, 1, (int32_t)host_between(-128, 127), constant);
    add_zero(&host, p.b_type, per_column ? p.n : 1, (int32_t)host_between(-128, 127), true);
    if (chance(50)) add_bias(&host, NNOPT_FLOAT, p.n, constant);
    host_infer(&host);
    compare_all(&host, product_text(&p, seed));
    host.epilogue.before.kind = NN_ACT_GELU; /* which the reference leaves to others */
    compare_to(&host, &nn_kernel_matmul_integer_to_float_u8s8_portable, product_text(&p, seed));
    host_clear(&host);
}
END_TEST

START_TEST(qgemms_agree) {
    uint32_t seed = (uint32_t)_i + 5000;
    host_seed(seed);
    product_case p = random_product();
    bool transposed = chance(50), constant = chance(70), float_result = chance(40);
    kernel_host host;
    host_init(&host, &nn_op_qgemm, 1);
    host_int(&host, "transB", transposed);
    host_float(&host, "alpha", 0.7f);
    add_bytes(&host, p.a_type, (int64_t[]){p.m, p.k}, 2, false);
    add_quant(&host, p.a_type, 0.02f, constant);
    add_bytes(&host, p.b_type, transposed ? (int64_t[]){p.n, p.k} : (int64_t[]){p.k, p.n}, 2, true);
    add_scale(&host, p.n, 0.01f, constant);
    add_zero(&host, p.b_type, p.n, (int32_t)host_between(-128, 127), true);
    if (chance(70))
        add_bias(&host, NNOPT_INT32, p.n, constant);
    else
        host_absent(&host);
    if (!float_result) {
        add_result_quant(&host, &p, constant);
    }
    host_infer(&host);
    compare_all(&host, product_text(&p, seed));
    host_clear(&host);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("kernels of quantised products");
    TCase *tcase = tcase_create("products");
    tcase_add_loop_test(tcase, qlinear_products_agree, 0, 100);
    tcase_add_loop_test(tcase, qlinear_products_of_activations_agree, 0, 60);
    tcase_add_loop_test(tcase, integer_products_agree, 0, 60);
    tcase_add_loop_test(tcase, scaled_products_agree, 0, 60);
    tcase_add_loop_test(tcase, qgemms_agree, 0, 60);
    suite_add_tcase(suite, tcase);
    return suite;
}
