/* The search: latency against accuracy of every candidate that was measured. Latency is shown as a
 * part of that of the model as it was, which took turns with each candidate: milliseconds of
 * candidates that were measured at different times do not compare. */
#include "formats/report_html.h"

#include <math.h>
#include <stdlib.h>

enum { MAX_CANDIDATES = 250 };

typedef struct candidate {
    const cJSON *record;
    double ms, part, accuracy; /* part: of the time of the model as it was */
    bool is_front, is_best;
} candidate;

typedef struct pareto_chart {
    nn_html_page *page;
    candidate items[MAX_CANDIDATES];
    int count, left_out;
    nn_axis x, y;
    double base_accuracy, floor; /* floor: the least accuracy allowed, or NaN */
} pareto_chart;

static int by_part(const void *a, const void *b) {
    double x = ((const candidate *)a)->part, y = ((const candidate *)b)->part;
    return (x > y) - (x < y);
}

static void read_candidates(pareto_chart *chart) {
    const cJSON *root = chart->page->root, *goal = nn_json_get(root, "goal");
    double best = nn_json_number(nn_json_get(root, "best"), "candidate");
    int index = 0;
    for (const cJSON *each = nn_json_get(root, "candidates")->child; each != NULL;
         each = each->next, index++) {
        double ms = nn_json_number(nn_json_get(each, "latency_ms"), "median");
        double part = nn_json_number(each, "ratio"), accuracy = nn_json_number(each, "accuracy");
        if (!(ms > 0) || !(part > 0) || isnan(accuracy)) continue;
        if (chart->count == MAX_CANDIDATES) {
            chart->left_out++;
            continue;
        }
        chart->items[chart->count++] =
            (candidate){.record = each,
                        .ms = ms,
                        .part = part,
                        .accuracy = accuracy,
                        .is_front = cJSON_IsTrue(nn_json_get(each, "on_front")),
                        .is_best = index == best};
    }
    qsort(chart->items, (size_t)chart->count, sizeof *chart->items, by_part);
    chart->base_accuracy = nn_json_number(goal, "base_value");
    chart->floor = chart->base_accuracy - nn_json_number(goal, "max_drop");
}

static void place_axes(pareto_chart *chart) {
    chart->x = (nn_axis){.low = INFINITY, .high = 1};
    chart->y =
        (nn_axis){.low = chart->base_accuracy, .high = chart->base_accuracy, .is_down = true};
    for (int i = 0; i < chart->count; i++) {
        const candidate *each = &chart->items[i];
        chart->x.low = fmin(chart->x.low, each->part);
        chart->x.high = fmax(chart->x.high, each->part);
        chart->y.low = fmin(chart->y.low, each->accuracy);
        chart->y.high = fmax(chart->y.high, each->accuracy);
    }
    chart->y.low = fmin(chart->y.low, chart->floor);
    double wide = chart->x.high - chart->x.low, tall = chart->y.high - chart->y.low;
    chart->x.low = fmax(0, chart->x.low - fmax(0.08 * wide, 0.01 * chart->x.high));
    chart->x.high += fmax(0.06 * wide, 0.01 * chart->x.high);
    chart->x.low *= 100;
    chart->x.high *= 100;
    chart->y.low -= fmax(0.08 * tall, 0.002);
    chart->y.high += fmax(0.10 * tall, 0.002);
    chart->y.low *= 100;
    chart->y.high *= 100;
}

static double place_x(const pareto_chart *chart, double part) {
    return nn_axis_place(&chart->x, 100 * part);
}

static double place_y(const pareto_chart *chart, double accuracy) {
    return nn_axis_place(&chart->y, 100 * accuracy);
}

static void write_front(pareto_chart *chart) {
    nn_writer *writer = &chart->page->writer;
    const candidate *last = NULL;
    for (int i = 0; i < chart->count; i++) {
        const candidate *each = &chart->items[i];
        if (!each->is_front) continue;
        if (last != NULL)
            nn_writef(
                writer,
                "<line class=\"front\" x1=\"%.2f%%\" y1=\"%.2f%%\" x2=\"%.2f%%\" y2=\"%.2f%%\"/>",
                place_x(chart, last->part), place_y(chart, last->accuracy),
                place_x(chart, each->part), place_y(chart, each->accuracy));
        last = each;
    }
}

static void write_candidate(pareto_chart *chart, const candidate *each) {
    nn_writer *writer = &chart->page->writer;
    char text[NN_FIGURE];
    double x = place_x(chart, each->part), y = place_y(chart, each->accuracy);
    double low = nn_json_number(each->record, "accuracy_low"),
           high = nn_json_number(each->record, "accuracy_high");
    if (each->is_best && !isnan(low) && !isnan(high))
        nn_writef(writer,
                  "<line class=\"whisker\" x1=\"%.2f%%\" x2=\"%.2f%%\" y1=\"%.2f%%\" "
                  "y2=\"%.2f%%\"/>",
                  x, x, place_y(chart, low), place_y(chart, high));
    nn_writef(writer, "<circle class=\"dot%s%s\" cx=\"%.2f%%\" cy=\"%.2f%%\" r=\"%s\"><title>",
              each->is_front ? " onfront" : "", each->is_best ? " best" : "", x, y,
              each->is_best    ? "8"
              : each->is_front ? "6"
                               : "4.5");
    nn_html_text(writer, nn_json_text(each->record, "name"));
    nn_writef(writer, "\n%s, %.2f %%\n", nn_html_ms(each->ms, text), 100 * each->accuracy);
    nn_html_text(writer, nn_json_text(each->record, "replay"));
    nn_write(writer, "</title></circle>");
    if (each->is_best) {
        nn_writef(writer,
                  "<text class=\"chosen%s\" x=\"%.2f%%\" y=\"%.2f%%\" dx=\"%d\" dy=\"-14\">",
                  x > 70 ? " end" : "", x, y, x > 70 ? 8 : -8);
        nn_html_name(writer, nn_json_text(each->record, "name"));
        nn_write(writer, "</text>");
    }
}

static void write_chart(pareto_chart *chart) {
    nn_writer *writer = &chart->page->writer;
    nn_svg_open(writer, "chart pareto", "latency and accuracy of each candidate");
    nn_svg_axis_x(writer, &chart->x, 8, "latency, % of before");
    nn_svg_axis_y(writer, &chart->y, 6, "accuracy, %");
    if (!isnan(chart->floor)) {
        double y = place_y(chart, chart->floor);
        nn_writef(writer,
                  "<line class=\"floor\" x1=\"0\" x2=\"100%%\" y1=\"%.2f%%\" y2=\"%.2f%%\"/>"
                  "<text class=\"rooflabel end\" x=\"100%%\" y=\"%.2f%%\" dy=\"14\">budget</text>",
                  y, y, y);
    }
    write_front(chart);
    for (int i = 0; i < chart->count; i++)
        if (!chart->items[i].is_best) write_candidate(chart, &chart->items[i]);
    for (int i = 0; i < chart->count; i++)
        if (chart->items[i].is_best) write_candidate(chart, &chart->items[i]);
    if (!isnan(chart->base_accuracy))
        nn_writef(writer,
                  "<rect class=\"base\" x=\"%.2f%%\" y=\"%.2f%%\" width=\"11\" height=\"11\" "
                  "transform=\"translate(-5.5 -5.5)\"><title>the model as it was</title></rect>"
                  "<text class=\"rooflabel end\" x=\"%.2f%%\" y=\"%.2f%%\" dx=\"-10\" "
                  "dy=\"4\">before</text>",
                  place_x(chart, 1), place_y(chart, chart->base_accuracy), place_x(chart, 1),
                  place_y(chart, chart->base_accuracy));
    nn_svg_close(writer);
}

/* All candidates, or only those that none beats in everything. */
static void write_rows(pareto_chart *chart, bool is_front_only) {
    nn_writer *writer = &chart->page->writer;
    char text[NN_FIGURE];
    nn_write(writer, "<div class=\"scroll\"><table class=\"sort candidates\"><thead><tr>"
                     "<th class=\"n\">latency</th><th class=\"n\">speed</th>"
                     "<th class=\"n\">accuracy</th><th class=\"n\">size</th><th>candidate</th>"
                     "<th>verdict</th><th>replay</th></tr></thead><tbody>");
    for (int i = 0; i < chart->count; i++) {
        const candidate *each = &chart->items[i];
        double bytes = nn_json_number(each->record, "file_bytes");
        const char *reason = nn_json_text(each->record, "reason");
        if (is_front_only && !each->is_front && !each->is_best) continue;
        nn_writef(writer, "<tr%s><td class=\"n\" data-v=\"%.4g\">%s</td>",
                  each->is_best    ? " class=\"best\""
                  : each->is_front ? " class=\"onfront\""
                                   : " class=\"tail\"",
                  each->ms, nn_html_ms(each->ms, text));
        nn_writef(writer, "<td class=\"n\">%.2f×</td><td class=\"n\">%.2f %%</td>",
                  1 / nn_json_number(each->record, "ratio"), 100 * each->accuracy);
        nn_writef(writer, "<td class=\"n\" data-v=\"%.0f\">%s</td><td>", bytes > 0 ? bytes : 0,
                  nn_figure_bytes(bytes, text));
        nn_html_text(writer, nn_json_text(each->record, "name"));
        nn_write(writer, "</td><td>");
        nn_html_text(writer, nn_json_text(each->record, "verdict"));
        if (reason[0] != '\0') nn_write(writer, ": ");
        nn_html_text(writer, reason);
        nn_write(writer, "</td><td><code>");
        nn_html_text(writer, nn_json_text(each->record, "replay"));
        nn_write(writer, "</code></td></tr>");
    }
    nn_write(writer, "</tbody></table></div>");
}

static void write_sentence(const pareto_chart *chart) {
    nn_writer *writer = &chart->page->writer;
    int front = 0, allowed = 0;
    const candidate *best = NULL;
    for (int i = 0; i < chart->count; i++) {
        const candidate *each = &chart->items[i];
        front += each->is_front;
        allowed += isnan(chart->floor) || each->accuracy >= chart->floor - 1e-12;
        if (each->is_best) best = each;
    }
    nn_writef(writer,
              "<p class=\"say\"><b>%d candidates were measured</b>; %d keep the budget and "
              "%d are beaten by none in both latency and accuracy.",
              chart->count, allowed, front);
    if (best != NULL) {
        nn_write(writer, " Chosen: <b>");
        nn_html_text(writer, nn_json_text(best->record, "name"));
        nn_write(writer, "</b>.");
    }
    nn_write(writer, "</p>");
}

void nn_html_pareto(nn_html_page *page) {
    pareto_chart chart = {.page = page};
    const cJSON *list = nn_json_get(page->root, "candidates");
    if (!cJSON_IsArray(list)) return;
    read_candidates(&chart);
    if (chart.count == 0) return;
    place_axes(&chart);
    nn_html_section(&page->writer, "search", "What was tried");
    write_sentence(&chart);
    write_chart(&chart);
    write_rows(&chart, true);
    nn_writef(&page->writer,
              "<details><summary>All %d candidates, with the line that replays each</summary>",
              chart.count);
    write_rows(&chart, false);
    nn_write(&page->writer, "</details>");
    if (chart.left_out > 0)
        nn_writef(&page->writer, "<p class=\"note\">%d more candidates are in the JSON report.</p>",
                  chart.left_out);
    nn_write(&page->writer, "</section>");
}
