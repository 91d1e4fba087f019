#include "formats/report_html.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { NAME_BYTES = 96 }; /* of a name on the page, escapes counted */

/* ---- escaping ---- */

static const char replacement[] = "\xef\xbf\xbd"; /* U+FFFD */

/* Decodes one code point; 0xfffd and length 1 for bytes that are not UTF-8. */
static uint32_t decode(const char *text, int *length) {
    const unsigned char *byte = (const unsigned char *)text;
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    int size = byte[0] < 0x80   ? 1
               : byte[0] < 0xc2 ? 0
               : byte[0] < 0xe0 ? 2
               : byte[0] < 0xf0 ? 3
               : byte[0] < 0xf5 ? 4
                                : 0;
    *length = 1;
    if (size == 0) return 0xfffd;
    uint32_t code = size == 1 ? byte[0] : byte[0] & (0x7fu >> size);
    for (int i = 1; i < size; i++) {
        if ((byte[i] & 0xc0) != 0x80) return 0xfffd;
        code = code << 6 | (byte[i] & 0x3fu);
    }
    bool is_surrogate = code >= 0xd800 && code < 0xe000;
    if (code < least[size] || code > 0x10ffff || is_surrogate) return 0xfffd;
    *length = size;
    return code;
}

/* Controls, direction marks (U+200E ... U+2069), byte order mark, and what XML does not know. */
static bool is_hidden(uint32_t code) {
    return code < 0x20 || (code >= 0x7f && code < 0xa0) || (code >= 0x200b && code < 0x2010) ||
           (code >= 0x2028 && code < 0x202f) || (code >= 0x2060 && code < 0x2070) ||
           code == 0xfeff || (code & 0xfffe) == 0xfffe || (code >= 0xfdd0 && code < 0xfdf0);
}

/* The text that stands for the code point at `text`. `own` keeps it when it stands for itself. */
static const char *escape(const char *text, char own[5], int *length) {
    uint32_t code = decode(text, length);
    switch (code) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        break;
    }
    if (code == 0xfffd || is_hidden(code)) return replacement;
    memcpy(own, text, (size_t)*length);
    own[*length] = '\0';
    return own;
}

void nn_html_text(nn_writer *writer, const char *text) {
    char own[5];
    for (int length; *text != '\0'; text += length) nn_write(writer, escape(text, own, &length));
}

void nn_html_name(nn_writer *writer, const char *text) {
    char own[5];
    int length;
    size_t size = 0;
    for (const char *at = text; *at != '\0'; at += length) size += strlen(escape(at, own, &length));
    bool is_cut = size > NAME_BYTES;
    while (size > NAME_BYTES) {
        size -= strlen(escape(text, own, &length));
        text += length;
    }
    if (is_cut) nn_write(writer, "…");
    nn_html_text(writer, text);
}

void nn_html_brief(nn_writer *writer, const char *text) {
    char own[5];
    size_t size = 0;
    for (int length; *text != '\0'; text += length) {
        const char *escaped = escape(text, own, &length);
        size += strlen(escaped);
        if (size > NAME_BYTES) {
            nn_write(writer, "…");
            return;
        }
        nn_write(writer, escaped);
    }
}

bool nn_html_words(nn_writer *writer, const cJSON *item) {
    if (cJSON_IsString(item) && item->valuestring[0] != '\0') {
        nn_html_text(writer, item->valuestring);
        return true;
    }
    if (!cJSON_IsArray(item)) return false;
    int count = 0;
    for (const cJSON *each = item->child; each != NULL; each = each->next) {
        if (!cJSON_IsString(each)) continue;
        if (count++ > 0) nn_write(writer, "; ");
        nn_html_text(writer, each->valuestring);
    }
    return count > 0;
}

void nn_html_section(nn_writer *writer, const char *id, const char *title) {
    nn_writef(writer, "<section id=\"%s\"><h2>%s</h2>", id, title);
}

double nn_html_cell(const nn_html_row *row, int variant, const char *key) {
    return nn_json_number(row->cells[variant], key);
}

const char *nn_html_ms(double ms, char buffer[NN_FIGURE]) {
    double size = fabs(ms);
    if (!isfinite(ms))
        snprintf(buffer, NN_FIGURE, "–");
    else if (size >= 999.5)
        snprintf(buffer, NN_FIGURE, "%.*f s", size >= 9995 ? 1 : 2, 1e-3 * ms);
    else if (size == 0)
        snprintf(buffer, NN_FIGURE, "0 ms");
    else if (size >= 0.0995)
        snprintf(buffer, NN_FIGURE, "%.*f ms", size >= 99.5 ? 0 : size >= 9.995 ? 1 : 2, ms);
    else
        snprintf(buffer, NN_FIGURE, "%.*f µs", size >= 0.00995 ? 0 : 1, 1e3 * ms);
    return buffer;
}

/* ---- drawings ---- */

void nn_svg_open(nn_writer *writer, const char *class_name, const char *label) {
    nn_writef(writer, "<figure class=\"%s\"><svg role=\"img\" aria-label=\"", class_name);
    nn_html_text(writer, label);
    nn_write(writer, "\" width=\"100%\" height=\"100%\">");
}

void nn_svg_close(nn_writer *writer) {
    nn_write(writer, "</svg></figure>");
}

double nn_axis_place(const nn_axis *axis, double value) {
    double part = axis->is_log ? log(value / axis->low) / log(axis->high / axis->low)
                               : (value - axis->low) / (axis->high - axis->low);
    part = fmin(fmax(part, 0), 1);
    return 100 * (axis->is_down ? 1 - part : part);
}

/* 1, 2, 5, 10, ... where there are few powers of ten. */
static int fine_log_ticks(const nn_axis *axis, double ticks[NN_MAX_TICKS]) {
    static const double steps[] = {1, 2, 5};
    int count = 0;
    for (int e = (int)floor(log10(axis->low)); pow(10, e) <= axis->high; e++)
        for (int i = 0; i < 3; i++) {
            double tick = steps[i] * pow(10, e);
            if (tick >= axis->low && tick <= axis->high && count < NN_MAX_TICKS)
                ticks[count++] = tick;
        }
    return count;
}

static int log_ticks(const nn_axis *axis, int most, double ticks[NN_MAX_TICKS]) {
    if (3 * log10(axis->high / axis->low) <= most) return fine_log_ticks(axis, ticks);
    int first = (int)ceil(log10(axis->low) - 1e-9), last = (int)floor(log10(axis->high) + 1e-9);
    int step = 1 + (last - first) / most, count = 0;
    for (int e = first; e <= last && count < NN_MAX_TICKS; e += step) ticks[count++] = pow(10, e);
    return count;
}

int nn_axis_ticks(const nn_axis *axis, int most, double ticks[NN_MAX_TICKS]) {
    if (most > NN_MAX_TICKS - 1) most = NN_MAX_TICKS - 1;
    if (!(axis->high > axis->low)) return 0;
    if (axis->is_log) return log_ticks(axis, most, ticks);
    double rough = (axis->high - axis->low) / most, scale = pow(10, floor(log10(rough)));
    double step = rough <= scale       ? scale
                  : rough <= 2 * scale ? 2 * scale
                  : rough <= 5 * scale ? 5 * scale
                                       : 10 * scale;
    int count = 0;
    double first = ceil(axis->low / step - 1e-9);
    for (int i = 0; count < NN_MAX_TICKS && (first + i) * step <= axis->high + 1e-9 * step; i++)
        ticks[count++] = (first + i) * step;
    return count;
}

static const char *tick_text(double value, char buffer[NN_FIGURE]) {
    snprintf(buffer, NN_FIGURE, "%.4g", value);
    return buffer;
}

void nn_svg_axis_x(nn_writer *writer, const nn_axis *axis, int most, const char *title) {
    double ticks[NN_MAX_TICKS];
    char text[NN_FIGURE];
    int count = nn_axis_ticks(axis, most, ticks);
    for (int i = 0; i < count; i++) {
        double x = nn_axis_place(axis, ticks[i]);
        nn_writef(writer,
                  "<line class=\"grid\" x1=\"%.2f%%\" x2=\"%.2f%%\" y1=\"0\" y2=\"100%%\"/>"
                  "<text class=\"tick x\" x=\"%.2f%%\" y=\"100%%\" dy=\"16\">%s</text>",
                  x, x, x, tick_text(ticks[i], text));
    }
    nn_writef(writer, "<text class=\"axis x\" x=\"100%%\" y=\"100%%\" dy=\"32\">%s</text>", title);
}

void nn_svg_axis_y(nn_writer *writer, const nn_axis *axis, int most, const char *title) {
    double ticks[NN_MAX_TICKS];
    char text[NN_FIGURE];
    int count = nn_axis_ticks(axis, most, ticks);
    for (int i = 0; i < count; i++) {
        double y = nn_axis_place(axis, ticks[i]);
        nn_writef(writer,
                  "<line class=\"grid\" x1=\"0\" x2=\"100%%\" y1=\"%.2f%%\" y2=\"%.2f%%\"/>"
                  "<text class=\"tick y\" x=\"-8\" y=\"%.2f%%\" dy=\"4\">%s</text>",
                  y, y, y, tick_text(ticks[i], text));
    }
    nn_writef(writer, "<text class=\"axis y\" x=\"-40\" y=\"-10\">%s</text>", title);
}
