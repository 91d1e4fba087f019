/* Predicted against measured gain of each optimisation, on one scale of milliseconds. */
#include "formats/report_html.h"

#include <math.h>
#include <string.h>

enum { MAX_GAINS = 40, LARGEST = 3 };

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

/* ---- of a profile: predictions that nothing was made of yet ---- */

static void write_largest_nodes(nn_writer *writer, const cJSON *nodes) {
    const cJSON *largest[LARGEST] = {NULL};
    char text[NN_FIGURE];
    for (const cJSON *node = nodes != NULL ? nodes->child : NULL; node != NULL; node = node->next) {
        const cJSON *next = node;
        for (int i = 0; i < LARGEST && next != NULL; i++) {
            double saved = nn_json_number(next, "saved_ms");
            if (largest[i] != NULL && !(saved > nn_json_number(largest[i], "saved_ms"))) continue;
            const cJSON *smaller = largest[i];
            largest[i] = next;
            next = smaller;
        }
    }
    for (int i = 0; i < LARGEST && largest[i] != NULL; i++) {
        nn_write(writer, "<div><code>");
        nn_html_name(writer, nn_json_text(largest[i], "node"));
        nn_writef(writer, "</code> %s: ", nn_html_ms(nn_json_number(largest[i], "saved_ms"), text));
        nn_html_brief(writer, nn_json_text(largest[i], "reason"));
        nn_write(writer, "</div>");
    }
}

static void write_promise(nn_writer *writer, const cJSON *each, double total_ms) {
    double saved = nn_json_number(each, "saved_ms");
    char text[NN_FIGURE];
    nn_write(writer, "<li><div><b>");
    nn_html_text(writer, nn_json_text(each, "technique"));
    nn_write(writer, "</b> ");
    nn_html_text(writer, nn_json_text(each, "summary"));
    nn_writef(writer,
              "</div><figure class=\"gain\"><svg role=\"img\" aria-label=\"part of the time\" "
              "width=\"100%%\" height=\"16\"><rect class=\"track\" width=\"100%%\" height=\"16\"/>"
              "<rect class=\"promise\" width=\"%.2f%%\" height=\"16\"/></svg></figure>"
              "<div class=\"n\"><b>%s</b>, %.0f %%</div><div class=\"why\">",
              fmin(100, fmax(0, 100 * saved / total_ms)), nn_html_ms(saved, text),
              100 * saved / total_ms);
    write_largest_nodes(writer, nn_json_get(each, "nodes"));
    nn_write(writer, "</div></li>");
}

static void write_promises(nn_html_page *page, const cJSON *advice) {
    nn_writer *writer = &page->writer;
    double total = page->variants[0].total_ms;
    if (!cJSON_IsArray(advice) || advice->child == NULL || !(total > 0)) return;
    nn_html_section(writer, "predicted", "What each technique should gain");
    nn_write(writer,
             "<p class=\"say\"><b>Predicted from this profile</b>; nothing was changed yet. "
             "The bar is the whole run, its dark part what would be saved.</p>"
             "<ul class=\"gains\">");
    for (const cJSON *each = advice->child; each != NULL; each = each->next)
        write_promise(writer, each, total);
    nn_write(writer, "</ul></section>");
}

/* ---- of a comparison ---- */

void nn_html_gain(nn_html_page *page) {
    nn_writer *writer = &page->writer;
    const cJSON *list = nn_json_get(page->root, "predictions");
    nn_axis axis = {0};
    int count = 0, met = 0;
    if (page->variant_count == 1) write_promises(page, nn_json_get(page->root, "advice"));
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
