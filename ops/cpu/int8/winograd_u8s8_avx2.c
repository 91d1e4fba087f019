#include "ops/cpu/int8/winograd_u8s8.h"

#include "ops/cpu/float32/winograd/winograd_points.h"

typedef uint8_t pixel;
typedef struct pixel_rule {
    __m128i flip;
    __m256i zero;
} pixel_rule;

NN_INLINE pixel_rule pixel_rule_of(uint8_t flip, int32_t zero) {
    return (pixel_rule){_mm_set1_epi8((char)flip), _mm256_set1_epi32(zero)};
}
NN_INLINE vf pixel_load(const pixel *from, pixel_rule rule) {
    const __m128i bytes = _mm_xor_si128(_mm_loadl_epi64((const __m128i *)from), rule.flip);
    return _mm256_cvtepi32_ps(_mm256_sub_epi32(_mm256_cvtepu8_epi32(bytes), rule.zero));
}
NN_INLINE vf pixel_load_first(const pixel *from, int count, pixel_rule rule) {
    pixel all[VF_LANES] = {0};
    memcpy(all, from, (size_t)count);
    return pixel_load(all, rule);
}

/* Sums of eight channels of four pixels to bytes, and those to memory. vpackssdw saturates to
 * int16, so that adding the zero point with saturation and clamping is exact. */
typedef struct byte_finish {
    __m256i start, zero, low, high;
    __m256 multiplier;
} byte_finish;

NN_INLINE byte_finish byte_finish_of(const nn_winograd_bytes *bytes, int64_t c) {
    return (byte_finish){
        .start = _mm256_loadu_si256((const __m256i *)(bytes->start + c)),
        .zero = _mm256_set1_epi16(bytes->zero),
        .low = _mm256_set1_epi16(bytes->low),
        .high = _mm256_set1_epi16(bytes->high),
        .multiplier = _mm256_loadu_ps(bytes->multiplier + c),
    };
}

NN_INLINE __m256i byte_round(const byte_finish *finish, vf sum) {
    const __m256i exact = _mm256_add_epi32(_mm256_cvtps_epi32(sum), finish->start);
    return _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_cvtepi32_ps(exact), finish->multiplier));
}

/* Pixels two by two: eight bytes of the first, then of the second. */
NN_INLINE void bytes_of_four(const byte_finish *finish, const vf sums[4], __m128i pairs[2]) {
    __m256i values[2];
#pragma GCC unroll 2
    for (int i = 0; i < 2; i++) {
        values[i] = _mm256_packs_epi32(byte_round(finish, sums[2 * i]),
                                       byte_round(finish, sums[2 * i + 1]));
        values[i] = _mm256_adds_epi16(values[i], finish->zero);
        values[i] = _mm256_min_epi16(_mm256_max_epi16(values[i], finish->low), finish->high);
        values[i] = _mm256_and_si256(values[i], _mm256_set1_epi16(0xff));
    }
    const __m256i bytes = _mm256_packus_epi16(values[0], values[1]);
    const __m128i low = _mm256_castsi256_si128(bytes), high = _mm256_extracti128_si256(bytes, 1);
    pairs[0] = _mm_unpacklo_epi32(low, high);
    pairs[1] = _mm_unpackhi_epi32(low, high);
}

NN_INLINE void store_bytes(uint8_t *y, __m128i pair, const int second, const int channels) {
    const __m128i bytes = second ? _mm_unpackhi_epi64(pair, pair) : pair;
    if (channels == VF_LANES) {
        _mm_storel_epi64((__m128i *)y, bytes);
    } else {
        uint8_t all[VF_LANES];
        _mm_storel_epi64((__m128i *)all, bytes);
        memcpy(y, all, (size_t)channels);
    }
}

#define OUTPUTS    2
#define POINTS     4
#define NAME(stem) stem##_2
#include "ops/cpu/float32/winograd/winograd_transforms.inc.h"

#include "ops/cpu/int8/winograd_u8s8.inc.h"

#define OUTPUTS    4
#define POINTS     6
#define NAME(stem) stem##_4
#include "ops/cpu/float32/winograd/winograd_transforms.inc.h"

#include "ops/cpu/int8/winograd_u8s8.inc.h"

#include "ops/cpu/float32/winograd/winograd_line_input.inc.h"

/* Channels from c on of the outputs of a tile that exist. */
NN_INLINE void line_store(const nn_line_byte_output *out, const vf y[NN_LINE_OUTPUTS], int64_t c,
                          const int channels) {
    const byte_finish finish = byte_finish_of(&out->bytes, c);
    __m128i pairs[2];
    bytes_of_four(&finish, y, pairs);
#pragma GCC unroll 4
    for (int i = 0; i < NN_LINE_OUTPUTS; i++)
        if (i < out->count)
            store_bytes(out->y + i * out->y_step + c, pairs[i / 2], i % 2, channels);
}

static void line_output(const nn_line_byte_output *out) {
    for (int64_t c = 0; c < out->channels; c += VF_LANES) {
        const int64_t left = out->channels - c;
        vf m[NN_LINE_POINTS], y[NN_LINE_OUTPUTS];
#pragma GCC unroll 6
        for (int i = 0; i < NN_LINE_POINTS; i++) m[i] = vf_load(out->m + i * out->m_step + c);
        output_line_4(m, y);
        if (left >= VF_LANES)
            line_store(out, y, c, VF_LANES);
        else
            line_store(out, y, c, (int)left);
    }
}

const nn_winograd_byte_forms nn_winograd_u8s8_avx2 = {
    .floats = &nn_winograd_f32_avx2,
    .two = {input_2, output_2},
    .four = {input_4, output_4},
    .line_floats = &nn_winograd_line_f32_avx2,
    .line_input = line_input,
    .line_output = line_output,
};
