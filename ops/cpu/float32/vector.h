/* Vectors of floats, as wide as the instruction set that the including file is compiled for:
 * kernels are written once against this header and compiled as *_avx512.c, *_avx2.c and
 * *_portable.c.
 *
 * Lanes that `first n` leaves out are zero, or those of `rest`, when loaded and untouched in memory
 * when stored; memory beyond them is never accessed. vf_max and vf_min give b when either operand
 * is NaN.
 *
 * A distance is a power of two below the number of lanes: vf_swap exchanges the lanes whose numbers
 * differ in that bit, and vf_mix takes those with the bit set from b, the others from a.
 *
 * vf_even and vf_odd: of two vectors one after the other those elements with even and odd numbers.
 * vf_next: each lane has what the one after it had, the last one any number.
 *
 * vd are doubles, half as many; vd_low and vd_high widen half of the lanes, vf_narrow rounds two
 * halves. */
#ifndef NN_VECTOR_H
#define NN_VECTOR_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define NN_INLINE static inline __attribute__((always_inline))

#if defined(__AVX512F__)

#    include <immintrin.h>

typedef __m512 vf;
typedef __m512d vd;
typedef int32_t vi __attribute__((vector_size(64)));
enum { VF_LANES = 16 };

NN_INLINE vf vf_load(const float *p) {
    return _mm512_loadu_ps(p);
}
NN_INLINE void vf_store(float *p, vf v) {
    _mm512_storeu_ps(p, v);
}
NN_INLINE vf vf_set(float x) {
    return _mm512_set1_ps(x);
}
NN_INLINE vf vf_fma(vf a, vf b, vf c) {
    return _mm512_fmadd_ps(a, b, c);
}
NN_INLINE vf vf_max(vf a, vf b) {
    return _mm512_max_ps(a, b);
}
NN_INLINE vf vf_min(vf a, vf b) {
    return _mm512_min_ps(a, b);
}
NN_INLINE __mmask16 vf_mask(int n) {
    return (__mmask16)((1u << n) - 1);
}
NN_INLINE vf vf_load_first(const float *p, int n) {
    return _mm512_maskz_loadu_ps(vf_mask(n), p);
}
NN_INLINE vf vf_load_first_or(const float *p, int n, vf rest) {
    return _mm512_mask_loadu_ps(rest, vf_mask(n), p);
}
NN_INLINE void vf_store_first(float *p, vf v, int n) {
    _mm512_mask_storeu_ps(p, vf_mask(n), v);
}
NN_INLINE int vf_all_equal(vf a, vf b) {
    return _mm512_cmp_ps_mask(a, b, _CMP_NEQ_UQ) == 0;
}
NN_INLINE vf vf_swap(vf v, int distance) {
    switch (distance) {
    case 8:
        return _mm512_shuffle_f32x4(v, v, 0x4e);
    case 4:
        return _mm512_shuffle_f32x4(v, v, 0xb1);
    case 2:
        return _mm512_permute_ps(v, 0x4e);
    default:
        return _mm512_permute_ps(v, 0xb1);
    }
}
NN_INLINE vf vf_mix(vf a, vf b, int distance) {
    const int bits = distance == 8   ? 0xff00
                     : distance == 4 ? 0xf0f0
                     : distance == 2 ? 0xcccc
                                     : 0xaaaa;
    return _mm512_mask_blend_ps((__mmask16)bits, a, b);
}
NN_INLINE vf vf_even(vf a, vf b) {
    const __m512i places =
        _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    return _mm512_permutex2var_ps(a, places, b);
}
NN_INLINE vf vf_odd(vf a, vf b) {
    const __m512i places =
        _mm512_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
    return _mm512_permutex2var_ps(a, places, b);
}
NN_INLINE vf vf_next(vf v) {
    const __m512i bits = _mm512_castps_si512(v);
    return _mm512_castsi512_ps(_mm512_alignr_epi32(bits, bits, 1));
}
NN_INLINE vi vi_truncate(vf v) {
    return (vi)_mm512_cvttps_epi32(v);
}
NN_INLINE int vi_any(vi mask) {
    return _mm512_movepi32_mask((__m512i)mask) != 0;
}
NN_INLINE vd vd_fma(vd a, vd b, vd c) {
    return _mm512_fmadd_pd(a, b, c);
}
NN_INLINE vd vd_set(double x) {
    return _mm512_set1_pd(x);
}
NN_INLINE vd vd_low(vf v) {
    return _mm512_cvtps_pd(_mm512_castps512_ps256(v));
}
NN_INLINE vd vd_high(vf v) {
    return _mm512_cvtps_pd(_mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd(v), 1)));
}
NN_INLINE vf vf_narrow(vd low, vd high) {
    __m256d first = _mm256_castps_pd(_mm512_cvtpd_ps(low));
    __m256d second = _mm256_castps_pd(_mm512_cvtpd_ps(high));
    return _mm512_castpd_ps(_mm512_insertf64x4(_mm512_castpd256_pd512(first), second, 1));
}

#elif defined(__AVX2__)

#    include <immintrin.h>

typedef __m256 vf;
typedef __m256d vd;
typedef int32_t vi __attribute__((vector_size(32)));
enum { VF_LANES = 8 };

NN_INLINE vf vf_load(const float *p) {
    return _mm256_loadu_ps(p);
}
NN_INLINE void vf_store(float *p, vf v) {
    _mm256_storeu_ps(p, v);
}
NN_INLINE vf vf_set(float x) {
    return _mm256_set1_ps(x);
}
NN_INLINE vf vf_fma(vf a, vf b, vf c) {
    return _mm256_fmadd_ps(a, b, c);
}
NN_INLINE vf vf_max(vf a, vf b) {
    return _mm256_max_ps(a, b);
}
NN_INLINE vf vf_min(vf a, vf b) {
    return _mm256_min_ps(a, b);
}
NN_INLINE __m256i vf_mask(int n) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
NN_INLINE vf vf_load_first(const float *p, int n) {
    return _mm256_maskload_ps(p, vf_mask(n));
}
NN_INLINE vf vf_load_first_or(const float *p, int n, vf rest) {
    __m256i mask = vf_mask(n);
    return _mm256_blendv_ps(rest, _mm256_maskload_ps(p, mask), _mm256_castsi256_ps(mask));
}
/* In parts: AMD's cores before Zen 3 take 18 cycles and more for a masked store. */
NN_INLINE void vf_store_first(float *p, vf v, int n) {
    __m128 part = _mm256_castps256_ps128(v);
    if (n >= VF_LANES) {
        _mm256_storeu_ps(p, v);
        return;
    }
    if (n & 4) {
        _mm_storeu_ps(p, part);
        part = _mm256_extractf128_ps(v, 1);
        p += 4;
    }
    if (n & 2) {
        _mm_storel_pi((__m64 *)(void *)p, part);
        part = _mm_movehl_ps(part, part);
        p += 2;
    }
    if (n & 1) _mm_store_ss(p, part);
}
NN_INLINE int vf_all_equal(vf a, vf b) {
    return _mm256_movemask_ps(_mm256_cmp_ps(a, b, _CMP_NEQ_UQ)) == 0;
}
NN_INLINE vf vf_swap(vf v, int distance) {
    switch (distance) {
    case 4:
        return _mm256_permute2f128_ps(v, v, 1);
    case 2:
        return _mm256_permute_ps(v, 0x4e);
    default:
        return _mm256_permute_ps(v, 0xb1);
    }
}
NN_INLINE vf vf_mix(vf a, vf b, int distance) {
    switch (distance) {
    case 4:
        return _mm256_blend_ps(a, b, 0xf0);
    case 2:
        return _mm256_blend_ps(a, b, 0xcc);
    default:
        return _mm256_blend_ps(a, b, 0xaa);
    }
}
NN_INLINE vf vf_even(vf a, vf b) {
    __m256d pairs = _mm256_castps_pd(_mm256_shuffle_ps(a, b, 0x88));
    return _mm256_castpd_ps(_mm256_permute4x64_pd(pairs, 0xd8));
}
NN_INLINE vf vf_odd(vf a, vf b) {
    __m256d pairs = _mm256_castps_pd(_mm256_shuffle_ps(a, b, 0xdd));
    return _mm256_castpd_ps(_mm256_permute4x64_pd(pairs, 0xd8));
}
NN_INLINE vf vf_next(vf v) {
    return _mm256_permutevar8x32_ps(v, _mm256_setr_epi32(1, 2, 3, 4, 5, 6, 7, 0));
}
NN_INLINE vi vi_truncate(vf v) {
    return (vi)_mm256_cvttps_epi32(v);
}
NN_INLINE int vi_any(vi mask) {
    return _mm256_movemask_ps((vf)mask) != 0;
}
NN_INLINE vd vd_fma(vd a, vd b, vd c) {
    return _mm256_fmadd_pd(a, b, c);
}
NN_INLINE vd vd_set(double x) {
    return _mm256_set1_pd(x);
}
NN_INLINE vd vd_low(vf v) {
    return _mm256_cvtps_pd(_mm256_castps256_ps128(v));
}
NN_INLINE vd vd_high(vf v) {
    return _mm256_cvtps_pd(_mm256_extractf128_ps(v, 1));
}
NN_INLINE vf vf_narrow(vd low, vd high) {
    return _mm256_set_m128(_mm256_cvtpd_ps(high), _mm256_cvtpd_ps(low));
}

#else

typedef float vf __attribute__((vector_size(16)));
typedef double vd __attribute__((vector_size(16)));
typedef int32_t vi __attribute__((vector_size(16)));
enum { VF_LANES = 4 };

NN_INLINE vf vf_load(const float *p) {
    vf v;
    memcpy(&v, p, sizeof v);
    return v;
}
NN_INLINE void vf_store(float *p, vf v) {
    memcpy(p, &v, sizeof v);
}
NN_INLINE vf vf_set(float x) {
    return (vf){x, x, x, x};
}
NN_INLINE vf vf_fma(vf a, vf b, vf c) {
    return a * b + c;
}
NN_INLINE vf vf_select(vi mask, vf a, vf b) {
    return (vf)((mask & (vi)a) | (~mask & (vi)b));
}
NN_INLINE vf vf_max(vf a, vf b) {
    return vf_select(a > b, a, b);
}
NN_INLINE vf vf_min(vf a, vf b) {
    return vf_select(a < b, a, b);
}
NN_INLINE vf vf_load_first(const float *p, int n) {
    vf v = {0};
    memcpy(&v, p, (size_t)n * sizeof *p);
    return v;
}
NN_INLINE vf vf_load_first_or(const float *p, int n, vf rest) {
    memcpy(&rest, p, (size_t)n * sizeof *p);
    return rest;
}
NN_INLINE void vf_store_first(float *p, vf v, int n) {
    memcpy(p, &v, (size_t)n * sizeof *p);
}
NN_INLINE int vf_all_equal(vf a, vf b) {
    vi equal = a == b;
    return (equal[0] & equal[1] & equal[2] & equal[3]) != 0;
}
NN_INLINE vf vf_swap(vf v, int distance) {
    return distance == 2 ? __builtin_shufflevector(v, v, 2, 3, 0, 1)
                         : __builtin_shufflevector(v, v, 1, 0, 3, 2);
}
NN_INLINE vf vf_mix(vf a, vf b, int distance) {
    return distance == 2 ? __builtin_shufflevector(a, b, 0, 1, 6, 7)
                         : __builtin_shufflevector(a, b, 0, 5, 2, 7);
}
NN_INLINE vf vf_even(vf a, vf b) {
    return __builtin_shufflevector(a, b, 0, 2, 4, 6);
}
NN_INLINE vf vf_odd(vf a, vf b) {
    return __builtin_shufflevector(a, b, 1, 3, 5, 7);
}
NN_INLINE vf vf_next(vf v) {
    return __builtin_shufflevector(v, v, 1, 2, 3, 0);
}
NN_INLINE vi vi_truncate(vf v) {
    return __builtin_convertvector(v, vi);
}
NN_INLINE int vi_any(vi mask) {
    return (mask[0] | mask[1] | mask[2] | mask[3]) != 0;
}
NN_INLINE vd vd_fma(vd a, vd b, vd c) {
    return a * b + c;
}
NN_INLINE vd vd_set(double x) {
    return (vd){x, x};
}
NN_INLINE vd vd_low(vf v) {
    return (vd){(double)v[0], (double)v[1]};
}
NN_INLINE vd vd_high(vf v) {
    return (vd){(double)v[2], (double)v[3]};
}
NN_INLINE vf vf_narrow(vd low, vd high) {
    return (vf){(float)low[0], (float)low[1], (float)high[0], (float)high[1]};
}

#endif

NN_INLINE vf vf_zero(void) {
    return vf_set(0);
}

/* The first n lanes from and to bf16, rounded to nearest even; NaN is kept. */
#if defined(__AVX512F__)
NN_INLINE vf vf_load_first_bf16(const uint16_t *p, int n) {
    __m256i bits = _mm256_maskz_loadu_epi16(vf_mask(n), p);
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16));
}
NN_INLINE void vf_store_first_bf16(uint16_t *p, vf v, int n) {
    const __m512i bits = _mm512_castps_si512(v), high = _mm512_srli_epi32(bits, 16);
    __m512i even = _mm512_and_si512(high, _mm512_set1_epi32(1));
    __m512i sum = _mm512_add_epi32(_mm512_add_epi32(bits, _mm512_set1_epi32(0x7fff)), even);
    __m512i quiet = _mm512_or_si512(high, _mm512_set1_epi32(0x40));
    __mmask16 is_nan = _mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q);
    sum = _mm512_mask_mov_epi32(_mm512_srli_epi32(sum, 16), is_nan, quiet);
    _mm256_mask_storeu_epi16(p, vf_mask(n), _mm512_cvtepi32_epi16(sum));
}
#else
NN_INLINE vf vf_load_first_bf16(const uint16_t *p, int n) {
    uint32_t bits[VF_LANES] = {0};
    vf v;
    for (int i = 0; i < n; i++) bits[i] = (uint32_t)p[i] << 16;
    memcpy(&v, bits, sizeof v);
    return v;
}
NN_INLINE void vf_store_first_bf16(uint16_t *p, vf v, int n) {
    uint32_t bits[VF_LANES];
    memcpy(bits, &v, sizeof v);
    for (int i = 0; i < n; i++) {
        uint32_t high = bits[i] >> 16, rounded = (bits[i] + 0x7fff + (high & 1)) >> 16;
        p[i] = (uint16_t)((bits[i] & 0x7fffffff) > 0x7f800000 ? high | 0x40 : rounded);
    }
}
#endif

/* x in a register: gcc may load a value that is used several times anew for each use, as an operand
 * in memory, and loads are what kernels with few operations for each are bound by. */
NN_INLINE vf vf_loaded_once(vf x) {
#if defined(__AVX2__)
    __asm__("" : "+v"(x));
#endif
    return x;
}

/* Stores v clipped. One piece of code: gcc puts minima, maxima and stores of a tile into blocks,
 * and a core with 512-bit operations in halves then loses an FMA of the next tile for each store,
 * half of one where each store follows its minimum. */
NN_INLINE void vf_store_clipped(float *p, vf v, vf low, vf high) {
#if defined(__AVX512F__)
    __asm__ volatile("vmaxps %1, %2, %1\n\tvminps %1, %3, %1\n\tvmovups %1, %0"
                     : "=m"(*(float(*)[VF_LANES])p), "+v"(v)
                     : "v"(low), "v"(high));
#else
    vf_store(p, vf_min(high, vf_max(low, v)));
#endif
}

/* sum + a * b, in the register of the sum: gcc may let it move to that of an operand, and then runs
 * out of registers in tiles that use all of them. */
NN_INLINE vf vf_accumulate(vf a, vf b, vf sum) {
#if defined(__AVX2__) && !defined(__AVX512F__)
    __asm__("vfmadd231ps %2, %1, %0" : "+x"(sum) : "x"(a), "x"(b));
    return sum;
#else
    return vf_fma(a, b, sum);
#endif
}

/* The sums of the lanes of each of as many vectors; `distance` is known when compiled. */
NN_INLINE vf vf_sums_of_lanes(vf v[VF_LANES]) {
#pragma GCC unroll 4
    for (int distance = VF_LANES / 2; distance > 0; distance /= 2)
#pragma GCC unroll 8
        for (int i = 0; i < distance; i++)
            v[i] = vf_mix(v[i], v[i + distance], distance) +
                   vf_mix(vf_swap(v[i], distance), vf_swap(v[i + distance], distance), distance);
    return v[0];
}

/* base[row * step] in all lanes, for row 0 .. 6 known when compiled; `bytes` is a displacement
 * known when compiled too. Written so that seven rows need five address registers: gcc would keep a
 * pointer for each row and spill them. The steps are in bytes: one, three and five times the
 * distance of two rows. */
typedef struct vf_rows {
    size_t step1, step3, step5;
} vf_rows;

NN_INLINE vf_rows vf_rows_make(size_t step) {
    size_t bytes = step * sizeof(float);
    return (vf_rows){bytes, 3 * bytes, 5 * bytes};
}

#if defined(__AVX2__)
/* The memory operand without an address keeps the load after stores that came before it; it spans
 * what an index may reach, since clang takes no array of unknown size. */
#    define NN_BROADCAST(index, scale)                                                             \
        __asm__("vbroadcastss %c3(%1,%2," #scale "), %0"                                           \
                : "=v"(x)                                                                          \
                : "r"(base), "r"(index), "i"(bytes), "m"(*(const float(*)[1 << 28]) base))
NN_INLINE vf vf_broadcast_row(const float *base, vf_rows rows, int row, int bytes) {
    vf x;
    switch (row) {
    case 0:
        return vf_set(*(const float *)((const char *)base + bytes));
    case 1:
        NN_BROADCAST(rows.step1, 1);
        break;
    case 2:
        NN_BROADCAST(rows.step1, 2);
        break;
    case 3:
        NN_BROADCAST(rows.step3, 1);
        break;
    case 4:
        NN_BROADCAST(rows.step1, 4);
        break;
    case 5:
        NN_BROADCAST(rows.step5, 1);
        break;
    default:
        NN_BROADCAST(rows.step3, 2);
        break;
    }
    return x;
}
#    undef NN_BROADCAST
#else
NN_INLINE vf vf_broadcast_row(const float *base, vf_rows rows, int row, int bytes) {
    return vf_set(*(const float *)((const char *)base + rows.step1 * (size_t)row + bytes));
}
#endif

/* sum + w * (what vf_broadcast_row gives), for a number that is used once: AVX-512 multiplies by an
 * element in memory. A broadcast of its own takes a place among the FMAs of cores that run 512-bit
 * operations in halves: tiles of one vector reached 75 % of the peak of a Zen 4 so, 98 % without.
 */
#if defined(__AVX512F__)
#    define NN_ACCUMULATE(index, scale, lanes)                                                     \
        __asm__("vfmadd231ps %c4(%2,%3," #scale ")%{1to" #lanes "%}, %1, %0"                       \
                : "+v"(sum)                                                                        \
                : "v"(w), "r"(base), "r"(index), "i"(bytes), "m"(*(const float(*)[1 << 28]) base))
#    define NN_ACCUMULATE_ROW(name, type, lanes)                                                   \
        NN_INLINE type name(const float *base, vf_rows rows, int row, int bytes, type w,           \
                            type sum) {                                                            \
            switch (row) {                                                                         \
            case 0:                                                                                \
                __asm__("vfmadd231ps %c3(%2)%{1to" #lanes "%}, %1, %0"                             \
                        : "+v"(sum)                                                                \
                        : "v"(w), "r"(base), "i"(bytes), "m"(*(const float(*)[1 << 28]) base));    \
                break;                                                                             \
            case 1:                                                                                \
                NN_ACCUMULATE(rows.step1, 1, lanes);                                               \
                break;                                                                             \
            case 2:                                                                                \
                NN_ACCUMULATE(rows.step1, 2, lanes);                                               \
                break;                                                                             \
            case 3:                                                                                \
                NN_ACCUMULATE(rows.step3, 1, lanes);                                               \
                break;                                                                             \
            case 4:                                                                                \
                NN_ACCUMULATE(rows.step1, 4, lanes);                                               \
                break;                                                                             \
            case 5:                                                                                \
                NN_ACCUMULATE(rows.step5, 1, lanes);                                               \
                break;                                                                             \
            default:                                                                               \
                NN_ACCUMULATE(rows.step3, 2, lanes);                                               \
                break;                                                                             \
            }                                                                                      \
            return sum;                                                                            \
        }
NN_ACCUMULATE_ROW(vf_accumulate_row, vf, 16)
NN_ACCUMULATE_ROW(vf_accumulate_half_row, __m256, 8)
#    undef NN_ACCUMULATE_ROW
#    undef NN_ACCUMULATE
#else
NN_INLINE vf vf_accumulate_row(const float *base, vf_rows rows, int row, int bytes, vf w, vf sum) {
    return vf_fma(vf_broadcast_row(base, rows, row, bytes), w, sum);
}
#endif

#endif
