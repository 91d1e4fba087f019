#define LOOPS     nn_int8_loops_avx512
#define LOOPS_ISA NN_ISA_AVX512
#include "ops/cpu/int8/int8_loops.inc.h"
