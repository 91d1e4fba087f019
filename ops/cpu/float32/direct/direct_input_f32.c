#include "ops/cpu/float32/direct/direct_input_f32.h"

#include "base/integers.h"

enum { SHORT_ROW = 128 }; /* floats of a band */

static nn_direct_input whole_input(const nn_direct_job *job, const nn_direct_unit *unit) {
    const nn_direct_problem *p = &job->plan->problem;
    int64_t row = p->axes[NN_WIDTH].in * p->in_pitch, plane = p->axes[NN_HEIGHT].in * row;
    const nn_window_axis *width = &p->axes[NN_WIDTH];
    return (nn_direct_input){
        .base = job->x + unit->image * p->axes[NN_DEPTH].in * plane + unit->group * p->k,
        .plane = plane,
        .row = row,
        .pitch = p->in_pitch,
        .column_step = width->stride * p->in_pitch,
        .column_offset = -width->pad_begin * p->in_pitch,
    };
}

/* Copies every `step`-th pixel of a row of `in` pixels from `left` on, `count` of them; those
 * outside are zero, as they are already where `is_clear`. */
typedef struct row_copy {
    int64_t in, left, step, count;
    int64_t channels, from_pitch, to_pitch;
    bool is_clear;
} row_copy;

static void copy_row(const row_copy *copy, const float *from, float *to) {
    const size_t bytes = (size_t)copy->channels * sizeof *to;
    const size_t pixel = (size_t)copy->to_pitch * sizeof *to;
    int64_t i = 0;
    while (i < copy->count && copy->left + i * copy->step < 0) i++;
    if (i > 0 && !copy->is_clear) memset(to, 0, (size_t)i * pixel);
    const int64_t left = copy->left + i * copy->step, there = copy->in - left;
    int64_t inside = 0;
    if (there > 0) /* A division would take as long as some pixels. */
        inside = nn_min(copy->step == 1 ? there : nn_divide_up(there, copy->step), copy->count - i);
    if (copy->step == 1 && copy->from_pitch == copy->channels && copy->to_pitch == copy->channels) {
        memcpy(to + i * copy->to_pitch, from + left * copy->from_pitch, bytes * (size_t)inside);
        i += inside;
    } else {
        for (int64_t end = i + inside; i < end; i++)
            memcpy(to + i * copy->to_pitch, from + (copy->left + i * copy->step) * copy->from_pitch,
                   bytes);
    }
    if (i < copy->count && !copy->is_clear)
        memset(to + i * copy->to_pitch, 0, (size_t)(copy->count - i) * pixel);
}

/* Copies the rows that the unit reads into `band`, with zeros for the padding left and right. Rows
 * above and below the input are not there: their taps are left out. */
static nn_direct_input copy_band(const nn_direct_job *job, const nn_direct_unit *unit,
                                 nn_channel_range channels, float *band) {
    const nn_direct_plan *plan = job->plan;
    const nn_direct_problem *p = &plan->problem;
    const nn_window_axis *depth = &p->axes[NN_DEPTH], *height = &p->axes[NN_HEIGHT];
    const nn_window_axis *width = &p->axes[NN_WIDTH];
    const nn_direct_input source = whole_input(job, unit);
    const int64_t pitch = plan->band_pitch;
    const int64_t depth_begin = nn_max(nn_first_input(depth, unit->depth), 0);
    const int64_t depth_end = nn_min(nn_end_input(depth, unit->depth), depth->in);
    const int64_t row_begin = nn_max(nn_first_input(height, unit->row_begin), 0);
    const int64_t row_end = nn_min(nn_end_input(height, unit->row_end - 1), height->in);
    row_copy copy = {
        .in = width->in,
        .left = nn_first_input(width, unit->column_begin),
        .step = 1,
        .channels = channels.count,
        .from_pitch = source.pitch,
        .to_pitch = pitch,
    };
    copy.count = nn_end_input(width, unit->column_end - 1) - copy.left;
    if (plan->band_is_compact) {
        copy.step = width->stride;
        copy.count = unit->column_end - unit->column_begin;
    }
    nn_direct_input view = {
        .base = band,
        .row = copy.count * pitch,
        .pitch = pitch,
        .column_step = plan->band_is_compact ? pitch : width->stride * pitch,
        .depth0 = depth_begin,
        .row0 = row_begin,
        .k_begin = channels.begin,
    };
    view.plane = nn_max(row_end - row_begin, 0) * view.row;
    view.column_offset = -unit->column_begin * view.column_step;
    /* Short rows are cleared all at once: two more calls for each would take as long as its copy.
     */
    copy.is_clear = view.row <= SHORT_ROW;
    if (copy.is_clear)
        memset(band, 0, (size_t)(nn_max(depth_end - depth_begin, 0) * view.plane) * sizeof *band);
    /* A kernel of one row passes over rows between strides. */
    const int64_t row_step = height->kernel == 1 ? height->stride : 1;
    for (int64_t d = depth_begin; d < depth_end; d++)
        for (int64_t h = row_begin; h < row_end; h++) {
            if ((h - nn_first_input(height, unit->row_begin)) % row_step != 0) continue;
            float *to = band + (d - depth_begin) * view.plane + (h - row_begin) * view.row;
            copy_row(&copy, source.base + d * source.plane + h * source.row + channels.begin, to);
        }
    return view;
}

static bool needs_band(const nn_direct_plan *plan, const nn_direct_unit *unit) {
    const nn_window_axis *width = &plan->problem.axes[NN_WIDTH];
    if (plan->band_use != NN_BAND_FOR_PADDING) return plan->band_use == NN_BAND_ALWAYS;
    return nn_first_input(width, unit->column_begin) < 0 ||
           nn_end_input(width, unit->column_end - 1) > width->in;
}

nn_direct_input nn_direct_input_of(const nn_direct_job *job, const nn_direct_unit *unit,
                                   nn_channel_range channels, float *band) {
    return needs_band(job->plan, unit) ? copy_band(job, unit, channels, band)
                                       : whole_input(job, unit);
}
