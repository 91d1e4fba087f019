#include "formats/report_text.h"

#include "base/memory.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* The table shows the rows that make this part of the time. */
static const double shown_fraction = 0.9;
enum { MAX_MODELS = 8, TEXT_INDENT = 13, MAX_COLUMNS = 3 * MAX_MODELS + 4 };

typedef struct compare_view {
    nn_text_page *page;
    const cJSON *report;
    const cJSON *models[MAX_MODELS];
    int count, best; /* best: the model that the sentences are about */
} compare_view;

static compare_view open_view(nn_text_page *page, const cJSON *report) {
    compare_view view = {.page = page, .report = report};
    const cJSON *models = nn_json_get(report, "models");
    for (const cJSON *model = models != NULL ? models->child : NULL;
         model != NULL && view.count < MAX_MODELS; model = model->next)
        view.models[view.count++] = model;
    double best = nn_json_number(nn_json_get(report, "best"), "model_index");
    view.best = best >= 1 && best < view.count ? (int)best : view.count - 1;
    return view;
}

/* ---- the sentence ---- */

static void write_speed(nn_writer *writer, const cJSON *versus) {
    char a[NN_FIGURE], b[NN_FIGURE], c[NN_FIGURE];
    double ratio = nn_json_number(versus, "ratio");
    nn_writef(writer, "%sx as fast (95 %%: %s .. %s)", nn_figure(1 / ratio, a),
              nn_figure(1 / nn_json_number(versus, "high"), b),
              nn_figure(1 / nn_json_number(versus, "low"), c));
}

static void write_accuracy(nn_writer *writer, const cJSON *before, const cJSON *after) {
    const cJSON *was = nn_json_get(before, "accuracy"), *is = nn_json_get(after, "accuracy");
    const cJSON *change = nn_json_get(after, "accuracy_change");
    char a[NN_FIGURE], b[NN_FIGURE];
    if (!cJSON_IsObject(is)) return;
    nn_writef(writer, ", %s ", nn_json_text(is, "metric"));
    if (cJSON_IsObject(was))
        nn_writef(writer, "%s -> ", nn_figure(nn_json_number(was, "value"), a));
    nn_writef(writer, "%s (n = %.0f", nn_figure(nn_json_number(is, "value"), b),
              nn_json_number(is, "samples"));
    if (cJSON_IsObject(change))
        nn_writef(writer, ", change %.4f .. %.4f, resolves %.2g", nn_json_number(change, "low"),
                  nn_json_number(change, "high"), nn_json_number(change, "resolves"));
    nn_write(writer, ")");
}

/* Of one model run twice, on different devices. */
static void write_differences(nn_text_page *page, const cJSON *model) {
    const cJSON *output;
    char a[NN_FIGURE], b[NN_FIGURE];
    cJSON_ArrayForEach(output, nn_json_get(model, "output_difference")) {
        nn_writef(&page->writer, "'%s' differs by at most %s, %s %% of its range\n",
                  nn_json_text(output, "output"), nn_figure(nn_json_number(output, "max_abs"), a),
                  nn_figure(100 * nn_json_number(output, "relative"), b));
    }
}

static void write_verdict(const compare_view *view) {
    nn_writer *writer = &view->page->writer;
    const cJSON *before = view->models[0], *after = view->models[view->best];
    const cJSON *versus = nn_json_get(after, "versus_first");
    const char *verdict = nn_json_text(versus, "verdict");
    char a[NN_FIGURE], b[NN_FIGURE], line[64];
    snprintf(line, sizeof line, "%s: %s ms", verdict,
             nn_figure(nn_json_number(after, "total_ms"), a));
    nn_style style = strcmp(verdict, "faster") == 0   ? NN_STYLE_GOOD
                     : strcmp(verdict, "slower") == 0 ? NN_STYLE_BAD
                                                      : NN_STYLE_BOLD;
    nn_write_styled(writer, style, line);
    nn_write(writer, ", ");
    write_speed(writer, versus);
    write_accuracy(writer, before, after);
    if (nn_json_number(before, "file_bytes") > 0 && nn_json_number(after, "file_bytes") > 0)
        nn_writef(writer, ", size %s -> %s",
                  nn_figure_bytes(nn_json_number(before, "file_bytes"), a),
                  nn_figure_bytes(nn_json_number(after, "file_bytes"), b));
    nn_writef(writer, ", memory %s -> %s\n",
              nn_figure_bytes(nn_json_number(before, "peak_memory_bytes"), a),
              nn_figure_bytes(nn_json_number(after, "peak_memory_bytes"), b));
    write_differences(view->page, after);
}

/* ---- bottlenecks and predictions ---- */

static void write_labelled(nn_text_page *page, const char *label, const char *text) {
    nn_writef(&page->writer, "  %-*s", TEXT_INDENT - 2, label);
    nn_write_wrapped(&page->writer, text, TEXT_INDENT, page->columns);
}

static void write_bottleneck(nn_text_page *page, const char *label, const cJSON *model) {
    const cJSON *item = nn_json_get(model, "bottleneck");
    char class[64];
    if (!cJSON_IsObject(item)) return;
    snprintf(class, sizeof class, "%s", nn_json_text(item, "class"));
    for (char *c = class; *c != '\0'; c++)
        if (*c == '_') *c = ' ';
    char *text =
        nn_format("%s (%.0f %% of the time): %s", class, 100 * nn_json_number(item, "share"),
                  nn_json_text(nn_json_get(item, "evidence"), "text"));
    if (text == NULL) page->writer.out_of_memory = true;
    if (text != NULL) write_labelled(page, label, text);
    nn_free(text);
}

static void write_prediction(nn_text_page *page, const cJSON *each) {
    char a[NN_FIGURE], b[NN_FIGURE];
    const char *node = nn_json_text(each, "node"), *reason = nn_json_text(each, "reason");
    char *text = nn_format("%s%s%s: predicted %s ms, measured %s ms, %s%s%s",
                           nn_json_text(each, "technique"), node[0] != '\0' ? " of " : "", node,
                           nn_figure(nn_json_number(each, "predicted_ms"), a),
                           nn_figure(nn_json_number(each, "measured_ms"), b),
                           nn_json_text(each, "verdict"), reason[0] != '\0' ? ": " : "", reason);
    if (text == NULL) page->writer.out_of_memory = true;
    if (text != NULL) write_labelled(page, "predicted", text);
    nn_free(text);
}

/* ---- models ---- */

static void add_interval(nn_table *table, double low, double high) {
    char a[NN_FIGURE], b[NN_FIGURE];
    if (isnan(low) || isnan(high))
        nn_table_add(table, "");
    else
        nn_table_addf(table, "%s .. %s", nn_figure(low, a), nn_figure(high, b));
}

/* Numbered where there are more than two, for the columns of the rows. */
static void write_models(const compare_view *view) {
    static const nn_column columns[] = {
        {"", true, false, false, 0},         {"model", false, true, false, 0},
        {"ms", true, false, false, 0},       {"95 %", true, false, false, 5},
        {"speed", true, false, false, 0},    {"95 %", true, false, false, 4},
        {"verdict", false, false, false, 1}, {"quality", true, false, false, 2},
        {"size", true, false, false, 3},     {"memory", true, false, false, 6},
    };
    int skipped = view->count > 2 ? 0 : 1;
    nn_table table;
    char a[NN_FIGURE];
    nn_table_init(&table, columns + skipped, (int)(sizeof columns / sizeof *columns) - skipped);
    for (int k = 0; k < view->count; k++) {
        const cJSON *model = view->models[k], *latency = nn_json_get(model, "latency_ms");
        const cJSON *versus = nn_json_get(model, "versus_first");
        double value = nn_json_number(nn_json_get(model, "accuracy"), "value");
        if (skipped == 0) nn_table_addf(&table, "%d", k + 1);
        nn_table_add(&table, nn_json_text(model, "model"));
        nn_table_add(&table, nn_figure(nn_json_number(model, "total_ms"), a));
        add_interval(&table, nn_json_number(latency, "low"), nn_json_number(latency, "high"));
        if (k == 0)
            nn_table_add(&table, "");
        else
            nn_table_addf(&table, "%sx", nn_figure(1 / nn_json_number(versus, "ratio"), a));
        add_interval(&table, 1 / nn_json_number(versus, "high"), 1 / nn_json_number(versus, "low"));
        nn_table_add(&table, nn_json_text(versus, "verdict"));
        nn_table_add(&table, isnan(value) ? "" : nn_figure(value, a));
        nn_table_add(&table, nn_figure_bytes(nn_json_number(model, "file_bytes"), a));
        nn_table_add(&table, nn_figure_bytes(nn_json_number(model, "peak_memory_bytes"), a));
    }
    nn_table_write(&table, &view->page->writer, 1, view->page->columns);
}

/* ---- rows ---- */

static const cJSON *cell_of(const cJSON *row, int model) {
    return cJSON_GetArrayItem(nn_json_get(row, "models"), model);
}

static double weight_of(const cJSON *row) {
    double most = 0;
    const cJSON *cells = nn_json_get(row, "models");
    for (const cJSON *cell = cells != NULL ? cells->child : NULL; cell != NULL; cell = cell->next)
        most = fmax(most, nn_json_number(cell, "ms"));
    return most;
}

static int compare_weights(const void *a, const void *b) {
    double x = weight_of(*(const cJSON *const *)a), y = weight_of(*(const cJSON *const *)b);
    return (x < y) - (x > y);
}

static void add_row(const compare_view *view, nn_table *table, const cJSON *row) {
    const cJSON *best = cell_of(row, view->best);
    char a[NN_FIGURE];
    const char *absence = nn_json_text(cell_of(row, 0), "absence");
    nn_table_add(table,
                 absence[0] != '\0' ? "-" : nn_figure(nn_json_number(cell_of(row, 0), "ms"), a));
    for (int k = 1; k < view->count; k++) {
        const cJSON *cell = cell_of(row, k);
        double ratio = nn_json_number(cell, "ratio");
        bool is_absent = nn_json_text(cell, "absence")[0] != '\0';
        nn_table_add(table, is_absent ? "-" : nn_figure(nn_json_number(cell, "ms"), a));
        if (ratio > 0)
            nn_table_addf(table, "%.2fx", 1 / ratio);
        else
            nn_table_add(table, "");
        nn_table_add(table, nn_json_text(cell, "verdict"));
    }
    nn_table_add(table, nn_json_text(row, "node"));
    nn_table_add(table, nn_json_text(row, "op"));
    absence = nn_json_text(best, "absence");
    nn_table_add(table, absence[0] != '\0' ? absence : nn_json_text(best, "kernel"));
}

static void write_table(const compare_view *view, const cJSON *const *sorted, int shown) {
    static const char *const numbered[MAX_MODELS] = {"ms 1", "ms 2", "ms 3", "ms 4",
                                                     "ms 5", "ms 6", "ms 7", "ms 8"};
    bool is_pair = view->count == 2;
    nn_column columns[MAX_COLUMNS] = {{is_pair ? "ms before" : numbered[0], true, false, false, 0}};
    nn_table table;
    int column = 1;
    for (int k = 1; k < view->count; k++) {
        columns[column++] = (nn_column){is_pair ? "ms after" : numbered[k], true, false, false, 0};
        columns[column++] = (nn_column){"speed", true, false, false, 0};
        columns[column++] = (nn_column){"verdict", false, false, false, view->count > 2 ? 3 : 0};
    }
    columns[column++] = (nn_column){"node", false, true, false, 0};
    columns[column++] = (nn_column){"op", false, false, false, 2};
    columns[column++] = (nn_column){"kernel after", false, true, false, 1};
    nn_table_init(&table, columns, column);
    for (int i = 0; i < shown; i++) add_row(view, &table, sorted[i]);
    nn_table_write(&table, &view->page->writer, 1, view->page->columns);
}

static void write_rest(const compare_view *view) {
    nn_writer *writer = &view->page->writer;
    char a[NN_FIGURE];
    nn_write(writer, " unattributed (wall clock less the rows):");
    for (int k = 0; k < view->count; k++)
        nn_writef(writer, "%s %s ms", k == 0 ? "" : " ->",
                  nn_figure(nn_json_number(view->models[k], "unattributed_ms"), a));
    nn_write(writer, "\n");
}

/* Nodes are timed after the models: how much longer runs took then. NaN in older reports. */
static double slowdown(const compare_view *view, int k) {
    return nn_json_number(view->models[k], "profiled_ms") /
           nn_json_number(view->models[k], "total_ms");
}

/* A machine that changed meanwhile makes figures that do not fit together. */
static void write_change(const compare_view *view) {
    const double most = 0.1;
    nn_writer *writer = &view->page->writer;
    bool changed = false;
    for (int k = 0; k < view->count; k++) changed = changed || fabs(slowdown(view, k) - 1) > most;
    if (!changed) return;
    nn_write(writer, " The machine changed: runs took");
    for (int k = 0; k < view->count; k++)
        nn_writef(writer, "%s %.2f", k == 0 ? "" : ",", slowdown(view, k));
    nn_write(writer, " times as long while nodes were timed.\n"
                     " Judge nodes by each other, or compare again.\n");
}

static void write_rows(const compare_view *view) {
    const cJSON *rows = nn_json_get(view->report, "rows");
    nn_text_page *page = view->page;
    int count = cJSON_GetArraySize(rows), shown = 0, index = 0;
    double total = 0, sum = 0;
    const cJSON **sorted = count > 0 ? nn_alloc((size_t)count * sizeof *sorted) : NULL;
    if (sorted == NULL) {
        page->writer.out_of_memory = page->writer.out_of_memory || count > 0;
        return;
    }
    for (const cJSON *row = rows->child; row != NULL; row = row->next) {
        sorted[index++] = row;
        total += weight_of(row);
    }
    if (!page->all) qsort(sorted, (size_t)count, sizeof *sorted, compare_weights);
    while (shown < count && (page->all || sum < shown_fraction * total))
        sum += weight_of(sorted[shown++]);
    nn_write(&page->writer, "\n");
    write_table(view, sorted, shown);
    nn_free(sorted);
    if (shown < count)
        nn_writef(&page->writer, " %d more nodes make %.1f %% (--all)\n", count - shown,
                  100 * (total - sum) / total);
    write_rest(view);
    write_change(view);
}

void nn_text_compare(nn_text_page *page, const cJSON *report) {
    compare_view view = open_view(page, report);
    const cJSON *predictions = nn_json_get(report, "predictions");
    if (view.count < 2) {
        nn_text_outline(page, report);
        return;
    }
    nn_text_subject(page, view.models[0], nn_json_get(report, "machine"));
    write_verdict(&view);
    nn_write(&page->writer, "\n");
    write_models(&view);
    nn_write(&page->writer, "\n");
    write_bottleneck(page, "before", view.models[0]);
    write_bottleneck(page, "now", view.models[view.best]);
    for (const cJSON *each = predictions != NULL ? predictions->child : NULL; each != NULL;
         each = each->next)
        write_prediction(page, each);
    write_rows(&view);
}
