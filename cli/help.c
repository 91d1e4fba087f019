#include "cli/help.h"

#include "cli/output.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* ---- text shared by both forms ---- */

/* Paragraphs, a line each. */
static const char *const data_text[] = {
    "A data set is a list of feeds, one run's inputs each. Arrays that fit the shapes the model "
    "declares (same rank, fixed dimensions equal, symbolic dimensions bound consistently) are one "
    "feed. Otherwise axis 0 of each input that does not fit counts samples and is cut to the "
    "declared size; inputs that fit (scalars, states, masks) are given to every run. Calibration "
    "and "
    "all commands but run also cut a symbolic axis 0, by --batch (default 1), the last piece "
    "smaller; run does so with --batch. Outputs that were cut are concatenated on axis 0; one feed "
    "is written as it is.",
    "Integers and float64 feed float inputs by conversion; float to integer is refused.",
    "Sources: .npz keyed by input name (optionally with 'labels'), .npy, folders test_data_set_N, "
    "image files and folders (sorted names of subfolders are the labels), .wav, or --random.",
    "bench, profile, tune and compare without --data use seeded random inputs: floats N(0,1), "
    "integers and bools 0 or 1, so that indices stay valid. A symbolic axis 0 is then 1; any other "
    "symbolic dimension needs --dim or --shapes.",
    NULL};

static const char *const exit_text[] = {
    "0: done.",
    "1: a check failed: test failures, --fail-if, slower than --baseline, no candidate that met "
    "the "
    "goal, a proof that did not hold.",
    "2: bad input or usage, an unsupported operator, a full disk, out of memory.",
    "130: interrupted; what was found so far is written where there is something.", NULL};

static const char *dashes(const nnopt_option_spec *spec) {
    return spec->name[1] == '\0' ? "-" : "--";
}

static const char *value_name(const nnopt_option_spec *spec) {
    if (spec->kind == NNOPT_OPTION_FLAG) return "";
    return spec->choices != NULL ? spec->choices : spec->metavar != NULL ? spec->metavar : "VALUE";
}

/* ---- for a terminal ---- */

static void print_wrapped(FILE *stream, const char *text, int indent, int column) {
    int columns = terminal_columns();
    if (columns > 100) columns = 100;
    while (*text != '\0') {
        int size = (int)strcspn(text, " ");
        if (column > indent && column + 1 + size > columns) {
            fprintf(stream, "\n%*s", indent, "");
            column = indent;
        } else if (column > indent) {
            fputc(' ', stream);
            column++;
        }
        fprintf(stream, "%.*s", size, text);
        column += size;
        text += size;
        text += strspn(text, " ");
    }
    fputc('\n', stream);
}

int help_commands(bool is_error) {
    FILE *stream = is_error ? stderr : stdout;
    fprintf(stream,
            "nnopt %s: load an ONNX model, profile it, find its bottleneck, optimise it, "
            "prove it, compare.\n\nusage: nnopt <command> MODEL [options]\n\n",
            nnopt_version());
    for (const cli_command *const *command = command_table; *command != NULL; command++) {
        fprintf(stream, "  %-12s  ", (*command)->name);
        print_wrapped(stream, (*command)->summary, 16, 16);
    }
    fprintf(stream, "\n'nnopt <command> --help' tells the options of a command.\n");
    return EXIT_DONE;
}

static void print_option(const nnopt_option_spec *spec, void *user) {
    (void)user;
    enum { HELP_COLUMN = 26 };
    int column = printf("  %s%s %s", dashes(spec), spec->name, value_name(spec));
    if (column + 2 > HELP_COLUMN) {
        printf("\n%*s", HELP_COLUMN, "");
    } else {
        printf("%*s", HELP_COLUMN - column, "");
    }
    char text[512];
    snprintf(text, sizeof text, "%s%s%s%s%s", spec->help, spec->fallback ? " (default " : "",
             spec->fallback ? spec->fallback : "", spec->fallback ? ")" : "",
             spec->repeatable ? "; repeatable" : "");
    print_wrapped(stdout, text, HELP_COLUMN, HELP_COLUMN);
}

static void print_details(const char *details) {
    while (details != NULL && *details != '\0') {
        char line[1024];
        size_t size = strcspn(details, "\n");
        snprintf(line, sizeof line, "%.*s", (int)size, details);
        print_wrapped(stdout, line, 0, 0);
        details += size;
        if (*details == '\n') details++;
    }
}

int help_command(const cli_command *command) {
    printf("usage: nnopt %s %s%s[options]\n\n", command->name, command->operands,
           command->operands[0] != '\0' ? " " : "");
    print_wrapped(stdout, command->summary, 0, 0);
    print_details(command->details);
    printf("\n");
    command_options(command, print_option, NULL);
    return EXIT_DONE;
}

int help_version(void) {
    printf("nnopt %s\n", nnopt_version());
    return EXIT_DONE;
}

/* ---- as Markdown ---- */

static void markdown_cell(const char *text) {
    for (; *text != '\0'; text++) printf(*text == '|' ? "\\|" : "%c", *text);
}

static void markdown_option(const nnopt_option_spec *spec, void *user) {
    (void)user;
    printf("| `%s%s%s", dashes(spec), spec->name, spec->kind == NNOPT_OPTION_FLAG ? "" : " ");
    markdown_cell(value_name(spec));
    printf("` | ");
    markdown_cell(spec->help);
    printf("%s | ", spec->repeatable ? "; repeatable" : "");
    if (spec->fallback != NULL) {
        printf("`");
        markdown_cell(spec->fallback);
        printf("`");
    }
    printf(" |\n");
}

static void markdown_section(const char *title, const char *const *paragraphs, const char *bullet) {
    printf("\n## %s\n\n", title);
    for (; *paragraphs != NULL; paragraphs++)
        printf("%s%s\n%s", bullet, *paragraphs,
               bullet[0] == '\0' && paragraphs[1] != NULL ? "\n" : "");
}

int help_markdown(void) {
    printf("# The command line\n\n"
           "Made from the tables of the program by `nnopt --help-markdown > docs/cli.md`.\n\n"
           "`nnopt <command> MODEL [options]`; `--option value` and `--option=value` both work. "
           "Results go to stdout, everything else to stderr; with `--json` an error leaves stdout "
           "empty.\n\n"
           "| command | does |\n|---|---|\n");
    for (const cli_command *const *command = command_table; *command != NULL; command++)
        printf("| [`%s`](#nnopt-%s) | %s |\n", (*command)->name, (*command)->name,
               (*command)->summary);
    for (const cli_command *const *command = command_table; *command != NULL; command++) {
        printf("\n## nnopt %s\n\n`nnopt %s%s%s`\n\n%s.\n", (*command)->name, (*command)->name,
               (*command)->operands[0] != '\0' ? " " : "", (*command)->operands,
               (*command)->summary);
        if ((*command)->details != NULL) printf("\n%s\n", (*command)->details);
        printf("\n| option | does | default |\n|---|---|---|\n");
        command_options(*command, markdown_option, NULL);
    }
    markdown_section("Data", data_text, "");
    markdown_section("Exit codes", exit_text, "- ");
    if (fflush(stdout) == EOF)
        return fail_usage("cannot write the standard output: %s", strerror(errno));
    return EXIT_DONE;
}
