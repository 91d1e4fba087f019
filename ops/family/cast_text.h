/* Conversion between numbers and text, for Cast and CastLike. */
#ifndef NN_FAMILY_CAST_TEXT_H
#define NN_FAMILY_CAST_TEXT_H

#include "ops/op.h"

/* Numbers become the shortest decimal that reads back as the same value of their type, "NaN", "INF"
 * or "-INF"; true and false are 1 and 0. Text is a decimal, or one of these names in any case, with
 * blanks around; what it says besides becomes an error. To integers: towards zero, then the low
 * bits. The node's attributes are nn_cast_attrs; one of the two types is string. */
nn_status nn_cast_text_run(const nn_call *call);

#endif
