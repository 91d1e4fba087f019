/* Passes over the portable graph: one file and one row in pass_table.def each. */
#ifndef NN_PASS_H
#define NN_PASS_H

#include "base/dataset.h"
#include "base/options.h"
#include "engine/graph/model.h"
#include "engine/report.h"

typedef struct nn_pass nn_pass;

/* A gain that a pass predicts for one node before it runs. */
typedef struct nn_prediction {
    const char *node;     /* ONNX node name */
    double saved_seconds; /* per run */
    const char *reason;   /* "int8 at 3.4x the fp32 rate" ; arena text */
} nn_prediction;

typedef struct nn_predictions {
    nn_arena arena;
    nn_prediction *items;
    int64_t count, capacity;
} nn_predictions;

/* Appends a prediction; texts are copied. */
nn_status nn_predictions_add(nn_predictions *predictions, const char *node, double saved_seconds,
                             const char *reason);
void nn_predictions_clear(nn_predictions *predictions);

struct nn_profile; /* engine/measure/profile.h */

struct nn_pass {
    const char *name; /* "quantize": also the command and its option table */
    const char *summary;
    bool is_exact; /* outputs keep their values up to rounding */
    nn_option_table options;
    /* Gains per node from a profile of the model; appends to out. NULL: none known beforehand. */
    nn_status (*predict)(const nn_model *model, const struct nn_profile *profile,
                         const nnopt_options *options, nn_predictions *out);
    /* Makes the new model. `calib` may be NULL. `report` has arrays "changes" and "refused" to
     * fill. */
    nn_status (*run)(nn_model *model, nn_dataset *calib, const nnopt_options *options,
                     nn_report *report, nn_model **out);
};

#define NN_PASS(name) extern const nn_pass nn_pass_##name;
#include "optim/pass_table.def"
#undef NN_PASS

extern const nn_pass *const nn_pass_table[]; /* NULL ends it */

/* Runs one pass with "before" and "after" (parameters, MACs, bytes, nodes) in the report and the
 * provenance in the new model's metadata. What nnopt_quantize and its siblings call. */
nn_status nn_pass_run(const nn_pass *pass, nn_model *model, nn_dataset *calib,
                      const nnopt_options *options, nn_model **out, nn_report **report);

#endif
