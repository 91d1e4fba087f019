/* Transfer (domain nnopt, plans only): the same tensor in the memory of the device or of the host.
 */
#ifndef NN_TRANSFER_H
#define NN_TRANSFER_H

#include "ops/op.h"

typedef struct nn_transfer_attrs {
    bool to_device;
} nn_transfer_attrs;

#endif
