/* Help, made from the tables of commands and options: for a terminal, and as docs/cli.md. */
#ifndef CLI_HELP_H
#define CLI_HELP_H

#include "cli/command.h"

/* All return an exit code. */
int help_commands(bool is_error); /* on stderr when it is */
int help_command(const cli_command *command);
int help_version(void);
int help_markdown(void);

#endif
