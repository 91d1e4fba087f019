/* The decision of optimize: every candidate, what was chosen, what was refused and why. */
#include "formats/report_text.h"

#include <math.h>
#include <string.h>

static void write_candidates(nn_text_page *page, const cJSON *list) {
    static const nn_column columns[] = {
        {"candidate", false, true, false, 0}, {"ms", true, false, false, 0},
        {"speed", true, false, false, 0},     {"95 %", true, false, false, 2},
        {"points", true, false, false, 0},    {"", false, true, true, 1}};
    nn_table table;
    char text[NN_FIGURE];
    nn_table_init(&table, columns, 6);
    for (const cJSON *each = list != NULL ? list->child : NULL; each != NULL; each = each->next) {
        double ratio = nn_json_number(each, "ratio");
        nn_table_add(&table, nn_json_text(each, "name"));
        if (isnan(ratio)) {
            for (int i = 0; i < 4; i++) nn_table_add(&table, "-");
        } else {
            nn_table_add(
                &table, nn_figure(nn_json_number(nn_json_get(each, "latency_ms"), "median"), text));
            nn_table_addf(&table, "%.2fx", 1 / ratio);
            nn_table_addf(&table, "%.2f .. %.2f", 1 / nn_json_number(each, "ratio_high"),
                          1 / nn_json_number(each, "ratio_low"));
            nn_table_addf(&table, "%+.2f", -100 * nn_json_number(each, "drop"));
        }
        nn_table_add(&table, nn_json_text(each, "reason"));
    }
    nn_table_write(&table, &page->writer, 0, page->columns);
}

static void write_best(nn_text_page *page, const cJSON *report, const cJSON *best) {
    nn_writer *writer = &page->writer;
    const cJSON *goal = nn_json_get(report, "goal"), *samples = nn_json_get(report, "samples");
    const cJSON *base = nn_json_get(report, "base");
    char before[NN_FIGURE], after[NN_FIGURE];
    double ratio = nn_json_number(best, "ratio");
    nn_write_styled(writer, NN_STYLE_BOLD, "best: ");
    nn_write(writer, nn_json_text(best, "name"));
    nn_writef(writer, ", %s ms, %.2fx as fast (95 %%: %.2f .. %.2f)\n",
              nn_figure(nn_json_number(nn_json_get(best, "latency_ms"), "median"), after),
              1 / ratio, 1 / nn_json_number(best, "ratio_high"),
              1 / nn_json_number(best, "ratio_low"));
    nn_writef(
        writer,
        "      %s %.2f %% -> %.2f %% on %.0f samples that the search never saw: drop %.2f points"
        " (95 %%: %.2f .. %.2f; so many resolve %.2f)\n",
        nn_json_text(goal, "metric"), 100 * nn_json_number(base, "test_quality"),
        100 * nn_json_number(best, "test_accuracy"), nn_json_number(samples, "test"),
        100 * nn_json_number(best, "test_drop"), 100 * nn_json_number(best, "test_drop_low"),
        100 * nn_json_number(best, "test_drop_high"), 100 * nn_json_number(best, "resolves"));
    nn_writef(writer, "      weights %s -> %s\n",
              nn_figure_bytes(nn_json_number(base, "parameter_bytes"), before),
              nn_figure_bytes(nn_json_number(best, "file_bytes"), after));
    nn_write(writer, "replay: ");
    nn_write_foreign(writer, nn_json_text(best, "replay"));
    nn_write(writer, "\n");
    if (nn_json_text(report, "output")[0] != '\0') {
        nn_write(writer, "model:  ");
        nn_write_foreign(writer, nn_json_text(report, "output"));
        nn_write(writer, "\n");
    }
}

void nn_text_optimize(nn_text_page *page, const cJSON *report) {
    nn_writer *writer = &page->writer;
    const cJSON *goal = nn_json_get(report, "goal"), *samples = nn_json_get(report, "samples");
    const cJSON *best = nn_json_get(report, "best");
    nn_write_styled(writer, NN_STYLE_BOLD, nn_json_text(report, "model"));
    nn_writef(writer, "   at most %.2f points of %s lost%s\n",
              100 * nn_json_number(goal, "max_drop"), nn_json_text(goal, "metric"),
              cJSON_IsTrue(nn_json_get(goal, "strict")) ? ", by the bound of the interval" : "");
    nn_writef(writer, "%.0f samples calibrate, %.0f are searched on, %.0f test",
              nn_json_number(samples, "calibrate"), nn_json_number(samples, "search"),
              nn_json_number(samples, "test"));
    if (nn_json_number(samples, "removed") > 0)
        nn_writef(writer, " (%.0f were in both sets: removed)", nn_json_number(samples, "removed"));
    nn_write(writer, "\n\n");
    write_candidates(page, nn_json_get(report, "candidates"));
    nn_write(writer, "\n");
    if (cJSON_IsTrue(nn_json_get(report, "interrupted")))
        nn_write(writer, "interrupted: this is the best so far\n");
    if (nn_json_text(best, "name")[0] != '\0')
        write_best(page, report, best);
    else
        nn_write(writer, "no candidate is faster within the budget: the model stays as it is\n");
}
