#define LOOPS     nn_int8_loops_portable
#define LOOPS_ISA NN_ISA_PORTABLE
#include "ops/cpu/int8/int8_loops.inc.h"
