/* Taking tensors apart along an axis and putting them together, for elements of every type:
 * packed ones, and strings, whose texts stay where they are. */
#ifndef NN_FAMILY_PIECES_H
#define NN_FAMILY_PIECES_H

#include "ops/family/infer.h"

/* A tensor as `outer` blocks of `size` rows of `inner` elements: the axis is in the middle. */
typedef struct nn_rows {
    int64_t outer, size, inner;
} nn_rows;
nn_rows nn_rows_of(const int64_t *dims, int rank, int axis);

/* Copies `count` elements; positions count elements. */
void nn_move_elements(nn_type type, void *to, int64_t to_index, const void *from,
                      int64_t from_index, int64_t count);
/* Copies `count` rows of each block, beginning at row `from_row`, to row `to_row`. */
void nn_move_rows(nn_type type, void *to, const nn_rows *to_rows, int64_t to_row, const void *from,
                  const nn_rows *from_rows, int64_t from_row, int64_t count);

#endif
