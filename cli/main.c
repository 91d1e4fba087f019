/* nnopt: dispatch to the commands of cmd_table.def. */
#include "cli/help.h"
#include "cli/output.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

const cli_command *const command_table[] = {
#define COMMAND(symbol) &command_##symbol,
#include "cli/cmd_table.def"
#undef COMMAND
    NULL,
};
enum { COMMANDS = sizeof command_table / sizeof *command_table - 1 };

static bool is_watched; /* a person sees stderr */

/* The first Ctrl-C asks for an orderly end, the second does not wait for it. */
static void on_interrupt(int signal_number) {
    static const char text[] = "\nnnopt: ending; once more to end at once\n";
    (void)signal_number;
    static volatile sig_atomic_t count;
    if (count++ > 0) _exit(EXIT_INTERRUPTED);
    nnopt_interrupt();
    if (is_watched && write(STDERR_FILENO, text, sizeof text - 1) < 0) _exit(EXIT_INTERRUPTED);
}

static const cli_command *find_command(const char *name) {
    for (int i = 0; i < COMMANDS; i++)
        if (strcmp(command_table[i]->name, name) == 0) return command_table[i];
    return NULL;
}

static int fail_unknown(const char *name) {
    const char *names[COMMANDS];
    for (int i = 0; i < COMMANDS; i++) names[i] = command_table[i]->name;
    const char *nearest = nnopt_nearest_name(name, names, COMMANDS);
    if (nearest != NULL)
        return fail_usage("unknown command '%s', did you mean '%s'?", name, nearest);
    return fail_usage("unknown command '%s'; see 'nnopt --help'", name);
}

static int run_command(const cli_command *command, int argc, char **argv) {
    cli_arguments arguments;
    int code = arguments_parse(command, argc, argv, &arguments);
    if (code == EXIT_DONE)
        code = arguments.wants_help ? help_command(command) : command->run(&arguments);
    progress_clear();
    arguments_clear(&arguments);
    return code;
}

int main(int argc, char **argv) {
    if (argc < 2) {
        help_commands(true);
        return EXIT_BAD;
    }
    const char *name = argv[1];
    is_watched = isatty(STDERR_FILENO);
    struct sigaction interrupt = {.sa_handler = on_interrupt};
    sigaction(SIGINT, &interrupt, NULL);
    sigaction(SIGTERM, &interrupt, NULL);
    progress_start();

    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) return help_commands(false);
    if (strcmp(name, "--version") == 0) return help_version();
    if (strcmp(name, "--help-markdown") == 0) return help_markdown();
    if (strcmp(name, "help") == 0) {
        if (argc == 2) return help_commands(false);
        const cli_command *command = find_command(argv[2]);
        return command != NULL ? help_command(command) : fail_unknown(argv[2]);
    }
    const cli_command *command = find_command(name);
    return command != NULL ? run_command(command, argc - 2, argv + 2) : fail_unknown(name);
}
