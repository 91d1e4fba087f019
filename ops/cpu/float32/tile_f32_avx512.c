/* AVX-512 tiles: 32 registers. 14x32 reads the fewest weights for its FMAs (28 to 16 loads), 6x64
 * the fewest pixels (24 to 10); 9x48 suits widths that are odd multiples of 48, 14x16 narrow ones,
 * 14x24 (tile_f32_24_avx512.c) those where half a vector takes half the time. */
#include "ops/cpu/float32/vector.h"

#include "ops/cpu/float32/shared/shared_f32.h"
#include "ops/cpu/float32/tile_f32.h"

#include <math.h>
#include <stdbool.h>

#define TILE_PLAIN 1

#define TILE_ROWS       14
#define TILE_VECTORS    1
#define TILE_NAME(stem) stem##_14x16
#include "ops/cpu/float32/tile_f32.inc.h"

#define TILE_ROWS       14
#define TILE_VECTORS    2
#define TILE_NAME(stem) stem##_14x32
#include "ops/cpu/float32/tile_f32.inc.h"

#define TILE_ROWS       9
#define TILE_VECTORS    3
#define TILE_NAME(stem) stem##_9x48
#include "ops/cpu/float32/tile_f32.inc.h"

#define TILE_ROWS       6
#define TILE_VECTORS    4
#define TILE_NAME(stem) stem##_6x64
#include "ops/cpu/float32/tile_f32.inc.h"

const nn_tiles_f32 nn_tiles_f32_avx512 = {
    VF_LANES,
    4,
    {&shape_14x16, &shape_14x32, &shape_9x48, &shape_6x64},
    nn_epilogue_f32_avx512,
    &nn_tiles_f32_avx2,
    &nn_tile_f32_14x24_avx512,
    &nn_shared_f32_avx512,
    &nn_rows_f32_avx512,
};
