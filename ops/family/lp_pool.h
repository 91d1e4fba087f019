/* Pools that give the p-norm of what a window or a whole plane holds. */
#ifndef NN_FAMILY_LP_POOL_H
#define NN_FAMILY_LP_POOL_H

#include "ops/family/pooling.h"

typedef struct nn_lp_pool_attrs {
    nn_pool_attrs pool; /* first: the family reads it */
    double p;
} nn_lp_pool_attrs;

typedef struct nn_global_lp_attrs {
    double p;
} nn_global_lp_attrs;

/* Attribute p, a float in version 1; it must be positive. */
nn_status nn_lp_parse(const nn_node_view *node, const nn_attrs *attrs, double *out);

/* For every floating type, computed in double. `window` over the geometry, or one that covers the
 * plane. */
nn_status nn_lp_run(const nn_call *call, const nn_pool_geometry *geometry, double p);

#endif
