/* Sessions at work side by side: what a machine or device gives in all when several runs are in
 * flight, so that copies of one go on while another computes. */
#ifndef NN_STREAMS_H
#define NN_STREAMS_H

#include "engine/measure/measure.h"

enum { NN_MAX_STREAMS = 64 };

typedef struct nn_streams_result {
    double throughput; /* samples a second, all sessions together */
    nn_statistics run; /* seconds of a run of any of them */
    int64_t runs;
} nn_streams_result;

/* Runs `count` sessions of one model for `seconds`, each in a thread of its own, all on the first
 * feed of `data`. */
nn_status nn_bench_streams(nn_session *const *sessions, int count, nn_dataset *data, double seconds,
                           nn_streams_result *out);
/* Opens `streams` sessions under each of `device_count` options and measures them together. */
nn_status nn_bench_streams_of(nn_model *model, const nn_session_options *options, int device_count,
                              int streams, nn_dataset *data, double seconds,
                              nn_streams_result *out);

#endif
