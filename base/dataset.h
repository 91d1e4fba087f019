/* A data set as the engine sees it: a list of feeds. The sources live in formats/. */
#ifndef NN_DATASET_H
#define NN_DATASET_H

#include "base/tensor.h"

/* One run's inputs, in the order of the model's inputs. */
typedef struct nn_feed {
    const nn_tensor *inputs; /* input_count tensors; borrowed until the next read */
    int64_t sample_count;    /* how many samples this feed holds: 1 unless batched */
    bool cut;                /* cut from a longer array along axis 0: outputs are concatenated */
    const nn_tensor *labels; /* int64, sample_count entries; NULL: none */
} nn_feed;

struct nnopt_dataset {
    const char *name; /* for messages and reports: the path, or "random" */
    int input_count;
    int64_t sample_count; /* samples over all feeds */
    int64_t feed_count;
    bool has_labels;
    const bool *cut_inputs; /* per input: axis 0 counts samples (else every feed gets it whole) */
    /* Reads feed `index`; the feed stays valid until the next read or the end of the data set. */
    nn_status (*read)(struct nnopt_dataset *self, int64_t index, nn_feed *out);
    /* A 64-bit content hash of sample `index` (inputs only), to find samples that two sets share.
     */
    nn_status (*hash)(struct nnopt_dataset *self, int64_t index, uint64_t *out);
    void (*destroy)(struct nnopt_dataset *self);
};
typedef struct nnopt_dataset nn_dataset;

/* A view of the samples listed in `indices` (copied) of `parent`, which must outlive it. Only for
 * data sets whose feeds are cut, one sample a feed or more. */
nn_status nn_dataset_subset(nn_dataset *parent, const int64_t *indices, int64_t count,
                            nn_dataset **out);
/* The same samples in feeds of `batch` samples (the last may be smaller). */
nn_status nn_dataset_rebatch(nn_dataset *parent, int64_t batch, nn_dataset **out);

#endif
