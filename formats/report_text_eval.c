#include "formats/report_text.h"

#include <math.h>
#include <string.h>

void nn_text_eval(nn_text_page *page, const cJSON *report) {
    nn_writer *writer = &page->writer;
    const cJSON *interval = nn_json_get(report, "interval");
    const cJSON *low = cJSON_GetArrayItem(interval, 0), *high = cJSON_GetArrayItem(interval, 1);
    const char *against = nn_json_text(report, "against");
    double hits = nn_json_number(report, "hits");
    nn_write_styled(writer, NN_STYLE_BOLD, nn_json_text(report, "model"));
    nn_write(writer, "   on ");
    nn_write_foreign(writer, nn_json_text(report, "data"));
    if (against[0] != '\0') {
        nn_write(writer, " against ");
        nn_write_foreign(writer, against);
    }
    nn_writef(writer, "\n%s ", nn_json_text(report, "metric"));
    nn_writef(writer, "%.6g   (95 %%: %.6g .. %.6g, ", nn_json_number(report, "value"),
              cJSON_IsNumber(low) ? low->valuedouble : NAN,
              cJSON_IsNumber(high) ? high->valuedouble : NAN);
    if (isnan(hits))
        nn_writef(writer, "%.0f samples)\n", nn_json_number(report, "samples"));
    else
        nn_writef(writer, "%.0f of %.0f samples)\n", hits, nn_json_number(report, "samples"));
}
