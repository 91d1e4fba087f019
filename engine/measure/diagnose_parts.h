/* Shared by the files of the diagnosis. */
#ifndef NN_DIAGNOSE_PARTS_H
#define NN_DIAGNOSE_PARTS_H

#include "engine/measure/diagnose.h"
#include "engine/measure/experiments.h"

typedef struct nn_diagnosis_work {
    const nn_profile *profile;
    nn_experiments experiments;
    nn_diagnosis *out;
    double wall; /* seconds of a run with its reading */
    double
        *parts[NN_BOTTLENECK_CLASSES]; /* seconds of each row that belong to the class, or NULL */
    bool out_of_memory;
} nn_diagnosis_work;

/* Seconds of all rows that belong to the class. */
double nn_diagnosis_sum(const nn_diagnosis_work *work, nn_bottleneck_class class);
/* The row with most of it; NULL: none has any. */
const nn_profile_row *nn_diagnosis_worst(const nn_diagnosis_work *work, nn_bottleneck_class class);
/* The nodes that hold most of a class, by the seconds of each row, largest first, each once. */
void nn_diagnosis_list_nodes(nn_diagnosis_work *work, nn_bottleneck *item, const double *seconds);
void nn_diagnosis_say(nn_diagnosis_work *work, nn_finding *finding, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void nn_diagnosis_add(nn_finding *finding, const char *key, double value);
nn_bottleneck *nn_diagnosis_begin(nn_diagnosis_work *work, nn_bottleneck_class class,
                                  double seconds);
void nn_diagnosis_say_experiment(nn_diagnosis_work *work, nn_bottleneck *item,
                                 const nn_experiment *run, bool confirmed);
/* Samples a second at the larger batch over those at the profiled one; NaN: not tried. */
double nn_diagnosis_batch_gain(const nn_diagnosis_work *work);
double nn_experiment_ratio(const nn_experiment *experiment); /* after / before; NaN: not run */

/* engine/measure/diagnose_device.c: the classes whose causes are others on a device, and what the
 * experiments have shown there. */
void nn_diagnose_device(nn_diagnosis_work *work);
nn_status nn_advise_device(nn_diagnosis_work *work);

#endif
