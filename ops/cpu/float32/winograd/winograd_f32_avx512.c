#include "ops/cpu/float32/winograd/winograd_lines.inc.h"

#define SHARED_INPUT(stem, points)                                                                 \
    static void shared_##stem(const nn_winograd_input *in) {                                       \
        const pixel_rule rule = {0};                                                               \
        const int64_t channels = in->channels;                                                     \
        int64_t c = 0;                                                                             \
        for (; c + VF_LANES <= channels; c += VF_LANES)                                            \
            input_vector_##points(*in, c, true, true, VF_LANES, rule);                             \
        if (c < channels) input_vector_##points(*in, c, false, true, (int)(channels - c), rule);   \
        nn_winograd_shared_f32_avx512.own(in->v, in->v_step, stem##_POINTS, channels, in->own);    \
    }

enum { input_2_POINTS = 16, input_4_POINTS = 36 };
SHARED_INPUT(input_2, 2)
SHARED_INPUT(input_4, 4)

const nn_winograd_forms nn_winograd_f32_avx512 = {
    .two = {2, 4, &nn_tiles_f32_avx512, input_2, output_2, &nn_winograd_f32_avx2.two,
            &nn_winograd_shared_f32_avx512, shared_input_2},
    .four = {4, 6, &nn_tiles_f32_avx512, input_4, output_4, &nn_winograd_f32_avx2.four,
             &nn_winograd_shared_f32_avx512, shared_input_4},
    .two_of_five = {2, 6, &nn_tiles_f32_avx512, input_4, output_5,
                    &nn_winograd_f32_avx2.two_of_five, &nn_winograd_shared_f32_avx512,
                    shared_input_4},
};

const nn_winograd_line_form nn_winograd_line_f32_avx512 = {&nn_tiles_f32_avx512, line_input,
                                                           line_output};
