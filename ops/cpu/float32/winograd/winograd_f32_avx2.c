#include "ops/cpu/float32/winograd/winograd_lines.inc.h"

const nn_winograd_forms nn_winograd_f32_avx2 = {
    .two = {2, 4, &nn_tiles_f32_avx2, input_2, output_2, NULL},
    .four = {4, 6, &nn_tiles_f32_avx2, input_4, output_4, NULL},
    .two_of_five = {2, 6, &nn_tiles_f32_avx2, input_4, output_5, NULL},
};

const nn_winograd_line_form nn_winograd_line_f32_avx2 = {&nn_tiles_f32_avx2, line_input,
                                                         line_output, NULL};
