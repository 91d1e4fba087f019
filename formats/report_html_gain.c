/* Predicted against measured gain of each optimisation, on one scale of milliseconds. */
#include "formats/report_html.h"

#include <math.h>
#include <string.h>

enum { MAX_GAINS = 40 };

static void widen(nn_axis *axis, const cJSON *each, const char *key) {
    double value = nn_json_number(each, key);
    if (isnan(value)) return;
    axis->low = fmin(axis->low, value);
    axis->high = fmax(axis->high, value);
}

static void write_interval(nn_writer *writer, const nn_axis *axis, const cJSON *each,
                           const char *what, const char *low_key, const char *high_key,
                           const char *key, int y) {
    double low = nn_json_number(each, low_key), high = nn_json_number(each, high_key),
           value = nn_json_number(each, key);
    if (isnan(value)) return;
    double x = nn_axis_place(axis, value);
    if (!isnan(low) && !isnan(high))
        nn_writef(writer, "<line class=\"%s\" x1=\"%.2f%%\" x2=\"%.2f%%\" y1=\"%d\" y2=\"%d\"/>",
                  what, nn_axis_place(axis, low), nn_axis_place(axis, high), y, y);
    nn_writef(writer, "<circle class=\"%s\" cx=\"%.2f%%\" cy=\"%d\" r=\"5\"/>", what, x, y);
}

static void write_gain(nn_writer *writer, const nn_axis *axis, const cJSON *each) {
    char predicted[NN_FIGURE], measured[NN_FIGURE];
    const char *verdict = nn_json_text(each, "verdict"), *reason = nn_json_text(each, "reason");
    double zero = nn_axis_place(axis, 0);
    nn_write(writer, "<li><div><b>");
    nn_html_text(writer, nn_json_text(each, "technique"));
    nn_write(writer, "</b><br>");
    nn_html_name(writer, nn_json_text(each, "node"));
    nn_write(writer, "</div><figure class=\"gain\"><svg role=\"img\" aria-label=\"predicted and "
                     "measured gain\" width=\"100%\" height=\"30\">");
    nn_writef(writer, "<line class=\"grid\" x1=\"%.2f%%\" x2=\"%.2f%%\" y1=\"0\" y2=\"30\"/>", zero,
              zero);
    write_interval(writer, axis, each, "predicted", "predicted_low", "predicted_high",
                   "predicted_ms", 9);
    write_interval(writer, axis, each, "measured", "measured_low", "measured_high", "measured_ms",
                   21);
    nn_writef(writer, "</svg></figure><div class=\"n\">%s → <b>%s</b></div><div class=\"why\">",
              nn_html_ms(nn_json_number(each, "predicted_ms"), predicted),
              nn_html_ms(nn_json_number(each, "measured_ms"), measured));
    nn_writef(writer, "<em class=\"%s\">",
              strcmp(verdict, "as predicted") == 0 || strcmp(verdict, "better") == 0 ? "good"
              : strcmp(verdict, "missed") == 0                                       ? "bad"
                                                                                     : "same");
    nn_html_text(writer, verdict);
    nn_write(writer, "</em> ");
    nn_html_text(writer, reason);
    nn_write(writer, "</div></li>");
}

void nn_html_gain(nn_html_page *page) {
    nn_writer *writer = &page->writer;
    const cJSON *list = nn_json_get(page->root, "predictions");
    nn_axis axis = {0};
    int count = 0, met = 0;
    if (!cJSON_IsArray(list) || list->child == NULL) return;
    for (const cJSON *each = list->child; each != NULL; each = each->next) {
        static const char *const keys[] = {"predicted_ms", "predicted_low", "predicted_high",
                                           "measured_ms",  "measured_low",  "measured_high"};
        for (size_t k = 0; k < sizeof keys / sizeof *keys; k++) widen(&axis, each, keys[k]);
        count++;
        met += strcmp(nn_json_text(each, "verdict"), "as predicted") == 0;
    }
    if (!(axis.high > axis.low)) return;
    double margin = 0.04 * (axis.high - axis.low);
    axis.low -= margin;
    axis.high += margin;
    nn_html_section(writer, "predicted", "Predicted against measured");
    nn_writef(writer,
              "<p class=\"say\"><b>%d of %d predictions held.</b> The gain of each optimisation, "
              "predicted from the profile before it ran <i class=\"predicted\"></i> and measured "
              "after <i class=\"measured\"></i>, with 95 %% intervals.</p><ul class=\"gains\">",
              met, count);
    int shown = 0;
    for (const cJSON *each = list->child; each != NULL && shown < MAX_GAINS;
         each = each->next, shown++)
        write_gain(writer, &axis, each);
    nn_write(writer, "</ul>");
    if (shown < count)
        nn_writef(writer, "<p class=\"note\">%d more are in the JSON report.</p>", count - shown);
    nn_write(writer, "</section>");
}
