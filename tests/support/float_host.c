#include "tests/support/float_host.h"

#include "tests/support/runner.h"

#include <math.h>
#include <stdlib.h>

static void fill(float *data, int64_t count) {
    for (int64_t i = 0; i < count; i++) data[i] = host_random();
}

int64_t count_of(const int64_t *dims, int rank) {
    int64_t count = 1;
    for (int i = 0; i < rank; i++) count *= dims[i];
    return count;
}

float *random_input(kernel_host *host, const int64_t *dims, int rank, bool constant) {
    float *data = host_input(host, NNOPT_FLOAT, dims, rank, constant);
    fill(data, count_of(dims, rank));
    return data;
}

bool differs(float got, float want, double tolerance) {
    if (isnan(got) || isnan(want)) return isnan(got) != isnan(want);
    if (got == want) return false;
    return !(fabs((double)got - (double)want) <= tolerance * (1 + fabs((double)want)));
}

void check_all(kernel_host *host, double tolerance, const char *what) {
    const nn_kernel *reference = host_reference(host->op);
    nn_target target = {.isa = nn_cpu_get()->isa, .threads = 1};
    host_run(host, reference, NN_LAYOUT_STANDARD, &target);
    int64_t count = nn_tensor_count(&host->out[0]);
    float *want = malloc((size_t)count * sizeof *want + 1);
    ck_assert_ptr_nonnull(want);
    memcpy(want, host->out[0].data, (size_t)count * sizeof *want);
    for (const nn_kernel *const *kernel = host->op->kernels; *kernel != reference; kernel++) {
        bool any = (*kernel)->layout == NN_LAYOUT_ANY;
        /* Their error is in proportion to the greatest result (test_winograd_*.c). */
        double allowed = strstr((*kernel)->name, "winograd") != NULL ? 3 * tolerance : tolerance;
        for (int trial = 0; trial < (any ? 4 : 2); trial++) {
            target.threads = trial % 2 == 0 ? 1 : 3;
            if (!host_accepts(host, *kernel, &target)) continue;
            nn_layout layout = !any        ? (*kernel)->layout
                               : trial < 2 ? NN_LAYOUT_CHANNELS_LAST
                                           : NN_LAYOUT_STANDARD;
            memset(host->out[0].data, 0xff, (size_t)count * sizeof *want);
            host_run(host, *kernel, layout, &target);
            const float *got = host->out[0].data;
            for (int64_t i = 0; i < count; i++)
                ck_assert_msg(!differs(got[i], want[i], allowed),
                              "%s, kernel '%s', %d threads: element %lld is %.9g, must be %.9g",
                              what, (*kernel)->name, target.threads, (long long)i, (double)got[i],
                              (double)want[i]);
        }
    }
    free(want);
}

nn_activation random_activation(void) {
    nn_activation out = {(nn_activation_kind)host_random_below(NN_ACT_KINDS), 0.1f, 0.5f};
    return out;
}

nn_epilogue random_epilogue(int residual) {
    nn_epilogue out = {0};
    if (host_between(0, 1)) return out;
    out.before = random_activation();
    out.has_residual = host_between(0, 1);
    out.residual = residual;
    out.after = random_activation();
    return out;
}
