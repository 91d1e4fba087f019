#include "ops/cpu/pooling.inc.h"

const nn_pooling nn_pooling_portable = POOLING(&nn_rows_f32_portable, NULL);
