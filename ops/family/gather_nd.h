/* GatherND and ScatterND: the last axis of the indices holds tuples, each of which names a slice of
 * the data: one place along each of its first axes after the batch axes. */
#ifndef NN_FAMILY_GATHER_ND_H
#define NN_FAMILY_GATHER_ND_H

#include "ops/family/infer.h"

/* The size of the tuples must be known and fit the data; -1 when it is not known. */
nn_status nn_check_tuples(const nn_node_view *node, int batch_dims, int64_t *size);

/* Concrete numbers of slices. */
typedef struct nn_slices {
    const int64_t *indices;
    int64_t tuple, count; /* indices of a tuple, tuples in all */
    int64_t batch;        /* tuples that share a batch index */
    int64_t batch_step;   /* elements of the data from one batch index to the next */
    int64_t length;       /* elements of a slice */
    int64_t dims[NN_MAX_RANK], steps[NN_MAX_RANK]; /* of the data, along the axes of a tuple */
} nn_slices;

/* Checks every index against its axis. */
nn_status nn_slices_of(const nn_node_view *node, const nn_tensor *data, const nn_tensor *indices,
                       int batch_dims, nn_slices *out);
/* First element of the slice that tuple `index` names. */
int64_t nn_slice_offset(const nn_slices *slices, int64_t index);

#endif
