/* A comparison as report records. */
#include "engine/compare/compare.h"
#include "engine/measure/precision_difference.h"

#include "base/memory.h"

#include <math.h>
#include <stdlib.h>

/* A prediction held when it lies in the measured interval, widened by this part of itself. */
static const double prediction_tolerance = 0.25;

typedef struct compare_writer {
    nn_report *report;
    const nn_compared *models;
    int64_t count;
    const nn_compare_settings *settings;
    nn_statistics totals[NN_MAX_COMPARED];
    nn_comparison versus[NN_MAX_COMPARED]; /* of totals with the first */
    nn_compare_table table;
} compare_writer;

static void add_versus(nn_report *report, cJSON *record, const nn_comparison *versus) {
    cJSON *object = nn_report_object(report, record, "versus_first");
    nn_report_set_number(report, object, "ratio", versus->ratio);
    nn_report_set_number(report, object, "low", versus->low);
    nn_report_set_number(report, object, "high", versus->high);
    nn_report_set_text(report, object, "verdict", nn_verdict_name(versus->verdict));
}

/* ---- quality ---- */

static bool is_right(const nn_score *score) {
    return score->part >= score->whole;
}

static nn_status add_change(compare_writer *self, cJSON *record, const nn_quality *before,
                            const nn_quality *after) {
    nn_report *report = self->report;
    nn_drop drop;
    NN_TRY(nn_quality_drop(before, after, &drop));
    cJSON *change = nn_report_object(report, record, "accuracy_change");
    bool is_higher_better = before->metric->higher_is_better; /* 0 - x: no negative zero */
    nn_report_set_number(report, change, "difference",
                         is_higher_better ? 0 - drop.value : drop.value);
    nn_report_set_number(report, change, "low", is_higher_better ? 0 - drop.high : drop.low);
    nn_report_set_number(report, change, "high", is_higher_better ? 0 - drop.low : drop.high);
    nn_report_set_number(report, change, "resolves", drop.resolves);
    bool is_same = drop.low <= 0 && drop.high >= 0;
    nn_report_set_text(report, change, "verdict",
                       is_same          ? "no difference"
                       : drop.value > 0 ? "worse"
                                        : "better");
    if (!before->metric->is_proportion || before->count != after->count) return NN_OK;
    int64_t gained = 0, lost = 0;
    for (int64_t i = 0; i < before->count; i++) {
        bool was = is_right(&before->scores[i]), is = is_right(&after->scores[i]);
        gained += is && !was;
        lost += was && !is;
    }
    nn_report_set_number(report, change, "gained", (double)gained);
    nn_report_set_number(report, change, "lost", (double)lost);
    nn_report_set_number(report, change, "mcnemar_p", nn_mcnemar(gained, lost));
    return NN_OK;
}

static nn_status add_quality(compare_writer *self, cJSON *record, int64_t index) {
    const nn_compared *compared = &self->models[index], *base = &self->models[0];
    const nn_quality *quality = &compared->quality;
    nn_report *report = self->report;
    if (!compared->has_quality) return NN_OK;
    cJSON *accuracy = nn_report_object(report, record, "accuracy");
    nn_report_set_text(report, accuracy, "metric", quality->metric->name);
    nn_report_set_number(report, accuracy, "value", quality->value);
    nn_report_set_number(report, accuracy, "low", quality->low);
    nn_report_set_number(report, accuracy, "high", quality->high);
    nn_report_set_number(report, accuracy, "samples", (double)quality->count);
    if (index == 0 || !base->has_quality) return NN_OK;
    return add_change(self, record, &base->quality, quality);
}

/* ---- models ---- */

static void add_memory(nn_report *report, cJSON *record, const nn_profile *profile) {
    cJSON *memory = nn_report_object(report, record, "memory");
    nn_report_set_number(report, memory, "slab_bytes", (double)profile->slab_bytes);
    nn_report_set_number(report, memory, "packed_bytes", (double)profile->packed_bytes);
    nn_report_set_number(report, memory, "constant_bytes", (double)profile->constant_bytes);
    nn_report_set_number(
        report, record, "peak_memory_bytes",
        (double)(profile->slab_bytes + profile->packed_bytes + profile->constant_bytes));
}

static double row_seconds(const nn_profile *profile) {
    double sum = 0;
    for (int64_t i = 0; i < profile->row_count; i++) sum += profile->rows[i].median;
    return sum;
}

static nn_status add_model(compare_writer *self, cJSON *models, int64_t index) {
    nn_report *report = self->report;
    const nn_compared *compared = &self->models[index];
    const nn_profile *profile = &compared->profile;
    const nn_statistics *total = &self->totals[index];
    cJSON *record = nn_report_object(report, models, NULL);
    nn_report_add_subject(report, record,
                          &(nn_subject){.model = compared->name,
                                        .data = compared->data->name,
                                        .batch = compared->bench.batch,
                                        .threads = nn_session_threads(compared->session),
                                        .device = compared->options.device,
                                        .precision = compared->options.precision});
    nn_report_add_latency(report, record, total);
    nn_report_set_number(report, record, "total_ms", 1e3 * total->median);
    nn_report_set_number(report, record, "profiled_ms", 1e3 * profile->total.median);
    nn_report_set_number(report, record, "unattributed_ms",
                         1e3 * (total->median - row_seconds(profile)));
    nn_report_set_number(report, record, "throughput",
                         (double)compared->bench.batch / total->median);
    nn_report_set_number(report, record, "nodes", (double)compared->model->graph->node_count);
    nn_report_set_number(report, record, "steps", (double)profile->row_count);
    nn_report_set_number(report, record, "params", (double)nn_model_parameters(compared->model));
    nn_report_set_number(report, record, "macs", profile->macs);
    nn_report_set_number(report, record, "flops", profile->flops);
    nn_report_set_number(report, record, "gflops", 1e-9 * profile->flops / total->median);
    nn_report_set_number(report, record, "file_bytes", (double)compared->model->file_bytes);
    nn_report_set_number(report, record, "load_ms", 1e3 * compared->model->load_seconds);
    add_memory(report, record, profile);
    nn_report_add_bottleneck(report, nn_report_object(report, record, "bottleneck"),
                             &compared->diagnosis.items[0]);
    if (index > 0) add_versus(report, record, &self->versus[index]);
    if (compared->model == self->models[0].model)
        NN_TRY(nn_report_add_difference(report, record, "output_difference", compared->session,
                                        self->models[0].session, compared->data));
    return add_quality(self, record, index);
}

/* ---- rows ---- */

/* What stands in a cell beside the heaviest step: sums over all steps of the node. */
static void sum_steps(const nn_compare_cell *cell, nn_profile_row *out) {
    *out = *cell->row;
    out->seconds = out->median = cell->seconds;
    out->cost = (nn_cost){0};
    out->attainable = out->compute_seconds = out->memory_seconds = 0;
    out->packed_bytes = 0;
    for (int64_t i = 0; i < cell->step_count; i++) {
        const nn_profile_row *step = cell->steps[i];
        out->cost.macs += step->cost.macs;
        out->cost.flops += step->cost.flops;
        out->cost.bytes_read += step->cost.bytes_read;
        out->cost.bytes_written += step->cost.bytes_written;
        out->attainable += step->attainable;
        out->packed_bytes += step->packed_bytes;
        out->live_bytes = out->live_bytes > step->live_bytes ? out->live_bytes : step->live_bytes;
        out->workspace_bytes = out->workspace_bytes > step->workspace_bytes ? out->workspace_bytes
                                                                            : step->workspace_bytes;
    }
}

static const char *cell_verdict(const nn_compare_row *row, const nn_compare_cell *cell) {
    if (!row->is_of_base) return cell->row != NULL ? "new" : NULL;
    if (cell->has_versus) return nn_verdict_name(cell->versus.verdict);
    return cell->row == NULL ? "gone" : NULL;
}

static void add_cell(compare_writer *self, cJSON *cells, const nn_compare_row *row, int64_t model) {
    nn_report *report = self->report;
    const nn_compare_cell *cell = &row->cells[model];
    cJSON *record = nn_report_object(report, cells, NULL);
    if (cell->row != NULL) {
        nn_profile_row sum;
        sum_steps(cell, &sum);
        sum.share = cell->seconds / self->totals[model].median;
        nn_report_add_row(report, record, &sum);
        nn_report_set_number(report, record, "steps", (double)cell->step_count);
    } else {
        nn_report_set_number(report, record, "ms", 0);
        nn_report_set_text(report, record, "absence", cell->absence);
    }
    if (model == 0) return;
    nn_report_set_text(report, record, "verdict", cell_verdict(row, cell));
    if (!cell->has_versus) return;
    nn_report_set_number(report, record, "ratio", cell->versus.ratio);
    nn_report_set_number(report, record, "ratio_low", cell->versus.low);
    nn_report_set_number(report, record, "ratio_high", cell->versus.high);
    if (cell->leader >= 0)
        nn_report_set_text(report, record, "judged_with", self->table.rows[cell->leader].node);
}

static void add_rows(compare_writer *self) {
    nn_report *report = self->report;
    cJSON *rows = nn_report_array(report, report->root, "rows");
    for (int64_t r = 0; r < self->table.row_count; r++) {
        const nn_compare_row *row = &self->table.rows[r];
        const nn_profile_row *known = NULL;
        for (int64_t k = 0; k < self->count && known == NULL; k++) known = row->cells[k].row;
        cJSON *record = nn_report_object(report, rows, NULL);
        nn_report_set_text(report, record, "node", row->node);
        nn_report_set_text(report, record, "op", known != NULL ? known->op : NULL);
        nn_report_set_text(report, record, "shape", known != NULL ? known->shape : NULL);
        nn_report_set_bool(report, record, "of_base", row->is_of_base);
        cJSON *cells = nn_report_array(report, record, "models");
        for (int64_t k = 0; k < self->count; k++) add_cell(self, cells, row, k);
        nn_report_set_text(report, record, "verdict", cell_verdict(row, &row->cells[1]));
    }
}

/* ---- totals and the verdict ---- */

static int64_t fastest_model(const compare_writer *self) {
    int64_t fastest = 1;
    for (int64_t k = 2; k < self->count; k++)
        if (self->versus[k].ratio < self->versus[fastest].ratio) fastest = k;
    return fastest;
}

static void add_total(compare_writer *self) {
    nn_report *report = self->report;
    int64_t fastest = fastest_model(self);
    cJSON *total = nn_report_object(report, report->root, "total");
    cJSON *models = nn_report_array(report, total, "models");
    for (int64_t k = 0; k < self->count; k++) {
        cJSON *record = nn_report_object(report, models, NULL);
        nn_report_set_text(report, record, "model", self->models[k].name);
        nn_report_set_number(report, record, "ms", 1e3 * self->totals[k].median);
        nn_report_set_number(report, record, "low", 1e3 * self->totals[k].low);
        nn_report_set_number(report, record, "high", 1e3 * self->totals[k].high);
        nn_report_set_number(report, record, "attributed_ms",
                             1e3 * row_seconds(&self->models[k].profile));
        if (k > 0) add_versus(report, record, &self->versus[k]);
    }
    nn_report_set_text(report, report->root, "verdict",
                       nn_verdict_name(self->versus[fastest].verdict));
    cJSON *best = nn_report_object(report, report->root, "best");
    nn_report_set_number(report, best, "model_index", (double)fastest);
    nn_report_set_text(report, best, "model", self->models[fastest].name);
}

/* ---- predictions ---- */

static double json_number(const cJSON *object, const char *key) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    return cJSON_IsNumber(item) ? item->valuedouble : NAN;
}

static const char *json_text(const cJSON *object, const char *key) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    return cJSON_IsString(item) ? item->valuestring : NULL;
}

/* Why a node did not gain what was predicted, as far as the profile shows. */
static const char *explain_miss(const nn_compare_cell *cell) {
    if (cell->row == NULL) return NULL;
    double beside = cell->seconds - cell->row->median;
    if (beside > 0.25 * cell->seconds)
        return "conversions beside the node take over a quarter of it";
    if (cell->row->bound == NN_BOUND_OVERHEAD) return "what is left is the fixed cost of a step";
    if (cell->row->bound == NN_BOUND_MEMORY) return "the node is now bound by memory";
    if (cell->row->attainable < 0.25 * cell->row->median)
        return "the kernel reaches under a quarter of what the machine allows";
    return NULL;
}

/* Milliseconds saved by model `k`, in the whole or in one row. */
static void measure_gain(const compare_writer *self, int64_t k, const nn_compare_row *row,
                         double gain[3]) {
    const nn_comparison *versus = row != NULL ? &row->cells[k].versus : &self->versus[k];
    double base = row != NULL ? row->cells[0].seconds : self->totals[0].median;
    double now = row != NULL ? row->cells[k].seconds : self->totals[k].median;
    bool has_interval = row == NULL || (row->cells[k].has_versus && row->cells[k].leader < 0);
    gain[0] = 1e3 * (base - now);
    gain[1] = has_interval ? 1e3 * base * (1 - versus->high) : NAN;
    gain[2] = has_interval ? 1e3 * base * (1 - versus->low) : NAN;
}

static void add_prediction(compare_writer *self, cJSON *list, int64_t k, const cJSON *each) {
    nn_report *report = self->report;
    const char *technique = json_text(each, "technique"), *node = json_text(each, "node");
    double saved = json_number(each, "saved_ms"), gain[3];
    const nn_compare_row *row = NULL;
    if (technique == NULL || isnan(saved)) return;
    for (int64_t r = 0; node != NULL && r < self->table.row_count; r++)
        if (strcmp(self->table.rows[r].node, node) == 0) row = &self->table.rows[r];
    if (node != NULL && row == NULL) return;
    measure_gain(self, k, row, gain);
    double low = fmin(isnan(gain[1]) ? gain[0] : gain[1], gain[0]),
           high = fmax(isnan(gain[2]) ? gain[0] : gain[2], gain[0]);
    double slack = prediction_tolerance * fabs(saved);
    const char *verdict = saved > high + slack  ? "missed"
                          : saved < low - slack ? "better"
                                                : "as predicted";
    const char *reason =
        strcmp(verdict, "missed") == 0 && row != NULL ? explain_miss(&row->cells[k]) : NULL;
    cJSON *record = nn_report_object(report, list, NULL);
    nn_report_set_text(report, record, "model", self->models[k].name);
    nn_report_set_text(report, record, "technique", technique);
    nn_report_set_text(report, record, "node", node);
    nn_report_set_number(report, record, "predicted_ms", saved);
    nn_report_set_number(report, record, "predicted_low", json_number(each, "low"));
    nn_report_set_number(report, record, "predicted_high", json_number(each, "high"));
    nn_report_set_number(report, record, "measured_ms", gain[0]);
    nn_report_set_number(report, record, "measured_low", gain[1]);
    nn_report_set_number(report, record, "measured_high", gain[2]);
    nn_report_set_text(report, record, "verdict", verdict);
    nn_report_set_text(report, record, "reason", reason);
}

static void add_predictions(compare_writer *self) {
    cJSON *list = nn_report_array(self->report, self->report->root, "predictions");
    for (int64_t k = 1; k < self->count; k++) {
        const char *text = nn_model_get_metadata(self->models[k].model, NN_PREDICTIONS_KEY);
        cJSON *predictions = text != NULL ? cJSON_Parse(text) : NULL;
        if (cJSON_IsArray(predictions))
            for (const cJSON *each = predictions->child; each != NULL; each = each->next)
                add_prediction(self, list, k, each);
        cJSON_Delete(predictions);
    }
}

/* ---- how ---- */

static void add_measurement(compare_writer *self) {
    nn_report *report = self->report;
    const nn_compare_settings *settings = self->settings;
    const nn_statistics *base = &self->totals[0];
    const nn_profile *profile = &self->models[0].profile;
    cJSON *record = nn_report_object(report, report->root, "measurement");
    nn_report_set_text(report, record, "data", self->models[0].data->name);
    nn_report_set_number(report, record, "warmup_seconds", settings->warmup_seconds);
    if (settings->iterations == 0)
        nn_report_set_number(report, record, "seconds", settings->seconds);
    nn_report_set_number(report, record, "runs", (double)base->count);
    nn_report_set_number(report, record, "instrumented_runs",
                         (double)(profile->row_count > 0 ? profile->rows[0].samples.count : 0));
    nn_report_set_text(report, record, "order",
                       "models in turn, every other round backwards; whole runs without "
                       "instrumentation, rows in runs of their own");
    nn_report_set_number(report, record, "noise", (base->p90 - base->minimum) / base->median);
    nn_report_set_number(report, record, "timer_us_per_node", 1e6 * profile->timer_seconds);
    nn_report_set_number(report, record, "dispatch_us_per_node", 1e6 * profile->dispatch);
    nn_report_set_text(report, record, "not_read", "hardware counters");
}

static nn_status prepare(compare_writer *self) {
    const nn_profile *profiles[NN_MAX_COMPARED];
    const nn_graph *graphs[NN_MAX_COMPARED];
    for (int64_t k = 0; k < self->count; k++) {
        profiles[k] = &self->models[k].profile;
        graphs[k] = self->models[k].model->graph;
        NN_TRY(nn_samples_statistics(&self->models[k].bench.samples, &self->totals[k]));
        if (k > 0)
            NN_TRY(nn_samples_compare(&self->models[0].bench.samples,
                                      &self->models[k].bench.samples, &self->versus[k]));
    }
    return nn_compare_rows(profiles, graphs, self->count, &self->table);
}

nn_status nn_compare_report(nn_report *report, const nn_compared *models, int64_t count,
                            const nn_compare_settings *settings) {
    compare_writer self = {
        .report = report, .models = models, .count = count, .settings = settings};
    nn_status status = prepare(&self);
    cJSON *list = nn_report_array(report, report->root, "models");
    for (int64_t k = 0; k < count && status == NN_OK; k++) status = add_model(&self, list, k);
    if (status == NN_OK) {
        add_total(&self);
        add_predictions(&self);
        add_rows(&self);
        nn_report_add_roofline(report, report->root, &models[0].profile.roofline,
                               models[0].profile.threads);
        add_measurement(&self);
    }
    nn_compare_table_clear(&self.table);
    return status;
}
