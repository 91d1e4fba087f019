#include "ops/family/pieces.h"

nn_rows nn_rows_of(const int64_t *dims, int rank, int axis) {
    return (nn_rows){.outer = nn_dims_product(dims, 0, axis),
                     .size = dims[axis],
                     .inner = nn_dims_product(dims, axis + 1, rank)};
}

static void move_packed(int bits, uint8_t *to, int64_t to_index, const uint8_t *from,
                        int64_t from_index, int64_t count) {
    int64_t each = 8 / bits;
    uint8_t mask = (uint8_t)((1 << bits) - 1);
    for (int64_t i = 0; i < count; i++) {
        int64_t source = from_index + i, target = to_index + i;
        uint8_t value = (uint8_t)(from[source / each] >> (source % each * bits) & mask);
        int shift = (int)(target % each) * bits;
        uint8_t *byte = &to[target / each];
        *byte = (uint8_t)((*byte & ~(mask << shift)) | value << shift);
    }
}

void nn_move_elements(nn_type type, void *to, int64_t to_index, const void *from,
                      int64_t from_index, int64_t count) {
    int bits = nn_type_bits(type);
    if (count == 0) return;
    if (bits < 8) {
        move_packed(bits, to, to_index, from, from_index, count);
        return;
    }
    int64_t size = bits / 8;
    memcpy((char *)to + to_index * size, (const char *)from + from_index * size,
           (size_t)(count * size));
}

void nn_move_rows(nn_type type, void *to, const nn_rows *to_rows, int64_t to_row, const void *from,
                  const nn_rows *from_rows, int64_t from_row, int64_t count) {
    int64_t inner = from_rows->inner;
    for (int64_t block = 0; block < from_rows->outer; block++)
        nn_move_elements(type, to, (block * to_rows->size + to_row) * inner, from,
                         (block * from_rows->size + from_row) * inner, count * inner);
}
