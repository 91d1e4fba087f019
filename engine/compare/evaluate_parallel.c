/* Evaluation by several sessions at once, one thread each: feeds go to whichever is free. */
#include "engine/compare/evaluate_parts.h"

#include "base/memory.h"

#include <pthread.h>
#include <stdio.h>

enum { MOST_SESSIONS = 64 };

typedef struct shared_work {
    pthread_mutex_t lock; /* over all below, and over reading */
    nn_dataset *data;
    int64_t next; /* feed to be read */
    nn_score *scores;
    nn_status status; /* of the first failure */
    char message[NN_MESSAGE_SIZE];
} shared_work;

typedef struct worker {
    shared_work *work;
    nn_evaluator evaluator;
    nn_tensor *inputs; /* a copy of the feed's: the next read would end them */
    nn_tensor labels;
    pthread_t thread;
} worker;

static void clear_copy(worker *self) {
    for (int i = 0; i < self->work->data->input_count; i++) nn_tensor_clear(&self->inputs[i]);
    nn_tensor_clear(&self->labels);
}

static nn_status copy_feed(worker *self, nn_feed *feed) {
    for (int i = 0; i < self->work->data->input_count; i++)
        NN_TRY(nn_tensor_copy(&feed->inputs[i], &self->inputs[i]));
    if (feed->labels != NULL) NN_TRY(nn_tensor_copy(feed->labels, &self->labels));
    feed->inputs = self->inputs;
    feed->labels = feed->labels != NULL ? &self->labels : NULL;
    return NN_OK;
}

/* The next feed, copied; *index is the feed count when there is none. */
static nn_status take_feed(worker *self, int64_t *index, nn_feed *feed) {
    shared_work *work = self->work;
    nn_status status = NN_OK;
    pthread_mutex_lock(&work->lock);
    *index = work->status == NN_OK ? work->next : work->data->feed_count;
    if (*index < work->data->feed_count) {
        work->next++;
        status = work->data->read(work->data, *index, feed);
        if (status == NN_OK) status = nn_dataset_refuse_nan(work->data, *index, feed);
        if (status == NN_OK) status = copy_feed(self, feed);
        nn_progress("evaluating", (double)work->next, (double)work->data->feed_count, NULL);
        if (status == NN_OK) status = nn_check_interrupt();
    }
    pthread_mutex_unlock(&work->lock);
    return status;
}

static nn_status judge_feeds(worker *self) {
    shared_work *work = self->work;
    for (;;) {
        int64_t index;
        nn_feed feed;
        nn_quality judged = {.metric = self->evaluator.evaluation->metric};
        nn_status status = take_feed(self, &index, &feed);
        if (status == NN_OK && index >= work->data->feed_count) return NN_OK;
        const int64_t first = index * work->data->feed_samples;
        if (status == NN_OK) status = nn_evaluator_run(&self->evaluator, &feed, first, &judged);
        clear_copy(self);
        if (status == NN_OK && judged.count > 0)
            memcpy(work->scores + first, judged.scores, (size_t)judged.count * sizeof(nn_score));
        nn_quality_clear(&judged);
        NN_TRY(status);
    }
}

static void *run_worker(void *argument) {
    worker *self = argument;
    shared_work *work = self->work;
    nn_status status = judge_feeds(self);
    if (status == NN_OK) return NULL;
    pthread_mutex_lock(&work->lock);
    if (work->status == NN_OK) {
        work->status = status;
        snprintf(work->message, sizeof work->message, "%s", nnopt_last_error());
    }
    pthread_mutex_unlock(&work->lock);
    return NULL;
}

static nn_status run_workers(worker *workers, int count) {
    int started = 0;
    while (started < count &&
           pthread_create(&workers[started].thread, NULL, run_worker, &workers[started]) == 0)
        started++;
    if (started == 0) run_worker(&workers[0]); /* in this thread */
    for (int i = 0; i < started; i++) pthread_join(workers[i].thread, NULL);
    const shared_work *work = workers[0].work;
    return work->status == NN_OK ? NN_OK : nn_fail(work->status, "%s", work->message);
}

nn_status nn_evaluate_on(nn_session *const *sessions, nn_session *const *bases, int count,
                         nn_dataset *data, const nn_evaluation *evaluation, nn_quality *out) {
    worker workers[MOST_SESSIONS] = {0};
    nn_quality quality = {.metric = evaluation->metric};
    shared_work work = {.lock = PTHREAD_MUTEX_INITIALIZER, .data = data};
    const size_t size = (size_t)(data->sample_count + 1) * sizeof *quality.scores;
    const size_t inputs_size = ((size_t)data->input_count + 1) * sizeof(nn_tensor);
    nn_status status = NN_OK;
    if (count > MOST_SESSIONS)
        return nn_fail(NN_USAGE, "at most %d sessions evaluate side by side", MOST_SESSIONS);
    quality.scores = work.scores = nn_alloc_zero(size);
    if (quality.scores == NULL) return nn_fail_memory(size);
    quality.count = quality.capacity = data->sample_count;
    for (int i = 0; i < count && status == NN_OK; i++) {
        workers[i].work = &work;
        workers[i].inputs = nn_alloc_zero(inputs_size);
        status = workers[i].inputs != NULL ? nn_evaluator_init(sessions[i], bases[i], data,
                                                               evaluation, &workers[i].evaluator)
                                           : nn_fail_memory(inputs_size);
    }
    if (status == NN_OK) status = run_workers(workers, count);
    if (status == NN_OK) status = nn_quality_finish(&quality);
    for (int i = 0; i < count; i++) {
        nn_evaluator_clear(&workers[i].evaluator);
        nn_free(workers[i].inputs);
    }
    pthread_mutex_destroy(&work.lock);
    if (status == NN_OK)
        *out = quality;
    else
        nn_quality_clear(&quality);
    return status;
}
