/* What a command leaves behind: its report on stdout, exports, the exit code; errors on stderr. */
#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

#include "cli/command.h"

/* Prints "nnopt: " and the text as one line on stderr; returns EXIT_BAD. */
int fail_usage(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Prints the library's last message; returns the exit code that belongs to the status. */
int fail_library(nnopt_status status);
/* A line for the person on stderr, prefixed "nnopt: note: ". */
void note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Checks --export and --fail-if before any work is done. */
int check_outputs(const cli_arguments *arguments);
/* Exports and prints the report, judges --fail-if, ends the report; returns the exit code. */
int deliver(const cli_arguments *arguments, nnopt_report *report);
/* The same for a function that may fail with a report of what it has so far: says how it failed and
 * returns that exit code. `report` NULL: only that. */
int deliver_outcome(const cli_arguments *arguments, nnopt_status status, nnopt_report *report);

int terminal_columns(void);
void progress_start(void); /* shows the library's progress on a terminal */
void progress_clear(void);

#endif
