#include "ops/cpu/float32/grid_sample_f32.inc.h"

GRID_SAMPLE(portable)
