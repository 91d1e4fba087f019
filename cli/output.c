#include "cli/output.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* ---- errors ---- */

static void print_line(const char *prefix, const char *format, va_list arguments) {
    progress_clear();
    fputs(prefix, stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
}

int fail_usage(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    print_line("nnopt: ", format, arguments);
    va_end(arguments);
    return EXIT_BAD;
}

void note(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    print_line("nnopt: note: ", format, arguments);
    va_end(arguments);
}

int fail_library(nnopt_status status) {
    fail_usage("%s", nnopt_last_error());
    switch (status) {
    case NNOPT_OK:
        return EXIT_DONE;
    case NNOPT_CHECK:
        return EXIT_CHECK;
    case NNOPT_INTERRUPTED:
        return EXIT_INTERRUPTED;
    default:
        return EXIT_BAD;
    }
}

/* ---- tests of the report ---- */

typedef struct report_test {
    char path[256];
    char relation[3];
    double limit;
} report_test;

/* "total_ms<1.0": a key path, one of < <= > >= ==, a number. */
static bool parse_test(const char *text, report_test *out) {
    size_t path = strcspn(text, "<>="), relation = strspn(text + path, "<>=");
    char *end = NULL;
    while (path > 0 && text[path - 1] == ' ') path--;
    const char *sign = text + strcspn(text, "<>=");
    if (path == 0 || path >= sizeof out->path || relation == 0 || relation > 2) return false;
    snprintf(out->path, sizeof out->path, "%.*s", (int)path, text);
    snprintf(out->relation, sizeof out->relation, "%.*s", (int)relation, sign);
    static const char *const relations[] = {"<", "<=", ">", ">=", "=="};
    bool known = false;
    for (size_t i = 0; i < sizeof relations / sizeof *relations; i++)
        known = known || strcmp(relations[i], out->relation) == 0;
    out->limit = strtod(sign + relation, &end);
    return known && end != sign + relation && *end == '\0' && isfinite(out->limit);
}

static bool test_holds(const report_test *test, double value) {
    if (strcmp(test->relation, "<") == 0) return value < test->limit;
    if (strcmp(test->relation, "<=") == 0) return value <= test->limit;
    if (strcmp(test->relation, ">") == 0) return value > test->limit;
    if (strcmp(test->relation, ">=") == 0) return value >= test->limit;
    return value == test->limit;
}

static bool has_known_suffix(const char *path) {
    size_t length = strlen(path);
    for (const char *const *suffix = nnopt_report_suffixes(); *suffix != NULL; suffix++) {
        size_t size = strlen(*suffix);
        if (length > size && strcmp(path + length - size, *suffix) == 0) return true;
    }
    return false;
}

static int fail_suffix(const cli_arguments *arguments, const char *path) {
    char known[256] = "";
    for (const char *const *suffix = nnopt_report_suffixes(); *suffix != NULL; suffix++) {
        size_t length = strlen(known);
        snprintf(known + length, sizeof known - length, " %s", *suffix);
    }
    return fail_usage("%s: '--export %s' must end in one of%s", arguments->command->name, path,
                      known);
}

int check_outputs(const cli_arguments *arguments) {
    report_test test;
    const char *text;
    for (int i = 0; (text = argument_at(arguments, "fail-if", i)) != NULL; i++)
        if (!parse_test(text, &test))
            return fail_usage("%s: option '--fail-if' must be a key path, one of < <= > >= ==, and "
                              "a number, got '%s'",
                              arguments->command->name, text);
    for (int i = 0; (text = argument_at(arguments, "export", i)) != NULL; i++)
        if (!has_known_suffix(text)) return fail_suffix(arguments, text);
    return EXIT_DONE;
}

static int judge(const cli_arguments *arguments, const nnopt_report *report) {
    int code = EXIT_DONE;
    const char *text;
    for (int i = 0; (text = argument_at(arguments, "fail-if", i)) != NULL; i++) {
        report_test test;
        double value;
        parse_test(text, &test);
        nnopt_status status = nnopt_report_number(report, test.path, &value);
        if (status != NNOPT_OK) return fail_library(status);
        if (test_holds(&test, value)) {
            fail_usage("check failed: %s: %s is %.6g", text, test.path, value);
            code = EXIT_CHECK;
        }
    }
    return code;
}

/* ---- the report ---- */

int terminal_columns(void) {
    struct winsize size;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
    const char *columns = getenv("COLUMNS");
    int count = columns != NULL ? atoi(columns) : 0;
    return count > 0 ? count : 100;
}

static bool wants_colour(void) {
    const char *no_color = getenv("NO_COLOR"), *terminal = getenv("TERM");
    return isatty(STDOUT_FILENO) && (no_color == NULL || no_color[0] == '\0') && terminal != NULL &&
           strcmp(terminal, "dumb") != 0;
}

static int print_report(const cli_arguments *arguments, const nnopt_report *report) {
    char *text = NULL;
    nnopt_status status =
        argument_has(arguments, "json")
            ? nnopt_report_json(report, &text)
            : nnopt_report_text(report, terminal_columns(), argument_has(arguments, "all"),
                                wants_colour(), &text);
    if (status != NNOPT_OK) return fail_library(status);
    progress_clear();
    bool failed = fputs(text, stdout) == EOF || fflush(stdout) == EOF;
    nnopt_text_destroy(text);
    return failed ? fail_usage("cannot write the standard output: %s", strerror(errno)) : EXIT_DONE;
}

int deliver(const cli_arguments *arguments, nnopt_report *report) {
    const char *path;
    int code = EXIT_DONE;
    nnopt_status status = nnopt_report_annotate(report, "command", arguments->line);
    for (int i = 0; status == NNOPT_OK && (path = argument_at(arguments, "export", i)) != NULL; i++)
        status = nnopt_report_write(report, path);
    if (status != NNOPT_OK) code = fail_library(status);
    if (code == EXIT_DONE) code = print_report(arguments, report);
    if (code == EXIT_DONE) code = judge(arguments, report);
    nnopt_report_destroy(report);
    return code;
}

int deliver_outcome(const cli_arguments *arguments, nnopt_status status, nnopt_report *report) {
    int code = status == NNOPT_OK ? EXIT_DONE : fail_library(status);
    int delivered = report != NULL ? deliver(arguments, report) : code;
    return code != EXIT_DONE ? code : delivered;
}
