#include "cli/inputs.h"

#include "cli/output.h"

#include <stdlib.h>
#include <string.h>

int load_model(const char *path, nnopt_model **out) {
    nnopt_status status = nnopt_model_load(path, out);
    return status == NNOPT_OK ? EXIT_DONE : fail_library(status);
}

static const char *const dataset_functions[] = {"dataset", NULL};

static bool has_free_batch(const nnopt_model *model) {
    for (size_t i = 0; i < nnopt_model_input_count(model); i++) {
        nnopt_value_info input;
        nnopt_model_input(model, i, &input);
        if (input.rank > 0 && input.dims[0] < 0) return true;
    }
    return false;
}

/* Cuts a free axis 0 into single samples, unless options say what it is. */
static nnopt_status set_default_batch(const cli_arguments *arguments, const nnopt_model *model,
                                      nnopt_options *options) {
    if (argument_has(arguments, "batch") || argument_has(arguments, "dim") ||
        argument_has(arguments, "shapes") || !has_free_batch(model))
        return NNOPT_OK;
    return nnopt_options_set(options, "batch", "1");
}

/* `cuts`: into samples where axis 0 is free. */
static int open_source(const cli_arguments *arguments, const nnopt_model *model, const char *path,
                       long long random_samples, bool cuts, nnopt_dataset **out) {
    nnopt_options *options = argument_options(arguments, dataset_functions);
    if (options == NULL) return EXIT_BAD;
    nnopt_status status = cuts ? set_default_batch(arguments, model, options) : NNOPT_OK;
    if (status == NNOPT_OK && path != NULL)
        status = nnopt_dataset_open(model, path, options, out);
    else if (status == NNOPT_OK)
        status =
            nnopt_dataset_random(model, argument_seed(arguments), random_samples, options, out);
    nnopt_options_destroy(options);
    return status == NNOPT_OK ? EXIT_DONE : fail_library(status);
}

int open_data(const cli_arguments *arguments, const nnopt_model *model, bool is_required,
              nnopt_dataset **out) {
    const char *path = argument_text(arguments, "data");
    bool is_random = argument_has(arguments, "random") && path == NULL;
    *out = NULL;
    if (path == NULL && !is_random) {
        if (!is_required) return EXIT_DONE;
        return fail_usage("%s needs --data PATH%s", arguments->command->name,
                          arguments->command->takes & TAKES_RANDOM ? ", or --random" : "");
    }
    bool cuts = (arguments->command->takes & CUTS_DATA) != 0;
    return open_source(arguments, model, path, 1, cuts, out);
}

int open_calib(const cli_arguments *arguments, const nnopt_model *model, long long samples,
               nnopt_dataset **out) {
    const char *path = argument_text(arguments, "calib");
    *out = NULL;
    if (path == NULL && !argument_has(arguments, "random")) return EXIT_DONE;
    return open_source(arguments, model, path, samples, true, out);
}

int run_on_model(const cli_arguments *arguments, bool needs_data, model_call call, void *user) {
    nnopt_model *model = NULL;
    nnopt_dataset *data = NULL;
    nnopt_options *options = NULL;
    nnopt_report *report = NULL;
    int code = load_model(arguments->operands[0], &model);
    if (code == EXIT_DONE && (arguments->command->takes & TAKES_DATA))
        code = open_data(arguments, model, needs_data, &data);
    if (code == EXIT_DONE) {
        options = argument_options(arguments, arguments->command->functions);
        code = options != NULL ? EXIT_DONE : EXIT_BAD;
    }
    if (code == EXIT_DONE) {
        nnopt_status status = call(model, data, options, user, &report);
        code = deliver_outcome(arguments, status, report);
    }
    nnopt_options_destroy(options);
    nnopt_dataset_destroy(data);
    nnopt_model_destroy(model);
    return code;
}

static const char *base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash != NULL && slash[1] != '\0' ? slash + 1 : path;
}

static int call_on_models(const cli_arguments *arguments, nnopt_model **models, const char **names,
                          models_call call, nnopt_report **out) {
    nnopt_dataset *data = NULL;
    nnopt_options *options = NULL;
    size_t count = (size_t)arguments->operand_count;
    int code = EXIT_DONE;
    for (size_t i = 0; i < count && code == EXIT_DONE; i++) {
        names[i] = base_name(arguments->operands[i]);
        code = load_model(arguments->operands[i], &models[i]);
    }
    if (code == EXIT_DONE) code = open_data(arguments, models[0], false, &data);
    if (code == EXIT_DONE) {
        options = argument_options(arguments, arguments->command->functions);
        code = options != NULL ? EXIT_DONE : EXIT_BAD;
    }
    if (code == EXIT_DONE) {
        nnopt_status status = call(models, names, count, data, options, out);
        if (status != NNOPT_OK) code = fail_library(status);
    }
    nnopt_options_destroy(options);
    nnopt_dataset_destroy(data);
    return code;
}

int run_on_models(const cli_arguments *arguments, models_call call, nnopt_report **out) {
    size_t count = (size_t)arguments->operand_count;
    nnopt_model **models = calloc(count, sizeof(nnopt_model *));
    const char **names = calloc(count, sizeof(const char *));
    int code = models != NULL && names != NULL ? call_on_models(arguments, models, names, call, out)
                                               : fail_usage("out of memory");
    for (size_t i = 0; models != NULL && i < count; i++) nnopt_model_destroy(models[i]);
    free(models);
    free(names);
    return code;
}
