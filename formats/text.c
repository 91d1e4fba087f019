#include "formats/text.h"

#include "base/memory.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

/* ---- writer ---- */

static bool reserve(nn_writer *writer, size_t more) {
    if (writer->out_of_memory) return false;
    int64_t wanted = writer->length + (int64_t)more + 1;
    if (wanted <= writer->capacity) return true;
    int64_t capacity = writer->capacity > 0 ? writer->capacity : 1024;
    while (capacity < wanted) capacity *= 2;
    char *text = nn_realloc(writer->text, (size_t)writer->capacity, (size_t)capacity);
    if (text == NULL) {
        writer->out_of_memory = true;
        return false;
    }
    writer->text = text;
    writer->capacity = capacity;
    return true;
}

static void write_bytes(nn_writer *writer, const char *bytes, size_t size) {
    if (!reserve(writer, size)) return;
    memcpy(writer->text + writer->length, bytes, size);
    writer->length += (int64_t)size;
    writer->text[writer->length] = '\0';
}

void nn_write(nn_writer *writer, const char *text) {
    write_bytes(writer, text, strlen(text));
}

void nn_writef(nn_writer *writer, const char *format, ...) {
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length > 0 && reserve(writer, (size_t)length)) {
        vsnprintf(writer->text + writer->length, (size_t)length + 1, format, again);
        writer->length += length;
    }
    va_end(again);
}

nn_status nn_writer_finish(nn_writer *writer, char **out) {
    nn_write(writer, "");
    if (writer->out_of_memory || writer->text == NULL) {
        nn_writer_clear(writer);
        return nn_fail_memory((size_t)writer->capacity * 2);
    }
    *out = writer->text;
    *writer = (nn_writer){0};
    return NN_OK;
}

void nn_writer_clear(nn_writer *writer) {
    nn_free(writer->text);
    writer->text = NULL;
}

void nn_write_styled(nn_writer *writer, nn_style style, const char *text) {
    static const char *const codes[] = {
        [NN_STYLE_BOLD] = "\033[1m",
        [NN_STYLE_DIM] = "\033[2m",
        [NN_STYLE_GOOD] = "\033[32m",
        [NN_STYLE_BAD] = "\033[31m",
    };
    if (writer->colour) nn_write(writer, codes[style]);
    nn_write_foreign(writer, text);
    if (writer->colour) nn_write(writer, "\033[0m");
}

/* ---- characters ---- */

/* Bytes of the UTF-8 sequence at `text`, 1 for what is not one. */
static int sequence_length(const char *text) {
    unsigned char lead = (unsigned char)text[0];
    int length = lead < 0xc2 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 1;
    for (int i = 1; i < length; i++)
        if (((unsigned char)text[i] & 0xc0) != 0x80) return 1;
    return length;
}

/* C0 controls and DEL, the C1 controls U+0080 to U+009F, and bytes that are not UTF-8. */
static bool is_unprintable(const char *text, int length) {
    unsigned char lead = (unsigned char)text[0];
    if (length == 1) return lead < 0x20 || lead >= 0x7f;
    return length == 2 && lead == 0xc2 && (unsigned char)text[1] < 0xa0;
}

static bool is_combining(const char *text, int length) {
    unsigned char lead = (unsigned char)text[0], next = (unsigned char)text[1];
    return length == 2 && (lead == 0xcc || (lead == 0xcd && next < 0xb0));
}

void nn_write_foreign(nn_writer *writer, const char *text) {
    while (*text != '\0') {
        int length = sequence_length(text);
        if (is_unprintable(text, length))
            nn_write(writer, "?");
        else
            write_bytes(writer, text, (size_t)length);
        text += length;
    }
}

int nn_text_width(const char *text) {
    int width = 0;
    while (*text != '\0') {
        int length = sequence_length(text);
        if (!is_combining(text, length)) width++;
        text += length;
    }
    return width;
}

void nn_write_wrapped(nn_writer *writer, const char *text, int indent, int columns) {
    int column = indent;
    while (*text != '\0') {
        size_t size = strcspn(text, " ");
        nn_writer word = {0};
        write_bytes(&word, text, size);
        if (word.out_of_memory) {
            writer->out_of_memory = true;
            nn_writer_clear(&word);
            return;
        }
        const char *shown = word.text != NULL ? word.text : "";
        int width = nn_text_width(shown);
        if (column > indent && column + 1 + width > columns) {
            nn_writef(writer, "\n%*s", indent, "");
            column = indent;
        } else if (column > indent) {
            nn_write(writer, " ");
            column++;
        }
        nn_write_foreign(writer, shown);
        column += width;
        nn_writer_clear(&word);
        text += size;
        text += strspn(text, " ");
    }
    nn_write(writer, "\n");
}

/* ---- figures ---- */

const char *nn_figure(double value, char buffer[NN_FIGURE]) {
    double size = fabs(value);
    if (!isfinite(value))
        snprintf(buffer, NN_FIGURE, "-");
    else if (size == 0)
        snprintf(buffer, NN_FIGURE, "0");
    else if (size >= 1e7 || size < 1e-4)
        snprintf(buffer, NN_FIGURE, "%.3g", value);
    else
        snprintf(buffer, NN_FIGURE, "%.*f",
                 size >= 1000  ? 0
                 : size >= 100 ? 1
                 : size >= 10  ? 2
                 : size >= 1   ? 3
                               : 4,
                 value);
    return buffer;
}

static const char *scaled_figure(double value, double step, const char *const *units, int count,
                                 char buffer[NN_FIGURE]) {
    int unit = 0;
    if (!isfinite(value)) {
        snprintf(buffer, NN_FIGURE, "-");
        return buffer;
    }
    while (unit + 1 < count && fabs(value) >= 0.9995 * step) {
        value /= step;
        unit++;
    }
    int digits = unit == 0 && value == floor(value) ? 0
                 : fabs(value) >= 100               ? 0
                 : fabs(value) >= 10                ? 1
                                                    : 2;
    snprintf(buffer, NN_FIGURE, "%.*f%s", digits, value, units[unit]);
    return buffer;
}

const char *nn_figure_count(double value, char buffer[NN_FIGURE]) {
    static const char *const units[] = {"", " k", " M", " G", " T", " P"};
    return scaled_figure(value, 1e3, units, 6, buffer);
}

const char *nn_figure_bytes(double value, char buffer[NN_FIGURE]) {
    static const char *const units[] = {" B", " kB", " MB", " GB", " TB"};
    return scaled_figure(value, 1e3, units, 5, buffer);
}

const char *nn_figure_percent(double value, char buffer[NN_FIGURE]) {
    if (!isfinite(value))
        snprintf(buffer, NN_FIGURE, "-");
    else
        snprintf(buffer, NN_FIGURE, "%.1f %%", 100 * value);
    return buffer;
}

/* ---- tables ---- */

enum {
    MAX_COLUMNS = 32,
    MINIMUM_WIDTH = 10,
    COMFORTABLE_WIDTH = 28,
    OPTIONAL_PRIORITY = 5,
    GAP = 2
};

void nn_table_init(nn_table *table, const nn_column *columns, int column_count) {
    *table = (nn_table){.columns = columns,
                        .column_count = column_count < MAX_COLUMNS ? column_count : MAX_COLUMNS};
}

void nn_table_add(nn_table *table, const char *text) {
    char *cell = nn_strdup(text != NULL ? text : "");
    if (cell == NULL || !NN_GROW(table->cells, table->cell_count, table->cell_capacity)) {
        nn_free(cell);
        table->out_of_memory = true;
        return;
    }
    table->cells[table->cell_count++] = cell;
}

void nn_table_addf(nn_table *table, const char *format, ...) {
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    nn_table_add(table, text);
}

static int total_width(const int *widths, int count) {
    int total = 0;
    for (int c = 0; c < count; c++)
        if (widths[c] > 0) total += widths[c] + (total > 0 ? GAP : 0);
    return total;
}

/* The column to give up next, of those whose priority is at least `least`; -1: none. */
static int column_to_drop(const nn_table *table, const int *widths, int least) {
    int drop = -1;
    for (int c = 0; c < table->column_count; c++)
        if (widths[c] > 0 && table->columns[c].priority >= least &&
            (drop < 0 || table->columns[c].priority > table->columns[drop].priority))
            drop = c;
    return drop;
}

/* Narrows the widest flexible columns down to `least` until the table fits; false when it cannot.
 */
static bool narrow_columns(const nn_table *table, int *widths, int width, int least) {
    while (total_width(widths, table->column_count) > width) {
        int widest = -1;
        for (int c = 0; c < table->column_count; c++)
            if (table->columns[c].flexible && widths[c] > least &&
                (widest < 0 || widths[c] > widths[widest]))
                widest = c;
        if (widest < 0) return false;
        widths[widest]--;
    }
    return true;
}

/* Cuts long names a little, gives up optional columns, cuts names more, gives up the rest. */
static void fit_widths(const nn_table *table, int *widths, int width) {
    int drop = 0;
    while (!narrow_columns(table, widths, width, COMFORTABLE_WIDTH) &&
           (drop = column_to_drop(table, widths, OPTIONAL_PRIORITY)) >= 0)
        widths[drop] = 0;
    while (!narrow_columns(table, widths, width, MINIMUM_WIDTH) &&
           (drop = column_to_drop(table, widths, 1)) >= 0)
        widths[drop] = 0;
}

/* The first `width` characters of the text. */
static void write_start(nn_writer *writer, const char *text, int width) {
    while (*text != '\0' && width > 0) {
        int length = sequence_length(text);
        char one[8] = "";
        memcpy(one, text, (size_t)length);
        nn_write_foreign(writer, one);
        if (!is_combining(text, length)) width--;
        text += length;
    }
}

static void write_cell(nn_writer *writer, const char *text, int width, const nn_column *column,
                       bool is_last) {
    int wide = nn_text_width(text), skip = wide > width ? wide - width + 1 : 0;
    int padding = wide < width ? width - wide : 0;
    if (column->right) nn_writef(writer, "%*s", padding, "");
    if (skip > 0 && column->cut_end) {
        write_start(writer, text, width - 1);
        nn_write(writer, "…");
        return;
    }
    if (skip > 0) nn_write(writer, "…");
    for (; skip > 0; skip--) text += sequence_length(text);
    nn_write_foreign(writer, text);
    if (!column->right && !is_last) nn_writef(writer, "%*s", padding, "");
}

static void write_row(const nn_table *table, const char *const *cells, const int *widths,
                      nn_writer *writer, int indent) {
    int last = table->column_count - 1, written = 0;
    while (last > 0 && widths[last] == 0) last--;
    nn_writef(writer, "%*s", indent, "");
    for (int c = 0; c <= last; c++) {
        if (widths[c] == 0) continue;
        if (written++ > 0) nn_writef(writer, "%*s", GAP, "");
        write_cell(writer, cells[c], widths[c], &table->columns[c], c == last);
    }
    while (writer->length > 0 && writer->text[writer->length - 1] == ' ') writer->length--;
    nn_write(writer, "\n");
}

void nn_table_write(nn_table *table, nn_writer *writer, int indent, int width) {
    int widths[MAX_COLUMNS];
    const char *titles[MAX_COLUMNS];
    int64_t rows = table->cell_count / table->column_count;
    if (table->out_of_memory) writer->out_of_memory = true;
    for (int c = 0; c < table->column_count; c++) {
        titles[c] = table->columns[c].title;
        widths[c] = nn_text_width(titles[c]);
        for (int64_t r = 0; r < rows; r++) {
            int cell = nn_text_width(table->cells[r * table->column_count + c]);
            if (cell > widths[c]) widths[c] = cell;
        }
    }
    fit_widths(table, widths, width - indent);
    if (writer->colour) nn_write(writer, "\033[1m");
    write_row(table, titles, widths, writer, indent);
    if (writer->colour) nn_write(writer, "\033[0m");
    for (int64_t r = 0; r < rows; r++)
        write_row(table, (const char *const *)table->cells + r * table->column_count, widths,
                  writer, indent);
    for (int64_t i = 0; i < table->cell_count; i++) nn_free(table->cells[i]);
    nn_free(table->cells);
    *table = (nn_table){0};
}
