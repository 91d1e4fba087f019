/* Experiments that tell bottlenecks apart: the same model under one changed condition. */
#ifndef NN_EXPERIMENTS_H
#define NN_EXPERIMENTS_H

#include "engine/measure/profile.h"

/* One condition against another, medians of interleaved runs. */
typedef struct nn_experiment {
    bool was_run;
    const char *reason;   /* why not; a literal */
    double before, after; /* seconds */
    double low, high;     /* 95 % interval of after / before */
} nn_experiment;

typedef struct nn_experiments {
    int other_threads;     /* 1 when the profile used several, else all cores */
    nn_experiment threads; /* before: profiled thread count, after: the other */
    int64_t larger_batch;
    nn_experiment
        batch; /* seconds of a run: before at the profiled batch, after at the larger one */
    int64_t unfused_steps;
    nn_experiment unfused; /* before: fused plan, after: one kernel per ONNX node */
    nn_experiment
        streaming; /* on one thread, beside a core that: before computes, after streams memory */
    nn_experiment cpu;       /* before: on the device, after: on the CPU, all cores */
    nn_experiment precision; /* before: as profiled, after: in fp16 on the same device */
    nn_experiment reading;   /* before: inputs in memory, after: inputs read from their files */
} nn_experiments;

nn_status nn_experiments_run(const nn_profile *profile, nn_model *model,
                             const nn_session_options *options, nn_dataset *data, bool reads_files,
                             double seconds, nn_experiments *out);

#endif
