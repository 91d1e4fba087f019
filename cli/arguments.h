/* The command line of one command, taken apart and checked against the tables of its options. */
#ifndef CLI_ARGUMENTS_H
#define CLI_ARGUMENTS_H

#include "nnopt.h"

struct cli_command;

typedef struct argument {
    const char *name;
    char *value; /* NULL: a flag */
} argument;

typedef struct cli_arguments {
    const struct cli_command *command;
    const char **operands;
    int operand_count;
    argument *options;
    int option_count;
    bool wants_help;
    char *line; /* that reproduces the run, quoted for a shell */
} cli_arguments;

/* 0, or an exit code after an error was printed. `argv` starts behind the command's name. */
int arguments_parse(const struct cli_command *command, int argc, char **argv, cli_arguments *out);
void arguments_clear(cli_arguments *arguments);

bool argument_has(const cli_arguments *arguments, const char *name);
const char *argument_text(const cli_arguments *arguments,
                          const char *name); /* the last one, or NULL */
/* The index-th value of a repeatable option, or NULL. */
const char *argument_at(const cli_arguments *arguments, const char *name, int index);
unsigned long long argument_seed(const cli_arguments *arguments);

/* Those options that the named library functions take (NULL ends the list). NULL after an error was
 * printed. */
nnopt_options *argument_options(const cli_arguments *arguments, const char *const *functions);

/* The options of a command without repetitions: calls `visit` for each, those of the command line
 * last. */
typedef void (*visit_option)(const nnopt_option_spec *spec, void *user);
void command_options(const struct cli_command *command, visit_option visit, void *user);

#endif
