/* Conversion of element types, for Cast and CastLike. */
#ifndef NN_FAMILY_CAST_H
#define NN_FAMILY_CAST_H

#include "ops/family/copy.h"

#define NN_TYPES_CASTABLE                                                                          \
    (NN_TYPES_NUMBER | NN_TYPES_BOOL | NN_TYPES_SMALL_FLOAT | NN_TYPES_PACKED_INTEGER |            \
     NN_TYPES_STRING)

typedef struct nn_cast_attrs {
    nn_type to;
    nn_float_rules rules; /* of conversions to small floating types */
} nn_cast_attrs;

/* Attributes saturate and round_mode as the node's opset has them. */
nn_status nn_cast_parse_rules(const nn_node_view *node, const nn_attrs *attrs, nn_cast_attrs *out);
/* Output 0 like input 0, of type `to`; elements of integers go along. */
nn_status nn_infer_cast(const nn_node_view *node, nn_type to);
/* Every number, bool and string (cast_text.h) to every other. Floating to integers of 8 bits and more: towards zero,
 * clamped, NaN is 0; to packed integers the low bits of that; integer to integer drops high bits;
 * what is not 0 is true. The node's attributes are nn_cast_attrs. */
bool nn_cast_accepts(const nn_node_view *node, const nn_target *target);
nn_status nn_cast_run(const nn_call *call);

#endif
