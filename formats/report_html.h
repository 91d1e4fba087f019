/* The HTML report: one self-contained page. It is written as well-formed XML, so that a text that
 * escaped its place is found by any XML parser. Every section leaves itself out when the report
 * holds nothing for it. */
#ifndef NN_REPORT_HTML_H
#define NN_REPORT_HTML_H

#include "formats/report_text.h"
#include "ops/op.h"

enum { NN_HTML_MAX_VARIANTS = 8 };

/* One model of the report. */
typedef struct nn_html_variant {
    const cJSON *record; /* the model's record; of a profile: the root */
    const char *name;
    double total_ms, unattributed_ms;
} nn_html_variant;

/* One ONNX node of the base, with the node record of each variant: NULL where that variant has
 * nothing for it. */
typedef struct nn_html_row {
    const char *node, *op;
    const cJSON *record;
    const cJSON *cells[NN_HTML_MAX_VARIANTS];
    nn_op_kind kind; /* what colours stand for */
    double ms;       /* the largest of the variants: orders rows by weight */
    int id;          /* of the row on the page; -1: left out */
    bool is_top;     /* among the rows that make 90 % of the time */
    bool is_printed; /* on paper, where there is room for few */
} nn_html_row;

typedef struct nn_html_page {
    nn_writer writer;
    const cJSON *root;
    nn_html_variant variants[NN_HTML_MAX_VARIANTS];
    int variant_count;
    int after;         /* the variant that stands for the result: 0 when there is only one */
    nn_html_row *rows; /* in execution order */
    int64_t row_count, left_out_count, top_count;
} nn_html_page;

/* What the page shows, read from any kind of report that has nodes[], or models[] and rows[]. */
nn_status nn_html_page_init(nn_html_page *page, const cJSON *root);
void nn_html_page_clear(nn_html_page *page);

/* ---- text (report_html_text.c) ---- */

/* Escaped; what is no character of XML, controls and marks that reverse the direction of text
 * become U+FFFD. */
void nn_html_text(nn_writer *writer, const char *text);
/* The same, and no longer than a name needs to be: the end is kept, since node names differ there.
 */
void nn_html_name(nn_writer *writer, const char *text);
/* The same of a sentence: the beginning is kept. */
void nn_html_brief(nn_writer *writer, const char *text);
/* A text, or a list of texts joined by "; ". False when there is none. */
bool nn_html_words(nn_writer *writer, const cJSON *item);
/* <h2> and opening of a section. */
void nn_html_section(nn_writer *writer, const char *id, const char *title);
/* Reads a key of the variant's node record: NaN without one. */
double nn_html_cell(const nn_html_row *row, int variant, const char *key);
/* "1.842 ms" or "350 us" or "2.1 s", to three digits, of milliseconds. */
const char *nn_html_ms(double ms, char buffer[NN_FIGURE]);

/* ---- charts: positions are percent of the drawing's width or height, so that text keeps its size
 * on any screen ---- */

/* Opens <figure><svg> of `height` pixels with room for axis labels; `label` describes it to those
 * who do not see it. */
void nn_svg_open(nn_writer *writer, const char *class_name, const char *label);
void nn_svg_close(nn_writer *writer);

/* A linear or logarithmic axis: where on 0 .. 100 a value lies. */
typedef struct nn_axis {
    double low, high;
    bool is_log, is_down; /* down: low is at the bottom (100 %) */
} nn_axis;
double nn_axis_place(const nn_axis *axis, double value);
/* Values worth a tick, at most `most`; returns how many. */
enum { NN_MAX_TICKS = 12 };
int nn_axis_ticks(const nn_axis *axis, int most, double ticks[NN_MAX_TICKS]);
/* Grid lines and labels at the bottom and at the left; `unit` is appended to the last label. */
void nn_svg_axis_x(nn_writer *writer, const nn_axis *axis, int most, const char *title);
void nn_svg_axis_y(nn_writer *writer, const nn_axis *axis, int most, const char *title);

/* ---- sections, in the order of the page ---- */

void nn_html_head(nn_html_page *page);
void nn_html_verdict(nn_html_page *page);
void nn_html_models(nn_html_page *page);
void nn_html_band(nn_html_page *page);
void nn_html_roofline(nn_html_page *page);
void nn_html_gain(nn_html_page *page);
void nn_html_pareto(nn_html_page *page);
void nn_html_table(nn_html_page *page);
void nn_html_memory(nn_html_page *page);
void nn_html_method(nn_html_page *page);

/* ---- assets, made from report_html.css and report_html.js when nnopt is built ---- */

extern const char nn_html_style[], nn_html_script[];

#endif
