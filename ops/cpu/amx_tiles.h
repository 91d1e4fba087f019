/* AMX: eight tile registers of up to 16 rows of 64 bytes, whose shapes are configured before use
 * (some 170 cycles: once for a piece of work, not for each tile). Only files *_amx.c include this.
 *
 * Source: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 1, chapter 18. */
#ifndef NN_AMX_TILES_H
#define NN_AMX_TILES_H

#include <immintrin.h>
#include <stdint.h>

enum { NN_AMX_TILES = 8, NN_AMX_ROWS = 16, NN_AMX_ROW_BYTES = 64, NN_AMX_TILE_BYTES = 1024 };

/* What LDTILECFG reads. */
typedef struct nn_amx_config {
    uint8_t palette; /* 1 */
    uint8_t start_row;
    uint8_t reserved[14];
    uint16_t row_bytes[16]; /* of each tile */
    uint8_t rows[16];
} nn_amx_config;

_Static_assert(sizeof(nn_amx_config) == 64, "LDTILECFG reads 64 bytes");

/* gcc 12's _tile_loadconfig declares only 8 bytes of its operand, so that stores to the rest are
 * dropped. */
static inline void nn_amx_configure(const nn_amx_config *config) {
    __asm__ volatile("ldtilecfg %0" ::"m"(*(const char(*)[sizeof *config])config));
}

/* Tiles that are left in use make context switches slower. */
static inline void nn_amx_release(void) {
    _tile_release();
}

#endif
