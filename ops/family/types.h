/* Element types for operators: sets, lists for generators, and conversion of runs of elements. */
#ifndef NN_FAMILY_TYPES_H
#define NN_FAMILY_TYPES_H

#include "base/tensor.h"

typedef uint32_t nn_type_set;

#define NN_TYPE_BIT(type) ((nn_type_set)1 << (type))
#define NN_TYPES_HALF     (NN_TYPE_BIT(NNOPT_FLOAT16) | NN_TYPE_BIT(NNOPT_BFLOAT16))
#define NN_TYPES_FLOAT    (NN_TYPE_BIT(NNOPT_FLOAT) | NN_TYPE_BIT(NNOPT_DOUBLE) | NN_TYPES_HALF)
#define NN_TYPES_SIGNED                                                                            \
    (NN_TYPE_BIT(NNOPT_INT8) | NN_TYPE_BIT(NNOPT_INT16) | NN_TYPE_BIT(NNOPT_INT32) |               \
     NN_TYPE_BIT(NNOPT_INT64))
#define NN_TYPES_UNSIGNED                                                                          \
    (NN_TYPE_BIT(NNOPT_UINT8) | NN_TYPE_BIT(NNOPT_UINT16) | NN_TYPE_BIT(NNOPT_UINT32) |            \
     NN_TYPE_BIT(NNOPT_UINT64))
#define NN_TYPES_INTEGER (NN_TYPES_SIGNED | NN_TYPES_UNSIGNED)
#define NN_TYPES_NUMBER  (NN_TYPES_FLOAT | NN_TYPES_INTEGER)
#define NN_TYPES_BOOL    NN_TYPE_BIT(NNOPT_BOOL)
#define NN_TYPES_PACKED_INTEGER                                                                    \
    (NN_TYPE_BIT(NNOPT_INT4) | NN_TYPE_BIT(NNOPT_UINT4) | NN_TYPE_BIT(NNOPT_INT2) |                \
     NN_TYPE_BIT(NNOPT_UINT2))
#define NN_TYPES_PACKED_FLOAT                                                                      \
    (NN_TYPE_BIT(NNOPT_FLOAT4E2M1) | NN_TYPE_BIT(NNOPT_FLOAT6E2M3) | NN_TYPE_BIT(NNOPT_FLOAT6E3M2))
#define NN_TYPES_PACKED (NN_TYPES_PACKED_INTEGER | NN_TYPES_PACKED_FLOAT)
#define NN_TYPES_FLOAT8                                                                            \
    (NN_TYPE_BIT(NNOPT_FLOAT8E4M3FN) | NN_TYPE_BIT(NNOPT_FLOAT8E4M3FNUZ) |                         \
     NN_TYPE_BIT(NNOPT_FLOAT8E5M2) | NN_TYPE_BIT(NNOPT_FLOAT8E5M2FNUZ))
#define NN_TYPES_SMALL_FLOAT                                                                       \
    (NN_TYPES_FLOAT8 | NN_TYPE_BIT(NNOPT_FLOAT8E8M0) | NN_TYPES_PACKED_FLOAT)
#define NN_TYPES_STRING  NN_TYPE_BIT(NNOPT_STRING)
#define NN_TYPES_COMPLEX (NN_TYPE_BIT(NNOPT_COMPLEX64) | NN_TYPE_BIT(NNOPT_COMPLEX128))
/* Elements of whole bytes: what can be moved without being understood. Strings are pointers. */
#define NN_TYPES_BYTES                                                                             \
    (NN_TYPES_NUMBER | NN_TYPES_BOOL | NN_TYPES_COMPLEX | NN_TYPES_FLOAT8 |                        \
     NN_TYPE_BIT(NNOPT_FLOAT8E8M0) | NN_TYPES_STRING)

static inline bool nn_type_in(nn_type type, nn_type_set set) {
    return type < 32 && (set & NN_TYPE_BIT(type)) != 0;
}

enum { NN_TYPE_COUNT = NNOPT_FLOAT6E3M2 + 1 };

/* X(TYPE, c_type, suffix) for each type that C computes with itself. */
#define NN_EACH_SIGNED(X)                                                                          \
    X(INT8, int8_t, i8) X(INT16, int16_t, i16) X(INT32, int32_t, i32) X(INT64, int64_t, i64)
#define NN_EACH_UNSIGNED(X)                                                                        \
    X(UINT8, uint8_t, u8)                                                                          \
    X(UINT16, uint16_t, u16) X(UINT32, uint32_t, u32) X(UINT64, uint64_t, u64)
#define NN_EACH_INTEGER(X) NN_EACH_SIGNED(X) NN_EACH_UNSIGNED(X)
#define NN_EACH_REAL(X)    X(FLOAT, float, f32) X(DOUBLE, double, f64)

/* Runs are converted through blocks of this many elements on the stack. */
enum { NN_BLOCK = 512 };

/* Runs of packed elements begin at a byte; what is left of the last byte becomes zero. */

/* From every floating type but double. */
void nn_load_float(nn_type type, const void *in, float *out, int64_t count);
/* To float, float16, bfloat16. */
void nn_store_float(nn_type type, const float *in, void *out, int64_t count);
/* To floating types of at most 8 bits. */
void nn_store_small(nn_type type, const float *in, void *out, int64_t count, nn_float_rules rules);
/* From every number and bool; uint64 over 2^63 keeps its value in doubles only. */
void nn_load_double(nn_type type, const void *in, double *out, int64_t count);
/* From integers and bool. */
void nn_load_int(nn_type type, const void *in, int64_t *out, int64_t count);
/* To the four floating types of 16 bits and more, rounded once. */
void nn_store_double(nn_type type, const double *in, void *out, int64_t count);
/* To integers (high bits are dropped) and bool (nonzero is true). */
void nn_store_int(nn_type type, const int64_t *in, void *out, int64_t count);

/* Rounds once from double to a half type: through float it would be rounded twice. */
uint16_t nn_double_to_half(double value);
uint16_t nn_double_to_bfloat16(double value);

/* Address of element `index`, which must begin a byte. */
static inline const void *nn_at(const void *data, nn_type type, int64_t index) {
    return (const char *)data + index * nn_type_bits(type) / 8;
}
static inline void *nn_at_out(void *data, nn_type type, int64_t index) {
    return (char *)data + index * nn_type_bits(type) / 8;
}

#endif
