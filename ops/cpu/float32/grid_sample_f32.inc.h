/* Body of grid_sample_f32_<isa>.c. The compiler vectorises what finds the places. */
#include "ops/cpu/float32/grid_sample_f32.h"
#include "ops/cpu/float32/vector.h"

/* The lower neighbour along an axis and the weight of the upper one. */
typedef struct axis_place {
    int32_t low;
    float weight;
} axis_place;

static inline axis_place place_of(const nn_sample_map *map, int32_t count, float x) {
    const float size = (float)count;
    const float low = map->align_corners ? 0 : -0.5f,
                high = map->align_corners ? size - 1 : size - 0.5f;
    float place = map->align_corners ? (x + 1) / 2 * (size - 1) : ((x + 1) * size - 1) / 2;
    if (map->to_border) {
        const float at_low = place < low ? 0 : place;
        place = at_low > high ? size - 1 : at_low;
    }
    /* Two beyond the ends no neighbour is inside; NaN goes there, too. */
    place = place > -2 ? place : -2;
    place = place < size + 1 ? place : size + 1;
    int32_t whole = (int32_t)place;
    whole -= (float)whole > place;
    return (axis_place){whole, place - (float)whole};
}

/* Places that padding of zeros or the border moves. */
static inline int32_t index_of(const nn_sample_map *map, int32_t index, int32_t count) {
    const int32_t last = count - 1;
    const int32_t bounded = index < 0 ? 0 : index > last ? last : index;
    return map->to_border || bounded == index ? bounded : -1;
}

static inline __attribute__((always_inline)) void find_with(const nn_sample_map map,
                                                            const float *restrict grid,
                                                            int64_t count,
                                                            nn_sample_taps *restrict taps) {
    for (int64_t i = 0; i < count; i++) {
        const axis_place x = place_of(&map, map.width, grid[2 * i]);
        const axis_place y = place_of(&map, map.height, grid[2 * i + 1]);
        const int32_t columns[2] = {index_of(&map, x.low, map.width),
                                    index_of(&map, x.low + 1, map.width)};
        const int32_t rows[2] = {index_of(&map, y.low, map.height),
                                 index_of(&map, y.low + 1, map.height)};
        const float across[2] = {1 - x.weight, x.weight}, down[2] = {1 - y.weight, y.weight};
        for (int tap = 0; tap < NN_SAMPLE_TAPS; tap++) {
            const int32_t row = rows[tap / 2], column = columns[tap % 2];
            const int32_t offset = (row | column) < 0 ? -1 : row * map.width + column;
            taps->offset[tap][i] = offset;
            taps->weight[tap][i] = down[tap / 2] * across[tap % 2];
        }
    }
    for (int64_t i = count; i % VF_LANES != 0; i++)
        for (int tap = 0; tap < NN_SAMPLE_TAPS; tap++) {
            taps->offset[tap][i] = -1;
            taps->weight[tap][i] = 0;
        }
}

static void find(const nn_sample_map *map, const float *grid, int64_t count, nn_sample_taps *taps) {
    nn_sample_map known = *map;
    for (int kind = 0; kind < 4; kind++) { /* a copy of the loop for each */
        known.align_corners = kind & 1;
        known.to_border = kind & 2;
        if (known.align_corners == map->align_corners && known.to_border == map->to_border)
            find_with(known, grid, count, taps);
    }
}

/* The elements at offsets, zeros where they are negative. */
NN_INLINE vf gather(const float *plane, const int32_t *offsets) {
#if defined(__AVX512F__)
    const __m512i at = _mm512_loadu_si512(offsets);
    const __mmask16 inside = _mm512_cmpge_epi32_mask(at, _mm512_setzero_si512());
    return _mm512_mask_i32gather_ps(_mm512_setzero_ps(), inside, at, plane, sizeof(float));
#else /* AVX2's gather is no faster than this, and emulators get its mask wrong */
    float out[VF_LANES];
    for (int i = 0; i < VF_LANES; i++) out[i] = offsets[i] < 0 ? 0 : plane[offsets[i]];
    return vf_load(out);
#endif
}

static void sum(const nn_sample_taps *taps, const float *plane, int64_t count, float *y) {
    for (int64_t i = 0; i < count; i += VF_LANES) {
        vf total = vf_zero();
        for (int tap = 0; tap < NN_SAMPLE_TAPS; tap++)
            total =
                vf_fma(vf_load(taps->weight[tap] + i), gather(plane, taps->offset[tap] + i), total);
        if (count - i >= VF_LANES)
            vf_store(y + i, total);
        else
            vf_store_first(y + i, total, (int)(count - i));
    }
}

#define GRID_SAMPLE(isa) const nn_grid_sample_f32 nn_grid_sample_f32_##isa = {find, sum};
