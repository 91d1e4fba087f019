/* Which bottleneck holds: classes of causes, each with the numbers that show it and an experiment
 * that was run to confirm or refute it. */
#ifndef NN_DIAGNOSE_H
#define NN_DIAGNOSE_H

#include "engine/measure/profile.h"

typedef enum nn_bottleneck_class {
    NN_DATA_LOADING,      /* reading inputs */
    NN_COMPUTE,           /* arithmetic near what the machine can do */
    NN_MEMORY_BANDWIDTH,  /* moving data near what the machine can do */
    NN_DISPATCH_OVERHEAD, /* the fixed cost of steps */
    NN_PARALLELISM,       /* cores that stand idle */
    NN_BATCH_SIZE,        /* work that a larger batch would share between samples */
    NN_MEMORY_CAPACITY,   /* memory that has to be read back from disk */
    NN_DEVICE_COPIES,     /* copies between the memories of a device and the host */
    NN_INEFFICIENT_LAYER, /* time far above what the machine allows for the work */
    NN_BOTTLENECK_CLASSES,
} nn_bottleneck_class;
const char *nn_bottleneck_name(nn_bottleneck_class class); /* "data_loading" */

enum { NN_MAX_EVIDENCE = 8 };
typedef struct nn_number {
    const char *key;
    double value;
} nn_number;

/* A claim in words with its numbers. */
typedef struct nn_finding {
    const char *text;
    nn_number numbers[NN_MAX_EVIDENCE];
    int number_count;
} nn_finding;

/* Something to do about it. */
typedef struct nn_advice {
    const char *technique; /* "quantize", "threads": a pass or an option */
    const char *text;      /* "int8 should save 1.10 ms" */
    double saved_seconds;  /* per run of the profiled batch */
} nn_advice;

typedef struct nn_bottleneck {
    nn_bottleneck_class class;
    /* Fraction of the wall-clock time, reading inputs included: for compute, memory bandwidth,
     * dispatch, inefficient layers and data loading the parts of one whole; for the others what an
     * ideal change would save. */
    double share;
    const char **nodes; /* those that hold most of it, largest first */
    int64_t node_count;
    nn_finding evidence, experiment;
    bool was_run;      /* the experiment; when false its text says why it cannot be */
    bool confirmed;    /* by the experiment */
    nn_advice *advice; /* largest saving first */
    int64_t advice_count, advice_capacity;
} nn_bottleneck;

typedef struct nn_diagnosis {
    nn_arena arena;
    nn_bottleneck items[NN_BOTTLENECK_CLASSES]; /* largest share first */
} nn_diagnosis;

/* `session_options` are those of the profiled session. `reads_files`: data come from files, so that
 * reading them is part of the work. The experiments take about `seconds`. */
nn_status nn_diagnose(const nn_profile *profile, nn_model *model,
                      const nn_session_options *session_options, nn_dataset *data, bool reads_files,
                      double seconds, nn_diagnosis *out);
/* Adds advice to a class, copying its texts. */
nn_status nn_diagnosis_advise(nn_diagnosis *diagnosis, nn_bottleneck_class class,
                              const nn_advice *advice);
void nn_diagnosis_clear(nn_diagnosis *diagnosis);

#endif
