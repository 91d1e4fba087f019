/* Loops over 8-bit data, written once (int8_loops.inc.h) for the compiler to vectorise, and
 * compiled for each instruction set. Bytes x are handed over with a `flip` such that x ^ flip is
 * unsigned: 0x80 for int8, 0 for uint8. Zero points are then those of unsigned data. */
#ifndef NN_INT8_LOOPS_H
#define NN_INT8_LOOPS_H

#include "ops/family/qlinear_binary.h"

/* Scale, zero point and bounds of unsigned data whose stored form is x ^ flip. */
typedef struct nn_bytes_quant {
    float scale;
    int32_t zero; /* 0 .. 255 */
    uint8_t flip;
} nn_bytes_quant;

static inline nn_bytes_quant nn_bytes_quant_of(const nn_quant *quant) {
    bool is_signed = quant->lowest < 0;
    return (nn_bytes_quant){quant->scale, quant->zero + (is_signed ? 128 : 0),
                            is_signed ? 0x80 : 0};
}

typedef struct nn_int8_loops {
    /* y = saturate(round(x / scale) + zero) */
    void (*quantize)(const float *x, uint8_t *y, int64_t count, nn_bytes_quant quant);
    /* y = (x - zero) scale */
    void (*dequantize)(const uint8_t *x, float *y, int64_t count, nn_bytes_quant quant);
    /* Smallest and largest value, 0 among them; NaN is passed over. */
    void (*range)(const float *x, int64_t count, float *low, float *high);
    nn_qbinary_row add, multiply;
    /* y = table[x], 256 entries; y may be x */
    void (*look_up)(const uint8_t *table, const uint8_t *x, uint8_t *y, int64_t count);
    /* sums[c] += sum of `pixels` values x[i step + c], for `count` channels */
    void (*sum_pixels)(int32_t *sums, const uint8_t *x, int64_t pixels, int64_t step, int64_t count,
                       uint8_t flip);
    /* y = saturate(round(sum multiplier) + zero); the scale is not used */
    void (*requantize)(const int32_t *sums, uint8_t *y, int64_t count, float multiplier,
                       nn_bytes_quant quant);
    /* sums[c] += dequantised x[i step + c], pixel after pixel */
    void (*add_pixels)(float *sums, const uint8_t *x, int64_t pixels, int64_t step, int64_t count,
                       nn_bytes_quant quant);
    /* y[3 i + p] = plane p at i: three planes of `count` bytes, one after the other, as pixels */
    void (*interleave_3)(const uint8_t *planes, uint8_t *y, int64_t count);
    /* y[c y_step + r] = x[r x_step + c] */
    void (*transpose)(const uint8_t *x, int64_t x_step, uint8_t *y, int64_t y_step, int64_t rows,
                      int64_t columns);
    /* y = saturate(round(sum / divisor / scale + zero)) */
    void (*quantize_means)(const float *sums, uint8_t *y, int64_t count, float divisor,
                           nn_bytes_quant quant);
} nn_int8_loops;

extern const nn_int8_loops nn_int8_loops_portable, nn_int8_loops_avx2, nn_int8_loops_avx512;
/* The best of them for this CPU. */
const nn_int8_loops *nn_int8_loops_best(void);

/* Kernels of one operator that differ in their loops alone, best first. The operator defines
 *     static nn_status run_with(const nn_call *call, const nn_int8_loops *loops);
 * before NN_INT8_KERNELS("name", .layout = ..., other fields), which defines kernel_avx512,
 * kernel_avx2, kernel_portable. */
#define NN_INT8_KERNEL(suffix, level, stem, ...)                                                   \
    static nn_status run_##suffix(const nn_call *call) {                                           \
        return run_with(call, &nn_int8_loops_##suffix);                                            \
    }                                                                                              \
    static const nn_kernel kernel_##suffix = {.name = stem "_" #suffix,                            \
                                              .isa = level,                                        \
                                              .exactness = NN_EXACT,                               \
                                              .run = run_##suffix,                                 \
                                              __VA_ARGS__};
#if defined(__x86_64__)
#    define NN_INT8_KERNELS(stem, ...)                                                             \
        NN_INT8_KERNEL(avx512, NN_ISA_AVX512, stem, __VA_ARGS__)                                   \
        NN_INT8_KERNEL(avx2, NN_ISA_AVX2, stem, __VA_ARGS__)                                       \
        NN_INT8_KERNEL(portable, NN_ISA_PORTABLE, stem, __VA_ARGS__)
#    define NN_INT8_KERNEL_LIST &kernel_avx512, &kernel_avx2, &kernel_portable
#else
#    define NN_INT8_KERNELS(stem, ...) NN_INT8_KERNEL(portable, NN_ISA_PORTABLE, stem, __VA_ARGS__)
#    define NN_INT8_KERNEL_LIST        &kernel_portable
#endif

#endif
