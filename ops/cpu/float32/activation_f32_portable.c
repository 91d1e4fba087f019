#define ACTIVATE nn_activate_f32_portable
#define EPILOGUE nn_epilogue_f32_portable
#include "ops/cpu/float32/activation_f32.inc.h"
