#include "ops/cpu/float32/rows_f32.inc.h"

const nn_rows_f32 nn_rows_f32_avx512 = ROWS_F32;
