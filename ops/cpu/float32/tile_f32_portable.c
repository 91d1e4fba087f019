/* Tiles in plain C for 16 registers of four floats: 4x8. */
#include "ops/cpu/float32/vector.h"

#include "ops/cpu/float32/tile_f32.h"

#include <stdbool.h>

#define TILE_ROWS       4
#define TILE_VECTORS    1
#define TILE_NAME(stem) stem##_4x4
#include "ops/cpu/float32/tile_f32.inc.h"

#define TILE_ROWS       4
#define TILE_VECTORS    2
#define TILE_NAME(stem) stem##_4x8
#include "ops/cpu/float32/tile_f32.inc.h"

const nn_tiles_f32 nn_tiles_f32_portable = {
    VF_LANES, 2,    {&shape_4x4, &shape_4x8}, nn_epilogue_f32_portable, NULL,
    NULL,     NULL, &nn_rows_f32_portable,
};
