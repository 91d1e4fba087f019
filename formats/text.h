/* Text for a terminal: a growing buffer, numbers with units, tables that fit a width. */
#ifndef NN_TEXT_H
#define NN_TEXT_H

#include "base/status.h"

/* Sticky: after a failed allocation nothing is added, and nn_writer_finish says so. */
typedef struct nn_writer {
    char *text;
    int64_t length, capacity;
    bool out_of_memory;
    bool colour;
} nn_writer;

void nn_write(nn_writer *writer, const char *text);
void nn_writef(nn_writer *writer, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Text that may come from a model file: control characters become '?'. */
void nn_write_foreign(nn_writer *writer, const char *text);
/* Hands the text over, or NN_NO_MEMORY. Ends the writer. */
nn_status nn_writer_finish(nn_writer *writer, char **out);
void nn_writer_clear(nn_writer *writer);

typedef enum nn_style { NN_STYLE_BOLD, NN_STYLE_DIM, NN_STYLE_GOOD, NN_STYLE_BAD } nn_style;
void nn_write_styled(nn_writer *writer, nn_style style, const char *text);

/* Columns of a terminal that the text takes: code points, without combining marks. */
int nn_text_width(const char *text);

/* Wraps at spaces to `columns`; the first line starts at column `indent`, where the writer stands,
 * later ones are indented to it. Ends with a newline. */
void nn_write_wrapped(nn_writer *writer, const char *text, int indent, int columns);

/* Short figures into `buffer`, which they return: "1.842", "41.2 M", "3.2 MB". NaN gives "-". */
enum { NN_FIGURE = 32 };
const char *nn_figure(double value, char buffer[NN_FIGURE]);         /* 4 significant digits */
const char *nn_figure_count(double value, char buffer[NN_FIGURE]);   /* "41.2 M" */
const char *nn_figure_bytes(double value, char buffer[NN_FIGURE]);   /* "3.2 MB" */
const char *nn_figure_percent(double value, char buffer[NN_FIGURE]); /* "16.8 %" of 0.168 */

/* ---- tables ---- */

typedef struct nn_column {
    const char *title;
    bool right;    /* aligned to the right: numbers */
    bool flexible; /* may be cut so that the table fits: names lose their start, */
    bool cut_end;  /* prose loses its end; an ellipsis stands in its place */
    int priority;  /* columns with the largest go first when it still does not fit; 0: never */
} nn_column;

typedef struct nn_table {
    const nn_column *columns;
    int column_count;
    char **cells; /* row after row */
    int64_t cell_count, cell_capacity;
    bool out_of_memory;
} nn_table;

void nn_table_init(nn_table *table, const nn_column *columns, int column_count);
/* The next cell in row order; copied. NULL is an empty cell. */
void nn_table_add(nn_table *table, const char *text);
void nn_table_addf(nn_table *table, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Writes title line and rows, two spaces between columns and `indent` before. Ends the table. */
void nn_table_write(nn_table *table, nn_writer *writer, int indent, int width);

#endif
