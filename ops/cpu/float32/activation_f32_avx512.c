#define ACTIVATE nn_activate_f32_avx512
#define EPILOGUE nn_epilogue_f32_avx512
#include "ops/cpu/float32/activation_f32.inc.h"
