/* The kernels of a device by operator: rows of its library, attached to the table of operators. */
#ifndef NN_DEVICE_KERNELS_H
#define NN_DEVICE_KERNELS_H

#include "ops/op.h"

/* nn_device_open, with the rows attached. NN_INTERNAL where a row names an operator that the table
 * does not have. */
nn_status nn_device_open_kernels(const char *name, nn_device **out);

/* The device's kernels for `op`, best first, NULL ends them; NULL where it has none. */
const nn_kernel *const *nn_device_kernels(const nn_device *device, const nn_op *op);

#endif
