/* How the sources of data sets are made. */
#ifndef NN_DATASET_SOURCES_H
#define NN_DATASET_SOURCES_H

#include "base/dataset.h"
#include "formats/input_shapes.h"
#include "formats/npy.h"

NN_OPTION_TABLE(dataset)

typedef struct nn_data_request {
    const char *path;
    const nn_input_shapes *shapes;
    const nnopt_options *options; /* checked */
} nn_data_request;

typedef struct nn_data_format {
    const char *name;
    const char *suffixes;                   /* of files, lower case: ".jpg .jpeg"; "": none */
    bool (*takes_folder)(const char *path); /* NULL: files only */
    nn_status (*open)(const nn_data_request *request, nn_dataset **out);
} nn_data_format;

#define NN_DATA_FORMAT(name) extern const nn_data_format nn_data_format_##name;
#include "formats/data_format_table.def"
#undef NN_DATA_FORMAT

/* The rows of the table; NULL ends it. */
extern const nn_data_format *const nn_data_formats[];

/* The batch that the option asks for, 0: none. */
int64_t nn_data_batch(const nnopt_options *options);
/* Does `path` end with one of `suffixes`, whatever the case of its letters? */
bool nn_data_has_suffix(const char *path, const char *suffixes);

/* Feeds from whole arrays, one per input in order, which it takes (also on failure). Arrays that
 * fit the declared shapes are one feed; otherwise axis 0 of each that does not fit counts samples
 * and is cut to the declared size; with a batch, a free axis 0 is cut by it. `labels` (NULL: none):
 * whole numbers, one a sample; taken too. */
nn_status nn_dataset_arrays(const char *name, const nn_input_shapes *shapes, nn_blob **arrays,
                            nn_blob *labels, int64_t batch, nn_dataset **out);
/* The same from arrays by name (inputs and "labels"), which stay the caller's. */
nn_status nn_dataset_named_arrays(const nn_data_request *request, const nn_named_arrays *arrays,
                                  nn_dataset **out);

/* Seeded random feeds: floats N(0,1), whole numbers and bools 0 or 1, each sample from (seed,
 * sample, input) alone. A free axis 0 is the batch (0: 1). NN_USAGE names the option for other free
 * dimensions. */
nn_status nn_dataset_random(const nn_input_shapes *shapes, uint64_t seed, int64_t samples,
                            int64_t batch, nn_dataset **out);

/* The integers of option "labels": a .npy, or a text file with one a line. *out NULL: not given. */
nn_status nn_data_labels(const nnopt_options *options, nn_blob **out);

#endif
