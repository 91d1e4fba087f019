/* Conversion of element types, for Cast and CastLike. */
#ifndef NN_FAMILY_CAST_H
#define NN_FAMILY_CAST_H

#include "ops/family/copy.h"

/* Output 0 like input 0, of type `to`; elements of integers go along. */
nn_status nn_infer_cast(const nn_node_view *node, nn_type to);
/* Numbers and bool to numbers and bool. Floating to integer: towards zero, clamped, NaN is 0;
 * integer to integer drops high bits; what is not 0 is true. */
bool nn_cast_accepts(const nn_node_view *node, const nn_target *target);
nn_status nn_cast_run(const nn_call *call);

#endif
