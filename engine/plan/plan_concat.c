/* Concatenations whose inputs are made where they belong: a tensor that is a part of another
 * (nn_plan_tensor.owner, offset, is_pitched) is written there by its maker, and nothing is left to
 * copy. A step that joins only such parts is no step.
 *
 * Parts that follow each other in memory as a whole may be written by any kernel. Of channels last
 * tensors a part may also be some of the channels; then kernels that write and read it must know
 * the distance of its pixels (nn_kernel.pitched_output, pitched_inputs). */
#include "engine/plan/layout.h"
#include "engine/plan/plan_parts.h"
#include "ops/family/infer.h"
#include "ops/family/loops.h"
#include "ops/family/qlinear_convolution.h"

#include <stdio.h>

enum { LEAST_CHANNELS = 16 }; /* of a pixel that is worth its own piece of a line */

/* An input of a step that joins. */
typedef struct join {
    nn_plan *plan;
    nn_step *step;
    int index;
    nn_plan_tensor *whole, *part; /* both own their memory */
    int64_t offset;               /* bytes */
    bool is_pitched;
    char reason[512]; /* why it has to be copied; "": it has not */
} join;

static bool refuse(join *self, const char *reason) {
    snprintf(self->reason, sizeof self->reason, "%s", reason);
    return false;
}

static bool refuse_kernel(join *self, const nn_step *step, const char *verb) {
    snprintf(self->reason, sizeof self->reason, "'%s' (%s) %s", step->view.name, step->kernel->name,
             verb);
    return false;
}

/* ---- may it be some of the channels? ---- */

/* What is added in registers lies as the result does. */
static bool adds_a_map(const nn_step *step) {
    return step->view.epilogue.has_residual ||
           (step->view.op == &nn_op_qconv && nn_qconv_has_sum(&step->view));
}

static bool writes_channels(const nn_step *step, const nn_plan_tensor *tensor) {
    return step->out[0] == tensor && step->kernel->pitched_output &&
           step->call.layout == NN_LAYOUT_CHANNELS_LAST && !adds_a_map(step);
}

static bool reads_channels(const nn_step *step, int index) {
    return nn_has_bit(step->kernel->pitched_inputs, index) &&
           step->call.layout == NN_LAYOUT_CHANNELS_LAST &&
           !nn_epilogue_adds(&step->view.epilogue, index);
}

static bool check_step(join *self, const nn_step *step) {
    const nn_plan_tensor *part = self->part;
    for (int k = 0; k < step->view.out_count; k++)
        if (step->out[k] == part && !writes_channels(step, part))
            return refuse_kernel(self, step, "writes whole pixels");
    for (int i = 0; i < step->view.in_count; i++) {
        const bool is_self = step == self->step && i == self->index;
        if (step->in[i] == part && !is_self && !reads_channels(step, i))
            return refuse_kernel(self, step, "reads whole pixels");
    }
    return true;
}

/* The steps that make and read it are asked. What is a part of it already knows a distance. */
static bool takes_pitch(join *self) {
    const nn_plan *plan = self->plan;
    const nn_tensor *tensor = &self->part->tensor;
    if (tensor->dims[tensor->rank - 1] < LEAST_CHANNELS) return refuse(self, "it has few channels");
    for (int64_t i = 0; i < plan->tensor_count; i++)
        if (plan->tensors[i]->owner == self->part && !plan->tensors[i]->is_pitched)
            return refuse(self, "it is read with other dims");
    for (int64_t i = 0; i < plan->graph->output_count; i++)
        if (plan->outputs[i] == self->part) return refuse(self, "it is an output of the model");
    for (int64_t s = 0; s < plan->step_count; s++)
        if (!check_step(self, &plan->steps[s])) return false;
    return true;
}

/* ---- one input ---- */

/* Where the part lies in the whole. */
static bool find_place(join *self, const nn_joined_part *part) {
    const nn_tensor *whole = &self->whole->tensor;
    const nn_layout layout = self->step->call.layout;
    const int axis = nn_physical_axis(layout, whole->rank, part->axis);
    const int64_t inner = nn_dims_product(whole->dims, axis + 1, whole->rank);
    const int64_t bytes = nn_type_bits(whole->type) / 8;
    self->offset = part->begin * inner * bytes;
    self->is_pitched = nn_dims_product(whole->dims, 0, axis) > 1;
    return !self->is_pitched || (layout == NN_LAYOUT_CHANNELS_LAST && axis == whole->rank - 1);
}

static bool may_lie_inside(join *self) {
    const nn_step *step = self->step;
    nn_plan_tensor *in = step->in[self->index];
    nn_joined_part part;
    if (!step->kernel->part(&step->view, self->index, &part)) return true; /* nothing to place */
    if (in == NULL) return true;
    nn_plan_tensor *owner = nn_plan_tensor_owner(in);
    if (part.is_changed) return refuse(self, "its scale or zero point changes");
    if (owner->place == NN_PLACE_CONSTANT) return refuse(self, "it is a constant");
    if (owner->place == NN_PLACE_INPUT) return refuse(self, "it is an input of the model");
    if (in->memory != NN_MEMORY_HOST || in->tensor.type != self->whole->tensor.type ||
        nn_type_bits(in->tensor.type) % 8 != 0)
        return refuse(self, "it lies elsewhere");
    if (!find_place(self, &part)) return refuse(self, "its pieces alternate with those of others");
    /* A view of the whole of something is as good as that. */
    for (const nn_plan_tensor *view = in; view->owner != NULL; view = view->owner) {
        if (view->is_part) return refuse(self, "it is a part of something already");
        if (self->is_pitched) return refuse(self, "it has other dims where it is made");
    }
    self->part = owner;
    return !self->is_pitched || takes_pitch(self);
}

/* ---- steps ---- */

static nn_status set_reason(nn_plan *plan, nn_step *step, const join *self) {
    char text[1024];
    const char *kernel =
        step->reason != NULL ? step->reason : nn_choice_estimate_reason(&step->view, &plan->target);
    snprintf(text, sizeof text, "%s; copies input %d: %s", kernel, self->index, self->reason);
    step->reason = nn_arena_strdup(&plan->arena, text);
    return step->reason != NULL ? NN_OK : nn_fail_memory(sizeof text);
}

/* Places what it can of the step's inputs; *is_done: there is nothing left to copy. */
static nn_status join_step(nn_plan *plan, nn_step *step, bool *is_done) {
    *is_done = step->kernel->part != NULL && step->out[0] != NULL;
    if (!*is_done) return NN_OK;
    for (int i = 0; i < step->view.in_count; i++) {
        join self = {.plan = plan, .step = step, .index = i, .whole = step->out[0]};
        if (!may_lie_inside(&self)) {
            if (*is_done) NN_TRY(set_reason(plan, step, &self));
            *is_done = false;
        } else if (self.part != NULL) {
            self.part->owner = self.whole;
            self.part->offset = self.offset;
            self.part->is_part = true;
            self.part->is_pitched = self.is_pitched;
        }
    }
    return NN_OK;
}

int64_t nn_plan_tensor_pitch(const nn_plan_tensor *tensor) {
    int64_t pitch = 0;
    for (; tensor != NULL && tensor->owner != NULL; tensor = tensor->owner) {
        const nn_tensor *whole = &tensor->owner->tensor;
        if (tensor->is_pitched) pitch = whole->dims[whole->rank - 1];
    }
    return pitch;
}

static nn_status set_pitches(nn_plan *plan, nn_step *step) {
    const int in_count = step->view.in_count, count = in_count + step->view.out_count;
    int64_t *pitches = NULL;
    for (int i = 0; i < count; i++) {
        const int64_t pitch =
            nn_plan_tensor_pitch(i < in_count ? step->in[i] : step->out[i - in_count]);
        if (pitch == 0) continue;
        if (pitches == NULL)
            pitches = nn_arena_alloc(&plan->arena, (size_t)count * sizeof *pitches);
        if (pitches == NULL) return nn_fail_memory((size_t)count * sizeof *pitches);
        pitches[i] = pitch;
    }
    step->view.pitches = pitches;
    return NN_OK;
}

nn_status nn_plan_join(nn_plan *plan, const nn_plan_request *request) {
    if (request->no_fusion || request->reference_only || plan->target.device != NULL) return NN_OK;
    const size_t size = ((size_t)plan->step_count + 1) * sizeof *plan->joined;
    plan->joined = nn_arena_alloc(&plan->arena, size);
    if (plan->joined == NULL) return nn_fail_memory(size);
    for (int64_t s = 0; s < plan->step_count;) {
        nn_step *step = &plan->steps[s];
        bool is_done;
        NN_TRY(join_step(plan, step, &is_done));
        if (!is_done) {
            s++;
            continue;
        }
        plan->joined[plan->joined_count++] = step->node;
        plan->step_count--;
        memmove(step, step + 1, (size_t)(plan->step_count - s) * sizeof *step);
    }
    for (int64_t s = 0; s < plan->step_count; s++) {
        plan->steps[s].call.node = &plan->steps[s].view; /* which has moved */
        NN_TRY(set_pitches(plan, &plan->steps[s]));
    }
    return NN_OK;
}
