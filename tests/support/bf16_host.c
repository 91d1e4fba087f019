#include "tests/support/bf16_host.h"

#include "tests/support/runner.h"

#include "ops/cpu/kernels.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

bool bf16_has_isa(nn_isa isa) {
    static bool told;
    const nn_isa has = nn_cpu_get()->isa;
    if (has < isa && !told)
        printf("skipped: no %s, this CPU has %s\n", nn_isa_name(isa), nn_isa_name(has));
    told |= has < isa;
    return has >= isa;
}

static float bf16_random(void) {
    return nn_bfloat16_to_float(nn_float_to_bfloat16(host_random()));
}

float *bf16_random_input(kernel_host *host, const int64_t *dims, int rank, bool constant) {
    float *data = host_input(host, NNOPT_FLOAT, dims, rank, constant);
    int64_t count = nn_tensor_count(&host->in[host->in_count - 1]);
    for (int64_t i = 0; i < count; i++) data[i] = bf16_random();
    return data;
}

static nn_activation bf16_random_activation(void) {
    return (nn_activation){(nn_activation_kind)host_random_below(NN_ACT_KINDS), 0.1f, 0.5f};
}

nn_epilogue bf16_random_epilogue(int residual) {
    nn_epilogue out = {0};
    if (host_between(0, 2) == 0) return out;
    if (host_between(0, 1)) {
        out.has_residual = host_between(0, 1);
        out.after.kind = NN_ACT_RELU;
    } else {
        out.before = bf16_random_activation();
        out.has_residual = host_between(0, 1);
        out.after = bf16_random_activation();
    }
    out.residual = residual;
    return out;
}

/* NaN equals NaN, infinities equal themselves. */
static bool bf16_differs(float got, float want, double relative, double absolute) {
    if (isnan(got) || isnan(want)) return isnan(got) != isnan(want);
    if (got == want) return false;
    return !(fabs((double)got - (double)want) <= absolute + relative * fabs((double)want));
}

static void check_result(kernel_host *host, const nn_kernel *kernel, const float *want, bool rounds,
                         double absolute, const char *what) {
    const int64_t count = nn_tensor_count(&host->out[0]);
    nn_target target = {.isa = kernel->isa, .precision = NN_PRECISION_BF16, .explores = true};
    for (target.threads = 1; target.threads <= 3; target.threads += 2) {
        ck_assert_msg(host_accepts(host, kernel, &target), "%s refuses %s", kernel->name, what);
        host_run(host, kernel, kernel->layout, &target);
        for (int64_t i = 0; i < count; i++) {
            float got = rounds ? nn_bfloat16_to_float(((const uint16_t *)host->out[0].data)[i])
                               : ((const float *)host->out[0].data)[i];
            ck_assert_msg(!bf16_differs(got, want[i], rounds ? 0x1p-8 + 1e-5 : 1e-5, absolute),
                          "%s, %s, %d threads: element %lld is %.9g, must be %.9g", kernel->name,
                          what, target.threads, (long long)i, (double)got, (double)want[i]);
        }
    }
}

void bf16_check_kernels(kernel_host *host, const nn_kernel *const *kernels, uint32_t bf16,
                        double absolute, const char *what) {
    nn_target target = {.isa = nn_cpu_get()->isa, .threads = 1};
    const nn_kernel *const *reference = host->op->kernels;
    while (reference[1] != NULL) reference++;
    host_infer(host);
    host_run(host, *reference, NN_LAYOUT_STANDARD, &target);
    int64_t count = nn_tensor_count(&host->out[0]);
    float *want = malloc((size_t)count * sizeof *want + 1);
    ck_assert_ptr_nonnull(want);
    memcpy(want, host->out[0].data, (size_t)count * sizeof *want);
    for (int i = 0; i < host->in_count; i++)
        if (bf16 >> i & 1 && host->in[i].type == NNOPT_FLOAT) host_to_bf16(host, i);
    bool rounds = bf16 >> 31 != 0;
    if (rounds) host_to_bf16(host, -1);
    for (; *kernels != NULL; kernels++)
        if ((*kernels)->isa <= target.isa)
            check_result(host, *kernels, want, rounds, absolute, what);
    free(want);
}

bool bf16_is_accepted(kernel_host *host, const nn_kernel *kernel) {
    nn_target target = {.isa = kernel->isa, .threads = 1, .precision = NN_PRECISION_BF16};
    return host_accepts(host, kernel, &target);
}

uint32_t bf16_random_operands(int residual) {
    return (uint32_t)host_between(0, 1) | (uint32_t)host_between(0, 1) << residual |
           (uint32_t)host_between(0, 1) << 31;
}
