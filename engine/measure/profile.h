/* Where the time of a run goes: every step of the plan measured and set against the machine's
 * roofline. */
#ifndef NN_PROFILE_H
#define NN_PROFILE_H

#include "engine/measure/device_roofline.h"
#include "engine/measure/measure.h"
#include "engine/measure/roofline.h"

/* What limits a step: arithmetic, moving data, or the fixed cost of running any step at all. */
typedef enum nn_bound { NN_BOUND_COMPUTE, NN_BOUND_MEMORY, NN_BOUND_OVERHEAD } nn_bound;
const char *nn_bound_name(nn_bound bound); /* "compute", "memory", "overhead" */

typedef struct nn_profile_row {
    const char *node; /* ONNX node that the row is keyed by */
    const char *op;   /* "Conv"; "Layout" and "Copy" for what the planner put in */
    nn_op_kind kind;
    const char *kernel, *variant, *chosen_by; /* as in nn_step_info */
    const char *shape;   /* of what is read and written: "1x64x16x16 -> 1x64x8x8" */
    const char **covers; /* all ONNX nodes whose work the step does */
    int64_t cover_count;
    bool is_conversion, is_channels_last;
    bool on_device;   /* ran there; times are the device's own */
    bool is_copy;     /* between the memories of the device and the host */
    double occupancy; /* of the device: threads in flight over those that fit; 0: not known */
    /* Why the product does not use the device's tensor cores: "type", "alignment", "kernel"; NULL:
     * it does, or is no product. */
    const char *without_tensor_cores;
    const char *device_arithmetic; /* "fp16": which ceiling of the device counts; NULL: the CPU's */
    nn_arithmetic arithmetic;
    nn_samples samples; /* seconds of each instrumented run, timer cost included */
    /* Mean over the runs whose total is in the middle half, so that rows add up to a typical run;
     * and the median of all runs. Both without the timer's own cost. */
    double seconds, median;
    double share; /* of profile->total */
    double idle;  /* of the threads' time: without a task of it; 0: one thread, or not known */
    double timed, idle_seconds; /* sums over all runs, which that is made from */
    nn_cost cost;
    double attainable; /* seconds that the roofline allows for this work, threads and working set */
    double compute_seconds, memory_seconds; /* what attainable is the larger of */
    nn_bound bound;
    int64_t live_bytes, workspace_bytes, packed_bytes;
} nn_profile_row;

typedef struct nn_profile {
    nn_arena arena; /* holds texts and rows */
    nn_roofline roofline;
    int threads;
    nn_device *device; /* NULL: the CPU, and what follows is empty */
    nn_precision precision;
    nn_device_roofline device_roofline;
    nn_device_sensors sensors; /* at the end of the runs */
    int64_t device_bytes;      /* slab of the device */
    bool is_recorded;          /* runs without instrumentation start recorded work */
    int64_t batch;             /* samples a run holds */
    nn_profile_row *rows;
    int64_t row_count;
    nn_samples plain;     /* seconds of runs without instrumentation, interleaved with the others */
    nn_statistics total;  /* of those */
    double instrumented;  /* median seconds of an instrumented run */
    double timer_seconds; /* what an empty step measures: subtracted from each row */
    double unattributed;  /* total minus the sum of the rows */
    double between;       /* seconds of a run that no step covers, as timed within the same run */
    double dispatch;      /* estimated fixed seconds of a step */
    double macs, flops, bytes;
    double major_faults;                              /* pages read from disk per run */
    int64_t slab_bytes, packed_bytes, constant_bytes; /* constants that are read as they are */
    const char **absent_nodes, **absent_reasons;      /* nodes that cost nothing here */
    int64_t absent_count;
} nn_profile;

/* Profiles the first feed of `data` for about `seconds`, or `iterations` runs of each kind when
 * they are not 0. The profile borrows nothing. */
nn_status nn_profile_run(nn_session *session, nn_dataset *data, double seconds, int64_t iterations,
                         double warmup_seconds, nn_profile *out);
/* The same for several models in turn, each on the first feed of its data (which may be shared):
 * sample i of one model was taken near sample i of the others, and all have as many. */
typedef struct nn_profile_entry {
    nn_session *session;
    nn_dataset *data;
    nn_profile profile; /* out */
} nn_profile_entry;
nn_status nn_profile_interleaved(nn_profile_entry *entries, int64_t count, double seconds,
                                 int64_t iterations, double warmup_seconds);
void nn_profile_clear(nn_profile *profile);

/* The row of this ONNX node (the largest of several), or NULL. */
const nn_profile_row *nn_profile_find(const nn_profile *profile, const char *node);

/* What one begin and end of the hook measure when nothing runs between them. */
double nn_profile_timer_seconds(void);

/* Bytes a plan needs to run: slab, packed constants, constants read as they are. */
int64_t nn_plan_footprint(const nn_plan *plan, int64_t *constant_bytes);

#endif
