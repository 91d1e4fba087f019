#include "ops/family/matmul_nbits.h"

#include "base/integers.h"
#include "ops/family/quantization.h"

nn_nbits_weights nn_nbits_weights_of(const nn_nbits_attrs *attrs, const nn_tensor *b,
                                     const nn_tensor *scales, const nn_tensor *zeros) {
    int64_t blocks = nn_divide_up(attrs->k, attrs->block);
    return (nn_nbits_weights){.shape = *attrs,
                              .blocks = blocks,
                              .block_bytes = attrs->block * attrs->bits / 8,
                              .zero_bytes = (blocks * attrs->bits + 7) / 8,
                              .b = b->data,
                              .scales = scales,
                              .zeros = zeros};
}

static int32_t bits_at(const uint8_t *bytes, int64_t index, int64_t bits) {
    int64_t place = index * bits;
    return bytes[place / 8] >> (place % 8) & ((1 << bits) - 1);
}

static float zero_of(const nn_nbits_weights *w, int64_t column, int64_t block) {
    const nn_tensor *zeros = w->zeros;
    if (zeros == NULL) return (float)(1 << (w->shape.bits - 1));
    if (zeros->type != NNOPT_UINT8)
        return nn_quant_load_float(zeros->data, zeros->type, column * w->blocks + block);
    const uint8_t *bytes = zeros->data;
    return (float)bits_at(bytes + column * w->zero_bytes, block, w->shape.bits);
}

void nn_nbits_column(const nn_nbits_weights *w, int64_t column, int64_t first, int64_t count,
                     float *out) {
    int64_t size = w->shape.block, end = first + count;
    for (int64_t row = first; row < end;) {
        int64_t block = row / size, at = column * w->blocks + block;
        int64_t stop = (block + 1) * size < end ? (block + 1) * size : end;
        const uint8_t *bytes = w->b + at * w->block_bytes;
        float scale = nn_quant_load_float(w->scales->data, w->scales->type, at);
        float zero = zero_of(w, column, block);
        for (; row < stop; row++)
            *out++ = ((float)bits_at(bytes, row - block * size, w->shape.bits) - zero) * scale;
    }
}
