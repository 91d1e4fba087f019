/* What products of bf16 read (tile_bf16.h): copies of pixels, and weights that are computed; and
 * the activations of bf16.h. */
#include "ops/cpu/bf16/bf16.h"
#include "ops/cpu/bf16/tile_bf16.h"
#include "ops/cpu/float32/activation_vector.h"

enum { PANEL = NN_BF16_PANEL, LANES = 16 };

/* ---- activations ---- */

/* 1 / (1 + exp(-x)) to 2^-12 of its value: 2^r for |r| <= 1/2 by a cubic fitted to 1e-4, and an
 * approximate reciprocal. */
NN_INLINE vf rough_sigmoid(vf x) {
    const vf most = vf_set(126);
    vf t = vf_min(most, vf_max(-most, x * vf_set(-1.44269504f)));
    vf whole = vf_round(t), r = t - whole;
    vf power = vf_fma(r, vf_set(0.05517167f), vf_set(0.24261112f));
    power = vf_fma(power, r, vf_set(0.69326098f));
    power = vf_fma(power, r, vf_set(0.99992807f));
    return _mm512_rcp14_ps(vf_set(1) + _mm512_scalef_ps(power, whole));
}

/* As vf_gelu, to 2^-12 of its value: log2 of the half of erfc in sixteenths is b times a polynomial
 * fitted to 5e-5, and 2^(r/16) for |r| <= 1/2 a line, to 1.2e-4. */
NN_INLINE vf rough_gelu(vf x) {
    const vf b = vf_min(vf_set(6), vf_abs(x)), magic = vf_set(NN_TO_INTEGER);
    vf q = vf_fma(b, vf_set(0.00037493187f), vf_set(-0.0099158268f));
    q = vf_fma(q, b, vf_set(0.11616562f));
    q = vf_fma(q, b, vf_set(-0.8226977f));
    q = vf_fma(q, b, vf_set(-7.3738165f));
    q = vf_fma(q, b, vf_set(-18.407686f));
    const vf shifted = vf_fma(b, q, magic), r = vf_fma(b, q, magic - shifted);
    const vf line = vf_fma(r, vf_set(-0.5f * 0.0433217f), vf_set(-0.5f * 1.0001173f));
    return vf_fma(b * line, vf_power_of_sixteenths(shifted), vf_max(vf_zero(), x));
}

void nn_bf16_activate(nn_activation activation, bool rounds, vf *x, int count) {
    const float alpha = activation.alpha, beta = activation.beta;
    if (rounds && activation.kind == NN_ACT_SIGMOID) {
        for (int i = 0; i < count; i++) x[i] = rough_sigmoid(x[i]);
        return;
    }
    if (rounds && activation.kind == NN_ACT_SILU) {
        for (int i = 0; i < count; i++) x[i] *= rough_sigmoid(x[i]);
        return;
    }
    if (rounds && activation.kind == NN_ACT_GELU) {
        for (int i = 0; i < count; i++) x[i] = rough_gelu(x[i]);
        return;
    }
    /* The kind is a constant of each loop. */
    switch (activation.kind) {
#define CASE(kind)                                                                                 \
    case kind:                                                                                     \
        for (int i = 0; i < count; i++)                                                            \
            x[i] = nn_activate_vector((nn_activation){kind, alpha, beta}, x[i]);                   \
        break;
        NN_EACH_ACTIVATION(CASE)
    case NN_ACT_NONE:
    case NN_ACT_KINDS:
        break;
    }
}

/* ---- copies of pixels ---- */

/* Pixels of few channels that lie dense: as many at a time as fill a vector. */
static int64_t spread_pixels(const nn_bf16_copy *copy, const float *from, uint16_t *to,
                             int64_t count) {
    const int k = (int)copy->k, padded = (int)copy->padded, pixels = LANES / padded;
    int32_t places[LANES];
    __mmask16 inside = 0;
    for (int lane = 0; lane < LANES; lane++) {
        bool is_channel = lane % padded < k;
        places[lane] = is_channel ? lane / padded * k + lane % padded : 0;
        inside = (__mmask16)(inside | is_channel << lane);
    }
    const __m512i order = _mm512_loadu_si512(places);
    const __mmask16 read = nn_first16(pixels * k);
    int64_t i = 0;
    for (; i + pixels <= count; i += pixels) {
        vf x = _mm512_maskz_loadu_ps(read, from + i * k);
        x = _mm512_maskz_permutexvar_ps(inside, order, x);
        _mm256_storeu_si256((__m256i *)(to + i * padded), (__m256i)_mm512_cvtneps_pbh(x));
    }
    return i;
}

static void copy_floats(const float *from, uint16_t *to, int64_t count, int64_t padded) {
    int64_t i = 0;
    for (; i + PANEL <= count; i += PANEL)
        _mm512_storeu_si512(to + i, nn_round_bf16(vf_load(from + i), vf_load(from + i + LANES)));
    for (; i < padded; i += PANEL) {
        int64_t left = count - i > 0 ? count - i : 0, room = padded - i;
        _mm512_mask_storeu_epi16(to + i, nn_first32(room < PANEL ? (int)room : PANEL),
                                 nn_load_rounded(from + i, left < PANEL ? (int)left : PANEL));
    }
}

static void copy_bf16(const uint16_t *from, uint16_t *to, int64_t count, int64_t padded) {
    int64_t i = 0;
    for (; i + PANEL <= count; i += PANEL)
        _mm512_storeu_si512(to + i, _mm512_loadu_si512(from + i));
    for (; i < padded; i += PANEL) {
        int64_t left = count - i > 0 ? count - i : 0, room = padded - i;
        __mmask32 read = nn_first32(left < PANEL ? (int)left : PANEL);
        _mm512_mask_storeu_epi16(to + i, nn_first32(room < PANEL ? (int)room : PANEL),
                                 _mm512_maskz_loadu_epi16(read, from + i));
    }
}

void nn_bf16_copy_pixels(const nn_bf16_copy *copy, const void *from, uint16_t *to, int64_t count) {
    const float *floats = from;
    const uint16_t *bf16 = from;
    int64_t k = copy->k, padded = copy->padded;
    bool dense = copy->from_pitch == k && copy->to_pitch == padded;
    if (dense && k == padded) {
        k = padded = k * count;
        count = count > 0 ? 1 : 0;
    }
    int64_t i = 0;
    if (dense && k < padded && copy->from_float && LANES % padded == 0)
        i = spread_pixels(copy, floats, to, count);
    for (; i < count; i++) {
        uint16_t *pixel = to + i * copy->to_pitch;
        if (copy->from_float)
            copy_floats(floats + i * copy->from_pitch, pixel, k, padded);
        else
            copy_bf16(bf16 + i * copy->from_pitch, pixel, k, padded);
    }
}

/* ---- weights that are computed ---- */

void nn_bf16_pack_rows(const void *from, bool from_float, int64_t step, int64_t rows, int columns,
                       int64_t pairs, uint16_t *to) {
    const __mmask16 mask = nn_first16(columns);
    /* Elements of two rows in turn. */
    const __m512i order =
        _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6,
                         21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    for (int64_t p = 0; p < pairs; p++) {
        const __mmask16 mask0 = 2 * p < rows ? mask : 0, mask1 = 2 * p + 1 < rows ? mask : 0;
        __m512i both;
        if (from_float) {
            const float *row = (const float *)from + 2 * p * step;
            both = nn_round_bf16(_mm512_maskz_loadu_ps(mask0, row),
                                 _mm512_maskz_loadu_ps(mask1, row + step));
        } else {
            const uint16_t *row = (const uint16_t *)from + 2 * p * step;
            both = _mm512_castsi256_si512(_mm256_maskz_loadu_epi16(mask0, row));
            both = _mm512_inserti64x4(both, _mm256_maskz_loadu_epi16(mask1, row + step), 1);
        }
        _mm512_storeu_si512(to + p * 2 * LANES, _mm512_permutexvar_epi16(order, both));
    }
}

/* 16 vectors of 16 numbers of 32 bits: out[i][j] = in[j][i]. */
NN_INLINE void transpose(__m512i x[LANES]) {
    __m512i t[LANES];
#pragma GCC unroll 8
    for (int i = 0; i < LANES; i += 2) {
        t[i] = _mm512_unpacklo_epi32(x[i], x[i + 1]);
        t[i + 1] = _mm512_unpackhi_epi32(x[i], x[i + 1]);
    }
#pragma GCC unroll 4
    for (int i = 0; i < LANES; i += 4) {
        x[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
        x[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
        x[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
        x[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
    }
    /* Now x[4 g + r] holds, in its quarter q, column 4 q + r of rows 4 g to 4 g + 3. */
#pragma GCC unroll 4
    for (int r = 0; r < 4; r++) {
        __m512i a = _mm512_shuffle_i32x4(x[r], x[4 + r], 0x88);
        __m512i b = _mm512_shuffle_i32x4(x[8 + r], x[12 + r], 0x88);
        __m512i c = _mm512_shuffle_i32x4(x[r], x[4 + r], 0xdd);
        __m512i d = _mm512_shuffle_i32x4(x[8 + r], x[12 + r], 0xdd);
        t[r] = _mm512_shuffle_i32x4(a, b, 0x88);
        t[8 + r] = _mm512_shuffle_i32x4(a, b, 0xdd);
        t[4 + r] = _mm512_shuffle_i32x4(c, d, 0x88);
        t[12 + r] = _mm512_shuffle_i32x4(c, d, 0xdd);
    }
#pragma GCC unroll 16
    for (int i = 0; i < LANES; i++) x[i] = t[i];
}

void nn_bf16_pack_columns(const void *from, bool from_float, int64_t step, int64_t rows,
                          int columns, int64_t pairs, float scale, uint16_t *to) {
    const int count = rows < NN_BF16_STEP ? (int)rows : NN_BF16_STEP;
    const __mmask32 mask = nn_first32(count);
    const vf factor = vf_set(scale);
    __m512i x[LANES];
    for (int j = 0; j < LANES; j++) {
        vf low = vf_zero(), high = vf_zero();
        if (j < columns && from_float) {
            const float *column = (const float *)from + j * step;
            low = _mm512_maskz_loadu_ps((__mmask16)mask, column);
            high = _mm512_maskz_loadu_ps((__mmask16)(mask >> 16), column + LANES);
        } else if (j < columns) {
            __m512i both = _mm512_maskz_loadu_epi16(mask, (const uint16_t *)from + j * step);
            low = nn_widen_bf16(_mm512_castsi512_si256(both));
            high = nn_widen_bf16(_mm512_extracti64x4_epi64(both, 1));
        }
        x[j] = nn_round_bf16(low * factor, high * factor);
    }
    transpose(x);
    for (int64_t p = 0; p < pairs; p++) _mm512_storeu_si512(to + p * 2 * LANES, x[p]);
}
