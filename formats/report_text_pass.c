/* What a pass did: quantize, prune, separate. */
#include "formats/report_text.h"

#include "base/memory.h"

#include <math.h>
#include <stdio.h>

static void write_change(nn_writer *writer, const char *what, const char *before,
                         const char *after) {
    nn_writef(writer, "%s%s %s -> %s", writer->length > 0 ? ", " : "", what, before, after);
}

static void write_sizes(nn_text_page *page, const cJSON *before, const cJSON *after) {
    nn_writer line = {0};
    char a[NN_FIGURE], b[NN_FIGURE], *text = NULL;
    write_change(&line, "parameters", nn_figure_count(nn_json_number(before, "params"), a),
                 nn_figure_count(nn_json_number(after, "params"), b));
    write_change(&line, "weights", nn_figure_bytes(nn_json_number(before, "parameter_bytes"), a),
                 nn_figure_bytes(nn_json_number(after, "parameter_bytes"), b));
    if (!isnan(nn_json_number(before, "macs")))
        write_change(&line, "MACs", nn_figure_count(nn_json_number(before, "macs"), a),
                     nn_figure_count(nn_json_number(after, "macs"), b));
    if (nn_writer_finish(&line, &text) != NN_OK) page->writer.out_of_memory = true;
    if (text != NULL) nn_write_wrapped(&page->writer, text, 0, page->columns);
    nn_free(text);
}

/* Refusals with the same reason stand together. */
static void write_refused(nn_text_page *page, const cJSON *refused) {
    for (const cJSON *first = refused->child; first != NULL; first = first->next) {
        const char *reason = nn_json_text(first, "reason");
        bool is_repeated = false;
        int count = 0;
        for (const cJSON *each = refused->child; each != first; each = each->next)
            is_repeated = is_repeated || strcmp(nn_json_text(each, "reason"), reason) == 0;
        if (is_repeated) continue;
        nn_writer line = {0};
        char *text = NULL;
        for (const cJSON *each = first; each != NULL; each = each->next) {
            if (strcmp(nn_json_text(each, "reason"), reason) != 0) continue;
            if (count++ < 4 || page->all)
                nn_writef(&line, "%s%s", count == 1 ? "" : ", ", nn_json_text(each, "node"));
        }
        if (count > 4 && !page->all) nn_writef(&line, " and %d more", count - 4);
        nn_writef(&line, ": %s", reason);
        if (nn_writer_finish(&line, &text) != NN_OK) page->writer.out_of_memory = true;
        nn_write(&page->writer, "  refused  ");
        if (text != NULL) nn_write_wrapped(&page->writer, text, 11, page->columns);
        nn_free(text);
    }
}

void nn_text_pass(nn_text_page *page, const cJSON *report) {
    nn_writer *writer = &page->writer;
    const cJSON *changes = nn_json_get(report, "changes"),
                *refused = nn_json_get(report, "refused");
    const char *mode = nn_json_text(report, "mode"), *calib = nn_json_text(report, "calibration");
    nn_write_styled(writer, NN_STYLE_BOLD, nn_json_text(report, "kind"));
    if (mode[0] != '\0') nn_writef(writer, " (%s)", mode);
    if (calib[0] != '\0') {
        nn_write(writer, ", calibrated on ");
        nn_write_foreign(writer, calib);
    }
    nn_writef(writer, ": %d changes, %d refused\n", cJSON_GetArraySize(changes),
              cJSON_GetArraySize(refused));
    write_sizes(page, nn_json_get(report, "before"), nn_json_get(report, "after"));
    nn_write(writer, "\n");
    nn_text_records(page, changes, 1);
    if (cJSON_IsArray(refused)) write_refused(page, refused);
    if (nn_json_text(report, "output")[0] != '\0') {
        nn_write(writer, "\nwritten: ");
        nn_write_foreign(writer, nn_json_text(report, "output"));
        nn_write(writer, "\n");
    }
}
