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
    /* Every feed holds this many samples, the last one perhaps fewer. */
    int64_t feed_samples;
    /* Samples that a feed must hold since the model fixes axis 0; 0: as many as one likes. */
    int64_t fixed_batch;
    const bool *cut_inputs; /* per input: axis 0 counts samples (else every feed gets it whole) */
    const char *const *input_names;
    /* Reads feed `index`; the feed stays valid until the next read or the end of the data set. */
    nn_status (*read)(struct nnopt_dataset *self, int64_t index, nn_feed *out);
    /* A 64-bit content hash of sample `index` (inputs only), to find samples that two sets share.
     */
    nn_status (*hash)(struct nnopt_dataset *self, int64_t index, uint64_t *out);
    void (*destroy)(struct nnopt_dataset *self);
};
typedef struct nnopt_dataset nn_dataset;

/* A view of the samples listed in `indices` (copied) of `parent`, which must outlive it, one sample
 * a feed. NN_USAGE where the model fixes another number of samples a feed. */
nn_status nn_dataset_subset(nn_dataset *parent, const int64_t *indices, int64_t count,
                            nn_dataset **out);
/* The same samples in feeds of `batch` samples (the last may be smaller). NN_USAGE where the model
 * fixes another number, or no input can be cut and `batch` is not 1; reading fails with
 * NN_BAD_INPUT when samples that go together differ in shape. `parent` must outlive it. */
nn_status nn_dataset_rebatch(nn_dataset *parent, int64_t batch, nn_dataset **out);
/* The same, and the new data set ends `parent` with itself; on failure at once. */
nn_status nn_dataset_rebatch_take(nn_dataset *parent, int64_t batch, nn_dataset **out);

/* NN_BAD_INPUT naming the input when a floating input of the feed holds NaN. */
nn_status nn_dataset_refuse_nan(const nn_dataset *dataset, int64_t index, const nn_feed *feed);

/* Continues a 64-bit content hash over bytes; start with 0. */
uint64_t nn_hash_bytes(uint64_t hash, const void *bytes, size_t size);

#endif
