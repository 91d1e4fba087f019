#include "ops/cpu/float32/depthwise/depthwise_f32.inc.h"

const nn_depthwise_f32 nn_depthwise_f32_portable = {VF_LANES, false, run, nn_epilogue_f32_portable};
