#define STEP_ROWS 2
#include "ops/cpu/recurrent_step_f32.inc.h"

STEPS(portable)
