#include "formats/report_text.h"

#include <string.h>

void nn_text_test(nn_text_page *page, const cJSON *report) {
    nn_writer *writer = &page->writer;
    const cJSON *cases = nn_json_get(report, "cases");
    int passed = 0, failed = 0, skipped = 0;
    for (const cJSON *each = cases != NULL ? cases->child : NULL; each != NULL; each = each->next) {
        const char *status = nn_json_text(each, "status"), *reason = nn_json_text(each, "reason");
        bool is_pass = strcmp(status, "passed") == 0, is_fail = strcmp(status, "failed") == 0;
        passed += is_pass;
        failed += is_fail;
        skipped += !is_pass && !is_fail;
        if (is_pass && !page->all) continue;
        nn_write_styled(writer,
                        is_pass   ? NN_STYLE_GOOD
                        : is_fail ? NN_STYLE_BAD
                                  : NN_STYLE_DIM,
                        status);
        nn_write(writer, "  ");
        nn_write_foreign(writer, nn_json_text(each, "name"));
        if (reason[0] != '\0') {
            nn_write(writer, ": ");
            nn_write_foreign(writer, reason);
        }
        nn_write(writer, "\n");
    }
    nn_writef(writer, "%d passed, %d failed, %d skipped\n", passed, failed, skipped);
}
