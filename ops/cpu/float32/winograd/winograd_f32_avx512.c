#include "ops/cpu/float32/winograd/winograd_lines.inc.h"

/* With the own sums and squares of the tile, which is in L1 then. */
#define SHARED_INPUT(stem, form, points)                                                           \
    static void shared_##stem(const nn_winograd_input *in) {                                       \
        const pixel_rule rule = {0};                                                               \
        const int64_t channels = in->channels;                                                     \
        float *own = in->own;                                                                      \
        int64_t c = 0;                                                                             \
        for (; c + VF_LANES <= channels; c += VF_LANES)                                            \
            input_vector_##form(*in, c, true, true, VF_LANES, rule);                               \
        if (c < channels) input_vector_##form(*in, c, false, true, (int)(channels - c), rule);     \
        own[NN_WINOGRAD_SQUARES] =                                                                 \
            nn_winograd_shared_f32_avx512.own(in->v, in->v_step, points, channels, own);           \
    }

SHARED_INPUT(input_2, 2, 16)
SHARED_INPUT(input_4, 4, 36)

const nn_winograd_forms nn_winograd_f32_avx512 = {
    .two = {2, 4, &nn_tiles_f32_avx512, input_2, output_2, &nn_winograd_f32_avx2.two,
            &nn_winograd_shared_f32_avx512, shared_input_2},
    .four = {4, 6, &nn_tiles_f32_avx512, input_4, output_4, &nn_winograd_f32_avx2.four,
             &nn_winograd_shared_f32_avx512, shared_input_4},
    .two_of_five = {2, 6, &nn_tiles_f32_avx512, input_4, output_5,
                    &nn_winograd_f32_avx2.two_of_five, &nn_winograd_shared_f32_avx512,
                    shared_input_4},
};

const nn_winograd_line_form nn_winograd_line_f32_avx512 = {
    &nn_tiles_f32_avx512, line_input, line_output, &nn_winograd_shared_f32_avx512};
