#include "ops/cpu/int8/strassen_u8s8.h"

#include "ops/cpu/int8/int8_bytes_avx2.h"

static inline __m256i load(const void *from) {
    return _mm256_loadu_si256(from);
}
static inline void store(void *to, __m256i x) {
    _mm256_storeu_si256(to, x);
}

void nn_strassen_split_avx2(const int16_t *top, const int16_t *bottom, int64_t half, int16_t *forms,
                            int64_t step) {
    enum { LANES = 16 };
    const int16_t *right = top + half, *bottom_right = bottom + half;
    int64_t i = 0;
    for (; i + LANES <= half; i += LANES, forms += LANES) {
        const __m256i a0 = load(top + i), a1 = load(right + i), a2 = load(bottom + i);
        const __m256i a3 = load(bottom_right + i), sum = _mm256_add_epi16(a2, a3);
        const __m256i rest = _mm256_sub_epi16(sum, a0);
        store(forms, a0);
        store(forms + step, a1);
        store(forms + 2 * step, _mm256_sub_epi16(a1, rest));
        store(forms + 3 * step, a3);
        store(forms + 4 * step, sum);
        store(forms + 5 * step, rest);
        store(forms + 6 * step, _mm256_sub_epi16(a0, a2));
    }
    for (; i < half; i++, forms++) {
        const int16_t sum = (int16_t)(bottom[i] + bottom_right[i]), rest = (int16_t)(sum - top[i]);
        forms[0] = top[i];
        forms[step] = right[i];
        forms[2 * step] = (int16_t)(right[i] - rest);
        forms[3 * step] = bottom_right[i];
        forms[4 * step] = sum;
        forms[5 * step] = rest;
        forms[6 * step] = (int16_t)(top[i] - bottom[i]);
    }
}

void nn_strassen_combine_avx2(uint32_t *p, int64_t step, int64_t count) {
    enum { LANES = 8 };
    for (int64_t i = 0; i < count; i += LANES, p += LANES) {
        const __m256i p0 = load(p), p4 = load(p + 4 * step);
        const __m256i sum = _mm256_add_epi32(p0, load(p + 5 * step));
        const __m256i low = _mm256_add_epi32(sum, load(p + 6 * step));
        const __m256i right = _mm256_add_epi32(sum, p4), p2 = load(p + 2 * step);
        store(p, _mm256_add_epi32(p0, load(p + step)));
        store(p + step, _mm256_add_epi32(right, p2));
        store(p + 2 * step, _mm256_sub_epi32(low, load(p + 3 * step)));
        store(p + 3 * step, _mm256_add_epi32(low, p4));
    }
}

/* A vector of a row's sums from their start. */
static inline __m256i started(const nn_int8_call *call, int64_t channel, const uint32_t *sums) {
    return _mm256_add_epi32(load(sums), load(call->parameters.start + channel));
}

void nn_strassen_floats_avx2(const nn_int8_call *call, int64_t channel, const uint32_t *sums,
                             int64_t rows, float *y, int64_t y_step) {
    const float *offset = call->parameters.offset;
    for (int64_t row = 0; row < rows; row++, sums += NN_STRASSEN_WIDTH, y += y_step)
        for (int i = 0; i < NN_STRASSEN_WIDTH; i += 8) {
            const __m256 sum = _mm256_cvtepi32_ps(started(call, channel + i, sums + i));
            __m256 value =
                _mm256_mul_ps(sum, _mm256_loadu_ps(call->parameters.multiplier + channel + i));
            if (offset != NULL) value = _mm256_add_ps(value, _mm256_loadu_ps(offset + channel + i));
            _mm256_storeu_ps(y + i, value);
        }
}

void nn_strassen_bytes_avx2(const nn_int8_call *call, int64_t channel, const uint32_t *sums,
                            int64_t rows, int columns, uint8_t *y, int64_t y_step) {
    enum { WIDTH = NN_STRASSEN_WIDTH };
    const nn_byte_rule rule = nn_byte_rule_make(call->zero, call->low, call->high);
    const float *multiplier = call->parameters.multiplier + channel;
    const __m256 scales[2] = {_mm256_loadu_ps(multiplier), _mm256_loadu_ps(multiplier + 8)};
    for (int64_t row = 0; row < rows; row += 2, sums += 2 * WIDTH, y += 2 * y_step) {
        const bool has_second = row + 1 < rows;
        __m256i rounded[2][2];
        for (int i = 0; i < 2; i++)
            for (int half = 0; half < 2; half++) {
                const uint32_t *from = sums + (has_second ? i * WIDTH : 0) + half * 8;
                rounded[i][half] =
                    nn_round_sums(started(call, channel + half * 8, from), scales[half]);
            }
        __m128i pairs[2];
        nn_join_lanes(
            nn_bytes_of_four(&rule, rounded[0][0], rounded[0][1], rounded[1][0], rounded[1][1]),
            pairs);
        nn_store_bytes(y, pairs[0], columns, WIDTH);
        if (has_second) nn_store_bytes(y + y_step, pairs[1], columns, WIDTH);
    }
}
