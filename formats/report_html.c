#include "formats/report_html.h"

#include "formats/report_write.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- how it was measured ---- */

/* Lines of records that say how: the report's "measurement", and what the profiler knows of itself.
 */
static const struct method_line {
    const char *key, *label, *unit;
} method_lines[] = {
    {"data", "data", ""},
    {"warmup_seconds", "warm-up", " s"},
    {"runs", "samples", " of each model"},
    {"seconds", "duration", " s"},
    {"order", "order", ""},
    {"noise", "noise seen", " of the median, from the fastest run to the 90th percentile"},
    {"seed", "seed", ""},
    {"split", "split of the data", ""},
    {"timer_us_per_node", "timer cost subtracted", " µs a node"},
    {"dispatch_us_per_node", "fixed cost of a step", " µs, estimated"},
    {"instrumented_ms", "run with the profiler on", " ms"},
    {"not_read", "not read here", ""},
};

static const char *short_figure(double value, char buffer[NN_FIGURE]) {
    snprintf(buffer, NN_FIGURE, "%.3g", value);
    return buffer;
}

static void write_method_line(nn_writer *writer, const struct method_line *line,
                              const cJSON *item) {
    char text[NN_FIGURE];
    bool is_fraction = strcmp(line->key, "noise") == 0;
    if (cJSON_IsNumber(item)) {
        double value = item->valuedouble;
        nn_writef(writer, "<dt>%s</dt><dd>%s%s</dd>", line->label,
                  is_fraction             ? nn_figure_percent(value, text)
                  : value == floor(value) ? nn_figure_count(value, text)
                                          : short_figure(value, text),
                  line->unit);
    } else if (cJSON_IsString(item) || (cJSON_IsArray(item) && item->child != NULL)) {
        nn_writef(writer, "<dt>%s</dt><dd>", line->label);
        nn_html_words(writer, item);
        nn_write(writer, "</dd>");
    }
}

void nn_html_method(nn_html_page *page) {
    nn_writer *writer = &page->writer;
    const cJSON *records[] = {nn_json_get(page->root, "measurement"),
                              nn_json_get(page->root, "profiler"), page->variants[0].record};
    nn_html_section(writer, "method", "How it was measured");
    nn_write(writer, "<dl class=\"method\">");
    for (size_t i = 0; i < sizeof method_lines / sizeof *method_lines; i++)
        for (size_t r = 0; r < sizeof records / sizeof *records; r++) {
            const cJSON *item = nn_json_get(records[r], method_lines[i].key);
            if (item == NULL) continue;
            write_method_line(writer, &method_lines[i], item);
            break;
        }
    nn_write(writer,
             "</dl><p class=\"note\">Intervals are 95 % bootstrap intervals of the median. "
             "A difference counts when its interval excludes none and the medians differ by "
             "more than 1 %.</p></section>");
}

/* ---- document ---- */

/* Nothing is fetched and nothing can be sent: the policy holds even for what escaping missed. */
static const char document_head[] =
    "<!DOCTYPE html>\n<html lang=\"en\" xmlns=\"http://www.w3.org/1999/xhtml\"><head>"
    "<meta charset=\"utf-8\"/>"
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
    "'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'\"/>"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>"
    "<meta name=\"color-scheme\" content=\"light dark\"/><title>";

static void write_document(nn_html_page *page) {
    nn_writer *writer = &page->writer;
    nn_write(writer, document_head);
    nn_html_name(writer, page->variants[0].name);
    nn_write(writer, " – nnopt ");
    nn_html_text(writer, nn_json_text(page->root, "kind"));
    nn_write(writer, "</title><style>\n");
    nn_write(writer, nn_html_style);
    nn_write(writer, "</style></head><body>");
    nn_write(writer, "<main>");
    nn_html_head(page);
    nn_html_verdict(page);
    nn_html_models(page);
    nn_html_band(page);
    nn_html_roofline(page);
    nn_html_gain(page);
    nn_html_pareto(page);
    nn_html_table(page);
    nn_html_memory(page);
    nn_html_method(page);
    nn_write(writer, "</main><div id=\"tip\" hidden=\"hidden\"></div><script>\n//<![CDATA[\n");
    nn_write(writer, nn_html_script);
    nn_write(writer, "//]]>\n</script></body></html>\n");
}

nn_status nn_report_write_html(const nn_report *report, char **out) {
    const char *kind = nn_json_text(report->root, "kind");
    bool is_drawn = cJSON_IsArray(nn_json_get(report->root, "nodes")) ||
                    cJSON_IsArray(nn_json_get(report->root, "rows")) ||
                    cJSON_IsArray(nn_json_get(report->root, "candidates"));
    if (!is_drawn)
        return nn_fail(NN_UNSUPPORTED,
                       "a report of '%s' has nothing to draw as HTML (profile, compare and "
                       "optimize have)",
                       kind);
    nn_html_page page;
    NN_TRY(nn_html_page_init(&page, report->root));
    write_document(&page);
    nn_status status = nn_writer_finish(&page.writer, out);
    nn_html_page_clear(&page);
    return status;
}
