/* Profiles and diagnoses as report records (docs/report-schema.md). */
#ifndef NN_PROFILE_REPORT_H
#define NN_PROFILE_REPORT_H

#include "engine/measure/device_roofline.h"
#include "engine/measure/diagnose.h"
#include "engine/report.h"

/* What was run, under the keys that every measurement has: model, data, batch, threads, precision,
 * isa. */
typedef struct nn_subject {
    const char *model, *data;
    int64_t batch;
    int threads;
    nn_device *device; /* NULL: the CPU */
    nn_precision precision;
} nn_subject;
void nn_report_add_subject(nn_report *report, cJSON *record, const nn_subject *subject);
/* "latency_ms": min, median, mean, p90, p99, max, low and high (95 % interval of the median). */
void nn_report_add_latency(nn_report *report, cJSON *record, const nn_statistics *seconds);
/* Everything of a row, into its record. */
void nn_report_add_row(nn_report *report, cJSON *record, const nn_profile_row *row);
void nn_report_add_bottleneck(nn_report *report, cJSON *record, const nn_bottleneck *item);
/* "roofline": the ceilings of one core, and what `threads` threads reach as multiples of it. */
void nn_report_add_roofline(nn_report *report, cJSON *parent, const nn_roofline *roofline,
                            int threads);
/* "ceilings": what the device reaches, operations or bytes a second by name. */
void nn_report_add_ceilings(nn_report *report, cJSON *parent, const nn_device_roofline *roofline);
/* The name people know a model by: its file's, without folders. */
const char *nn_base_name(const char *path);

/* A report of kind "profile" without its advice over all passes, to be finished by the caller. */
nn_status nn_profile_report(const nn_profile *profile, const nn_diagnosis *diagnosis,
                            const nn_subject *subject, nn_report **out);

#endif
