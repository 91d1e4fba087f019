/* Memory over the run: weights below, the activations that live above, the workspace of the step on
 * top. */
#include "formats/report_html.h"

#include <math.h>

enum { WIDTH = 1000, HEIGHT = 100 }; /* of the drawing's own units: it is stretched to its place */

static double number_or_zero(double value) {
    return value > 0 ? value : 0;
}

static double weights_of(const cJSON *record) {
    const cJSON *memory = nn_json_get(record, "memory");
    return number_or_zero(nn_json_number(memory, "packed_bytes")) +
           number_or_zero(nn_json_number(memory, "constant_bytes"));
}

static double peak_of(const nn_html_page *page, int variant, const char *key) {
    double peak = 0;
    for (int64_t i = 0; i < page->row_count; i++)
        peak = fmax(peak, number_or_zero(nn_html_cell(&page->rows[i], variant, key)));
    return peak;
}

/* What lives in the slab while a step runs, its workspace included, or without that. */
static double live_bytes(const nn_html_row *row, int variant, bool with_workspace) {
    double live = number_or_zero(nn_html_cell(row, variant, "live_bytes"));
    double workspace = number_or_zero(nn_html_cell(row, variant, "workspace_bytes"));
    return with_workspace ? live : fmax(0, live - workspace);
}

/* A stepped area over the time of the run, on top of the weights. */
static void write_area(nn_html_page *page, int variant, const char *class_name, double floor,
                       bool with_workspace, double scale) {
    nn_writer *writer = &page->writer;
    double total = 0, at = 0, last = NAN;
    for (int64_t i = 0; i < page->row_count; i++)
        total += number_or_zero(nn_html_cell(&page->rows[i], variant, "ms"));
    if (!(total > 0)) return;
    nn_writef(writer, "<path class=\"%s\" d=\"M0 %.1f", class_name, HEIGHT - floor * scale);
    for (int64_t i = 0; i < page->row_count; i++) {
        const nn_html_row *row = &page->rows[i];
        if (isnan(nn_html_cell(row, variant, "live_bytes"))) continue;
        double y = HEIGHT - (floor + live_bytes(row, variant, with_workspace)) * scale;
        if (isnan(last) || fabs(y - last) >= 0.05) {
            nn_writef(writer, "H%.1fV%.1f", WIDTH * at / total, y);
            last = y;
        }
        at += number_or_zero(nn_html_cell(row, variant, "ms"));
    }
    nn_writef(writer, "H%dV%.1fz\"/>", WIDTH, HEIGHT - floor * scale);
}

static void write_memory(nn_html_page *page, int variant, double most) {
    nn_writer *writer = &page->writer;
    const nn_html_variant *each = &page->variants[variant];
    double weights = weights_of(each->record), scale = HEIGHT / most;
    const nn_axis axis = {.low = 0, .high = most / 1e6, .is_down = true};
    nn_write(writer, "<div><div class=\"bandhead\"><b>");
    nn_html_name(writer, each->name);
    nn_write(writer, "</b></div>");
    nn_svg_open(writer, "chart memory", "memory over the run");
    nn_svg_axis_y(writer, &axis, 4, "MB");
    nn_writef(writer,
              "<svg viewBox=\"0 0 %d %d\" preserveAspectRatio=\"none\" width=\"100%%\" "
              "height=\"100%%\">",
              WIDTH, HEIGHT);
    write_area(page, variant, "workspace", weights, true, scale);
    write_area(page, variant, "activations", weights, false, scale);
    if (weights > 0)
        nn_writef(writer, "<path class=\"weights\" d=\"M0 %.1fH%dV%dH0z\"/>",
                  HEIGHT - weights * scale, WIDTH, HEIGHT);
    nn_write(writer,
             "</svg><text class=\"axis x\" x=\"100%\" y=\"100%\" dy=\"18\">time of one run →"
             "</text>");
    nn_svg_close(writer);
    nn_write(writer, "</div>");
}

static void write_key(nn_html_page *page, const char *class_name, const char *name, double before,
                      double after) {
    char text[NN_FIGURE];
    if (!(before > 0) && !(after > 0)) return;
    nn_writef(&page->writer, "<li><i class=\"%s\"></i>%s <b>%s</b>", class_name, name,
              nn_figure_bytes(before, text));
    if (page->after > 0) nn_writef(&page->writer, " → <b>%s</b>", nn_figure_bytes(after, text));
    nn_write(&page->writer, "</li>");
}

void nn_html_memory(nn_html_page *page) {
    nn_writer *writer = &page->writer;
    const cJSON *before = page->variants[0].record, *after = page->variants[page->after].record;
    char a[NN_FIGURE], b[NN_FIGURE];
    double most = fmax(weights_of(before) + peak_of(page, 0, "live_bytes"),
                       weights_of(after) + peak_of(page, page->after, "live_bytes"));
    if (!(most > 0) || !(peak_of(page, 0, "live_bytes") > 0)) return;
    nn_html_section(writer, "memory", "Memory");
    double peak = weights_of(after) + peak_of(page, page->after, "live_bytes");
    nn_writef(writer, "<p class=\"say\"><b>%s at the highest point</b>", nn_figure_bytes(peak, a));
    if (page->after > 0)
        nn_writef(writer, ", where it was %s",
                  nn_figure_bytes(weights_of(before) + peak_of(page, 0, "live_bytes"), b));
    nn_writef(writer, "; %s of it weights in the form the kernels read.</p>",
              nn_figure_bytes(weights_of(after), b));
    nn_write(writer, "<div class=\"pair\">");
    write_memory(page, 0, most * 1.06);
    if (page->after > 0) write_memory(page, page->after, most * 1.06);
    nn_write(writer, "</div><ul class=\"legend\">");
    write_key(page, "weights", "weights", weights_of(before), weights_of(after));
    write_key(page, "activations", "activations and workspace", peak_of(page, 0, "live_bytes"),
              peak_of(page, page->after, "live_bytes"));
    write_key(page, "workspace", "of it workspace", peak_of(page, 0, "workspace_bytes"),
              peak_of(page, page->after, "workspace_bytes"));
    nn_write(writer, "</ul></section>");
}
