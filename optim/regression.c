#include "optim/regression.h"

#include "base/random.h"
#include "engine/run/session.h"
#include "optim/calibration.h"

#include <math.h>

/* Rows handed to BLAS at once. */
enum { ROWS = 512 };

typedef struct tapped {
    nn_session *session;
    nn_tensor *outputs;
    nn_tensor taps[2];
} tapped;

static nn_status open_tapped(nn_model *model, const char *const *names, int count, tapped *out) {
    nn_session_options options = {.taps = names, .tap_count = count};
    NN_TRY(nn_session_open(model, &options, &out->session));
    size_t size = ((size_t)model->graph->output_count + 1) * sizeof *out->outputs;
    out->outputs = nn_alloc_zero(size);
    return out->outputs != NULL ? NN_OK : nn_fail_memory(size);
}

static void close_tapped(tapped *self) {
    nnopt_session_destroy(self->session);
    nn_free(self->outputs);
}

static nn_status run_tapped(tapped *self, const nn_feed *feed, int input_count, int tap_count) {
    NN_TRY(nnopt_session_run(self->session, feed->inputs, (size_t)input_count, self->outputs));
    for (int i = 0; i < tap_count; i++) NN_TRY(nn_session_tap(self->session, i, &self->taps[i]));
    return NN_OK;
}

/* Adds a random part of the positions of one feed to the moments of every group. */
static nn_status add_feed(const nn_regression *self, const tapped *input, const tapped *target,
                          double kept, nn_random *random, float *x, float *y, float *shortcut,
                          nn_moments *moments) {
    const nn_linear_node *linear = self->linear;
    const nn_tensor *to = &target->taps[0];
    nn_linear_rows from;
    NN_TRY(nn_linear_rows_init(linear, &input->taps[0], &from));
    for (int64_t g = 0; g < linear->groups; g++) {
        nn_random choice = *random; /* every group sees the same positions */
        int64_t rows = 0;
        for (int64_t p = 0; p < from.count; p++) {
            if (kept < 1 && nn_random_uniform(&choice) >= kept) continue;
            nn_linear_gather(&from, p, g, x + rows * linear->side);
            float *row = y + rows * linear->outputs;
            nn_linear_gather_output(linear, to, p, g, self->channels, row);
            if (self->subtract != NULL) {
                nn_linear_gather_output(linear, &input->taps[1], p, g, NULL, shortcut);
                for (int64_t o = 0; o < linear->outputs; o++) row[o] -= shortcut[o];
            }
            if (++rows < ROWS) continue;
            NN_TRY(nn_moments_add(&moments[g], x, y, rows));
            rows = 0;
        }
        NN_TRY(nn_moments_add(&moments[g], x, y, rows));
        if (g + 1 == linear->groups) *random = choice;
    }
    return NN_OK;
}

nn_status nn_regress(const nn_regression *self, nn_dataset *data, nn_moments *moments) {
    const nn_linear_node *linear = self->linear;
    tapped input = {0}, target = {0};
    const char *input_names[] = {linear->node->inputs[0]->name, self->subtract};
    int input_taps = self->subtract != NULL ? 2 : 1;
    float *rows = nn_alloc((size_t)(ROWS * (linear->side + linear->outputs) + linear->outputs) *
                           sizeof *rows);
    nn_status status = rows != NULL ? NN_OK : nn_fail_memory((size_t)linear->side * ROWS);
    for (int64_t g = 0; g < linear->groups; g++) memset(&moments[g], 0, sizeof moments[g]);
    for (int64_t g = 0; status == NN_OK && g < linear->groups; g++)
        status = nn_moments_init(&moments[g], linear->side, linear->outputs, linear->has_bias);
    if (status == NN_OK) status = open_tapped(self->model, input_names, input_taps, &input);
    if (status == NN_OK) status = open_tapped(self->target_model, &self->target, 1, &target);

    nn_random random = nn_random_seed(self->seed);
    int64_t seen = 0, samples = data->sample_count;
    if (self->max_samples > 0 && self->max_samples < samples) samples = self->max_samples;
    double kept = 0;
    for (int64_t f = 0; status == NN_OK && f < data->feed_count && seen < samples; f++) {
        nn_feed feed;
        NN_TRY_DONE(nn_check_interrupt());
        NN_TRY_DONE(data->read(data, f, &feed));
        NN_TRY_DONE(run_tapped(&input, &feed, data->input_count, input_taps));
        NN_TRY_DONE(run_tapped(&target, &feed, data->input_count, 1));
        nn_linear_rows from;
        NN_TRY_DONE(nn_linear_rows_init(linear, &input.taps[0], &from));
        if (kept == 0 && from.count > 0) {
            double expected = (double)from.count * (double)samples / (double)feed.sample_count;
            kept =
                expected > (double)self->max_positions ? (double)self->max_positions / expected : 1;
        }
        float *x = rows, *y = x + ROWS * linear->side, *shortcut = y + ROWS * linear->outputs;
        status = add_feed(self, &input, &target, kept, &random, x, y, shortcut, moments);
        seen += feed.sample_count;
    }
done:
    nn_free(rows);
    close_tapped(&input);
    close_tapped(&target);
    if (status != NN_OK)
        for (int64_t g = 0; g < linear->groups; g++) nn_moments_clear(&moments[g]);
    return status;
}

/* ---- Gram matrices alone ---- */

typedef struct gram_batch {
    const nn_gram_request *request;
    int64_t first, count;
    nn_moments *moments; /* of each node */
    double *kept;        /* part of the positions that is drawn; 0: not known yet */
    float *rows;
    int64_t samples; /* that will be seen */
    nn_random random;
} gram_batch;

static nn_status add_rows(gram_batch *self, int64_t index, const nn_tensor *x,
                          int64_t sample_count) {
    const nn_linear_node *linear = self->request->nodes[self->first + index];
    nn_linear_rows from;
    int64_t rows = 0;
    NN_TRY(nn_linear_rows_init(linear, x, &from));
    if (self->kept[index] == 0 && from.count > 0) {
        double wanted = fmax((double)(linear->side * self->request->rows_per_column),
                             (double)self->request->least_rows);
        double expected = (double)from.count * (double)self->samples / (double)sample_count;
        self->kept[index] = fmin(1, wanted / expected);
    }
    for (int64_t p = 0; p < from.count; p++) {
        if (self->kept[index] < 1 && nn_random_uniform(&self->random) >= self->kept[index])
            continue;
        nn_linear_gather(&from, p, 0, self->rows + rows * linear->side);
        if (++rows < ROWS) continue;
        NN_TRY(nn_moments_add(&self->moments[index], self->rows, NULL, rows));
        rows = 0;
    }
    return nn_moments_add(&self->moments[index], self->rows, NULL, rows);
}

static nn_status add_taps(void *user, const nn_tensor *taps, int64_t sample_count) {
    gram_batch *self = user;
    for (int64_t i = 0; i < self->count; i++) NN_TRY(add_rows(self, i, &taps[i], sample_count));
    return NN_OK;
}

static nn_status run_batch(gram_batch *self, nn_dataset *data, nn_gram_function visit, void *user) {
    const nn_gram_request *request = self->request;
    int64_t widest = 1;
    const char **names = nn_alloc((size_t)self->count * sizeof *names);
    self->moments = nn_alloc_zero((size_t)self->count * sizeof *self->moments);
    self->kept = nn_alloc_zero((size_t)self->count * sizeof *self->kept);
    nn_status status = names != NULL && self->moments != NULL && self->kept != NULL
                           ? NN_OK
                           : nn_fail_memory((size_t)self->count * sizeof *self->moments);
    for (int64_t i = 0; status == NN_OK && i < self->count; i++) {
        const nn_linear_node *linear = request->nodes[self->first + i];
        names[i] = linear->node->inputs[0]->name;
        if (linear->side > widest) widest = linear->side;
        status = nn_moments_init(&self->moments[i], linear->side, 0, linear->has_bias);
    }
    self->rows = status == NN_OK ? nn_alloc((size_t)(ROWS * widest) * sizeof(float)) : NULL;
    if (status == NN_OK && self->rows == NULL) status = nn_fail_memory((size_t)(ROWS * widest));
    if (status == NN_OK)
        status = nn_for_each_feed(request->model, data, request->max_samples, names, self->count,
                                  add_taps, self);
    for (int64_t i = 0; self->moments != NULL && i < self->count; i++) {
        if (status == NN_OK) status = visit(user, self->first + i, &self->moments[i]);
        nn_moments_clear(&self->moments[i]);
    }
    nn_free(names);
    nn_free(self->moments);
    nn_free(self->kept);
    nn_free(self->rows);
    return status;
}

nn_status nn_for_each_gram(const nn_gram_request *request, nn_dataset *data, nn_gram_function visit,
                           void *user) {
    gram_batch batch = {
        .request = request, .samples = data->sample_count, .random = nn_random_seed(request->seed)};
    if (request->max_samples > 0 && request->max_samples < batch.samples)
        batch.samples = request->max_samples;
    while (batch.first < request->count) {
        int64_t bytes = 0;
        for (batch.count = 0; batch.first + batch.count < request->count; batch.count++) {
            int64_t side = request->nodes[batch.first + batch.count]->side;
            bytes += side * side * (int64_t)sizeof(double);
            if (batch.count > 0 && bytes > NN_GRAM_BYTES) break;
        }
        NN_TRY(run_batch(&batch, data, visit, user));
        batch.first += batch.count;
    }
    return NN_OK;
}
