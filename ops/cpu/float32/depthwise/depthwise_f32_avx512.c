#include "ops/cpu/float32/depthwise/depthwise_f32.inc.h"

const nn_depthwise_f32 nn_depthwise_f32_avx512 = {VF_LANES, true, run, nn_epilogue_f32_avx512};
