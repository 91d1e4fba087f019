/* Matrices of 4-byte and 2-byte elements transposed, for rows_f32_<isa>.c: in blocks that are held
 * in registers, the rest element by element. */
#include "ops/cpu/float32/vector.h"

/* A square of BLOCK x BLOCK elements. */
#if defined(__AVX2__)
enum { BLOCK = 8 };

static inline void transpose_block(const uint32_t *x, int64_t x_step, uint32_t *y, int64_t y_step) {
    __m256 in[8], pairs[8], quads[8];
    for (int i = 0; i < 8; i++) in[i] = _mm256_loadu_ps((const float *)(x + i * x_step));
    for (int i = 0; i < 4; i++) {
        pairs[2 * i] = _mm256_unpacklo_ps(in[2 * i], in[2 * i + 1]);
        pairs[2 * i + 1] = _mm256_unpackhi_ps(in[2 * i], in[2 * i + 1]);
    }
    for (int half = 0; half < 2; half++)
        for (int i = 0; i < 2; i++) {
            __m256 low = pairs[4 * half + i], high = pairs[4 * half + 2 + i];
            quads[4 * half + 2 * i] = _mm256_shuffle_ps(low, high, 0x44);
            quads[4 * half + 2 * i + 1] = _mm256_shuffle_ps(low, high, 0xee);
        }
    for (int i = 0; i < 4; i++) {
        _mm256_storeu_ps((float *)(y + i * y_step),
                         _mm256_permute2f128_ps(quads[i], quads[i + 4], 0x20));
        _mm256_storeu_ps((float *)(y + (i + 4) * y_step),
                         _mm256_permute2f128_ps(quads[i], quads[i + 4], 0x31));
    }
}
#else
enum { BLOCK = 4 };

static inline void transpose_block(const uint32_t *x, int64_t x_step, uint32_t *y, int64_t y_step) {
    for (int i = 0; i < BLOCK; i++)
        for (int k = 0; k < BLOCK; k++) y[i * y_step + k] = x[k * x_step + i];
}
#endif

/* Planes of colours to pixels: the compiler turns stores at every third place into shuffles. */
static void interleave_three(const uint32_t *restrict x, int64_t x_step, uint32_t *restrict y,
                             int64_t count) {
    const uint32_t *restrict second = x + x_step, *restrict third = second + x_step;
    for (int64_t i = 0; i < count; i++) {
        y[3 * i] = x[i];
        y[3 * i + 1] = second[i];
        y[3 * i + 2] = third[i];
    }
}

static void transpose(const uint32_t *x, int64_t x_step, uint32_t *y, int64_t y_step, int64_t rows,
                      int64_t columns) {
    if (columns == 3 && y_step == 3) {
        interleave_three(x, x_step, y, rows);
        return;
    }
    int64_t whole_rows = rows / BLOCK * BLOCK, whole_columns = columns / BLOCK * BLOCK;
    for (int64_t c = 0; c < whole_columns; c += BLOCK)
        for (int64_t r = 0; r < whole_rows; r += BLOCK)
            transpose_block(x + c * x_step + r, x_step, y + r * y_step + c, y_step);
    for (int64_t r = 0; r < rows; r++)
        for (int64_t c = r < whole_rows ? whole_columns : 0; c < columns; c++)
            y[r * y_step + c] = x[c * x_step + r];
}

/* ---- 2 bytes ---- */

typedef uint16_t halves_8 __attribute__((vector_size(16)));

NN_INLINE halves_8 load_8(const uint16_t *x, int64_t step) {
    halves_8 v;
    (void)step;
    memcpy(&v, x, sizeof v);
    return v;
}
#define LOW_8(a, b)  __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11)
#define HIGH_8(a, b) __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15)

#if defined(__AVX2__)
typedef uint16_t halves_16 __attribute__((vector_size(32)));

/* A row of eight, and behind it the one eight rows below. */
NN_INLINE halves_16 load_16(const uint16_t *x, int64_t step) {
    const __m128i first = _mm_loadu_si128((const __m128i *)x);
    const __m128i second = _mm_loadu_si128((const __m128i *)(x + 8 * step));
    return (halves_16)_mm256_inserti128_si256(_mm256_castsi128_si256(first), second, 1);
}
#    define LOW_16(a, b)                                                                           \
        __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 8, 24, 9, 25, 10, 26, 11, 27)
#    define HIGH_16(a, b)                                                                          \
        __builtin_shufflevector(a, b, 4, 20, 5, 21, 6, 22, 7, 23, 12, 28, 13, 29, 14, 30, 15, 31)
#endif

/* y[r][c] = x[c][r] for 8 rows of `width` columns: a row of x and the one four below it are
 * interleaved, three times. */
#define TRANSPOSE_HALVES(width)                                                                    \
    NN_INLINE void transpose_halves_##width(const uint16_t *x, int64_t x_step, uint16_t *y,        \
                                            int64_t y_step) {                                      \
        halves_##width rows[8], mixed[8];                                                          \
        _Pragma("GCC unroll 8") for (int i = 0; i < 8; i++) rows[i] =                              \
            load_##width(x + i * x_step, x_step);                                                  \
        _Pragma("GCC unroll 3") for (int round = 0; round < 3; round++) {                          \
            _Pragma("GCC unroll 4") for (int i = 0; i < 4; i++) {                                  \
                mixed[2 * i] = LOW_##width(rows[i], rows[i + 4]);                                  \
                mixed[2 * i + 1] = HIGH_##width(rows[i], rows[i + 4]);                             \
            }                                                                                      \
            _Pragma("GCC unroll 8") for (int i = 0; i < 8; i++) rows[i] = mixed[i];                \
        }                                                                                          \
        _Pragma("GCC unroll 8") for (int i = 0; i < 8; i++)                                        \
            memcpy(y + i * y_step, &rows[i], sizeof rows[i]);                                      \
    }
TRANSPOSE_HALVES(8)
#if defined(__AVX2__)
TRANSPOSE_HALVES(16)
#endif

static void transpose_16(const uint16_t *x, int64_t x_step, uint16_t *y, int64_t y_step,
                         int64_t rows, int64_t columns) {
    const int64_t whole_rows = rows / 8 * 8, whole_columns = columns / 8 * 8;
    for (int64_t r = 0; r < whole_rows; r += 8) {
        int64_t c = 0;
#if defined(__AVX2__)
        for (; c + 16 <= columns; c += 16)
            transpose_halves_16(x + c * x_step + r, x_step, y + r * y_step + c, y_step);
#endif
        for (; c < whole_columns; c += 8)
            transpose_halves_8(x + c * x_step + r, x_step, y + r * y_step + c, y_step);
    }
    for (int64_t r = 0; r < rows; r++)
        for (int64_t c = r < whole_rows ? whole_columns : 0; c < columns; c++)
            y[r * y_step + c] = x[c * x_step + r];
}
