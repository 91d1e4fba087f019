/* A command: one file cli/<name>.c with one constant, and one row in cmd_table.def. */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include "cli/arguments.h"

enum exit_code { EXIT_DONE = 0, EXIT_CHECK = 1, EXIT_BAD = 2, EXIT_INTERRUPTED = 130 };

/* Options of the command line itself, beside those of the library functions that a command calls.
 */
enum command_takes {
    TAKES_DATA = 1 << 0,      /* --data, --seed */
    TAKES_RANDOM = 1 << 1,    /* --random: seeded inputs in place of --data or --calib */
    TAKES_CALIB = 1 << 2,     /* --calib, --seed */
    TAKES_MODEL_OUT = 1 << 3, /* -o MODEL */
    TAKES_DATA_OUT = 1 << 4,  /* -o OUT.npz or FOLDER/ */
    TAKES_AGAINST = 1 << 5,   /* --against MODEL */
    TAKES_BASELINE = 1 << 6,  /* --baseline REPORT */
    CUTS_DATA = 1 << 7,       /* data are cut into samples (or --batch) where axis 0 is free */
};

typedef struct cli_command {
    const char *name;
    const char *operands; /* as usage shows them: "MODEL", "MODEL...", "" */
    int minimum, maximum; /* how many operands */
    const char *summary;  /* one line */
    const char *details;  /* paragraphs, a line each; NULL: none */
    const char *const
        *functions; /* whose options it takes, as nnopt_option_specs names them; NULL ends */
    unsigned takes;
    int (*run)(const cli_arguments *arguments); /* an exit code */
} cli_command;

#define COMMAND(symbol) extern const cli_command command_##symbol;
#include "cli/cmd_table.def"
#undef COMMAND

extern const cli_command *const command_table[]; /* NULL ends it */

enum { NO_LIMIT = 1 << 20 };

#endif
