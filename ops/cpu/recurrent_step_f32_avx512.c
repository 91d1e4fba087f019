#define STEP_ROWS 6
#include "ops/cpu/recurrent_step_f32.inc.h"

STEPS(avx512)
