/* The measured curve of tune, and what it recommends. */
#include "formats/report_text.h"

#include <string.h>

void nn_text_tune(nn_text_page *page, const cJSON *report) {
    static const nn_column columns[] = {
        {"batch", true, false, false, 0},     {"threads", true, false, false, 0},
        {"streams", true, false, false, 2},   {"precision", false, false, false, 2},
        {"ms", true, false, false, 0},        {"p99", true, false, false, 2},
        {"samples/s", true, false, false, 0}, {"memory", true, false, false, 1},
        {"", false, false, false, 0}};
    nn_writer *writer = &page->writer;
    const cJSON *best = nn_json_get(report, "best"), *points = nn_json_get(report, "points");
    char text[NN_FIGURE];
    nn_table table;
    nn_write_styled(writer, NN_STYLE_BOLD, nn_json_text(report, "model"));
    nn_writef(writer, "   for %s\n", nn_json_text(report, "goal"));
    nn_table_init(&table, columns, 9);
    for (const cJSON *point = points != NULL ? points->child : NULL; point != NULL;
         point = point->next) {
        const cJSON *latency = nn_json_get(point, "latency_ms");
        bool chosen =
            nn_json_number(point, "batch") == nn_json_number(best, "batch") &&
            nn_json_number(point, "threads") == nn_json_number(best, "threads") &&
            nn_json_number(point, "streams") == nn_json_number(best, "streams") &&
            strcmp(nn_json_text(point, "precision"), nn_json_text(best, "precision")) == 0;
        nn_table_addf(&table, "%.0f", nn_json_number(point, "batch"));
        nn_table_addf(&table, "%.0f", nn_json_number(point, "threads"));
        nn_table_addf(&table, "%.0f", nn_json_number(point, "streams"));
        nn_table_add(&table, nn_json_text(point, "precision"));
        nn_table_add(&table, nn_figure(nn_json_number(latency, "median"), text));
        nn_table_add(&table, nn_figure(nn_json_number(latency, "p99"), text));
        nn_table_add(&table, nn_figure(nn_json_number(point, "throughput"), text));
        nn_table_add(&table, nn_figure_bytes(nn_json_number(point, "memory_bytes"), text));
        nn_table_add(&table, chosen ? cJSON_IsTrue(nn_json_get(point, "is_knee")) ? "<- the knee"
                                                                                  : "<- best"
                                    : "");
    }
    nn_table_write(&table, writer, 0, page->columns);
    if (nn_json_text(report, "stopped")[0] != '\0')
        nn_writef(writer, "stopped: %s\n", nn_json_text(report, "stopped"));
    nn_write(writer, "recommended: ");
    nn_write_foreign(writer, nn_json_text(best, "command"));
    nn_write(writer, "\n");
}
