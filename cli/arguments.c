#include "cli/arguments.h"

#include "cli/command.h"
#include "cli/output.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- options of the command line itself ---- */

typedef struct own_option {
    unsigned takes; /* present when the command takes any of these; 0: always */
    nnopt_option_spec spec;
} own_option;

static const own_option own_options[] = {
    {TAKES_DATA,
     {"data", NNOPT_OPTION_TEXT, "PATH", NULL, NULL, 0, 0, false,
      "inputs: .npz, .npy, .wav, an image, a folder of images or of test_data_set_N"}},
    {TAKES_CALIB,
     {"calib", NNOPT_OPTION_TEXT, "PATH", NULL, NULL, 0, 0, false,
      "calibration inputs, in the same forms as --data"}},
    {TAKES_RANDOM,
     {"random", NNOPT_OPTION_FLAG, NULL, NULL, NULL, 0, 0, false,
      "seeded random inputs in place of a file"}},
    {TAKES_DATA | TAKES_CALIB | TAKES_RANDOM,
     {"seed", NNOPT_OPTION_INT, "N", "0", NULL, 0, 9e15, false, "seed of everything random"}},
    {TAKES_AGAINST,
     {"against", NNOPT_OPTION_TEXT, "MODEL", NULL, NULL, 0, 0, false,
      "compare outputs with those of this model"}},
    {TAKES_BASELINE,
     {"baseline", NNOPT_OPTION_TEXT, "FILE", NULL, NULL, 0, 0, false,
      "earlier report of bench (.json): exit code 1 when slower than it"}},
    {TAKES_MODEL_OUT,
     {"o", NNOPT_OPTION_TEXT, "FILE", NULL, NULL, 0, 0, false,
      "the new model (default: <stem>.<command>.onnx in this folder)"}},
    {TAKES_DATA_OUT,
     {"o", NNOPT_OPTION_TEXT, "OUT", NULL, NULL, 0, 0, false,
      "outputs: a file .npz, or a folder ending in '/' for output_N.pb"}},
    {0, {"json", NNOPT_OPTION_FLAG, NULL, NULL, NULL, 0, 0, false, "print the report as JSON"}},
    {0,
     {"export", NNOPT_OPTION_TEXT, "FILE", NULL, NULL, 0, 0, true,
      "also write the report, in the form of the suffix"}},
    {0,
     {"fail-if", NNOPT_OPTION_TEXT, "TEST", NULL, NULL, 0, 0, true,
      "exit code 1 when it holds, as 'total_ms>2.5'"}},
    {0, {"all", NNOPT_OPTION_FLAG, NULL, NULL, NULL, 0, 0, false, "show every row of long tables"}},
    {0, {"help", NNOPT_OPTION_FLAG, NULL, NULL, NULL, 0, 0, false, "show this help"}},
};
enum { OWN_OPTIONS = sizeof own_options / sizeof *own_options, MAX_OPTIONS = 256 };

typedef struct option_list {
    const nnopt_option_spec *specs[MAX_OPTIONS];
    int count;
} option_list;

static void add_option(option_list *list, const nnopt_option_spec *spec) {
    for (int i = 0; i < list->count; i++)
        if (strcmp(list->specs[i]->name, spec->name) == 0) return;
    if (list->count < MAX_OPTIONS) list->specs[list->count++] = spec;
}

static void collect_options(const cli_command *command, option_list *list) {
    list->count = 0;
    for (const char *const *name = command->functions; name != NULL && *name != NULL; name++) {
        size_t count = 0;
        const nnopt_option_spec *specs = nnopt_option_specs(*name, &count);
        for (size_t i = 0; i < count; i++) add_option(list, &specs[i]);
    }
    for (int i = 0; i < OWN_OPTIONS; i++)
        if (own_options[i].takes == 0 || (own_options[i].takes & command->takes) != 0)
            add_option(list, &own_options[i].spec);
}

void command_options(const cli_command *command, visit_option visit, void *user) {
    option_list list;
    collect_options(command, &list);
    for (int i = 0; i < list.count; i++) visit(list.specs[i], user);
}

/* ---- parsing ---- */

static int fail_unknown(const cli_command *command, const char *name, const option_list *list) {
    const char *names[MAX_OPTIONS];
    for (int i = 0; i < list->count; i++) names[i] = list->specs[i]->name;
    const char *nearest = nnopt_nearest_name(name, names, (size_t)list->count);
    if (nearest != NULL)
        return fail_usage("%s: unknown option '--%s', did you mean '%s%s'?", command->name, name,
                          nearest[1] == '\0' ? "-" : "--", nearest);
    return fail_usage("%s: unknown option '--%s'; see 'nnopt %s --help'", command->name, name,
                      command->name);
}

static int add_value(const cli_command *command, const nnopt_option_spec *spec, const char *value,
                     cli_arguments *out) {
    if (strcmp(spec->name, "help") == 0) out->wants_help = true;
    if (!spec->repeatable) {
        for (int i = 0; i < out->option_count; i++)
            if (strcmp(out->options[i].name, spec->name) == 0)
                return fail_usage("%s: option '%s%s' is given twice", command->name,
                                  spec->name[1] == '\0' ? "-" : "--", spec->name);
    }
    char *copy = value != NULL ? strdup(value) : NULL;
    if (value != NULL && copy == NULL) return fail_usage("out of memory");
    out->options[out->option_count++] = (argument){.name = spec->name, .value = copy};
    return EXIT_DONE;
}

/* One option at argv[*index], which may take the next argument too. */
static int parse_option(const cli_command *command, const option_list *list, int argc, char **argv,
                        int *index, cli_arguments *out) {
    const char *text = argv[*index];
    const char *name = text + (text[1] == '-' ? 2 : 1);
    size_t length = strcspn(name, "=");
    const char *value = name[length] == '=' ? name + length + 1 : NULL;
    const nnopt_option_spec *spec = NULL;
    for (int i = 0; i < list->count && spec == NULL; i++)
        if (strlen(list->specs[i]->name) == length &&
            strncmp(list->specs[i]->name, name, length) == 0)
            spec = list->specs[i];
    if (spec == NULL) {
        char unknown[64];
        snprintf(unknown, sizeof unknown, "%.*s", (int)length, name);
        return fail_unknown(command, unknown, list);
    }
    if (spec->kind == NNOPT_OPTION_FLAG) {
        if (value != NULL)
            return fail_usage("%s: option '--%s' takes no value", command->name, spec->name);
        return add_value(command, spec, NULL, out);
    }
    if (value == NULL) {
        if (*index + 1 >= argc)
            return fail_usage("%s: option '%s' needs a value (%s)", command->name, text,
                              spec->choices ? spec->choices : spec->metavar);
        value = argv[++*index];
    }
    return add_value(command, spec, value, out);
}

static bool needs_quotes(const char *word) {
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./=:,@%+";
    return word[0] == '\0' || word[strspn(word, plain)] != '\0';
}

/* The command line as a shell would take it; NULL when out of memory. */
static char *quote_line(const cli_command *command, int argc, char **argv) {
    size_t size = strlen("nnopt ") + strlen(command->name) + 1;
    for (int i = 0; i < argc; i++) size += 4 * strlen(argv[i]) + 3;
    char *line = malloc(size);
    if (line == NULL) return NULL;
    char *at = line + sprintf(line, "nnopt %s", command->name);
    for (int i = 0; i < argc; i++) {
        *at++ = ' ';
        if (!needs_quotes(argv[i])) {
            at = stpcpy(at, argv[i]);
            continue;
        }
        *at++ = '\'';
        for (const char *c = argv[i]; *c != '\0'; c++) {
            if (*c == '\'')
                at = stpcpy(at, "'\\''");
            else
                *at++ = *c;
        }
        *at++ = '\'';
    }
    *at = '\0';
    return line;
}

static int check_operands(const cli_arguments *arguments) {
    const cli_command *command = arguments->command;
    if (arguments->operand_count < command->minimum)
        return fail_usage("%s needs %s; see 'nnopt %s --help'", command->name, command->operands,
                          command->name);
    if (arguments->operand_count > command->maximum) {
        const char *extra = arguments->operands[command->maximum];
        return fail_usage("%s: unexpected argument '%s'", command->name, extra);
    }
    return EXIT_DONE;
}

/* What only the command line knows; the library checks the rest where it is used. */
static int check_own(const cli_arguments *arguments) {
    const char *seed = argument_text(arguments, "seed");
    if (seed != NULL) {
        char *end = NULL;
        errno = 0;
        strtoull(seed, &end, 10);
        if (seed[0] < '0' || seed[0] > '9' || *end != '\0' || errno != 0)
            return fail_usage("%s: option '--seed' must be a whole number, got '%s'",
                              arguments->command->name, seed);
    }
    if (argument_has(arguments, "random") &&
        (argument_has(arguments, "data") || argument_has(arguments, "calib")) &&
        !((arguments->command->takes & TAKES_DATA) && (arguments->command->takes & TAKES_CALIB)))
        return fail_usage("%s: '--random' and '--%s' contradict each other",
                          arguments->command->name,
                          argument_has(arguments, "data") ? "data" : "calib");
    return check_outputs(arguments);
}

int arguments_parse(const cli_command *command, int argc, char **argv, cli_arguments *out) {
    option_list list;
    int code = EXIT_DONE;
    bool only_operands = false;
    collect_options(command, &list);
    *out = (cli_arguments){.command = command};
    out->operands = calloc((size_t)argc + 1, sizeof *out->operands);
    out->options = calloc((size_t)argc + 1, sizeof *out->options);
    out->line = quote_line(command, argc, argv);
    if (out->operands == NULL || out->options == NULL || out->line == NULL)
        return fail_usage("out of memory");
    for (int i = 0; i < argc && code == EXIT_DONE; i++) {
        const char *text = argv[i];
        if (!only_operands && strcmp(text, "--") == 0)
            only_operands = true;
        else if (!only_operands && strcmp(text, "-h") == 0)
            out->wants_help = true;
        else if (!only_operands && text[0] == '-' && text[1] != '\0')
            code = parse_option(command, &list, argc, argv, &i, out);
        else
            out->operands[out->operand_count++] = text;
    }
    if (code != EXIT_DONE || out->wants_help) return code;
    code = check_operands(out);
    return code == EXIT_DONE ? check_own(out) : code;
}

void arguments_clear(cli_arguments *arguments) {
    for (int i = 0; i < arguments->option_count; i++) free(arguments->options[i].value);
    free(arguments->operands);
    free(arguments->options);
    free(arguments->line);
}

/* ---- reading ---- */

const char *argument_at(const cli_arguments *arguments, const char *name, int index) {
    for (int i = 0; i < arguments->option_count; i++)
        if (strcmp(arguments->options[i].name, name) == 0 && index-- == 0)
            return arguments->options[i].value;
    return NULL;
}

bool argument_has(const cli_arguments *arguments, const char *name) {
    for (int i = 0; i < arguments->option_count; i++)
        if (strcmp(arguments->options[i].name, name) == 0) return true;
    return false;
}

const char *argument_text(const cli_arguments *arguments, const char *name) {
    return argument_at(arguments, name, 0);
}

unsigned long long argument_seed(const cli_arguments *arguments) {
    const char *seed = argument_text(arguments, "seed");
    return seed != NULL ? strtoull(seed, NULL, 10) : 0;
}

static bool is_option_of(const char *name, const char *const *functions) {
    for (const char *const *function = functions; *function != NULL; function++) {
        size_t count = 0;
        const nnopt_option_spec *specs = nnopt_option_specs(*function, &count);
        for (size_t i = 0; i < count; i++)
            if (strcmp(specs[i].name, name) == 0) return true;
    }
    return false;
}

nnopt_options *argument_options(const cli_arguments *arguments, const char *const *functions) {
    nnopt_options *options = NULL;
    nnopt_status status = nnopt_options_create(&options);
    for (int i = 0; i < arguments->option_count && status == NNOPT_OK; i++) {
        const argument *option = &arguments->options[i];
        if (is_option_of(option->name, functions))
            status = nnopt_options_set(options, option->name, option->value);
    }
    if (status == NNOPT_OK) return options;
    fail_library(status);
    nnopt_options_destroy(options);
    return NULL;
}
