#define LOOPS     nn_int8_loops_avx2
#define LOOPS_ISA NN_ISA_AVX2
#include "ops/cpu/int8/int8_loops.inc.h"
