#include "engine/select/kernel_bench.h"

#include "engine/measure/measure.h"
#include "engine/select/select_parts.h"

#include <math.h>
#include <stdio.h>

enum { MOST_TRIALS = 64, MOST_LAYOUTS = 2, LEAST_RUNS = 5, MOST_RUNS = 1000 };
/* A kernel runs so long, the slow ones at least once. */
static const double trial_seconds = 4e-3;

/* The operands of a case for kernels that see them alike. */
typedef struct bench_operands {
    const nn_kernel *like;
    nn_trial_node node;
} bench_operands;

typedef struct kernel_bench {
    nn_case_node node;
    nn_weight_cache *cache;
    uint64_t blobs[NN_CASE_INPUTS]; /* 0: packing is shared with nobody */
    bench_operands operands[MOST_LAYOUTS];
    int operand_count;
    nn_trial trials[MOST_TRIALS];
    double spent[MOST_TRIALS];
    int runs[MOST_TRIALS];
    int count;
} kernel_bench;

/* NULL, with NN_OK, when there are more kinds of operands than anybody has thought of. */
static nn_status operands_for(kernel_bench *self, const nn_kernel *kernel, nn_trial_node **out) {
    *out = NULL;
    for (int i = 0; i < self->operand_count; i++)
        if (nn_select_may_replace(&self->node.view, kernel, self->operands[i].like)) {
            *out = &self->operands[i].node;
            return NN_OK;
        }
    if (self->operand_count == MOST_LAYOUTS) return NN_OK;
    bench_operands *fresh = &self->operands[self->operand_count];
    NN_TRY(nn_trial_node_init(&fresh->node, &self->node.view, self->blobs, kernel));
    fresh->like = kernel;
    self->operand_count++;
    *out = &fresh->node;
    return NN_OK;
}

static bool is_twin(const kernel_bench *self, const nn_trial *trial) {
    if (trial->prepare.description[0] == '\0') return false;
    for (int i = 0; i < self->count; i++)
        if (self->trials[i].kernel == trial->kernel &&
            strcmp(self->trials[i].prepare.description, trial->prepare.description) == 0)
            return true;
    return false;
}

static nn_status add_kernel(kernel_bench *self, const nn_kernel *kernel, const nn_target *target) {
    nn_trial_node *node;
    NN_TRY(operands_for(self, kernel, &node));
    for (int v = 0; node != NULL && self->count < MOST_TRIALS; v++) {
        if (v > 0 && nn_select_variant(kernel, v) == NULL) break;
        nn_trial *trial = &self->trials[self->count];
        NN_TRY(nn_trial_init(trial, node, kernel, v, target, self->cache, NULL));
        if (is_twin(self, trial))
            nn_trial_clear(trial);
        else
            self->count++;
    }
    return NN_OK;
}

static nn_status add_kernels(kernel_bench *self) {
    /* Such plans have the float kernels, too. */
    const nn_target target = {
        .isa = nn_cpu_get()->isa, .threads = 1, .precision = NN_PRECISION_BF16, .explores = true};
    const nn_kernel *kernels[MOST_TRIALS];
    int count = nn_kernel_candidates(&self->node.view, &target, kernels, MOST_TRIALS);
    for (int i = 0; i < count && i < MOST_TRIALS; i++)
        NN_TRY(add_kernel(self, kernels[i], &target));
    return NN_OK;
}

static bool is_done(const kernel_bench *self, int i) {
    return self->runs[i] >= MOST_RUNS ||
           (self->spent[i] > trial_seconds && self->runs[i] >= LEAST_RUNS) ||
           self->spent[i] > LEAST_RUNS * trial_seconds;
}

/* All in turn, so that a disturbance strikes all. */
static nn_status run_all(kernel_bench *self) {
    for (bool is_over = false; !is_over;) {
        is_over = true;
        for (int i = 0; i < self->count; i++) {
            if (is_done(self, i)) continue;
            const double start = nn_now();
            NN_TRY(nn_trial_run(&self->trials[i]));
            self->spent[i] += nn_now() - start;
            self->runs[i]++;
            is_over = false;
        }
    }
    return NN_OK;
}

static bool is_reference(const nn_op *op, const nn_kernel *kernel) {
    int last = 0;
    while (op->kernels[last + 1] != NULL) last++;
    return op->kernels[last] == kernel;
}

static double portable_seconds(const kernel_bench *self) {
    double portable = INFINITY, reference = INFINITY;
    for (int i = 0; i < self->count; i++) {
        const nn_trial *trial = &self->trials[i];
        if (is_reference(self->node.op, trial->kernel))
            reference = fmin(reference, trial->seconds);
        else if (trial->kernel->isa == NN_ISA_PORTABLE)
            portable = fmin(portable, trial->seconds);
    }
    return isfinite(portable) ? portable : reference;
}

static nn_status report(const kernel_bench *self, const nn_kernel_case *which,
                        nn_status (*visit)(void *, const nn_kernel_time *), void *user) {
    const nn_node_view *view = &self->node.view;
    const double portable = portable_seconds(self);
    char text[512];
    snprintf(text, sizeof text, "%s%s%s", which->inputs, which->attributes[0] != '\0' ? "; " : "",
             which->attributes);
    for (int i = 0; i < self->count; i++) {
        const nn_trial *trial = &self->trials[i];
        const char *settled = trial->prepare.description;
        nn_kernel_time time = {
            .op = view->op,
            .text = text,
            .kernel = trial->kernel,
            .variant =
                settled[0] != '\0' ? settled : nn_select_variant(trial->kernel, trial->variant),
            .is_int8 = view->in[0] != NULL && nn_type_bits(view->in[0]->type) == 8,
            .seconds = trial->seconds,
            .over_portable = portable / trial->seconds,
        };
        nn_op_cost(view, &time.cost);
        NN_TRY(visit(user, &time));
    }
    return NN_OK;
}

nn_status nn_kernel_bench(const nn_kernel_case *which, const char *wanted,
                          nn_status (*visit)(void *user, const nn_kernel_time *time), void *user) {
    kernel_bench *self = nn_alloc_zero(sizeof *self);
    if (self == NULL) return nn_fail_memory(sizeof *self);
    nn_status status = nn_case_node_init(&self->node, which);
    if (status != NN_OK || (wanted != NULL && strcmp(wanted, self->node.op->name) != 0)) goto done;
    NN_TRY_DONE(nn_weight_cache_create(&self->cache));
    NN_TRY_DONE(add_kernels(self));
    NN_TRY_DONE(run_all(self));
    NN_TRY_DONE(report(self, which, visit, user));
done:
    for (int i = 0; i < self->count; i++) nn_trial_clear(&self->trials[i]);
    for (int i = 0; i < self->operand_count; i++) nn_trial_node_clear(&self->operands[i].node);
    nn_weight_cache_destroy(self->cache);
    if (status == NN_OK || self->node.in_count > 0) nn_case_node_clear(&self->node);
    nn_free(self);
    return status;
}
