#include "ops/cpu/float32/strassen/strassen_f32.inc.h"

const nn_strassen_form nn_strassen_f32_avx512 = {&nn_tiles_f32_avx512, split, sum, make};
