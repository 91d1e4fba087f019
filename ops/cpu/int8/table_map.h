/* y[i] = table[x[i]] for bytes and tables of 256. y may be x. */
#ifndef NN_TABLE_MAP_H
#define NN_TABLE_MAP_H

#include "base/cpu.h"

typedef void (*nn_table_map)(const uint8_t *table, const uint8_t *x, uint8_t *y, int64_t count);

void nn_table_map_portable(const uint8_t *table, const uint8_t *x, uint8_t *y, int64_t count);
void nn_table_map_avx2(const uint8_t *table, const uint8_t *x, uint8_t *y, int64_t count);
void nn_table_map_avx512(const uint8_t *table, const uint8_t *x, uint8_t *y, int64_t count);
void nn_table_map_vbmi(const uint8_t *table, const uint8_t *x, uint8_t *y, int64_t count);

/* The fastest of them for this CPU that uses no more than `isa`. */
nn_table_map nn_table_map_for(nn_isa isa);

#endif
