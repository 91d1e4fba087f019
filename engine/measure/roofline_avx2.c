/* The ceilings of AVX2 and FMA. */
#define FLOATS      __m256
#define INTS        __m256i
#define OP(name)    _mm256_##name
#define LOW_INTS(v) _mm256_castsi256_si128(v)
#define PROBE       nn_roofline_probe_avx2
#include "engine/measure/roofline_vectors.inc.h"
