#include "tests/support/int8_host.h"

#include "ops/cpu/kernels.h"
#include "tests/support/runner.h"

#include <math.h>

/* ---- comparing ------------------------------------------------------------------------------ */

/* Activations made of several roundings, which vector code does in another order. */
static bool is_rounded(nn_activation_kind kind) {
    return kind == NN_ACT_SIGMOID || kind == NN_ACT_TANH || kind == NN_ACT_HARD_SIGMOID ||
           kind == NN_ACT_HARD_SWISH || kind == NN_ACT_SILU || kind == NN_ACT_GELU ||
           kind == NN_ACT_GELU_TANH;
}

/* Behind such an activation: floats within some units in the last place, integers within one step.
 */
static void compare_rounded(const nn_tensor *got, const nn_tensor *expected, const char *name,
                            const char *what) {
    bool is_float = expected->type == NNOPT_FLOAT;
    for (int64_t i = 0; i < nn_tensor_count(expected); i++) {
        double a = nn_tensor_get(got, i), b = nn_tensor_get(expected, i);
        double bound = is_float ? 4e-7 * fmax(fabs(b), 1) : 1;
        ck_assert_msg(fabs(a - b) <= bound, "%s: %s: element %lld is %.9g, not %.9g", what, name,
                      (long long)i, a, b);
    }
}

/* A kernel that adds in fixed point, or multiplies floats: within one step, and few results are not
 * the same. */
static void compare_fixed(const nn_tensor *got, const nn_tensor *expected, const char *name,
                          const char *what) {
    int64_t count = nn_tensor_count(expected), others = 0;
    compare_rounded(got, expected, name, what);
    for (int64_t i = 0; i < count; i++)
        others += nn_tensor_get(got, i) != nn_tensor_get(expected, i);
    ck_assert_msg(others <= 3 + count / 40, "%s: %s: %lld of %lld elements differ", what, name,
                  (long long)others, (long long)count);
}

static void compare_with(kernel_host *host, const nn_kernel *kernel, nn_layout layout,
                         const nn_tensor *expected, const char *what) {
    nn_target target = {.isa = nn_cpu_get()->isa, .threads = 1, .explores = true};
    if (kernel->exactness == NN_ROUNDING && !is_rounded(host->epilogue.before.kind)) {
        host_run(host, kernel, layout, &target);
        compare_fixed(&host->out[0], expected, kernel->name, what);
        target.deterministic = true;
        if (!host_accepts(host, kernel, &target)) return;
    }
    host_run(host, kernel, layout, &target);
    if (is_rounded(host->epilogue.before.kind)) {
        compare_rounded(&host->out[0], expected, kernel->name, what);
        return;
    }
    const uint8_t *got = host->out[0].data, *wanted = expected->data;
    int64_t bytes = nn_tensor_bytes(expected);
    for (int64_t i = 0; i < bytes; i++)
        ck_assert_msg(got[i] == wanted[i], "%s: %s: byte %lld of %lld is %d, not %d", what,
                      kernel->name, (long long)i, (long long)bytes, got[i], wanted[i]);
}

int compare_to(kernel_host *host, const nn_kernel *reference, const char *what) {
    nn_target target = {.isa = nn_cpu_get()->isa, .threads = 1, .explores = true};
    host_run(host, reference, NN_LAYOUT_STANDARD, &target);
    nn_tensor expected;
    ck_assert_ok(
        nn_tensor_init(&expected, host->out[0].type, host->out[0].dims, host->out[0].rank));
    memcpy(expected.data, host->out[0].data, (size_t)nn_tensor_bytes(&expected));
    int compared = 0;
    for (const nn_kernel *const *kernel = host->op->kernels; *kernel != reference; kernel++) {
        if ((*kernel)->isa > target.isa || !host_accepts(host, *kernel, &target)) continue;
        bool has_layout = expected.rank >= 3 && expected.rank <= 5;
        if ((*kernel)->layout != NN_LAYOUT_CHANNELS_LAST)
            compare_with(host, *kernel, NN_LAYOUT_STANDARD, &expected, what);
        if ((*kernel)->layout != NN_LAYOUT_STANDARD && has_layout)
            compare_with(host, *kernel, NN_LAYOUT_CHANNELS_LAST, &expected, what);
        compared++;
    }
    nn_tensor_clear(&expected);
    return compared;
}

int compare_all(kernel_host *host, const char *what) {
    return compare_to(host, host_reference(host->op), what);
}

/* ---- data ----------------------------------------------------------------------------------- */

bool chance(int percent) {
    return host_between(0, 99) < percent;
}

void add_bytes(kernel_host *host, nn_type type, const int64_t *dims, int rank, bool constant) {
    uint8_t *data = host_input(host, type, dims, rank, constant);
    int64_t count = nn_tensor_count(&host->in[host->in_count - 1]);
    bool ends = chance(20); /* only the ends of the range: sums are as large as can be */
    for (int64_t i = 0; i < count; i++) {
        uint8_t end = type == NNOPT_INT8 ? 0x7f : 0xff;
        data[i] = (uint8_t)(ends ? (chance(50) ? end : end + 1) : host_between(0, 255));
    }
}

void add_zero(kernel_host *host, nn_type type, int64_t count, int32_t value, bool constant) {
    uint8_t *data = host_input(host, type, &count, count == 1 ? 0 : 1, constant);
    for (int64_t i = 0; i < count; i++) data[i] = (uint8_t)value;
}

void add_scale(kernel_host *host, int64_t count, float value, bool constant) {
    float *data = host_input(host, NNOPT_FLOAT, &count, count == 1 ? 0 : 1, constant);
    for (int64_t i = 0; i < count; i++) data[i] = value * (1 + 0.5f * host_random());
}

void add_bias(kernel_host *host, nn_type type, int64_t count, bool constant) {
    void *data = host_input(host, type, &count, 1, constant);
    for (int64_t i = 0; i < count; i++) {
        if (type == NNOPT_FLOAT)
            ((float *)data)[i] = host_random();
        else
            ((int32_t *)data)[i] = (int32_t)host_between(-20000, 20000);
    }
}

nn_type type8(void) {
    return chance(50) ? NNOPT_UINT8 : NNOPT_INT8;
}

void add_quant(kernel_host *host, nn_type type, float scale, bool constant) {
    add_scale(host, 1, scale, constant);
    add_zero(host, type, 1, (int32_t)host_between(-128, 127), constant);
}
