/* The operators as a page of documentation: docs/supported-ops.md. */
#include "formats/report_text.h"
#include "formats/report_write.h"

#include <math.h>
#include <string.h>

static const char introduction[] =
    "# Supported operators\n\n"
    "Made from the operator table by `nnopt list-ops --export docs/supported-ops.md`; a test fails "
    "when it is\n"
    "stale. Operators that are not listed load, are shown by `nnopt inspect`, and are refused by a "
    "session.\n\n"
    "- **opset**: versions of the domain that the descriptor implements\n"
    "- **int8**: `computes` on integers, only `moves` data, or stays `float`\n"
    "- **prune**: channels can be followed through it\n"
    "- **kernels**: for the CPU, with the portable reference; 0: none of its own, it is run as the\n"
    "  standard operators that it is made of\n"
    "- **CUDA**: `kernels` of its own for devices, for the types that models have; `parts`: run as "
    "the operators\n"
    "  that it is made of; else why it runs on the CPU there\n\n"
    "| operator | domain | opset | int8 | prune | kernels | CUDA |\n"
    "|---|---|---|---|---|---|---|\n";

nn_status nn_report_write_markdown(const nn_report *report, char **out) {
    if (strcmp(nn_json_text(report->root, "kind"), "list-ops") != 0)
        return nn_fail(NN_UNSUPPORTED, "only list-ops writes Markdown");
    nn_writer writer = {0};
    nn_write(&writer, introduction);
    const cJSON *list = nn_json_get(report->root, "ops");
    for (const cJSON *op = list != NULL ? list->child : NULL; op != NULL; op = op->next) {
        double until = nn_json_number(op, "until");
        nn_writef(&writer, "| %s | %s | %.0f", nn_json_text(op, "op"), nn_json_text(op, "domain"),
                  nn_json_number(op, "since"));
        if (isnan(until))
            nn_write(&writer, "+");
        else
            nn_writef(&writer, "–%.0f", until);
        nn_writef(&writer, " | %s | %s | %.0f", nn_json_text(op, "int8"),
                  cJSON_IsTrue(nn_json_get(op, "prune")) ? "yes" : "no",
                  nn_json_number(op, "kernels"));
        nn_writef(&writer, " | %s |\n", nn_json_text(op, "cuda"));
    }
    return nn_writer_finish(&writer, out);
}
