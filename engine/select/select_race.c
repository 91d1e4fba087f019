/* Candidates for one node, timed in turn. */
#include "engine/measure/measure.h"
#include "engine/plan/layout.h"
#include "engine/select/select_parts.h"

#include <math.h>

enum {
    MOST_CANDIDATES = 48,
    LEAST_ROUNDS = 5,
    MOST_ROUNDS = 40,
    EXHAUSTIVE_FACTOR = 4, /* so many times as many rounds, and as long */
};
/* Short runs are repeated for as long. */
static const double candidate_seconds = 2e-3;
/* Less is noise, or not worth another order of sums. */
static const double least_gain = 1.04;

bool nn_select_may_replace(const nn_node_view *view, const nn_kernel *kernel,
                           const nn_kernel *first) {
    if (kernel->layout != first->layout || kernel->makes_outputs != first->makes_outputs)
        return false;
    for (int i = 0; i < view->in_count; i++)
        if (nn_layout_input_is_last(kernel, view, NN_LAYOUT_CHANNELS_LAST, i) !=
            nn_layout_input_is_last(first, view, NN_LAYOUT_CHANNELS_LAST, i))
            return false;
    return true;
}

/* Registers double from one of these to the next. */
static int register_class(nn_isa isa) {
    return isa >= NN_ISA_AVX512 ? 2 : isa >= NN_ISA_AVX2 ? 1 : 0;
}

/* Kernels for smaller registers than the first one's hardly ever win. */
static bool is_likely(const nn_kernel *kernel, const nn_kernel *first) {
    return register_class(kernel->isa) >= register_class(first->isa);
}

typedef struct race {
    nn_trial *trials;
    int count;
} race;

/* Another variant of the same kernel that comes to the same. */
static bool is_twin(const race *self, const nn_trial *trial) {
    if (trial->prepare.description[0] == '\0') return false;
    for (int i = 0; i < self->count; i++) {
        const nn_trial *other = &self->trials[i];
        if (other->kernel == trial->kernel &&
            strcmp(other->prepare.description, trial->prepare.description) == 0)
            return true;
    }
    return false;
}

static nn_status enter(race *self, const nn_trial_node *node, const nn_kernel *kernel,
                       const nn_target *target, nn_weight_cache *cache, nn_pool *pool) {
    for (int variant = 0; self->count < MOST_CANDIDATES; variant++) {
        if (variant > 0 && nn_select_variant(kernel, variant) == NULL) return NN_OK;
        nn_trial *trial = &self->trials[self->count];
        nn_status status = nn_trial_init(trial, node, kernel, variant, target, cache, pool);
        if (status == NN_NO_MEMORY) return status;
        if (status != NN_OK) continue; /* it will not run */
        if (is_twin(self, trial))
            nn_trial_clear(trial);
        else
            self->count++;
    }
    return NN_OK;
}

static nn_status enter_all(race *self, nn_selection mode, const nn_trial_node *node,
                           const nn_kernel *first, const nn_target *target, nn_weight_cache *cache,
                           nn_pool *pool) {
    const nn_kernel *kernels[MOST_CANDIDATES];
    nn_target wide = *target;
    wide.explores = true;
    int count = nn_kernel_candidates(node->view, &wide, kernels, MOST_CANDIDATES);
    if (count > MOST_CANDIDATES) count = MOST_CANDIDATES;
    NN_TRY(enter(self, node, first, target, cache, pool));
    for (int i = 0; i < count; i++) {
        if (kernels[i] == first || !nn_select_may_replace(node->view, kernels[i], first)) continue;
        if (mode != NN_SELECT_EXHAUSTIVE && !is_likely(kernels[i], first)) continue;
        NN_TRY(enter(self, node, kernels[i], target, cache, pool));
    }
    return NN_OK;
}

static double least_seconds(const race *self) {
    double least = INFINITY;
    for (int i = 0; i < self->count; i++) least = fmin(least, self->trials[i].seconds);
    return least;
}

/* One turn of all that are in the race; then those too far behind are out, but for the first. */
static nn_status run_round(race *self, int round, nn_pool *pool, const void *memory) {
    /* The first runs find pages that were never touched. */
    static const double limits[] = {3, 1.6, 1.3};
    for (int k = 0; k < self->count; k++) {
        nn_trial *trial = &self->trials[round % 2 == 0 ? k : self->count - 1 - k];
        if (trial->is_out) continue;
        nn_trial_evict(pool, memory);
        if (nn_trial_run(trial) != NN_OK) {
            trial->is_out = true;
            trial->seconds = INFINITY;
        }
        NN_TRY(nn_check_interrupt());
    }
    const double limit = limits[round < 2 ? round : 2] * least_seconds(self);
    for (int i = 1; i < self->count; i++)
        if (self->trials[i].seconds > limit) self->trials[i].is_out = true;
    return NN_OK;
}

static nn_status run_rounds(race *self, const nn_selector *selector, nn_pool *pool,
                            const void *memory) {
    const int factor = selector->mode == NN_SELECT_EXHAUSTIVE ? EXHAUSTIVE_FACTOR : 1;
    const double start = nn_now();
    for (int round = 0; round < MOST_ROUNDS * factor; round++) {
        const double elapsed = nn_now() - start;
        if (round >= 2 && elapsed > selector->budget) break;
        if (round >= LEAST_ROUNDS * factor &&
            elapsed > candidate_seconds * factor * (double)self->count)
            break;
        NN_TRY(run_round(self, round, pool, memory));
        if (!isfinite(self->trials[0].seconds)) break;
    }
    return NN_OK;
}

static nn_status decide(const race *self, nn_choice *choice, double *gain, int *raced) {
    const nn_trial *first = &self->trials[0], *best = first;
    if (self->count < 2 || !isfinite(first->seconds)) return NN_OK;
    for (int i = 1; i < self->count; i++)
        if (self->trials[i].seconds < best->seconds) best = &self->trials[i];
    *raced = self->count;
    if (best->seconds * least_gain > first->seconds) return NN_OK;
    *gain = first->seconds / best->seconds;
    choice->kernel = best->kernel;
    choice->variant = best->variant;
    return NN_OK;
}

nn_status nn_select_race(nn_selector *selector, const nn_trial_node *node, const nn_target *target,
                         nn_weight_cache *cache, nn_pool *pool, nn_choice *choice, double *gain,
                         int *raced) {
    const size_t bytes = (size_t)nn_trial_evict_bytes(pool);
    race self = {nn_alloc_zero(MOST_CANDIDATES * sizeof *self.trials), 0};
    void *memory = nn_alloc_zero(bytes);
    nn_status status = NN_OK;
    *gain = 1;
    *raced = 0;
    if (self.trials == NULL || memory == NULL) {
        status = nn_fail_memory(bytes);
        goto done;
    }
    NN_TRY_DONE(enter_all(&self, selector->mode, node, choice->kernel, target, cache, pool));
    /* The first is the one that the plan would take: nothing to compare with when it will not run.
     */
    if (self.count < 2 || self.trials[0].kernel != choice->kernel || self.trials[0].variant != 0)
        goto done;
    NN_TRY_DONE(run_rounds(&self, selector, pool, memory));
    NN_TRY_DONE(decide(&self, choice, gain, raced));
done:
    for (int i = 0; i < self.count; i++) nn_trial_clear(&self.trials[i]);
    nn_free(self.trials);
    nn_free(memory);
    return status;
}
