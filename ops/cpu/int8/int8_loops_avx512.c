#define LOOPS nn_int8_loops_avx512
#include "ops/cpu/int8/int8_loops.inc.h"
