/* A candidate of the search: a parent candidate and one more pass, and what was measured of it. */
#ifndef NN_CANDIDATE_H
#define NN_CANDIDATE_H

#include "engine/compare/evaluate.h"
#include "engine/measure/measure.h"
#include "optim/pass.h"

enum { NN_MAX_STEP_OPTIONS = 4, NN_NO_PARENT = -1 };

/* One pass with its options, as texts with static or arena life. */
typedef struct nn_step {
    const nn_pass *pass;
    const char *names[NN_MAX_STEP_OPTIONS], *values[NN_MAX_STEP_OPTIONS];
    int option_count;
    const char *label; /* "int8", "prune 0.70" */
} nn_step;

/* The step's options, for nnopt_options_destroy. */
nn_status nn_step_options(const nn_step *step, nnopt_options **out);

typedef struct nn_candidate {
    int64_t parent; /* index, or NN_NO_PARENT for the first step */
    nn_step step;
    const char *name;    /* labels of all steps: "prune 0.70 + int8" */
    const char *replay;  /* the commands that make it again */
    nn_model *model;     /* owned; NULL when the pass refused */
    nn_comparison speed; /* against the base model, interleaved */
    double seconds;      /* median of a run */
    double base_seconds; /* the base model in the same run */
    double quality, quality_low, quality_high;
    nn_drop drop; /* on the samples that the search sees */
    bool has_test;
    double test_quality; /* on the samples that it does not */
    nn_drop test_drop;
    const char *reason; /* why it was refused, or "kept" */
    bool is_kept;       /* faster, within the budget */
    bool is_on_front;   /* no other candidate is both faster and better */
} nn_candidate;

/* Every step as a command line: "nnopt prune model.onnx --calib calib.npz --macs 0.7 -o step1.onnx
 * && ..." */
nn_status nn_candidate_replay(nn_arena *arena, const nn_candidate *all,
                              const nn_candidate *candidate, const char *model_path,
                              const char *calib_path, const char **out);

/* Runs the candidate's own step on its parent's model (or `base`). NN_CHECK and NN_UNSUPPORTED of
 * the pass leave model NULL and reason set, and are NN_OK here. */
nn_status nn_candidate_build(nn_arena *arena, nn_candidate *all, nn_candidate *candidate,
                             nn_model *base, nn_dataset *calib);

void nn_candidate_write(nn_report *report, cJSON *object, const nn_candidate *candidate);

#endif
