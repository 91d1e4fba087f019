#include "ops/cpu/int8/table_map.h"

void nn_table_map_portable(const uint8_t *table, const uint8_t *x, uint8_t *y, int64_t count) {
    for (int64_t i = 0; i < count; i++) y[i] = table[x[i]];
}

nn_table_map nn_table_map_for(nn_isa isa) {
#if defined(__x86_64__)
    if (isa >= NN_ISA_AVX512)
        return nn_cpu_get()->has_vbmi ? nn_table_map_vbmi : nn_table_map_avx512;
    if (isa >= NN_ISA_AVX2) return nn_table_map_avx2;
#endif
    (void)isa;
    return nn_table_map_portable;
}
