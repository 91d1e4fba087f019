#include "ops/cpu/pooling.inc.h"

const nn_pooling nn_pooling_avx512 = POOLING(&nn_rows_f32_avx512, &nn_pooling_avx2);
