#include "cli/rewrite.h"

#include "cli/inputs.h"
#include "cli/output.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Samples that --random calibrates with. */
enum { RANDOM_SAMPLES = 64 };

static bool is_same_file(const char *a, const char *b) {
    struct stat first, second;
    return stat(a, &first) == 0 && stat(b, &second) == 0 && first.st_dev == second.st_dev &&
           first.st_ino == second.st_ino;
}

/* What would make saving fail, before minutes of work are spent. */
static int check_place(const cli_arguments *arguments, const char *path) {
    char folder[4096];
    struct stat info;
    for (int i = 0; i < arguments->operand_count; i++)
        if (is_same_file(path, arguments->operands[i]))
            return fail_usage("%s: -o would overwrite the input '%s'", arguments->command->name,
                              path);
    if (stat(path, &info) == 0 && S_ISDIR(info.st_mode))
        return fail_usage("cannot write '%s': %s", path, strerror(EISDIR));
    snprintf(folder, sizeof folder, "%s", path);
    char *slash = strrchr(folder, '/');
    if (slash == folder)
        slash[1] = '\0';
    else if (slash != NULL)
        *slash = '\0';
    if (access(slash != NULL ? folder : ".", W_OK) != 0)
        return fail_usage("cannot write '%s': %s", path, strerror(errno));
    return EXIT_DONE;
}

int output_path(const cli_arguments *arguments, char *buffer, size_t size) {
    const char *given = argument_text(arguments, "o"), *model = arguments->operands[0];
    int length;
    if (given != NULL) {
        length = snprintf(buffer, size, "%s", given);
    } else {
        const char *slash = strrchr(model, '/'), *stem = slash != NULL ? slash + 1 : model;
        const char *dot = strrchr(stem, '.');
        int stem_length = (int)(dot != NULL ? dot - stem : (long)strlen(stem));
        length =
            snprintf(buffer, size, "%.*s.%s.onnx", stem_length, stem, arguments->command->name);
    }
    if (length < 0 || (size_t)length >= size) return fail_usage("the output path is too long");
    return check_place(arguments, buffer);
}

int run_technique(const cli_arguments *arguments, technique_call technique) {
    const char *functions[] = {arguments->command->functions[0], NULL};
    char path[4096];
    nnopt_model *model = NULL, *result = NULL;
    nnopt_dataset *calib = NULL;
    nnopt_report *report = NULL;
    nnopt_options *options = NULL;
    int code = output_path(arguments, path, sizeof path);
    if (code == EXIT_DONE) code = load_model(arguments->operands[0], &model);
    if (code == EXIT_DONE) code = open_calib(arguments, model, RANDOM_SAMPLES, &calib);
    if (code == EXIT_DONE) {
        options = argument_options(arguments, functions);
        code = options != NULL ? EXIT_DONE : EXIT_BAD;
    }
    if (code == EXIT_DONE) {
        nnopt_status status = technique(model, calib, options, &result, &report);
        if (status == NNOPT_OK) status = nnopt_model_save(result, path);
        if (status == NNOPT_OK) status = nnopt_report_annotate(report, "output", path);
        if (status == NNOPT_OK)
            status = nnopt_report_annotate(report, "model", arguments->operands[0]);
        if (status != NNOPT_OK) {
            nnopt_report_destroy(report);
            code = fail_library(status);
        } else {
            code = deliver(arguments, report);
        }
    }
    nnopt_options_destroy(options);
    nnopt_dataset_destroy(calib);
    nnopt_model_destroy(result);
    nnopt_model_destroy(model);
    return code;
}
