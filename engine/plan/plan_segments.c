/* Plans with steps on a device: what runs there in a row is put into the queue together, and from
 * the second run on started as one recording. The CPU waits for the device before it works on. */
#include "engine/plan/plan_parts.h"

#include <math.h>

static int64_t count_segments(const nn_plan *plan) {
    int64_t count = 0;
    for (int64_t s = 0; s < plan->step_count; s++)
        count += s == 0 || plan->steps[s].kernel->on_device != plan->steps[s - 1].kernel->on_device;
    return count;
}

nn_status nn_plan_make_segments(nn_plan *plan) {
    const int64_t count = count_segments(plan);
    if (count == 0 || (count == 1 && !plan->steps[0].kernel->on_device)) return NN_OK;
    size_t size = (size_t)count * sizeof *plan->segments;
    size_t seconds_size = (size_t)plan->step_count * sizeof *plan->device_seconds;
    plan->segments = nn_arena_alloc(&plan->arena, size);
    plan->device_seconds = nn_arena_alloc(&plan->arena, seconds_size);
    plan->occupancy = nn_arena_alloc(&plan->arena, seconds_size);
    if (plan->segments == NULL || plan->device_seconds == NULL || plan->occupancy == NULL)
        return nn_fail_memory(size + 2 * seconds_size);
    for (int64_t s = 0; s < plan->step_count; s++) {
        const bool on_device = plan->steps[s].kernel->on_device;
        plan->device_seconds[s] = NAN;
        if (s == 0 || on_device != plan->steps[s - 1].kernel->on_device)
            plan->segments[plan->segment_count++] =
                (nn_plan_segment){.first = s, .on_device = on_device};
        plan->segments[plan->segment_count - 1].end = s + 1;
    }
    return NN_OK;
}

void nn_plan_forget_recordings(nn_plan *plan) {
    for (int64_t i = 0; i < plan->segment_count; i++) {
        plan->target.device->calls->destroy_graph(plan->segments[i].graph);
        plan->segments[i].graph = NULL;
    }
    plan->runs = 0;
    plan->is_recorded = false;
}

/* ---- running ---- */

static nn_status run_steps(nn_plan *plan, const nn_plan_segment *segment) {
    for (int64_t s = segment->first; s < segment->end; s++)
        NN_TRY(plan->steps[s].kernel->run(&plan->steps[s].call));
    return NN_OK;
}

/* Of the last kernel that the step started. */
static double occupancy_since(const nn_plan *plan, int64_t *launches) {
    nn_device_launches now;
    plan->target.device->calls->launches(plan->queue, &now);
    const bool has_launched = now.launches > *launches;
    *launches = now.launches;
    return has_launched ? now.occupancy : 0;
}

/* Marks 2 s and 2 s + 1 stand around step s. */
static nn_status run_hooked(nn_plan *plan, const nn_plan_segment *segment, nn_step_hook hook,
                            void *user) {
    const nn_device_calls *calls = plan->target.device->calls;
    int64_t launches = 0;
    (void)occupancy_since(plan, &launches);
    for (int64_t s = segment->first; s < segment->end; s++) {
        hook(user, plan, s, true);
        if (segment->on_device) {
            calls->begin_range(plan->steps[s].view.name);
            NN_TRY(calls->mark(plan->queue, 2 * s));
        }
        nn_status status = plan->steps[s].kernel->run(&plan->steps[s].call);
        if (segment->on_device) {
            if (status == NN_OK) status = calls->mark(plan->queue, 2 * s + 1);
            calls->end_range();
            plan->occupancy[s] = occupancy_since(plan, &launches);
        }
        hook(user, plan, s, false);
        NN_TRY(status);
    }
    return NN_OK;
}

/* What must be done after a failure, with its message kept. */
typedef void clean_up(nn_plan *plan);

static nn_status fail_after(nn_status status, nn_plan *plan, clean_up *clean) {
    char message[NN_MESSAGE_SIZE];
    memcpy(message, nn_status_buffer(), sizeof message);
    clean(plan);
    return nn_fail(status, "%s", message);
}

static void drop_recording(nn_plan *plan) {
    const nn_device_calls *calls = plan->target.device->calls;
    nn_device_graph *graph = NULL;
    (void)calls->end_recording(plan->queue, &graph);
    calls->destroy_graph(graph);
}

static void wait_for_all(nn_plan *plan) {
    (void)plan->target.device->calls->wait(plan->queue);
}

/* The first run loads code and is not recorded. */
static nn_status record(nn_plan *plan, nn_plan_segment *segment) {
    const nn_device_calls *calls = plan->target.device->calls;
    NN_TRY(calls->begin_recording(plan->queue));
    nn_status status = run_steps(plan, segment);
    if (status != NN_OK) return fail_after(status, plan, drop_recording);
    return calls->end_recording(plan->queue, &segment->graph);
}

static nn_status run_segment(nn_plan *plan, nn_plan_segment *segment, nn_step_hook hook,
                             void *user) {
    if (hook != NULL) return run_hooked(plan, segment, hook, user);
    if (!segment->on_device || plan->runs == 0) return run_steps(plan, segment);
    if (segment->graph == NULL) NN_TRY(record(plan, segment));
    plan->is_recorded = true;
    return plan->target.device->calls->start(plan->queue, segment->graph);
}

static nn_status read_seconds(nn_plan *plan) {
    const nn_device_calls *calls = plan->target.device->calls;
    for (int64_t s = 0; s < plan->step_count; s++) {
        if (!plan->steps[s].kernel->on_device) continue;
        NN_TRY(calls->elapsed(plan->queue, 2 * s, 2 * s + 1, &plan->device_seconds[s]));
    }
    return NN_OK;
}

nn_status nn_plan_run_segments(nn_plan *plan, nn_step_hook hook, void *user) {
    const nn_device_calls *calls = plan->target.device->calls;
    nn_status status = NN_OK;
    bool is_pending = false; /* the device may still be at work */
    for (int64_t i = 0; i < plan->segment_count && status == NN_OK; i++) {
        nn_plan_segment *segment = &plan->segments[i];
        if (!segment->on_device && is_pending) {
            NN_TRY(calls->wait(plan->queue));
            is_pending = false;
        }
        is_pending |= segment->on_device;
        status = run_segment(plan, segment, hook, user);
    }
    /* nothing may run on memory that ends */
    if (status != NN_OK) return is_pending ? fail_after(status, plan, wait_for_all) : status;
    if (is_pending) NN_TRY(calls->wait(plan->queue));
    plan->runs++;
    return hook != NULL ? read_seconds(plan) : NN_OK;
}
