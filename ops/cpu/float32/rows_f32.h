/* Work on rows of floats, once per instruction set. */
#ifndef NN_ROWS_F32_H
#define NN_ROWS_F32_H

#include "ops/family/binary.h"
#include "ops/family/unary.h"

typedef void (*nn_reduce_rows)(const float *x, int64_t count, float *y, int64_t rows);

typedef struct nn_rows_f32 {
    nn_unary_row exp, log, sigmoid, tanh, erf, silu, mish, softplus, sin, cos;
    nn_unary_row gelu;                                /* attributes: nn_gelu_attrs */
    nn_unary_row elu, selu, leaky_relu, hard_sigmoid; /* nn_alpha_beta */
    nn_unary_row clip;                                /* float[2]: low, high */
    nn_unary_row relu, hard_swish, softsign, sqrt, reciprocal, floor, ceil, round, abs, neg, square,
        cube;
    nn_binary_row add, sub, mul, div, max, min, pow;
    /* Of nothing: -infinity, infinity. NaN when one element is. */
    float (*maximum)(const float *x, int64_t count);
    float (*minimum)(const float *x, int64_t count);
    float (*sum)(const float *x, int64_t count);
    float (*sum_squares)(const float *x, float shift, int64_t count); /* of x - shift */
    float (*sum_magnitudes)(const float *x, int64_t count);
    /* The same of each of `rows` dense rows of `count` elements, several together. */
    nn_reduce_rows maximum_rows, minimum_rows, sum_rows, sum_squares_rows, sum_magnitudes_rows;
    /* Where x[i] is larger (or smaller, or for `last` as large) than best[i], or the first NaN (for
     * `last` any): takes it and its place `index`. Place 0 is always taken. */
    void (*keep_extreme)(const float *x, float *best, int32_t *place, int32_t index, bool smallest,
                         bool last, int64_t count);
    /* sum[i] += x[i] and so on, for accumulators of neighbouring columns. */
    void (*add_squares)(float *sum, const float *x, int64_t count);
    void (*add_magnitudes)(float *sum, const float *x, int64_t count);
    /* A matrix whose rows of `size` elements lie `step` apart, times a vector:
     * y[r] = x . row r, and (added to y) y[i] += sum of w[r] row r[i]. */
    void (*dots)(const float *rows, int64_t step, int64_t count, const float *x, int64_t size,
                 float *y);
    void (*combine)(const float *rows, int64_t step, int64_t count, const float *w, float *y,
                    int64_t size);
    /* y = exp(x - shift) for x <= shift, zero where it would be subnormal; returns the sum of y. */
    float (*exp_sum)(const float *x, float shift, float *y, int64_t count);
    /* x = exp(z - m) for z = x factor + bias, m the largest z, subnormal results zero; returns the
     * sum. A bias of -infinity makes z that, whatever x is. bias may be NULL. All zero, and 0,
     * where no z is above -infinity. */
    float (*softmax)(float *x, float factor, const float *bias, int64_t count);
    /* Softmax of each of `rows` dense rows of `count` elements, or its logarithm; y may be x. */
    void (*softmax_rows)(const float *x, int64_t count, bool logarithm, float *y, int64_t rows);
    void (*scale)(const float *x, float factor, float shift, float *y, int64_t count);
    /* y[i] = x[i] factor scale[i] + shift scale[i] + bias[i]; bias may be NULL. */
    void (*affine)(const float *x, float factor, float shift, const float *scale, const float *bias,
                   float *y, int64_t count);
    /* y = a x_a + b x_b */
    void (*blend)(const float *xa, float a, const float *xb, float b, float *y, int64_t count);
    /* y = a top l0 + b top r0 + a bottom l1 + b bottom r1, factors and summands in this order */
    void (*bilinear)(const float *const lines[4], const float *a, const float *b, float top,
                     float bottom, float *y, int64_t count);
    /* y[i] = x[left[i]] a[i] + x[right[i]] b[i] */
    void (*gather_blend)(const float *x, const int32_t *left, const int32_t *right, const float *a,
                         const float *b, float *y, int64_t count);
    void (*to_half)(const float *x, uint16_t *y, int64_t count);
    void (*from_half)(const uint16_t *x, float *y, int64_t count);
    void (*to_bf16)(const float *x, uint16_t *y, int64_t count); /* as nn_float_to_bfloat16 */
    void (*from_bf16)(const uint16_t *x, float *y, int64_t count);
    /* Towards zero; what does not fit is clamped, NaN is 0. */
    void (*to_int32)(const float *x, int32_t *y, int64_t count);
    /* y[r][c] = x[c][r] for 4-byte elements; steps count elements. */
    void (*transpose)(const uint32_t *x, int64_t x_step, uint32_t *y, int64_t y_step, int64_t rows,
                      int64_t columns);
    /* The same for 2-byte elements. */
    void (*transpose_16)(const uint16_t *x, int64_t x_step, uint16_t *y, int64_t y_step,
                         int64_t rows, int64_t columns);
} nn_rows_f32;

/* The best table of this machine, for work whose results are the same in all of them. Portable
 * where only reference kernels are allowed. */
const nn_rows_f32 *nn_rows_f32_best(void);

#if !defined(__x86_64__) /* kernels that want more than portable code are never chosen there */
#    define nn_rows_f32_avx2   nn_rows_f32_portable
#    define nn_rows_f32_avx512 nn_rows_f32_portable
#endif
extern const nn_rows_f32 nn_rows_f32_portable, nn_rows_f32_avx2, nn_rows_f32_avx512;

/* Defines kernel stem_f32_isa over the row `stem` of the table for an instruction set. */
#define NN_UNARY_F32_KERNEL(stem, isa_name, level, exact)                                          \
    static nn_status stem##_f32_##isa_name##_run(const nn_call *call) {                            \
        const nn_unary_rows one = {{[NNOPT_FLOAT] = nn_rows_f32_##isa_name.stem}};                 \
        return nn_unary_run(call, &one);                                                           \
    }                                                                                              \
    static const nn_kernel stem##_f32_##isa_name = {                                               \
        .name = #stem "_f32_" #isa_name,                                                           \
        .isa = level,                                                                              \
        .exactness = exact,                                                                        \
        .layout = NN_LAYOUT_ANY,                                                                   \
        .layout_inputs = 1,                                                                        \
        .in_place = 1,                                                                             \
        .accepts = nn_accepts_float_rows,                                                          \
        .run = stem##_f32_##isa_name##_run,                                                        \
    };

/* Defines `kernels`: three instruction sets, then stem_reference. */
#define NN_UNARY_F32_KERNELS(stem)                                                                 \
    NN_UNARY_F32_KERNEL(stem, portable, NN_ISA_PORTABLE, NN_ROUNDING)                              \
    NN_UNARY_F32_KERNEL(stem, avx2, NN_ISA_AVX2, NN_ROUNDING)                                      \
    NN_UNARY_F32_KERNEL(stem, avx512, NN_ISA_AVX512, NN_ROUNDING)                                  \
    static const nn_kernel *const kernels[] = {&stem##_f32_avx512, &stem##_f32_avx2,               \
                                               &stem##_f32_portable, &stem##_reference, NULL};

/* For functions that the compiler vectorises in the reference kernel too, with the same results. */
#define NN_UNARY_F32_EXACT_KERNELS(stem)                                                           \
    NN_UNARY_F32_KERNEL(stem, avx2, NN_ISA_AVX2, NN_EXACT)                                         \
    NN_UNARY_F32_KERNEL(stem, avx512, NN_ISA_AVX512, NN_EXACT)                                     \
    static const nn_kernel *const kernels[] = {&stem##_f32_avx512, &stem##_f32_avx2,               \
                                               &stem##_reference, NULL};

/* The same for binary operators : the last argument is the call that runs them with the table
 * `one`. They read pixels that lie apart where `pitched` says so. They do not write them: that waits
 * for lines that are in no cache yet, where a copy by Concat finds them there. */
#define NN_BINARY_F32_KERNEL(stem, isa_name, level, pitched, ...)                                  \
    static nn_status stem##_f32_##isa_name##_run(const nn_call *call) {                            \
        const nn_binary_rows one = {{[NNOPT_FLOAT] = nn_rows_f32_##isa_name.stem}};                \
        return __VA_ARGS__;                                                                        \
    }                                                                                              \
    static const nn_kernel stem##_f32_##isa_name = {                                               \
        .name = #stem "_f32_" #isa_name,                                                           \
        .isa = level,                                                                              \
        .exactness = NN_EXACT,                                                                     \
        .layout = NN_LAYOUT_ANY,                                                                   \
        .layout_inputs = UINT32_MAX,                                                               \
        .in_place = 3,                                                                             \
        .pitched_inputs = pitched,                                                                 \
        .accepts = nn_accepts_float_rows,                                                          \
        .run = stem##_f32_##isa_name##_run,                                                        \
    };

/* Defines `kernels`: two instruction sets, then stem_reference, which the compiler vectorises too.
 */
#define NN_BINARY_F32_KERNELS(stem, pitched, ...)                                                  \
    NN_BINARY_F32_KERNEL(stem, avx2, NN_ISA_AVX2, pitched, __VA_ARGS__)                            \
    NN_BINARY_F32_KERNEL(stem, avx512, NN_ISA_AVX512, pitched, __VA_ARGS__)                        \
    static const nn_kernel *const kernels[] = {&stem##_f32_avx512, &stem##_f32_avx2,               \
                                               &stem##_reference, NULL};

/* For operators that are more than one row function: run_function(call, rows). */
#define NN_ROWS_F32_KERNEL(stem, isa_name, level, physical, physical_inputs, run_function)         \
    static nn_status stem##_f32_##isa_name##_run(const nn_call *call) {                            \
        return run_function(call, &nn_rows_f32_##isa_name);                                        \
    }                                                                                              \
    static const nn_kernel stem##_f32_##isa_name = {                                               \
        .name = #stem "_f32_" #isa_name,                                                           \
        .isa = level,                                                                              \
        .exactness = NN_ROUNDING,                                                                  \
        .layout = physical,                                                                        \
        .layout_inputs = physical_inputs,                                                          \
        .in_place = 1,                                                                             \
        .accepts = nn_accepts_float,                                                               \
        .run = stem##_f32_##isa_name##_run,                                                        \
    };

/* Defines `kernels`: three instruction sets, then stem_reference. */
#define NN_ROWS_F32_KERNELS(stem, physical, physical_inputs, run_function)                         \
    NN_ROWS_F32_KERNEL(stem, portable, NN_ISA_PORTABLE, physical, physical_inputs, run_function)   \
    NN_ROWS_F32_KERNEL(stem, avx2, NN_ISA_AVX2, physical, physical_inputs, run_function)           \
    NN_ROWS_F32_KERNEL(stem, avx512, NN_ISA_AVX512, physical, physical_inputs, run_function)       \
    static const nn_kernel *const kernels[] = {&stem##_f32_avx512, &stem##_f32_avx2,               \
                                               &stem##_f32_portable, &stem##_reference, NULL};

/* All inputs are float, and there is no epilogue. */
bool nn_accepts_float(const nn_node_view *node, const nn_target *target);
/* The same, or all are bf16 in a plan of that precision: rows that are given halves compute in
 * blocks of floats. */
bool nn_accepts_float_rows(const nn_node_view *node, const nn_target *target);

#endif
