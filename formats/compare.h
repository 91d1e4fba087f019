/* Is a tensor what was expected? */
#ifndef NN_COMPARE_H
#define NN_COMPARE_H

#include "base/tensor.h"

/* Same type, same shape, and every element within atol + rtol * |expected|; NaN only where NaN is
 * expected, infinities equal; zeros of either sign are equal; complex numbers by their distance in
 * the plane; integers as doubles; strings equal. rtol is at least 2^-6 for bfloat16. As the
 * standard's own runner does: numpy's assert_allclose, which computes distance and tolerance in the
 * precision of float16 and float32 for these types. NN_CHECK tells how many elements differ and the
 * worst one. Data must be aligned. */
nn_status nn_tensor_compare(const nn_tensor *expected, const nn_tensor *actual, double rtol,
                            double atol);

#endif
