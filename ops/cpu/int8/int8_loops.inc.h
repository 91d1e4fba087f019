/* The loops of int8_loops.h. Set before including: LOOPS, the name of the table, and LOOPS_ISA, the
 * instruction set. */
#include "base/integers.h"
#include "ops/cpu/float32/vector.h"
#include "ops/cpu/int8/int8_loops.h"
#include "ops/cpu/int8/table_map.h"

/* A value in units of the scale to a stored byte. NaN becomes the lowest value. */
static inline uint8_t to_byte(float scaled, nn_bytes_quant quant) {
    return (uint8_t)(nn_quant_round(scaled, quant.zero, 0, 255) ^ quant.flip);
}

#if defined(__AVX512F__)
#    include "ops/cpu/int8/int8_bytes_avx512.h"

/* A division takes as long as 16 products, so x is multiplied with 1 / scale. That product is off
 * by less than 2^-22 of itself, which shows in the result only where the value, at most 256 of
 * either sign here, lies that near to the middle of two integers: there one divides. */
typedef struct quantizer {
    __m512 factor, scale, low, high, middle;
    __m512i zero, flip;
} quantizer;

static inline quantizer quantizer_of(nn_bytes_quant quant) {
    return (quantizer){.factor = _mm512_set1_ps(1 / quant.scale),
                       .scale = _mm512_set1_ps(quant.scale),
                       .low = _mm512_set1_ps((float)-quant.zero),
                       .high = _mm512_set1_ps((float)(255 - quant.zero)),
                       .middle = _mm512_set1_ps(0.5f - 0x1p-13f),
                       .zero = _mm512_set1_epi16((int16_t)quant.zero),
                       .flip = _mm512_set1_epi8((char)quant.flip)};
}

/* 16 values in units of the scale, within the range of bytes; NaN becomes the lowest. */
static inline __m512 in_range(const quantizer *q, __m512 values) {
    return _mm512_min_ps(_mm512_max_ps(values, q->low), q->high);
}

/* 16 of them, and how far they are from what they are rounded to, or what `rest` holds. */
static inline __m512i whole_numbers(const quantizer *q, __m512 x, __m512 *rest) {
    const __m512 values = in_range(q, _mm512_mul_ps(x, q->factor));
    const __m512i whole = _mm512_cvtps_epi32(values);
    const __m512 distance = _mm512_abs_ps(_mm512_sub_ps(values, _mm512_cvtepi32_ps(whole)));
    *rest = _mm512_max_ps(*rest, distance);
    return whole;
}

/* The bytes of four vectors of whole numbers, which are in their range. */
static inline __m512i bytes_of_whole(const quantizer *q, const __m512i whole[4]) {
    const __m512i low = _mm512_add_epi16(_mm512_packs_epi32(whole[0], whole[1]), q->zero);
    const __m512i high = _mm512_add_epi16(_mm512_packs_epi32(whole[2], whole[3]), q->zero);
    const __m512i bytes = nn_exchange_dwords(_mm512_packus_epi16(low, high));
    return _mm512_xor_si512(bytes, q->flip);
}

static void quantize(const float *restrict x, uint8_t *restrict y, int64_t count,
                     nn_bytes_quant quant) {
    const quantizer q = quantizer_of(quant);
    const float inverse = 1 / quant.scale;
    const bool is_normal = inverse > 0x1p-100f && inverse < 0x1p100f;
    for (int64_t left = count; left > 0; left -= 64, x += 64, y += 64) {
        const __mmask64 mask = left < 64 ? UINT64_MAX >> (64 - left) : UINT64_MAX;
        __m512 rest = _mm512_setzero_ps(), values[4];
        __m512i whole[4];
        for (int i = 0; i < 4; i++) {
            values[i] = _mm512_maskz_loadu_ps((__mmask16)(mask >> 16 * i), x + 16 * i);
            whole[i] = whole_numbers(&q, values[i], &rest);
        }
        if (!is_normal || _mm512_cmp_ps_mask(rest, q.middle, _CMP_GE_OQ) != 0)
            for (int i = 0; i < 4; i++)
                whole[i] = _mm512_cvtps_epi32(in_range(&q, _mm512_div_ps(values[i], q.scale)));
        _mm512_mask_storeu_epi8(y, mask, bytes_of_whole(&q, whole));
    }
}
#else
static void quantize(const float *restrict x, uint8_t *restrict y, int64_t count,
                     nn_bytes_quant quant) {
    for (int64_t i = 0; i < count; i++) y[i] = to_byte(x[i] / quant.scale, quant);
}
#endif

static void dequantize(const uint8_t *restrict x, float *restrict y, int64_t count,
                       nn_bytes_quant quant) {
    for (int64_t i = 0; i < count; i++)
        y[i] = (float)((x[i] ^ quant.flip) - quant.zero) * quant.scale;
}

static void range(const float *x, int64_t count, float *low, float *high) {
    enum { CHAINS = 2 };
    vf lows[CHAINS] = {0}, highs[CHAINS] = {0};
    int64_t i = 0;
    for (; i + CHAINS * VF_LANES <= count; i += CHAINS * VF_LANES)
        for (int c = 0; c < CHAINS; c++) {
            const vf value = vf_load(x + i + c * VF_LANES);
            lows[c] = vf_min(value, lows[c]); /* the latter where the value is NaN */
            highs[c] = vf_max(value, highs[c]);
        }
    for (int left; i < count; i += left) {
        left = count - i < VF_LANES ? (int)(count - i) : VF_LANES;
        const vf value = vf_load_first(x + i, left);
        lows[0] = vf_min(value, lows[0]);
        highs[0] = vf_max(value, highs[0]);
    }
    vf least = vf_min(lows[0], lows[1]), most = vf_max(highs[0], highs[1]);
#pragma GCC unroll 4
    for (int distance = VF_LANES / 2; distance > 0; distance /= 2) {
        least = vf_min(least, vf_swap(least, distance));
        most = vf_max(most, vf_swap(most, distance));
    }
    *low = least[0];
    *high = most[0];
}

/* ---- tables --------------------------------------------------------------------------------- */

static void look_up(const uint8_t *table, const uint8_t *x, uint8_t *y, int64_t count) {
    nn_table_map_for(LOOPS_ISA)(table, x, y, count);
}

/* ---- layout --------------------------------------------------------------------------------- */

#if defined(__AVX2__)
#    include <immintrin.h>

/* 16 pixels a time: three vectors of results, to which every plane gives the bytes that vpshufb has
 * put in their places, with zeros between them. Returns how many pixels were done. */
static int64_t interleave_vectors(const uint8_t *planes, uint8_t *y, int64_t count) {
    uint8_t places[3][3][16]; /* [vector of results][plane]: the pixel of each byte, or a zero */
    for (int k = 0; k < 48; k++)
        for (int plane = 0; plane < 3; plane++)
            places[k / 16][plane][k % 16] = k % 3 == plane ? (uint8_t)(k / 3) : 0x80;
    int64_t i = 0;
    for (; i + 16 <= count; i += 16)
        for (int v = 0; v < 3; v++) {
            __m128i bytes = _mm_setzero_si128();
            for (int plane = 0; plane < 3; plane++) {
                __m128i from = _mm_loadu_si128((const __m128i *)(planes + plane * count + i));
                __m128i place = _mm_loadu_si128((const __m128i *)places[v][plane]);
                bytes = _mm_or_si128(bytes, _mm_shuffle_epi8(from, place));
            }
            _mm_storeu_si128((__m128i *)(y + 3 * i + 16 * v), bytes);
        }
    return i;
}
#else
static int64_t interleave_vectors(const uint8_t *planes, uint8_t *y, int64_t count) {
    (void)planes, (void)y, (void)count;
    return 0;
}
#endif

static void interleave_3(const uint8_t *planes, uint8_t *y, int64_t count) {
    for (int64_t i = interleave_vectors(planes, y, count); i < count; i++)
        for (int plane = 0; plane < 3; plane++) y[3 * i + plane] = planes[plane * count + i];
}

static void transpose_each(const uint8_t *x, int64_t x_step, uint8_t *y, int64_t y_step,
                           int64_t rows, int64_t columns) {
    for (int64_t c = 0; c < columns; c++)
        for (int64_t r = 0; r < rows; r++) y[c * y_step + r] = x[r * x_step + c];
}

#if defined(__AVX2__)
/* Interleaving rows i and i + 8 turns the index of row and column around by one bit: four times
 * makes columns of rows. */
static void transpose_16x16(const uint8_t *x, int64_t x_step, uint8_t *y, int64_t y_step) {
    __m128i rows[16], turned[16];
    for (int i = 0; i < 16; i++) rows[i] = _mm_loadu_si128((const __m128i *)(x + i * x_step));
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 8; i++) {
            turned[2 * i] = _mm_unpacklo_epi8(rows[i], rows[i + 8]);
            turned[2 * i + 1] = _mm_unpackhi_epi8(rows[i], rows[i + 8]);
        }
        for (int i = 0; i < 8; i++) {
            rows[2 * i] = _mm_unpacklo_epi8(turned[i], turned[i + 8]);
            rows[2 * i + 1] = _mm_unpackhi_epi8(turned[i], turned[i + 8]);
        }
    }
    for (int i = 0; i < 16; i++) _mm_storeu_si128((__m128i *)(y + i * y_step), rows[i]);
}

/* The last blocks lie across those before them. */
static void transpose(const uint8_t *x, int64_t x_step, uint8_t *y, int64_t y_step, int64_t rows,
                      int64_t columns) {
    if (rows < 16 || columns < 16) {
        transpose_each(x, x_step, y, y_step, rows, columns);
        return;
    }
    for (int64_t column = 0; column < columns; column += 16)
        for (int64_t row = 0; row < rows; row += 16) {
            int64_t r = nn_min(row, rows - 16), c = nn_min(column, columns - 16);
            transpose_16x16(x + r * x_step + c, x_step, y + c * y_step + r, y_step);
        }
}
#else
static void transpose(const uint8_t *x, int64_t x_step, uint8_t *y, int64_t y_step, int64_t rows,
                      int64_t columns) {
    transpose_each(x, x_step, y, y_step, rows, columns);
}
#endif

/* ---- two operands --------------------------------------------------------------------------- */

/* Steps and the kind are constant where this is inlined. y may be a or b. */
static inline __attribute__((always_inline)) void combine_each(const nn_qbinary *binary, bool adds,
                                                               const uint8_t *a, int64_t a_step,
                                                               const uint8_t *b, int64_t b_step,
                                                               uint8_t *y, int64_t count) {
    const nn_qbinary op = *binary;
    const int32_t flip = op.lowest < 0 ? 0x80 : 0;
#pragma GCC ivdep
    for (int64_t i = 0; i < count; i++) {
        int32_t left = (a[i * a_step] ^ flip) - flip, right = (b[i * b_step] ^ flip) - flip;
        float value =
            adds ? nn_fused((float)left, op.a_scale, nn_fused((float)right, op.b_scale, op.offset))
                 : (float)((left - op.a_zero) * (right - op.b_zero)) * op.a_scale + op.offset;
        y[i] = (uint8_t)nn_quant_round(value, 0, op.lowest, op.highest);
    }
}

#if defined(__AVX2__) && !defined(__AVX512F__)
/* The numbers of one row in all lanes; those of both kinds have the same place. */
typedef struct binary_lanes {
    __m256 a_scale, b_scale, offset, a_zero, b_zero, lowest, highest;
    bool adds, is_signed;
} binary_lanes;

static inline __attribute__((always_inline)) binary_lanes
binary_lanes_of(const nn_qbinary *op, bool adds, bool is_signed) {
    return (binary_lanes){.a_scale = _mm256_set1_ps(op->a_scale),
                          .b_scale = _mm256_set1_ps(op->b_scale),
                          .offset = _mm256_set1_ps(op->offset),
                          .a_zero = _mm256_set1_ps((float)op->a_zero),
                          .b_zero = _mm256_set1_ps((float)op->b_zero),
                          .lowest = _mm256_set1_ps((float)op->lowest),
                          .highest = _mm256_set1_ps((float)op->highest),
                          .adds = adds,
                          .is_signed = is_signed};
}

/* Eight of an operand, or one in all lanes. */
static inline __attribute__((always_inline)) __m256 load_operand(const uint8_t *from, int64_t step,
                                                                 bool is_signed) {
    if (step == 0) return _mm256_set1_ps(is_signed ? (float)(int8_t)*from : (float)*from);
    const __m128i bytes = _mm_loadl_epi64((const __m128i *)from);
    return _mm256_cvtepi32_ps(is_signed ? _mm256_cvtepi8_epi32(bytes)
                                        : _mm256_cvtepu8_epi32(bytes));
}

/* Products of differences of bytes are exact in float. */
static inline __attribute__((always_inline)) __m256i combine_eight(const binary_lanes *op,
                                                                   const uint8_t *a, int64_t a_step,
                                                                   const uint8_t *b,
                                                                   int64_t b_step) {
    const __m256 left = load_operand(a, a_step, op->is_signed);
    const __m256 right = load_operand(b, b_step, op->is_signed);
    __m256 value;
    if (op->adds) {
        value = _mm256_fmadd_ps(right, op->b_scale, op->offset);
        value = _mm256_fmadd_ps(left, op->a_scale, value);
    } else {
        value = _mm256_mul_ps(_mm256_sub_ps(left, op->a_zero), _mm256_sub_ps(right, op->b_zero));
        value = _mm256_add_ps(_mm256_mul_ps(value, op->a_scale), op->offset);
    }
    value = _mm256_min_ps(_mm256_max_ps(value, op->lowest), op->highest); /* NaN: the lowest */
    return _mm256_cvtps_epi32(value);
}

static inline __attribute__((always_inline)) void
combine_vectors(const nn_qbinary *binary, bool adds, bool is_signed, const uint8_t *a,
                int64_t a_step, const uint8_t *b, int64_t b_step, uint8_t *y, int64_t count) {
    const binary_lanes op = binary_lanes_of(binary, adds, is_signed);
    int64_t i = 0;
    for (; i + 16 <= count; i += 16) {
        const __m256i low = combine_eight(&op, a + i * a_step, a_step, b + i * b_step, b_step);
        const int64_t next = i + 8;
        const __m256i high =
            combine_eight(&op, a + next * a_step, a_step, b + next * b_step, b_step);
        const __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(low, high), 0xd8);
        const __m128i first = _mm256_castsi256_si128(words);
        const __m128i second = _mm256_extracti128_si256(words, 1);
        _mm_storeu_si128((__m128i *)(y + i), op.is_signed ? _mm_packs_epi16(first, second)
                                                          : _mm_packus_epi16(first, second));
    }
    combine_each(binary, adds, a + i * a_step, a_step, b + i * b_step, b_step, y + i, count - i);
}

static inline __attribute__((always_inline)) void combine_row(const nn_qbinary *binary, bool adds,
                                                              const uint8_t *a, int64_t a_step,
                                                              const uint8_t *b, int64_t b_step,
                                                              uint8_t *y, int64_t count) {
    if (a_step > 1 || b_step > 1)
        combine_each(binary, adds, a, a_step, b, b_step, y, count);
    else if (binary->lowest < 0)
        combine_vectors(binary, adds, true, a, a_step, b, b_step, y, count);
    else
        combine_vectors(binary, adds, false, a, a_step, b, b_step, y, count);
}
#else
static inline __attribute__((always_inline)) void combine_row(const nn_qbinary *binary, bool adds,
                                                              const uint8_t *a, int64_t a_step,
                                                              const uint8_t *b, int64_t b_step,
                                                              uint8_t *y, int64_t count) {
    combine_each(binary, adds, a, a_step, b, b_step, y, count);
}
#endif

static inline __attribute__((always_inline)) void binary_row(const nn_qbinary *binary, bool adds,
                                                             const uint8_t *a, int64_t a_step,
                                                             const uint8_t *b, int64_t b_step,
                                                             uint8_t *y, int64_t count) {
    if (a_step == 1 && b_step == 1)
        combine_row(binary, adds, a, 1, b, 1, y, count);
    else if (a_step == 1 && b_step == 0)
        combine_row(binary, adds, a, 1, b, 0, y, count);
    else if (a_step == 0 && b_step == 1)
        combine_row(binary, adds, a, 0, b, 1, y, count);
    else
        combine_row(binary, adds, a, a_step, b, b_step, y, count);
}

static void add(const nn_qbinary *binary, const void *a, int64_t a_step, const void *b,
                int64_t b_step, void *y, int64_t count) {
    binary_row(binary, true, a, a_step, b, b_step, y, count);
}

static void multiply(const nn_qbinary *binary, const void *a, int64_t a_step, const void *b,
                     int64_t b_step, void *y, int64_t count) {
    binary_row(binary, false, a, a_step, b, b_step, y, count);
}

/* ---- pools ---------------------------------------------------------------------------------- */

enum {
    SUM_CHANNELS = 64, /* whose sums stay in registers */
    SUM_PIXELS = 256   /* whose sum keeps to 16 bits */
};

static void sum_channels(int32_t *restrict sums, const uint8_t *restrict x, int64_t pixels,
                         int64_t step, uint8_t flip) {
    uint16_t own[SUM_CHANNELS] = {0};
    for (int64_t i = 0; i < pixels; i++)
        for (int c = 0; c < SUM_CHANNELS; c++)
            own[c] = (uint16_t)(own[c] + (x[i * step + c] ^ flip));
    for (int c = 0; c < SUM_CHANNELS; c++) sums[c] += own[c];
}

static void sum_pixels(int32_t *restrict sums, const uint8_t *restrict x, int64_t pixels,
                       int64_t step, int64_t count, uint8_t flip) {
    int64_t whole = count - count % SUM_CHANNELS;
    for (int64_t c = 0; c < whole; c += SUM_CHANNELS)
        for (int64_t i = 0; i < pixels; i += SUM_PIXELS)
            sum_channels(sums + c, x + i * step + c, nn_min(pixels - i, SUM_PIXELS), step, flip);
    for (int64_t i = 0; i < pixels; i++)
        for (int64_t c = whole; c < count; c++) sums[c] += x[i * step + c] ^ flip;
}

static void add_pixels(float *restrict sums, const uint8_t *restrict x, int64_t pixels,
                       int64_t step, int64_t count, nn_bytes_quant quant) {
    for (int64_t i = 0; i < pixels; i++)
        for (int64_t c = 0; c < count; c++)
            sums[c] += (float)((x[i * step + c] ^ quant.flip) - quant.zero) * quant.scale;
}

/* The zero point is added before rounding. */
static void quantize_means(const float *restrict sums, uint8_t *restrict y, int64_t count,
                           float divisor, nn_bytes_quant quant) {
    const int32_t flip = quant.flip, lowest = -flip, zero = quant.zero - flip;
    for (int64_t i = 0; i < count; i++)
        y[i] = (uint8_t)nn_quant_round(sums[i] / divisor / quant.scale + (float)zero, 0, lowest,
                                       lowest + 255);
}

static void requantize(const int32_t *restrict sums, uint8_t *restrict y, int64_t count,
                       float multiplier, nn_bytes_quant quant) {
    for (int64_t i = 0; i < count; i++) y[i] = to_byte((float)sums[i] * multiplier, quant);
}

const nn_int8_loops LOOPS = {.quantize = quantize,
                             .dequantize = dequantize,
                             .range = range,
                             .add = add,
                             .multiply = multiply,
                             .look_up = look_up,
                             .sum_pixels = sum_pixels,
                             .requantize = requantize,
                             .add_pixels = add_pixels,
                             .interleave_3 = interleave_3,
                             .transpose = transpose,
                             .quantize_means = quantize_means};
