/* Models and data that a command names. */
#ifndef CLI_INPUTS_H
#define CLI_INPUTS_H

#include "cli/arguments.h"

/* Each returns an exit code and prints the error. */
int load_model(const char *path, nnopt_model **out);
/* --data, or --random, or NULL when neither is given and `is_required` is false. */
int open_data(const cli_arguments *arguments, const nnopt_model *model, bool is_required,
              nnopt_dataset **out);
/* --calib in the same way; `samples` random ones. */
int open_calib(const cli_arguments *arguments, const nnopt_model *model, long long samples,
               nnopt_dataset **out);

/* What most commands do: one model, data (TAKES_DATA), options of the functions that the command
 * lists, one report. `call` is the library function. */
typedef nnopt_status (*model_call)(nnopt_model *model, nnopt_dataset *data,
                                   const nnopt_options *options, void *user, nnopt_report **out);
int run_on_model(const cli_arguments *arguments, bool needs_data, model_call call, void *user);

/* The same for functions that take all operands as models, named by their files. The caller ends
 * the report. */
typedef nnopt_status (*models_call)(nnopt_model *const *models, const char *const *names,
                                    size_t count, nnopt_dataset *data, const nnopt_options *options,
                                    nnopt_report **out);
int run_on_models(const cli_arguments *arguments, models_call call, nnopt_report **out);

#endif
