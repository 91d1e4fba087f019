#define ACTIVATE nn_activate_f32_avx2
#define EPILOGUE nn_epilogue_f32_avx2
#include "ops/cpu/float32/activation_f32.inc.h"
