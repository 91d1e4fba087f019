/* Before and after: several models measured in turn, their rows keyed by the nodes of the first. */
#ifndef NN_COMPARE_H
#define NN_COMPARE_H

#include "engine/compare/evaluate.h"
#include "engine/measure/profile_report.h"

enum { NN_MAX_COMPARED = 8 };

typedef struct nn_compare_settings {
    double seconds;     /* of measuring, all models together */
    int64_t iterations; /* runs of each model in place of seconds; 0: none given */
    double warmup_seconds;
    const nn_evaluation *evaluation; /* NULL: quality is not judged */
    bool reads_files;                /* the data come from files */
} nn_compare_settings;

/* One model; the first of an array is the base. Set the first four, then measure. */
typedef struct nn_compared {
    const char *name;
    nn_session_options options;
    nn_model *model;
    nn_dataset *data;
    nn_session *session;
    nn_bench_entry bench; /* whole runs without instrumentation */
    nn_profile profile;
    nn_diagnosis diagnosis;
    nn_quality quality; /* where an evaluation was asked for; of the base against itself: none */
    bool has_quality;
} nn_compared;

/* Quality, whole runs, then instrumented runs; each kind interleaved between the models. */
nn_status nn_compare_measure(nn_compared *models, int64_t count,
                             const nn_compare_settings *settings);
void nn_compared_clear(nn_compared *models, int64_t count); /* also after a failure */

/* ---- rows ---- */

/* What one model does for one node of the base. */
typedef struct nn_compare_cell {
    const nn_profile_row *row; /* the heaviest of its steps; NULL: none */
    const nn_profile_row **steps;
    int64_t step_count, step_capacity;
    double seconds;      /* of all its steps: sum of their medians */
    nn_samples samples;  /* of all its steps together, timers subtracted */
    const char *absence; /* why there is no step: "fused into '/conv1'", "removed" */
    /* Against the base. Where one step does the work of several rows of the base, of all of them
     * together: `leader` is the row of the base that the others are judged with, or -1. */
    nn_comparison versus;
    bool has_versus;
    int64_t leader;
} nn_compare_cell;

typedef struct nn_compare_row {
    const char *node; /* of the base; of another model where the base has none for it */
    bool is_of_base;
    nn_compare_cell *cells; /* one per model */
} nn_compare_row;

typedef struct nn_compare_table {
    nn_arena arena;
    nn_compare_row *rows; /* the base's in execution order, then what only other models have */
    int64_t row_count, row_capacity, model_count;
} nn_compare_table;

/* Where a node of another model belongs: to the row that covers its origin, which passes of nnopt
 * leave in the model; else to the row that makes the same value; else to the row whose node or
 * value its own name, or its result's, begins with ("conv1_quant", "fc1_MatMulInteger",
 * "x_QuantizeLinear" of the value x). `graphs` may hold NULL: then only names of nodes tell.
 * Borrows from the profiles and graphs. */
nn_status nn_compare_rows(const nn_profile *const *profiles, const nn_graph *const *graphs,
                          int64_t count, nn_compare_table *out);
void nn_compare_table_clear(nn_compare_table *table);

/* ---- report ---- */

/* Fills "models", "rows", "total", "verdict", "best", "roofline", "predictions" and "measurement"
 * of docs/report-schema.md. */
nn_status nn_compare_report(nn_report *report, const nn_compared *models, int64_t count,
                            const nn_compare_settings *settings);

/* Two-sided exact probability of a split as uneven as gained : lost when both are equally likely.
 * Q. McNemar, "Note on the sampling error of the difference between correlated proportions or
 * percentages", Psychometrika 12(2), 1947. */
double nn_mcnemar(int64_t gained, int64_t lost);

/* The metadata of a model that holds what was predicted before it was made: a JSON array of
 * {technique, node (optional), saved_ms, low, high}. */
#define NN_PREDICTIONS_KEY "nnopt.predictions"

#endif
