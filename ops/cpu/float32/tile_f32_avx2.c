/* AVX2 tiles: 16 registers. 6x16 does 12 FMAs for 8 loads with 15 registers in use, 4x24 as many
 * for 7 with all of them; 14x8 is for the last eight columns, of which fewer rows would wait for
 * each other. */
#include "ops/cpu/float32/vector.h"

#include "ops/cpu/float32/tile_f32.h"

#include <math.h>
#include <stdbool.h>

#define TILE_STREAMS 4
#define TILE_PLAIN   1

#define TILE_ROWS       14
#define TILE_VECTORS    1
#define TILE_NAME(stem) stem##_14x8
#include "ops/cpu/float32/tile_f32.inc.h"

#define TILE_ROWS       6
#define TILE_VECTORS    2
#define TILE_NAME(stem) stem##_6x16
#include "ops/cpu/float32/tile_f32.inc.h"

#define TILE_ROWS       4
#define TILE_VECTORS    3
#define TILE_NAME(stem) stem##_4x24
#include "ops/cpu/float32/tile_f32.inc.h"

const nn_tiles_f32 nn_tiles_f32_avx2 = {
    VF_LANES,
    3,
    {&shape_14x8, &shape_6x16, &shape_4x24},
    nn_epilogue_f32_avx2,
    NULL,
    NULL,
    NULL,
    &nn_rows_f32_avx2,
};
