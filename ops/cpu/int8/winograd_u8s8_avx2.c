#include "ops/cpu/int8/winograd_u8s8.h"

#include "ops/cpu/float32/winograd/winograd_points.h"
#include "ops/cpu/int8/int8_bytes_avx2.h"

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

/* What becomes of sums of eight channels. */
typedef struct byte_finish {
    __m256i start;
    __m256 multiplier;
    nn_byte_rule rule;
} byte_finish;

NN_INLINE byte_finish byte_finish_of(const nn_winograd_bytes *bytes, int64_t c) {
    return (byte_finish){
        .start = _mm256_loadu_si256((const __m256i *)(bytes->start + c)),
        .multiplier = _mm256_loadu_ps(bytes->multiplier + c),
        .rule = nn_byte_rule_make(bytes->zero, bytes->low, bytes->high),
    };
}

NN_INLINE __m256i byte_round(const byte_finish *finish, vf sum) {
    return nn_round_sums(_mm256_add_epi32(_mm256_cvtps_epi32(sum), finish->start),
                         finish->multiplier);
}

/* Of four pixels, two by two: eight bytes of the first, then of the second. */
NN_INLINE void bytes_of_four(const byte_finish *finish, const vf sums[4], __m128i pairs[2]) {
    __m256i rounded[4];
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) rounded[i] = byte_round(finish, sums[i]);
    nn_join_lanes(nn_bytes_of_four(&finish->rule, rounded[0], rounded[1], rounded[2], rounded[3]),
                  pairs);
}

NN_INLINE void store_bytes(uint8_t *y, __m128i pair, const int second, const int channels) {
    nn_store_bytes(y, second ? _mm_unpackhi_epi64(pair, pair) : pair, channels, VF_LANES);
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
