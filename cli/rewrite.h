/* Commands that make a new model. */
#ifndef CLI_REWRITE_H
#define CLI_REWRITE_H

#include "cli/arguments.h"

/* Where the new model goes: -o, or <stem>.<command>.onnx in this folder. Refuses a path that is one
 * of the operands. The text lives in `buffer`. */
int output_path(const cli_arguments *arguments, char *buffer, size_t size);

/* One technique: loads the model, opens --calib, calls `technique` with the options of the
 * command's first function, saves and reports. */
typedef nnopt_status (*technique_call)(nnopt_model *model, nnopt_dataset *calib,
                                       const nnopt_options *options, nnopt_model **out,
                                       nnopt_report **report);
int run_technique(const cli_arguments *arguments, technique_call technique);

#endif
