/* The kernels of a device by operator: rows of its library, attached to the table of operators. */
#ifndef NN_DEVICE_KERNELS_H
#define NN_DEVICE_KERNELS_H

#include "ops/op.h"

/* Attaches the rows of a device. NN_INTERNAL where one names an operator that the table does not
 * have. */
nn_status nn_device_attach(nn_device *device);
/* nn_device_open, with the rows attached. */
nn_status nn_device_open_kernels(const char *name, nn_device **out);

/* The device's kernels for `op`, best first, NULL ends them; NULL where it has none. */
const nn_kernel *const *nn_device_kernels(const nn_device *device, const nn_op *op);

#endif
