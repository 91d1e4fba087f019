#define LOOPS nn_int8_loops_avx2
#include "ops/cpu/int8/int8_loops.inc.h"
