/* Where the time goes: one band per variant in execution order. Every ONNX node has a column as
 * wide as its slowest variant, so that a node stands above its successor and the gaps show what was
 * saved. */
#include "formats/report_html.h"

#include "base/memory.h"

#include <math.h>

enum { LETTER_WIDTH = 7, PAGE_WIDTH = 1100 }; /* pixels: decides which labels fit */

/* Milliseconds that are one whole band: all columns and the largest rest. */
static double band_width(const nn_html_page *page) {
    double width = 0, rest = 0;
    for (int64_t i = 0; i < page->row_count; i++) width += page->rows[i].ms;
    for (int v = 0; v < page->variant_count; v++)
        rest = fmax(rest, page->variants[v].unattributed_ms); /* fmax skips NaN */
    return width + rest;
}

/* Writes as much of the end of a node's name as fits, in whole parts; its last part says little
 * where it repeats the operator. */
static void write_label(nn_writer *writer, double x, double width, const nn_html_row *row) {
    const char *name = row->node, *end = name + strlen(name), *from = end;
    const char *slash = strrchr(name, '/');
    if (slash != NULL && slash > name && strcmp(slash + 1, row->op) == 0) end = slash;
    double room = (width / 100 * PAGE_WIDTH - 10) / LETTER_WIDTH;
    for (const char *at = end; at > name; at--)
        if ((at == name + 1 || at[-1] == '/' || at[-1] == '.') && end - at <= room) from = at;
    if (end - name <= room) from = name;
    if (from >= end) return;
    nn_writef(writer, "<text class=\"wide\" x=\"%.2f%%\" dx=\"5\" y=\"50%%\" dy=\"4\">", x);
    char *label = nn_format("%.*s", (int)(end - from), from);
    if (label == NULL)
        writer->out_of_memory = true;
    else
        nn_html_text(writer, label);
    nn_free(label);
    nn_write(writer, "</text>");
}

/* Slices too thin to see or to point at are drawn together, in the colour of the heaviest. */
typedef struct band_run {
    double x, column, width; /* percent; column: of all variants */
    double heaviest;
    const nn_html_row *row; /* the heaviest; NULL: none yet */
} band_run;

static const double thin_column = 0.1, wide_slice = 0.6; /* percent: one pixel, six */

static void flush_run(nn_writer *writer, band_run *run) {
    if (run->width > 0.004) {
        nn_writef(writer, "<rect class=\"f%d%s\" x=\"%.2f%%\" width=\"%.2f%%\" height=\"100%%\"",
                  run->row->kind, run->width > wide_slice ? " wide" : "", run->x, run->width);
        if (run->row->id >= 0) nn_writef(writer, " data-r=\"%d\"", run->row->id);
        nn_write(writer, "/>");
        write_label(writer, run->x, run->width, run->row);
    }
    *run = (band_run){.x = run->x + run->column};
}

static void write_slices(nn_html_page *page, int variant, double whole) {
    nn_writer *writer = &page->writer;
    band_run run = {0};
    for (int64_t i = 0; i < page->row_count; i++) {
        const nn_html_row *row = &page->rows[i];
        double ms = nn_html_cell(row, variant, "ms"), column = 100 * row->ms / whole;
        if (run.column + column > thin_column) flush_run(writer, &run);
        run.column += column;
        if (!(ms > 0)) continue;
        run.width += 100 * ms / whole;
        if (ms > run.heaviest) {
            run.heaviest = ms;
            run.row = row;
        }
    }
    flush_run(writer, &run);
}

static void write_band(nn_html_page *page, int variant, double whole) {
    nn_writer *writer = &page->writer;
    const nn_html_variant *each = &page->variants[variant];
    double rows = 0;
    char text[NN_FIGURE];
    for (int64_t i = 0; i < page->row_count; i++) rows += page->rows[i].ms;
    nn_write(writer, "<div class=\"bandhead\"><b>");
    nn_html_name(writer, each->name);
    nn_writef(writer, "</b> <span>%s</span></div>", nn_html_ms(each->total_ms, text));
    nn_svg_open(writer, "band", "time of each node, in execution order");
    write_slices(page, variant, whole);
    if (each->unattributed_ms > 0)
        nn_writef(writer,
                  "<rect class=\"rest\" x=\"%.2f%%\" width=\"%.2f%%\" height=\"100%%\">"
                  "<title>unattributed</title></rect>",
                  100 * rows / whole, 100 * each->unattributed_ms / whole);
    nn_svg_close(writer);
}

/* A bar of a round length, as on a map. */
static void write_scale(nn_writer *writer, double whole) {
    double ticks[NN_MAX_TICKS];
    char text[NN_FIGURE];
    const nn_axis axis = {.low = 0, .high = whole};
    int count = nn_axis_ticks(&axis, 8, ticks);
    if (count < 2) return;
    nn_writef(writer, "<div class=\"scale\"><i style=\"width:%.2f%%\"></i> %s</div>",
              nn_axis_place(&axis, ticks[1]), nn_html_ms(ticks[1], text));
}

static void sum_families(const nn_html_page *page, int variant, double sums[NN_KIND_COUNT]) {
    for (int f = 0; f < NN_KIND_COUNT; f++) sums[f] = 0;
    for (int64_t i = 0; i < page->row_count; i++) {
        double ms = nn_html_cell(&page->rows[i], variant, "ms");
        if (ms > 0) sums[page->rows[i].kind] += ms;
    }
}

static void write_legend(nn_html_page *page) {
    nn_writer *writer = &page->writer;
    double before[NN_KIND_COUNT], after[NN_KIND_COUNT];
    char text[NN_FIGURE];
    sum_families(page, 0, before);
    sum_families(page, page->after, after);
    nn_write(writer, "<ul class=\"legend\">");
    for (int f = 0; f < NN_KIND_COUNT; f++) {
        if (!(before[f] > 0 || after[f] > 0)) continue;
        nn_writef(writer, "<li><i class=\"f%d\"></i>%s <b>%s</b>", f,
                  nn_op_kind_name((nn_op_kind)f), nn_html_ms(before[f], text));
        if (page->after > 0) nn_writef(writer, " → <b>%s</b>", nn_html_ms(after[f], text));
        nn_write(writer, "</li>");
    }
    double rest = page->variants[0].unattributed_ms,
           now = page->variants[page->after].unattributed_ms;
    if (rest > 0 || now > 0) {
        nn_writef(writer, "<li><i class=\"rest\"></i>unattributed <b>%s</b>",
                  nn_html_ms(rest, text));
        if (page->after > 0) nn_writef(writer, " → <b>%s</b>", nn_html_ms(now, text));
        nn_write(writer, "</li>");
    }
    nn_write(writer, "</ul>");
}

static void write_sentence(nn_html_page *page) {
    nn_writer *writer = &page->writer;
    const nn_html_row *largest = NULL;
    double sums[NN_KIND_COUNT], now[NN_KIND_COUNT], total = page->variants[0].total_ms;
    int kind = 0;
    char a[NN_FIGURE], b[NN_FIGURE];
    sum_families(page, 0, sums);
    sum_families(page, page->after, now);
    for (int f = 1; f < NN_KIND_COUNT; f++)
        if (sums[f] > sums[kind]) kind = f;
    for (int64_t i = 0; i < page->row_count; i++)
        if (largest == NULL ||
            nn_html_cell(&page->rows[i], 0, "ms") > nn_html_cell(largest, 0, "ms"))
            largest = &page->rows[i];
    nn_writef(writer, "<p class=\"say\"><b>%.0f %% is %s</b>", 100 * sums[kind] / total,
              nn_op_kind_name((nn_op_kind)kind));
    if (page->after > 0)
        nn_writef(writer, ", which goes from %s to %s. Gaps are time saved.",
                  nn_html_ms(sums[kind], a), nn_html_ms(now[kind], b));
    else if (largest != NULL) {
        nn_write(writer, ". The largest node is <code>");
        nn_html_name(writer, largest->node);
        nn_writef(writer, "</code> with %s.", nn_html_ms(nn_html_cell(largest, 0, "ms"), a));
    }
    nn_writef(writer, " %lld of %lld nodes make 90 %% of the time.</p>", (long long)page->top_count,
              (long long)page->row_count);
}

void nn_html_band(nn_html_page *page) {
    double whole = band_width(page);
    if (page->row_count == 0 || !(whole > 0)) return;
    nn_html_section(&page->writer, "time", "Where the time goes");
    write_sentence(page);
    for (int v = 0; v < page->variant_count; v++) write_band(page, v, whole);
    write_scale(&page->writer, whole);
    write_legend(page);
    nn_write(&page->writer, "</section>");
}
