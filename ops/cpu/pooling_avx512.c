#include "ops/cpu/pooling.inc.h"

const nn_pooling nn_pooling_avx512 = {max_f32, max_u8, max_i8, average_f32};
