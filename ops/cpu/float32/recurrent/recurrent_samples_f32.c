#include "ops/cpu/float32/recurrent/recurrent_samples_f32.h"

#include <math.h>

nn_recurrent_cell nn_recurrent_cell_of(const nn_recurrent_samples *samples) {
    const nn_recurrent_attrs *attrs = samples->shape->attrs;
    const nn_tensor *peepholes = nn_call_in(samples->call, NN_RNN_P);
    const int64_t hidden = samples->shape->hidden;
    return (nn_recurrent_cell){.functions = attrs->functions[samples->direction],
                               .peepholes = peepholes != NULL ? (const float *)peepholes->data +
                                                                    3 * hidden * samples->direction
                                                              : NULL,
                               .clip = attrs->clip > 0 ? attrs->clip : INFINITY,
                               .coupled = attrs->input_forget,
                               .hidden = hidden};
}

/* Element of a tensor of states where sample `sample` of the piece starts. */
static int64_t state_place(const nn_recurrent_samples *s, int64_t sample) {
    return s->direction * s->shape->state_direction + (s->first + sample) * s->shape->state_sample;
}

void nn_recurrent_load_states(const nn_recurrent_samples *s, int input, float *states) {
    const nn_tensor *in = nn_call_in(s->call, input);
    memset(states, 0, (size_t)(s->count * s->pitch) * sizeof *states);
    for (int64_t b = 0; in != NULL && b < s->count; b++)
        memcpy(states + b * s->pitch, (const float *)in->data + state_place(s, b),
               (size_t)s->shape->hidden * sizeof *states);
}

void nn_recurrent_store_states(const nn_recurrent_samples *s, int output, const float *states) {
    nn_tensor *out = nn_call_out(s->call, output);
    for (int64_t b = 0; out != NULL && b < s->count; b++)
        memcpy((float *)out->data + state_place(s, b), states + b * s->pitch,
               (size_t)s->shape->hidden * sizeof *states);
}

/* Element of Y where the state of a sample after step t starts. */
static int64_t y_place(const nn_recurrent_samples *s, int64_t t, int64_t sample) {
    const nn_recurrent *shape = s->shape;
    return t * shape->y_step + s->direction * shape->y_direction + sample * shape->y_sample;
}

void nn_recurrent_find_places(const nn_recurrent_samples *s, int64_t i, const float *products,
                              int64_t row_step, const float **inputs, float **y) {
    const nn_recurrent *shape = s->shape;
    const nn_tensor *out = nn_call_out(s->call, NN_RNN_Y);
    for (int64_t sample = 0; sample < s->count; sample++) {
        const int64_t b = s->first + sample, length = nn_recurrent_length(s->call, shape, b);
        inputs[sample] = NULL;
        y[sample] = NULL;
        if (i >= length) continue;
        const int64_t t = nn_recurrent_is_reverse(shape, s->direction) ? length - 1 - i : i;
        const int64_t row = shape->attrs->batch_first ? b * shape->steps + t : t * shape->batch + b;
        inputs[sample] = products + row * row_step;
        if (out != NULL) y[sample] = (float *)out->data + y_place(s, t, b);
    }
}

void nn_recurrent_clear_rest(const nn_recurrent_samples *s) {
    const nn_tensor *out = nn_call_out(s->call, NN_RNN_Y);
    for (int64_t b = s->first; out != NULL && b < s->first + s->count; b++)
        for (int64_t t = nn_recurrent_length(s->call, s->shape, b); t < s->shape->steps; t++)
            memset((float *)out->data + y_place(s, t, b), 0,
                   (size_t)s->shape->hidden * sizeof(float));
}
