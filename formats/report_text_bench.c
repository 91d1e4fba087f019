#include "formats/report_text.h"

#include <stdio.h>

static void write_side_by_side(nn_text_page *page, const cJSON *result) {
    const cJSON *record = nn_json_get(result, "side_by_side");
    char a[NN_FIGURE], b[NN_FIGURE], c[NN_FIGURE];
    if (record == NULL) return;
    const cJSON *latency = nn_json_get(record, "latency_ms");
    nn_writef(&page->writer,
              "%.0f device%s with %.0f streams each: %s samples/s, %s ms median, %s ms p99\n",
              nn_json_number(record, "devices"), nn_json_number(record, "devices") == 1 ? "" : "s",
              nn_json_number(record, "streams"), nn_figure(nn_json_number(record, "throughput"), a),
              nn_figure(nn_json_number(latency, "median"), b),
              nn_figure(nn_json_number(latency, "p99"), c));
}

static void write_one(nn_text_page *page, const cJSON *result) {
    nn_writer *writer = &page->writer;
    const cJSON *latency = nn_json_get(result, "latency_ms");
    char a[NN_FIGURE], b[NN_FIGURE], c[NN_FIGURE], d[NN_FIGURE];
    nn_write_styled(writer, NN_STYLE_BOLD, nn_figure(nn_json_number(latency, "median"), a));
    nn_writef(writer, " ms median (95 %%: %s .. %s, %.0f runs)   %s samples/s\n",
              nn_figure(nn_json_number(latency, "low"), b),
              nn_figure(nn_json_number(latency, "high"), c), nn_json_number(result, "runs"),
              nn_figure(nn_json_number(result, "throughput"), d));
    nn_writef(writer, "%s min, %s p90, %s p99 ms\n", nn_figure(nn_json_number(latency, "min"), a),
              nn_figure(nn_json_number(latency, "p90"), b),
              nn_figure(nn_json_number(latency, "p99"), c));
    nn_writef(writer, "memory %s   load %s ms   prepare %s ms\n",
              nn_figure_bytes(nn_json_number(result, "peak_memory_bytes"), a),
              nn_figure(nn_json_number(result, "load_ms"), b),
              nn_figure(nn_json_number(result, "prepare_ms"), c));
    write_side_by_side(page, result);
    nn_text_precision(page, result);
}

static void write_several(nn_text_page *page, const cJSON *results) {
    static const nn_column columns[] = {
        {"model", false, true, false, 0},         {"ms", true, false, false, 0},
        {"95 % interval", true, false, false, 4}, {"p99", true, false, false, 5},
        {"samples/s", true, false, false, 3},     {"memory", true, false, false, 6},
        {"time", true, false, false, 0},          {"verdict", false, false, false, 0},
    };
    nn_table table;
    char a[NN_FIGURE], b[NN_FIGURE];
    nn_table_init(&table, columns, sizeof columns / sizeof *columns);
    for (const cJSON *result = results->child; result != NULL; result = result->next) {
        const cJSON *latency = nn_json_get(result, "latency_ms");
        const cJSON *versus = nn_json_get(result, "versus_first");
        nn_table_add(&table, nn_json_text(result, "model"));
        nn_table_add(&table, nn_figure(nn_json_number(latency, "median"), a));
        nn_table_addf(&table, "%s .. %s", nn_figure(nn_json_number(latency, "low"), a),
                      nn_figure(nn_json_number(latency, "high"), b));
        nn_table_add(&table, nn_figure(nn_json_number(latency, "p99"), a));
        nn_table_add(&table, nn_figure(nn_json_number(result, "throughput"), a));
        nn_table_add(&table, nn_figure_bytes(nn_json_number(result, "peak_memory_bytes"), a));
        if (versus == NULL) {
            nn_table_add(&table, "1");
            nn_table_add(&table, "");
            continue;
        }
        nn_table_addf(&table, "%.3fx", nn_json_number(versus, "ratio"));
        nn_table_addf(&table, "%s (%.3f .. %.3f)", nn_json_text(versus, "verdict"),
                      nn_json_number(versus, "low"), nn_json_number(versus, "high"));
    }
    nn_table_write(&table, &page->writer, 0, page->columns);
}

void nn_text_bench(nn_text_page *page, const cJSON *report) {
    const cJSON *results = nn_json_get(report, "results");
    if (!cJSON_IsArray(results) || results->child == NULL) return;
    nn_text_subject(page, results->child, nn_json_get(report, "machine"));
    if (results->child->next == NULL)
        write_one(page, results->child);
    else
        write_several(page, results);
}
