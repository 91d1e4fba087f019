#include "ops/cuda/elements/small_launch.h"

#include "base/small_float.h"
#include "ops/cuda/elements/numbers.cuh"
#include "ops/cuda/elements/scales.cuh"

namespace {

enum { THREADS = 256 };
enum { GROUP = 8 }; /* elements of a thread: whole bytes, however many bits they have */

/* ---- one element ---- */

/* Of an element below a byte; 8 where it has at least one. */
__host__ __device__ __forceinline__ int bits_of(nnopt_type type) {
    switch (type) {
    case NNOPT_INT2:
    case NNOPT_UINT2:
        return 2;
    case NNOPT_INT4:
    case NNOPT_UINT4:
    case NNOPT_FLOAT4E2M1:
        return 4;
    case NNOPT_FLOAT6E2M3:
    case NNOPT_FLOAT6E3M2:
        return 6;
    default:
        return 8;
    }
}

__device__ __forceinline__ bool is_small_float(nnopt_type type) {
    switch (type) {
    case NNOPT_FLOAT8E4M3FN:
    case NNOPT_FLOAT8E4M3FNUZ:
    case NNOPT_FLOAT8E5M2:
    case NNOPT_FLOAT8E5M2FNUZ:
    case NNOPT_FLOAT8E8M0:
    case NNOPT_FLOAT4E2M1:
    case NNOPT_FLOAT6E2M3:
    case NNOPT_FLOAT6E3M2:
        return true;
    default:
        return false;
    }
}

__device__ __forceinline__ unsigned code_at(const void *data, int bits, int64_t i) {
    const int64_t place = i * bits;
    const int shift = static_cast<int>(place % 8);
    const uint8_t *bytes = static_cast<const uint8_t *>(data) + place / 8;
    unsigned word = bytes[0];
    if (shift + bits > 8) word |= static_cast<unsigned>(bytes[1]) << 8;
    return word >> shift & ((1u << bits) - 1);
}

struct number {
    bool is_whole;
    int64_t whole;
    double real; /* of whole ones, too */
};

__device__ __forceinline__ number number_at(nnopt_type type, const void *data, int64_t i) {
    const int bits = bits_of(type);
    if (is_small_float(type))
        return {false, 0, static_cast<double>(nn_small_value(type, code_at(data, bits, i)))};
    if (bits < 8) {
        const bool has_sign = type == NNOPT_INT2 || type == NNOPT_INT4;
        const int64_t code = code_at(data, bits, i), half = has_sign ? 1 << (bits - 1) : 0;
        const int64_t whole = (code ^ half) - half;
        return {true, whole, static_cast<double>(whole)};
    }
    const bool is_whole = nn_is_integer(type);
    return {is_whole, is_whole ? nn_integer_at(type, data, i) : 0, nn_number_at(type, data, i)};
}

/* To a type of at most 8 bits that is no integer of 8. */
__device__ __forceinline__ unsigned code_of(nnopt_type to, const number &x, bool overflow,
                                            int scale) {
    if (is_small_float(to)) return nn_small_code(to, nn_to_odd_float(x.real), overflow, scale);
    const int64_t whole = x.is_whole ? x.whole : nn_clamp_to_integer<int64_t>(x.real);
    return static_cast<unsigned>(whole) & ((1u << bits_of(to)) - 1);
}

template <typename T>
__device__ __forceinline__ void put_whole(void *data, int64_t i, const number &x) {
    static_cast<T *>(data)[i] =
        x.is_whole ? static_cast<T>(x.whole) : nn_clamp_to_integer<T>(x.real);
}

/* To a type of 8 bits and more. */
__device__ __forceinline__ void put(nnopt_type to, void *data, int64_t i, const number &x) {
    switch (to) {
    case NNOPT_INT8:
        return put_whole<int8_t>(data, i, x);
    case NNOPT_INT16:
        return put_whole<int16_t>(data, i, x);
    case NNOPT_INT32:
        return put_whole<int32_t>(data, i, x);
    case NNOPT_INT64:
        return put_whole<int64_t>(data, i, x);
    case NNOPT_UINT8:
        return put_whole<uint8_t>(data, i, x);
    case NNOPT_UINT16:
        return put_whole<uint16_t>(data, i, x);
    case NNOPT_UINT32:
        return put_whole<uint32_t>(data, i, x);
    case NNOPT_UINT64:
        return put_whole<uint64_t>(data, i, x);
    case NNOPT_BOOL:
        static_cast<bool *>(data)[i] = x.is_whole ? x.whole != 0 : x.real != 0;
        return;
    case NNOPT_FLOAT16:
        static_cast<__half *>(data)[i] = nn_cast<__half>(x.real);
        return;
    case NNOPT_BFLOAT16:
        static_cast<__nv_bfloat16 *>(data)[i] = nn_cast<__nv_bfloat16>(x.real);
        return;
    case NNOPT_DOUBLE:
        static_cast<double *>(data)[i] = x.real;
        return;
    default:
        static_cast<float *>(data)[i] = static_cast<float>(x.real);
    }
}

/* ---- groups ---- */

/* Codes of `bits` bits, `used` of them, lowest bits first. */
__device__ __forceinline__ void write_codes(void *data, int bits, int64_t first, int used,
                                            uint64_t codes) {
    uint8_t *bytes = static_cast<uint8_t *>(data) + first * bits / 8;
    for (int k = 0; k * 8 < used * bits; k++) bytes[k] = static_cast<uint8_t>(codes >> (8 * k));
}

__device__ __forceinline__ int used_of(int64_t first, int64_t count) {
    return count - first < GROUP ? static_cast<int>(count - first) : static_cast<int>(GROUP);
}

__global__ void cast(nn_cuda_small_cast a) {
    const int bits = bits_of(a.to);
    const bool has_codes = bits < 8 || is_small_float(a.to);
    for (int64_t first = nn_first() * GROUP; first < a.count; first += nn_stride() * GROUP) {
        const int used = used_of(first, a.count);
        uint64_t codes = 0;
        for (int k = 0; k < used; k++) {
            const number x = number_at(a.from, a.x, first + k);
            if (has_codes)
                codes |= static_cast<uint64_t>(code_of(a.to, x, a.overflow, a.scale)) << (k * bits);
            else
                put(a.to, a.y, first + k, x);
        }
        if (has_codes) write_codes(a.y, bits, first, used, codes);
    }
}

/* Of any type but double. */
__device__ __forceinline__ float float_at(nnopt_type type, const void *data, int64_t i) {
    return static_cast<float>(number_at(type, data, i).real);
}

__global__ void quantize(nn_cuda_small_quantize given) {
    const nn_cuda_quantize &a = given.quantize;
    const int bits = bits_of(a.to);
    const bool is_float = is_small_float(a.to), has_sign = a.to == NNOPT_INT2 || a.to == NNOPT_INT4;
    const bool has_codes = bits < 8 || is_float;
    for (int64_t first = nn_first() * GROUP; first < a.count; first += nn_stride() * GROUP) {
        const int used = used_of(first, a.count);
        uint64_t codes = 0;
        for (int k = 0; k < used; k++) {
            const int64_t at = nn_scale_of(a.map, first + k);
            const float zero = a.map.zeros != nullptr ? float_at(a.to, a.map.zeros, at) : 0.0f;
            const float scale = nn_round_to(float_at(a.map.type, a.map.scales, at), a.precision);
            const float x = nn_round_to(float_at(a.from, a.x, first + k), a.precision);
            float value = nn_round_to(x / scale, a.precision);
            number result = {};
            if (is_float) {
                result.real = static_cast<double>(value + zero);
            } else {
                const int width = bits < 8                                    ? bits
                                  : a.to == NNOPT_INT8 || a.to == NNOPT_UINT8 ? 8
                                                                              : 16;
                const bool is_signed = has_sign || a.to == NNOPT_INT8 || a.to == NNOPT_INT16;
                const int lowest = is_signed ? -(1 << (width - 1)) : 0;
                const float low = static_cast<float>(lowest) - zero;
                const float high = static_cast<float>(lowest + (1 << width) - 1) - zero;
                value = value > low ? value : low; /* NaN becomes the lowest */
                value = value < high ? value : high;
                result.is_whole = true;
                result.whole = static_cast<int64_t>(rintf(value)) + static_cast<int64_t>(zero);
            }
            if (has_codes)
                codes |= static_cast<uint64_t>(code_of(a.to, result, given.overflow, NN_SMALL_UP))
                         << (k * bits);
            else
                put(a.to, a.y, first + k, result);
        }
        if (has_codes) write_codes(a.y, bits, first, used, codes);
    }
}

__global__ void dequantize(nn_cuda_dequantize a) {
    for (int64_t i = nn_first(); i < a.count; i += nn_stride()) {
        const int64_t at = nn_scale_of(a.map, i);
        const float zero = a.map.zeros != nullptr ? float_at(a.from, a.map.zeros, at) : 0.0f;
        const float scale = float_at(a.map.type, a.map.scales, at);
        nn_store_as(a.to, a.y, i, (float_at(a.from, a.x, i) - zero) * scale);
    }
}

__global__ void unpack(nn_cuda_packing a) {
    for (int64_t i = nn_first(); i < a.count; i += nn_stride())
        static_cast<uint8_t *>(a.to)[i] = static_cast<uint8_t>(code_at(a.from, a.bits, i));
}

__global__ void pack(nn_cuda_packing a) {
    const uint8_t *from = static_cast<const uint8_t *>(a.from);
    for (int64_t first = nn_first() * GROUP; first < a.count; first += nn_stride() * GROUP) {
        const int used = used_of(first, a.count);
        uint64_t codes = 0;
        for (int k = 0; k < used; k++)
            codes |= static_cast<uint64_t>(from[first + k]) << (k * a.bits);
        write_codes(a.to, a.bits, first, used, codes);
    }
}

unsigned groups_of(int64_t count) {
    return nn_grid_for((count + GROUP - 1) / GROUP, THREADS);
}

} // namespace

cudaError_t nn_cuda_launch_small_cast(const nn_cuda_small_cast *arguments, cudaStream_t stream) {
    return nn_launch(cast, groups_of(arguments->count), THREADS, 0, stream, *arguments);
}

cudaError_t nn_cuda_launch_small_quantize(const nn_cuda_small_quantize *arguments,
                                          cudaStream_t stream) {
    return nn_launch(quantize, groups_of(arguments->quantize.count), THREADS, 0, stream,
                     *arguments);
}

cudaError_t nn_cuda_launch_small_dequantize(const nn_cuda_dequantize *arguments,
                                            cudaStream_t stream) {
    return nn_launch(dequantize, nn_grid_for(arguments->count, THREADS), THREADS, 0, stream,
                     *arguments);
}

cudaError_t nn_cuda_launch_unpack(const nn_cuda_packing *arguments, cudaStream_t stream) {
    return nn_launch(unpack, nn_grid_for(arguments->count, THREADS), THREADS, 0, stream,
                     *arguments);
}

cudaError_t nn_cuda_launch_pack(const nn_cuda_packing *arguments, cudaStream_t stream) {
    return nn_launch(pack, groups_of(arguments->count), THREADS, 0, stream, *arguments);
}
