#include "engine/measure/streams.h"

#include "base/memory.h"

#include <pthread.h>
#include <stdio.h>

/* Opens for all when the last of them has come, or the first could not be started. */
typedef struct latch {
    pthread_mutex_t lock;
    pthread_cond_t opened;
    int missing;
} latch;

static void latch_pass(latch *self) {
    pthread_mutex_lock(&self->lock);
    if (--self->missing <= 0) pthread_cond_broadcast(&self->opened);
    while (self->missing > 0) pthread_cond_wait(&self->opened, &self->lock);
    pthread_mutex_unlock(&self->lock);
}

static void latch_open(latch *self) {
    pthread_mutex_lock(&self->lock);
    self->missing = 0;
    pthread_cond_broadcast(&self->opened);
    pthread_mutex_unlock(&self->lock);
}

typedef struct stream {
    nn_session *session;
    const nn_feed *feed;
    size_t input_count;
    nn_tensor *outputs;
    struct latch *start;
    double seconds;
    nn_samples samples;
    double end; /* of the last run */
    nn_status status;
    char message[NN_MESSAGE_SIZE]; /* of a failure */
    pthread_t thread;
} stream;

static nn_status run_once(stream *self, double *seconds) {
    const double begin = nn_now();
    NN_TRY(nnopt_session_run(self->session, self->feed->inputs, self->input_count, self->outputs));
    self->end = nn_now();
    *seconds = self->end - begin;
    return NN_OK;
}

static nn_status run_for_a_while(stream *self, double deadline) {
    double seconds;
    do {
        NN_TRY(run_once(self, &seconds));
        NN_TRY(nn_samples_add(&self->samples, seconds));
    } while (self->end < deadline);
    return NN_OK;
}

/* The first runs plan and record; the clock starts when all are done with them. */
static void *run_stream(void *argument) {
    stream *self = argument;
    double seconds;
    for (int i = 0; i < 3 && self->status == NN_OK; i++) self->status = run_once(self, &seconds);
    latch_pass(self->start);
    if (self->status == NN_OK) self->status = run_for_a_while(self, nn_now() + self->seconds);
    if (self->status != NN_OK)
        snprintf(self->message, sizeof self->message, "%s", nnopt_last_error());
    return NULL;
}

static nn_status collect(const stream *streams, int count, double begin, int64_t batch,
                         nn_streams_result *out) {
    nn_samples all = {0};
    double end = begin;
    nn_status status = NN_OK;
    for (int i = 0; i < count && status == NN_OK; i++) {
        if (streams[i].status != NN_OK)
            status = nn_fail(streams[i].status, "%s", streams[i].message);
        for (int64_t k = 0; k < streams[i].samples.count && status == NN_OK; k++)
            status = nn_samples_add(&all, streams[i].samples.values[k]);
        if (streams[i].end > end) end = streams[i].end;
    }
    if (status == NN_OK) status = nn_samples_statistics(&all, &out->run);
    out->runs = all.count;
    out->throughput = end > begin ? (double)(all.count * batch) / (end - begin) : 0;
    nn_samples_clear(&all);
    return status;
}

/* The caller passes the latch, too, to know when the clock starts. */
static nn_status start_and_join(stream *streams, int count, latch *start, double *begin) {
    int started = 0;
    while (started < count &&
           pthread_create(&streams[started].thread, NULL, run_stream, &streams[started]) == 0)
        started++;
    if (started < count)
        latch_open(start);
    else
        latch_pass(start);
    *begin = nn_now();
    for (int i = 0; i < started; i++) pthread_join(streams[i].thread, NULL);
    return started == count ? NN_OK : nn_fail(NN_INTERNAL, "a thread could not be started");
}

nn_status nn_bench_streams(nn_session *const *sessions, int count, nn_dataset *data, double seconds,
                           nn_streams_result *out) {
    stream streams[NN_MAX_STREAMS] = {0};
    latch start = {.lock = PTHREAD_MUTEX_INITIALIZER,
                   .opened = PTHREAD_COND_INITIALIZER,
                   .missing = count + 1};
    nn_feed feed;
    double begin = 0;
    nn_status status = NN_OK;
    if (count < 1 || count > NN_MAX_STREAMS)
        return nn_fail(NN_USAGE, "1 to %d sessions run side by side, not %d", NN_MAX_STREAMS,
                       count);
    if (data->feed_count < 1)
        return nn_fail(NN_BAD_INPUT, "data '%s' holds no sample to measure", data->name);
    NN_TRY(data->read(data, 0, &feed));
    for (int i = 0; i < count && status == NN_OK; i++) {
        const nn_graph *graph = nn_session_model(sessions[i])->graph;
        const size_t size = sizeof(nn_tensor) * ((size_t)graph->output_count + 1);
        streams[i] = (stream){.session = sessions[i],
                              .feed = &feed,
                              .input_count = (size_t)graph->input_count,
                              .outputs = nn_alloc_zero(size),
                              .start = &start,
                              .seconds = seconds};
        if (streams[i].outputs == NULL) status = nn_fail_memory(size);
    }
    if (status == NN_OK) status = start_and_join(streams, count, &start, &begin);
    if (status == NN_OK) status = collect(streams, count, begin, feed.sample_count, out);
    for (int i = 0; i < count; i++) {
        nn_free(streams[i].outputs);
        nn_samples_clear(&streams[i].samples);
    }
    pthread_cond_destroy(&start.opened);
    pthread_mutex_destroy(&start.lock);
    return status;
}

nn_status nn_bench_streams_of(nn_model *model, const nn_session_options *options, int device_count,
                              int streams, nn_dataset *data, double seconds,
                              nn_streams_result *out) {
    nn_session *sessions[NN_MAX_STREAMS] = {NULL};
    const int count = device_count * streams;
    nn_status status = NN_OK;
    if (count > NN_MAX_STREAMS)
        return nn_fail(NN_USAGE, "at most %d sessions run side by side, not %d", NN_MAX_STREAMS,
                       count);
    for (int i = 0; i < count && status == NN_OK; i++)
        status = nn_session_open(model, &options[i % device_count], &sessions[i]);
    if (status == NN_OK) status = nn_bench_streams(sessions, count, data, seconds, out);
    for (int i = 0; i < count; i++) nnopt_session_destroy(sessions[i]);
    return status;
}
