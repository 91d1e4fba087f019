/* The last word on a selection: the whole plan against the one that was not measured. */
#include "engine/measure/measure.h"
#include "engine/plan/plan_parts.h"
#include "engine/select/select_parts.h"

#include <math.h>

enum { LEAST_ROUNDS = 5, MOST_ROUNDS = 200 };
static const double prove_seconds = 0.5;

typedef struct contender {
    nn_plan *plan;
    void *slab;
    double seconds; /* of the fastest run */
} contender;

static nn_status make_slab(contender *self) {
    const size_t bytes = (size_t)nn_plan_slab_bytes(self->plan) + NN_ALIGNMENT;
    self->slab = nn_alloc_zero(bytes);
    if (self->slab == NULL) return nn_fail_memory(bytes);
    nn_plan_bind(self->plan, &(nn_plan_memory){.slabs = {self->slab}});
    return NN_OK;
}

static nn_status run(contender *self, const nn_tensor *inputs) {
    const double start = nn_now();
    NN_TRY(nn_plan_run(self->plan, inputs, NULL, NULL));
    self->seconds = fmin(self->seconds, nn_now() - start);
    return NN_OK;
}

static nn_status make_inputs(const nn_plan *plan, const nn_tensor *shapes, nn_tensor *inputs) {
    for (int64_t i = 0; i < plan->graph->input_count; i++) {
        if (!nn_type_is_plain(shapes[i].type))
            return nn_fail(NN_UNSUPPORTED, "no values can be made up for input %lld", (long long)i);
        NN_TRY(nn_tensor_init(&inputs[i], shapes[i].type, shapes[i].dims, shapes[i].rank));
        nn_trial_fill(&inputs[i], (uint64_t)i + 1);
    }
    return NN_OK;
}

static nn_status run_both(contender both[2], const nn_tensor *inputs) {
    for (int i = 0; i < 2; i++) {
        NN_TRY(make_slab(&both[i]));
        NN_TRY(run(&both[i], inputs));
        both[i].seconds = INFINITY; /* that was the warm-up */
    }
    const double start = nn_now();
    for (int round = 0; round < MOST_ROUNDS; round++) {
        if (round >= LEAST_ROUNDS && nn_now() - start > prove_seconds) break;
        /* every other round backwards; each for itself a second time, in its own caches */
        for (int k = 0; k < 4; k++) NN_TRY(run(&both[(round % 2 == 0 ? k : 3 - k) / 2], inputs));
        NN_TRY(nn_check_interrupt());
    }
    return NN_OK;
}

/* Is `plan` faster than `standard`? No proof is no. */
static nn_status compare(nn_plan *plan, nn_plan *standard, const nn_tensor *shapes, bool *faster) {
    const size_t size = ((size_t)plan->graph->input_count + 1) * sizeof(nn_tensor);
    contender both[2] = {{.plan = plan}, {.plan = standard}};
    nn_tensor *inputs = nn_alloc_zero(size);
    if (inputs == NULL) return nn_fail_memory(size);
    nn_status status = make_inputs(plan, shapes, inputs);
    if (status == NN_OK) status = run_both(both, inputs);
    *faster = status == NN_OK && both[0].seconds < both[1].seconds;
    if (status == NN_OK)
        nn_log(NNOPT_LOG_INFO, "a run takes %.4g ms with measured kernels, %.4g ms without",
               1e3 * both[0].seconds, 1e3 * both[1].seconds);
    for (int i = 0; i < 2; i++) {
        both[i].plan->slabs[NN_MEMORY_HOST].base = NULL; /* whoever runs it binds it again */
        nn_free(both[i].slab);
    }
    for (int64_t i = 0; i < plan->graph->input_count; i++) nn_tensor_clear(&inputs[i]);
    nn_free(inputs);
    return status == NN_NO_MEMORY || status == NN_INTERRUPTED ? status : NN_OK;
}

/* ---- what is learnt ---- */

static bool has_change(const nn_wisdom *fresh) {
    for (int64_t i = 0; i < fresh->count; i++)
        if (fresh->entries[i]->gain > 1) return true;
    return false;
}

static nn_status keep(nn_selector *selector, bool is_proven) {
    for (int64_t i = 0; i < selector->fresh.count; i++) {
        nn_wisdom_entry entry = *selector->fresh.entries[i];
        if (!is_proven && entry.gain > 1) {
            entry.kernel = entry.over;
            entry.variant = "";
            entry.gain = 1;
        }
        NN_TRY(nn_wisdom_put(&selector->wisdom, &entry));
    }
    nn_wisdom_clear(&selector->fresh);
    if (selector->path == NULL) return NN_OK;
    /* what another process has found meanwhile stays */
    NN_TRY(nn_wisdom_load(&selector->wisdom, selector->path));
    nn_status status = nn_wisdom_save(&selector->wisdom, selector->path);
    if (status == NN_NO_MEMORY) return status;
    if (status != NN_OK) nn_log(NNOPT_LOG_WARNING, "wisdom is not kept: %s", nnopt_last_error());
    return NN_OK;
}

nn_status nn_plan_prove_selection(const nn_plan_request *request, const nn_tensor *inputs,
                                  nn_plan **plan) {
    nn_selector *selector = request->selector;
    bool is_proven = true;
    if (selector->fresh.count == 0) return NN_OK;
    if (has_change(&selector->fresh)) {
        nn_plan_request plain = *request;
        nn_plan *standard;
        plain.selector = NULL;
        NN_TRY(nn_plan_create(&plain, inputs, &standard));
        nn_status status = compare(*plan, standard, inputs, &is_proven);
        nn_plan *loser = status != NN_OK || is_proven ? standard : *plan;
        if (loser != standard) {
            *plan = standard;
            standard->is_kept = true;
        }
        nn_plan_destroy(loser);
        NN_TRY(status);
    }
    return keep(selector, is_proven);
}
