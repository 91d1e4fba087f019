#include "formats/report_write.h"

#include "base/file.h"
#include "base/memory.h"

static const struct report_format {
    const char *suffix;
    nn_report_writer *write;
} formats[] = {
#define NN_REPORT_FORMAT(suffix, function) {suffix, function},
#include "formats/report_format_table.def"
#undef NN_REPORT_FORMAT
};
enum { FORMATS = sizeof formats / sizeof *formats };

static const struct report_format *find_format(const char *path) {
    const struct report_format *best = NULL;
    size_t length = strlen(path);
    for (int i = 0; i < FORMATS; i++) {
        size_t size = strlen(formats[i].suffix);
        if (size >= length || strcmp(path + length - size, formats[i].suffix) != 0) continue;
        if (best == NULL || size > strlen(best->suffix)) best = &formats[i];
    }
    return best;
}

const char *const *nnopt_report_suffixes(void) {
    static const char *const suffixes[] = {
#define NN_REPORT_FORMAT(suffix, function) suffix,
#include "formats/report_format_table.def"
#undef NN_REPORT_FORMAT
        NULL,
    };
    return suffixes;
}

nn_status nn_report_write_json(const nn_report *report, char **out) {
    return nnopt_report_json(report, out);
}

nnopt_status nnopt_report_write(const nnopt_report *report, const char *path) {
    if (report == NULL || path == NULL) return nn_fail(NN_USAGE, "no report or path to write");
    const struct report_format *format = find_format(path);
    if (format == NULL) return nn_fail(NN_USAGE, "%s: no form of a report has this suffix", path);
    char *text = NULL;
    nn_status status = format->write(report, &text);
    if (status != NN_OK) return nn_fail_context(status, "%s", path);
    status = nn_file_write(path, text, strlen(text));
    nn_free(text);
    return status;
}
