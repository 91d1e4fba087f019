/* numpy.matmul of 8-bit matrices, exact: sums are taken modulo 2^32, as int32 adds. Parameters
 * (scales and zero points) of a go with its rows, those of b with its columns:
 *
 *     a [batch..., M, K]   one, [M], or [batch..., M, 1]
 *     b [batch..., K, N]   one, [N], or [batch..., 1, N] */
#ifndef NN_INTEGER_MATMUL_H
#define NN_INTEGER_MATMUL_H

#include "ops/family/matmul.h"
#include "ops/family/quantization.h"

/* The number of elements of parameter input `index`, which belongs to data input `data`, must be 1,
 * its rows (columns when `is_b`), or those of all its matrices, as far as they are known. */
nn_status nn_integer_matmul_check(const nn_node_view *node, int data, int index, bool is_b);

typedef struct nn_integer_matmul {
    nn_matmul_geometry geometry;
    const nn_tensor *a, *b;
    const nn_tensor *a_zero, *b_zero; /* NULL: 0 */
} nn_integer_matmul;

/* Element of a parameter tensor for line `line` of the matrix that starts at element `start` of
 * its data and has `size` elements. */
static inline int64_t nn_integer_matmul_parameter(const nn_tensor *parameter, int64_t start,
                                                  int64_t size, int64_t line, int64_t lines) {
    int64_t count = nn_tensor_count(parameter);
    if (count == 1) return 0;
    return count == lines ? line : start / size * lines + line;
}

/* Sum of one output; a_start and b_start are the first elements of its matrices. */
int32_t nn_integer_matmul_sum(const nn_integer_matmul *product, int64_t a_start, int64_t b_start,
                              int64_t row, int64_t column);

#endif
