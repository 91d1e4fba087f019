/* The ceilings of AVX-512 without VNNI. */
#define FLOATS      __m512
#define INTS        __m512i
#define OP(name)    _mm512_##name
#define LOW_INTS(v) _mm512_castsi512_si128(v)
#define PROBE       nn_roofline_probe_avx512
#include "engine/measure/roofline_vectors.inc.h"
