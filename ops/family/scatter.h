/* ScatterElements and ScatterND: updates written into a copy of the data, or combined with it. */
#ifndef NN_FAMILY_SCATTER_H
#define NN_FAMILY_SCATTER_H

#include "ops/family/copy.h"
#include "ops/family/index.h"

typedef enum nn_scatter_reduction {
    NN_SCATTER_NONE, /* the last update stays */
    NN_SCATTER_ADD,
    NN_SCATTER_MUL,
    NN_SCATTER_MAX,
    NN_SCATTER_MIN,
    NN_SCATTER_REDUCTIONS,
} nn_scatter_reduction;

typedef struct nn_scatter_attrs {
    nn_scatter_reduction reduction;
    int64_t axis; /* ScatterElements */
} nn_scatter_attrs;

/* Reads `reduction` and `axis`. */
nn_status nn_scatter_parse(const nn_node_view *node, const nn_attrs *attrs, void *out);

/* data[places[i]] = data[places[i]] op updates[i], one after the other; places NULL: 0, 1, 2 ... */
typedef void (*nn_scatter_row)(void *data, const int64_t *places, const void *updates,
                               int64_t count);
/* NULL where elements of this type cannot be combined so. */
nn_scatter_row nn_scatter_row_of(nn_scatter_reduction reduction, nn_type type);

/* The type of the data, the same for updates, one that the reduction takes. */
nn_status nn_scatter_check_types(const nn_node_view *node);
bool nn_scatter_accepts(const nn_node_view *node, const nn_target *target);

void nn_scatter_cost(const nn_node_view *node, nn_cost *out);

/* op->infer and kernels of ScatterElements, and of Scatter, its name before version 11. */
nn_status nn_scatter_elements_infer(const nn_node_view *node);
extern const nn_kernel *const nn_scatter_elements_kernels[];

#endif
