/* Every node in a table that can be sorted; the other charts show its rows on hover. */
#include "formats/report_html.h"

#include <math.h>
#include <string.h>

static void write_title(nn_writer *writer, const char *title, bool is_number) {
    nn_writef(writer, "<th%s>%s</th>", is_number ? " class=\"n\"" : "", title);
}

/* A number whose text does not sort by itself carries its value. */
static void write_number(nn_writer *writer, double value, const char *text) {
    if (isnan(value))
        nn_write(writer, "<td></td>");
    else
        nn_writef(writer, "<td class=\"n\" data-v=\"%.3g\">%s</td>", value, text);
}

static void write_plain_number(nn_writer *writer, double value, const char *format_text) {
    if (isnan(value))
        nn_write(writer, "<td></td>");
    else
        nn_writef(writer, "<td class=\"n\">%s</td>", format_text);
}

static void write_text(nn_writer *writer, const char *text) {
    nn_write(writer, "<td>");
    nn_html_brief(writer, text);
    nn_write(writer, "</td>");
}

/* Time with a bar behind it, as long as its part of the longest. */
static void write_time(nn_writer *writer, double ms, double longest) {
    if (isnan(ms))
        nn_write(writer, "<td class=\"n\" data-v=\"-1\">–</td>");
    else
        nn_writef(writer, "<td class=\"n t\" style=\"--w:%.0f\">%.*f</td>",
                  longest > 0 ? 100 * ms / longest : 0, ms < 0.1 ? 4 : 3, ms);
}

static void write_figures(nn_writer *writer, const nn_html_row *row, int variant) {
    char text[NN_FIGURE];
    double macs = nn_html_cell(row, variant, "macs");
    double bytes =
        nn_html_cell(row, variant, "bytes_read") + nn_html_cell(row, variant, "bytes_written");
    write_number(writer, macs, nn_figure_count(macs, text));
    write_number(writer, bytes, nn_figure_bytes(bytes, text));
}

static void write_percent(nn_writer *writer, double part) {
    char text[NN_FIGURE];
    write_plain_number(writer, part, nn_figure_percent(part, text));
}

/* ---- one model ---- */

static void write_profile_titles(nn_writer *writer) {
    static const struct {
        const char *title;
        bool is_number;
    } columns[] = {{"op", false},      {"shape", false},      {"ms", true},
                   {"share", true},    {"GFLOP/s", true},     {"of roof", true},
                   {"bound", false},   {"arithmetic", false}, {"kernel", false},
                   {"variant", false}, {"chosen by", false},  {"MACs", true},
                   {"bytes", true}};
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
        write_title(writer, columns[i].title, columns[i].is_number);
}

static void write_profile_row(nn_writer *writer, const nn_html_row *row, double longest) {
    const cJSON *cell = row->cells[0];
    char text[NN_FIGURE];
    double rate = nn_json_number(cell, "gflops");
    write_text(writer, row->op);
    write_text(writer, nn_json_text(cell, "shape"));
    write_time(writer, nn_json_number(cell, "ms"), longest);
    write_percent(writer, nn_json_number(cell, "share"));
    write_plain_number(writer, rate, nn_figure(rate, text));
    write_percent(writer, nn_json_number(cell, "roof_fraction"));
    write_text(writer, nn_json_text(cell, "bound"));
    write_text(writer, nn_json_text(cell, "arithmetic"));
    write_text(writer, nn_json_text(cell, "kernel"));
    write_text(writer, nn_json_text(cell, "variant"));
    write_text(writer, nn_json_text(cell, "chosen_by"));
    write_figures(writer, row, 0);
}

/* ---- before and after ---- */

/* Columns that a report says nothing in are left out. */
static bool has_key(const nn_html_page *page, const char *key) {
    for (int64_t i = 0; i < page->row_count; i++)
        if (nn_json_get(page->rows[i].cells[page->after], key) != NULL) return true;
    return false;
}

typedef struct optional_columns {
    bool has_error, has_decision;
} optional_columns;

static void write_compare_titles(nn_html_page *page, const optional_columns *columns) {
    nn_writer *writer = &page->writer;
    write_title(writer, "op", false);
    write_title(writer, "ms before", true);
    write_title(writer, "share", true);
    for (int v = 1; v < page->variant_count; v++) {
        if (page->variant_count == 2) {
            write_title(writer, "ms after", true);
        } else {
            nn_write(writer, "<th class=\"n\">ms ");
            nn_html_name(writer, page->variants[v].name);
            nn_write(writer, "</th>");
        }
        write_title(writer, "speed", true);
        write_title(writer, "verdict", false);
    }
    write_title(writer, "arithmetic", false);
    write_title(writer, "kernel", false);
    write_title(writer, "MACs", true);
    write_title(writer, "bytes", true);
    if (columns->has_error) write_title(writer, "error", true);
    if (columns->has_decision) write_title(writer, "decision", false);
}

static const char *verdict_class(const char *verdict) {
    return strcmp(verdict, "faster") == 0 || strcmp(verdict, "gone") == 0 ? "good"
           : strcmp(verdict, "slower") == 0                               ? "bad"
                                                                          : "same";
}

static void write_after(nn_html_page *page, const nn_html_row *row, int variant, double longest) {
    nn_writer *writer = &page->writer;
    const cJSON *cell = row->cells[variant];
    double ratio = nn_json_number(cell, "ratio"), low = nn_json_number(cell, "ratio_low"),
           high = nn_json_number(cell, "ratio_high");
    const char *verdict = cell != NULL ? nn_json_text(cell, "verdict") : "gone";
    const char *absence = nn_json_text(cell, "absence");
    write_time(writer, absence[0] != '\0' ? NAN : nn_json_number(cell, "ms"), longest);
    if (!(ratio > 0))
        nn_write(writer, "<td></td>");
    else if (low > 0 && high > 0)
        nn_writef(writer, "<td class=\"n\">%.2f× <small>%.2f–%.2f</small></td>", 1 / ratio,
                  1 / high, 1 / low);
    else
        nn_writef(writer, "<td class=\"n\">%.2f×</td>", 1 / ratio);
    nn_writef(writer, "<td><em class=\"%s\">", verdict_class(verdict));
    nn_html_brief(writer, verdict);
    nn_write(writer, "</em>");
    if (absence[0] != '\0') {
        nn_write(writer, " <small>");
        nn_html_brief(writer, absence);
        nn_write(writer, "</small>");
    }
    nn_write(writer, "</td>");
}

static void write_compare_row(nn_html_page *page, const nn_html_row *row, double longest,
                              const optional_columns *columns) {
    nn_writer *writer = &page->writer;
    char text[NN_FIGURE];
    const cJSON *after = row->cells[page->after];
    double error = nn_json_number(after, "error");
    write_text(writer, row->op);
    write_time(writer, nn_html_cell(row, 0, "ms"), longest);
    write_percent(writer, nn_html_cell(row, 0, "share"));
    for (int v = 1; v < page->variant_count; v++) write_after(page, row, v, longest);
    const char *was = nn_json_text(row->cells[0], "arithmetic"),
               *is = nn_json_text(after, "arithmetic");
    nn_write(writer, "<td>");
    nn_html_brief(writer, was);
    if (is[0] != '\0' && strcmp(was, is) != 0) {
        nn_write(writer, " → ");
        nn_html_brief(writer, is);
    }
    nn_write(writer, "</td>");
    write_text(writer, nn_json_text(after, "kernel"));
    write_figures(writer, row, after != NULL ? page->after : 0);
    if (columns->has_error) write_number(writer, error, nn_figure(error, text));
    if (!columns->has_decision) return;
    const char *decision = nn_json_text(after, "decision"), *reason = nn_json_text(after, "reason");
    nn_write(writer, "<td>");
    nn_html_brief(writer, decision);
    if (decision[0] != '\0' && reason[0] != '\0') nn_write(writer, ": ");
    nn_html_brief(writer, reason);
    nn_write(writer, "</td>");
}

void nn_html_table(nn_html_page *page) {
    nn_writer *writer = &page->writer;
    double longest = 0;
    const optional_columns columns = {has_key(page, "error"), has_key(page, "decision")};
    if (page->row_count == 0) return;
    for (int64_t i = 0; i < page->row_count; i++) longest = fmax(longest, page->rows[i].ms);
    nn_html_section(writer, "nodes", "Every node");
    nn_writef(writer,
              "<p class=\"say\"><b>%lld nodes in execution order</b>, named as in the file of the "
              "first model. Click a title to sort.",
              (long long)page->row_count);
    if (page->left_out_count > 0)
        nn_writef(writer, " The %lld nodes that take least time are left out.",
                  (long long)page->left_out_count);
    nn_write(writer, "<span class=\"onprint\"> On paper: those that take most time.</span></p>"
                     "<div class=\"scroll\"><table class=\"sort nodes\"><thead><tr><th>node</th>");
    if (page->variant_count > 1)
        write_compare_titles(page, &columns);
    else
        write_profile_titles(writer);
    nn_write(writer, "</tr></thead><tbody>");
    for (int64_t i = 0; i < page->row_count; i++) {
        const nn_html_row *row = &page->rows[i];
        if (row->id < 0) continue;
        nn_writef(writer, "<tr%s><th>", row->is_printed ? "" : " class=\"tail\"");
        nn_html_name(writer, row->node);
        nn_write(writer, "</th>");
        if (page->variant_count > 1)
            write_compare_row(page, row, longest, &columns);
        else
            write_profile_row(writer, row, longest);
        nn_write(writer, "</tr>\n");
    }
    nn_write(writer, "</tbody></table></div></section>");
}
