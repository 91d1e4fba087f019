/* The measured ceilings of a device: arithmetic by type, its memory, copies. Measured once, kept
 * below the cache folder under the device's name and software. */
#ifndef NN_DEVICE_ROOFLINE_H
#define NN_DEVICE_ROOFLINE_H

#include "base/device.h"
#include "ops/op.h"

enum { NN_MAX_CEILINGS = 16 };

typedef struct nn_device_roofline {
    nn_device_info info;
    struct {
        char name[16]; /* as in nn_device_ceiling */
        double per_second;
    } ceilings[NN_MAX_CEILINGS];
    int count;
} nn_device_roofline;

/* `remeasure` ignores what is kept. */
nn_status nn_device_roofline_get(nn_device *device, bool remeasure, nn_device_roofline *out);
/* The ceiling of this name; 0 where it was not measured. */
double nn_device_roofline_rate(const nn_device_roofline *roofline, const char *name);
/* The name of the arithmetic that a product of operands of this type uses in a plan of this
 * precision. */
const char *nn_device_arithmetic(nn_type operands, nn_precision precision);

#endif
