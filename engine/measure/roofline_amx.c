/* The ceilings of AMX tiles: eight tile registers, four of them sums, as products use them. */
#include "engine/measure/roofline_probe.h"
#include "ops/cpu/amx_tiles.h"

#include <string.h>

/* Tiles full of zeros multiply a fifth faster than any data would. */
static void fill_operands(uint8_t bytes[NN_AMX_TILE_BYTES], bool is_bf16) {
    uint32_t random = 12345;
    for (int i = 0; i < NN_AMX_TILE_BYTES; i++) {
        random = random * 1664525 + 1013904223;
        bytes[i] = (uint8_t)(random >> 24);
    }
    /* halves of about one: the exponents would else overflow */
    for (int i = 1; is_bf16 && i < NN_AMX_TILE_BYTES; i += 2)
        bytes[i] = (uint8_t)(0x3f | (bytes[i] & 0x80));
}

static void begin(bool is_bf16) {
    nn_amx_config config = {.palette = 1};
    _Alignas(NN_AMX_ROW_BYTES) uint8_t operands[NN_AMX_TILE_BYTES];
    for (int i = 0; i < NN_AMX_TILES; i++) {
        config.row_bytes[i] = NN_AMX_ROW_BYTES;
        config.rows[i] = NN_AMX_ROWS;
    }
    fill_operands(operands, is_bf16);
    nn_amx_configure(&config);
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    _tile_loadd(4, operands, NN_AMX_ROW_BYTES);
    _tile_loadd(5, operands, NN_AMX_ROW_BYTES);
    _tile_loadd(6, operands, NN_AMX_ROW_BYTES);
    _tile_loadd(7, operands, NN_AMX_ROW_BYTES);
}

static void end(void) {
    int32_t sums[NN_AMX_TILE_BYTES / sizeof(int32_t)];
    _tile_stored(0, sums, NN_AMX_ROW_BYTES);
    nn_roofline_sink_int = sums[0];
    nn_amx_release();
}

/* Each product is 16 rows by 16 columns over 64 bytes. */
enum { PRODUCTS = 4, INT8_MACS = 16 * 16 * 64, BF16_MACS = 16 * 16 * 32 };

static double int8(int64_t rounds) {
    begin(false);
    for (int64_t r = 0; r < rounds; r++) {
        _tile_dpbusd(0, 4, 6);
        _tile_dpbusd(1, 4, 7);
        _tile_dpbusd(2, 5, 6);
        _tile_dpbusd(3, 5, 7);
    }
    end();
    return 2.0 * PRODUCTS * INT8_MACS * (double)rounds;
}

static double bf16(int64_t rounds) {
    begin(true);
    for (int64_t r = 0; r < rounds; r++) {
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
    }
    end();
    return 2.0 * PRODUCTS * BF16_MACS * (double)rounds;
}

const nn_roofline_probe nn_roofline_probe_amx = {.int8 = int8, .bf16 = bf16};
