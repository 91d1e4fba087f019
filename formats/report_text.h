/* A report as text for a terminal: one renderer per kind, and a plain outline for the others. */
#ifndef NN_REPORT_TEXT_H
#define NN_REPORT_TEXT_H

#include "engine/report.h"
#include "formats/text.h"

typedef struct nn_text_page {
    nn_writer writer;
    int columns;
    bool all; /* every row of long tables */
} nn_text_page;

/* One file formats/report_text_<kind>.c and one row in report_text_table.def each. */
typedef void nn_text_renderer(nn_text_page *page, const cJSON *report);
#define NN_REPORT_TEXT(kind, function) nn_text_renderer function;
#include "formats/report_text_table.def"
#undef NN_REPORT_TEXT

/* Keys and values one below the other, arrays of records as tables. */
void nn_text_outline(nn_text_page *page, const cJSON *object);

/* One array of records as a table; nothing when it is empty. */
void nn_text_records(nn_text_page *page, const cJSON *array, int indent);

/* "name   batch 1, 1 thread, fp32, AVX-512": what was measured and how, from a record with these
 * keys. */
void nn_text_subject(nn_text_page *page, const cJSON *record, const cJSON *machine);

/* What computing in bf16 did to each output; nothing where the record does not say. */
void nn_text_precision(nn_text_page *page, const cJSON *record);

/* Members of a record: NaN, "" or NULL when it has none of that kind. */
double nn_json_number(const cJSON *object, const char *key);
const char *nn_json_text(const cJSON *object, const char *key);
const cJSON *nn_json_get(const cJSON *object, const char *key);

/* A node's share of its roof from which on a report says how that can be. */
#define NN_ABOVE_ROOF 1.05
#define NN_ABOVE_ROOF_TEXT                                                                         \
    "Above 100 % of its roof is a kernel that multiplies less often than its operator asks for: "  \
    "by a transform or by shared products, as its variant tells."

#endif
