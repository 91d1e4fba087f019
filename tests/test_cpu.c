/* What the CPU offers, control group limits, and OpenBLAS. */
#include "tests/support/runner.h"

#include "base/blas.h"
#include "base/cpu.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

START_TEST(the_cpu_is_described) {
    const nn_cpu *cpu = nn_cpu_get();
    ck_assert_ptr_eq(cpu, nn_cpu_get());
    ck_assert_int_ge(cpu->cores, 1);
    ck_assert_int_gt(cpu->brand[0], 0);
    ck_assert_str_eq(nn_isa_name(NN_ISA_PORTABLE), "portable");
    ck_assert_str_eq(nn_isa_name(NN_ISA_VNNI), "AVX-512 VNNI");
#if defined(__x86_64__)
    /* The compiler's own detection as the other opinion. */
    if (getenv("NNOPT_CPU_MASK") == NULL) {
        __builtin_cpu_init();
        ck_assert_int_eq(cpu->isa >= NN_ISA_AVX2,
                         __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") != 0);
        ck_assert_int_eq(cpu->isa >= NN_ISA_AVX512, __builtin_cpu_supports("avx512f") &&
                                                        __builtin_cpu_supports("avx512bw") != 0);
        ck_assert_int_eq(cpu->isa >= NN_ISA_VNNI, __builtin_cpu_supports("avx512vnni") != 0);
    }
#endif
}
END_TEST

/* Writes `text` into a file below `root`, making the folders of `path`. */
static void put(const char *root, const char *path, const char *text) {
    char full[1024];
    snprintf(full, sizeof full, "%s%s", root, path);
    for (char *slash = full + strlen(root) + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
        *slash = '\0';
        mkdir(full, 0700);
        *slash = '/';
    }
    FILE *file = fopen(full, "w");
    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    fclose(file);
}

static void make_root(char *root) {
    strcpy(root, "/tmp/nnopt-cgroup-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(root));
}

static void remove_root(const char *root) {
    char command[256];
    snprintf(command, sizeof command, "rm -r '%s'", root);
    ck_assert_int_eq(system(command), 0);
}

START_TEST(group_limits_of_version_2) {
    char root[64];
    make_root(root);
    ck_assert_int_eq(nn_cpu_group_limit(root), INT_MAX);
    put(root, "/proc/self/cgroup", "0::/outer/inner\n");
    put(root, "/sys/fs/cgroup/outer/inner/cpu.max", "max 100000\n");
    ck_assert_int_eq(nn_cpu_group_limit(root), INT_MAX);
    put(root, "/sys/fs/cgroup/outer/inner/cpu.max", "350000 100000\n");
    ck_assert_int_eq(nn_cpu_group_limit(root), 4);
    put(root, "/sys/fs/cgroup/outer/cpu.max", "200000 100000\n");
    ck_assert_int_eq(nn_cpu_group_limit(root), 2);
    put(root, "/sys/fs/cgroup/cpu.max", "50000 100000\n");
    ck_assert_int_eq(nn_cpu_group_limit(root), 1);
    remove_root(root);
}
END_TEST

START_TEST(group_limits_of_version_1) {
    char root[64];
    make_root(root);
    put(root, "/proc/self/cgroup", "4:memory:/x\n3:cpu,cpuacct:/job\n1:cpuset:/y\n");
    put(root, "/sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us", "-1\n");
    put(root, "/sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_period_us", "100000\n");
    ck_assert_int_eq(nn_cpu_group_limit(root), INT_MAX);
    put(root, "/sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us", "300000\n");
    ck_assert_int_eq(nn_cpu_group_limit(root), 3);
    /* Another controller's limit does not count. */
    put(root, "/proc/self/cgroup", "4:memory:/job\n");
    ck_assert_int_eq(nn_cpu_group_limit(root), INT_MAX);
    remove_root(root);
}
END_TEST

START_TEST(blas_multiplies_and_factorises) {
    const nn_blas *blas;
    ck_assert_ok(nn_blas_get(&blas));
    ck_assert_int_gt(blas->core_name[0], 0);
    if (nn_cpu_get()->isa >= NN_ISA_AVX512 && getenv("OPENBLAS_CORETYPE") == NULL) {
        ck_assert_str_eq(blas->core_name, "SkylakeX");
    }
    ck_assert(getenv("OPENBLAS_NUM_THREADS") == NULL || getenv("OPENBLAS_NUM_THREADS")[0] != '\0');

    const float a[] = {1, 2, 3, 4, 5, 6}, b[] = {7, 8, 9, 10, 11, 12};
    float c[4];
    blas->sgemm(101, 111, 111, 2, 2, 3, 1, a, 3, b, 2, 0, c, 2);
    const float product[] = {58, 64, 139, 154};
    for (int i = 0; i < 4; i++) ck_assert_float_eq(c[i], product[i]);

    double matrix[] = {4, 2, 2, 10}; /* = L L^T with L = [[2, 0], [1, 3]] */
    int n = 2, info = -1;
    blas->dpotrf("L", &n, matrix, &n, &info);
    ck_assert_int_eq(info, 0);
    ck_assert_double_eq_tol(matrix[0], 2, 1e-15);
    ck_assert_double_eq_tol(matrix[1], 1, 1e-15);
    ck_assert_double_eq_tol(matrix[3], 3, 1e-15);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("cpu");
    TCase *cpu = tcase_create("cpu");
    tcase_add_test(cpu, the_cpu_is_described);
    tcase_add_test(cpu, group_limits_of_version_2);
    tcase_add_test(cpu, group_limits_of_version_1);
    tcase_add_test(cpu, blas_multiplies_and_factorises);
    suite_add_tcase(suite, cpu);
    return suite;
}
