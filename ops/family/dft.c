#include "ops/family/dft.h"

#include <math.h>

#define PI 3.14159265358979323846

static int64_t signal_offset(const nn_dft_signals *signals, int64_t index) {
    return index / signals->inner_count * signals->outer_step +
           index % signals->inner_count * signals->inner_step;
}

#define REAL       float
#define REAL_TYPE  NNOPT_FLOAT
#define NAME(stem) stem##_f32
#include "base/integers.h"
#include "ops/family/dft.inc.h"
#undef REAL
#undef REAL_TYPE
#undef NAME
#define REAL       double
#define REAL_TYPE  NNOPT_DOUBLE
#define NAME(stem) stem##_f64
#include "ops/family/dft.inc.h"
#undef REAL
#undef REAL_TYPE
#undef NAME

/* Divides n by its factors, 4 first; what is left over has a prime over NN_DFT_MAX_RADIX. */
static int64_t find_factors(nn_dft_plan *plan, int64_t n) {
    static const int radices[] = {4, 2, 3, 5, 7, 11, 13};
    plan->factor_count = 0;
    for (size_t i = 0; i < sizeof radices / sizeof *radices; i++)
        for (; n % radices[i] == 0; n /= radices[i])
            plan->factors[plan->factor_count++] = radices[i];
    return n;
}

nn_status nn_dft_plan_make(const nn_node_view *node, int64_t n, bool is_double, nn_prepare *prepare,
                           nn_dft_plan **out) {
    nn_dft_plan plan = {.is_double = is_double, .n = n, .length = n};
    if (n > INT64_C(1) << 40)
        return nn_view_fail(node, NN_UNSUPPORTED, "a transform of length %lld", (long long)n);
    plan.is_chirp = find_factors(&plan, n) != 1;
    if (plan.is_chirp) {
        for (plan.length = 1; plan.length < 2 * n - 1;) plan.length *= 2;
        find_factors(&plan, plan.length);
    }
    int64_t left = plan.length;
    for (int f = 0; f < plan.factor_count; f++) {
        int radix = plan.factors[f];
        left /= radix;
        plan.twiddle_count += left * (radix - 1) + (radix % 2 != 0 ? radix : 0);
    }
    int64_t chirp_pairs = plan.is_chirp ? plan.n + plan.length : 0;
    size_t pair = 2 * (is_double ? sizeof(double) : sizeof(float));
    size_t header = nn_aligned(sizeof plan);
    size_t bytes = header + (size_t)(plan.twiddle_count + chirp_pairs) * pair;
    char *memory = nn_prepare_state(prepare, bytes);
    if (memory == NULL) return nn_fail_memory(bytes);
    plan.twiddles = memory + header;
    plan.chirp = memory + header + (size_t)plan.twiddle_count * pair;
    plan.filter = (char *)plan.chirp + (size_t)plan.n * pair;
    *out = memcpy(memory, &plan, sizeof plan);
    if (is_double)
        fill_twiddles_f64(*out);
    else
        fill_twiddles_f32(*out);
    if (!plan.is_chirp) return NN_OK;
    return is_double ? fill_chirp_f64(*out) : fill_chirp_f32(*out);
}

/* Signals that are transformed together: as many as the cache holds. */
enum { MOST_LANES = 16, CACHE_BYTES = 256 * 1024 };

static int64_t lane_bytes(const nn_dft_plan *plan) {
    return 4 * plan->length * (int64_t)(plan->is_double ? sizeof(double) : sizeof(float));
}

static int64_t lanes_of(const nn_dft_plan *plan) {
    int64_t lanes = MOST_LANES;
    while (lanes > 1 && lanes * lane_bytes(plan) > CACHE_BYTES) lanes /= 2;
    return lanes;
}

static size_t worker_bytes(const nn_dft_plan *plan) {
    size_t bytes = (size_t)(lanes_of(plan) * lane_bytes(plan));
    return nn_aligned(bytes);
}

size_t nn_dft_workspace(const nn_dft_plan *plan, int threads) {
    return worker_bytes(plan) * (size_t)threads;
}

typedef struct dft_work {
    const nn_dft_job *job;
    char *workspace;
    int64_t lanes, total; /* of a group, of all groups */
} dft_work;

static void run_groups(void *argument, int64_t begin, int64_t end, int worker) {
    const dft_work *work = argument;
    const nn_dft_plan *plan = work->job->plan;
    void *workspace = work->workspace + worker_bytes(plan) * (size_t)worker;
    for (int64_t i = begin; i < end; i++) {
        int64_t first = i * work->lanes, lanes = work->total - first;
        if (lanes > work->lanes) lanes = work->lanes;
        if (plan->is_double)
            run_lanes_f64(work->job, first, lanes, workspace);
        else
            run_lanes_f32(work->job, first, lanes, workspace);
    }
}

void nn_dft_run(const nn_dft_job *job, nn_pool *pool, void *workspace) {
    int64_t total = job->kind == NN_DFT_COMPLEX ? job->count : (job->count + 1) / 2;
    int64_t lanes = lanes_of(job->plan), threads = nn_pool_threads(pool);
    while (lanes > 4 && lanes * threads > total) lanes /= 2;
    dft_work work = {job, workspace, lanes, total};
    int64_t grain = 4096 / (job->plan->length * lanes);
    nn_parallel(pool, nn_divide_up(total, lanes), grain > 0 ? grain : 1, run_groups, &work);
}
