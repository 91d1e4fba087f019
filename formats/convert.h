/* Elements from the type that a file has to the type that a model's input wants. */
#ifndef NN_CONVERT_H
#define NN_CONVERT_H

#include "base/tensor.h"

/* Any number feeds a floating input; whole numbers feed whole numbers (in range, which is checked
 * per value); floating to whole numbers is refused, and so is everything else that differs.
 * NN_BAD_INPUT names `subject`. */
nn_status nn_convert_check(nn_type from, nn_type to, const char *subject);
/* Converts `count` elements, `first` onwards, of `from` into `to` (whose type says what is wanted,
 * from its first element on). The types passed the check and differ; from->data is aligned. */
nn_status nn_convert(const nn_tensor *from, int64_t first, int64_t count, nn_tensor *to,
                     const char *subject);

#endif
