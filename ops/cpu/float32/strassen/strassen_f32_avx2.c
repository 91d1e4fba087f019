#include "ops/cpu/float32/strassen/strassen_f32.inc.h"

const nn_strassen_form nn_strassen_f32_avx2 = {&nn_tiles_f32_avx2, split, sum, make};
