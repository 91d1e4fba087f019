#define STEP_ROWS 2
#include "ops/cpu/float32/recurrent/recurrent_step_f32.inc.h"

STEPS(avx2)
