#include "ops/cpu/pooling.inc.h"

const nn_pooling nn_pooling_avx2 = POOLING(&nn_rows_f32_avx2, NULL);
