/* Sessions: run a model on a device; keep one plan per set of input shapes. */
#ifndef NN_SESSION_H
#define NN_SESSION_H

#include "base/options.h"
#include "engine/graph/model.h"
#include "engine/plan/plan.h"
#include "engine/select/select.h"

/* A tap: a value of the model graph that must exist as a tensor after a run, in spite of fusion. */
typedef struct nn_session_options {
    int threads;       /* 0: all usable cores */
    nn_device *device; /* NULL: the CPU */
    nn_precision precision;
    nn_selection selection;
    double selection_seconds; /* that NN_SELECT_MEASURE may take, all plans together */
    const char *wisdom;       /* the file; NULL: the one below the cache folder */
    bool deterministic;       /* nn_target.deterministic; for NN_SELECT_ESTIMATE */
    const char *const *taps;  /* names of values of the model graph */
    int64_t tap_count;
    bool reference_only; /* only reference kernels, no fusion, no integer folding (a judge) */
    bool no_fusion;      /* one kernel per ONNX node, for attribution */
} nn_session_options;

nn_status nn_session_open(nn_model *model, const nn_session_options *options, nnopt_session **out);
typedef nnopt_session nn_session;

/* The options "session", as every function that runs a model takes them; check them first. */
extern const nn_option_table nn_options_session;
nn_status nn_session_options_read(const nnopt_options *options, nn_session_options *out);
/* For functions that take several devices ("cpu,cuda:1"): one entry each, `limit` at most. */
nn_status nn_session_options_read_each(const nnopt_options *options, nn_session_options *out,
                                       int limit, int *count);

nn_model *nn_session_model(const nn_session *session);
int nn_session_threads(const nn_session *session);
nn_device *nn_session_device(const nn_session *session); /* NULL: the CPU */
nn_precision nn_session_precision(const nn_session *session);
/* The plan for these inputs, made when new; borrowed, ends with the session. */
nn_status nn_session_plan(nn_session *session, const nn_tensor *inputs, size_t input_count,
                          nn_plan **out);
/* After a run: tap `index`; logical shape, standard layout, borrowed until the next run. */
nn_status nn_session_tap(nn_session *session, int64_t index, nn_tensor *out);

/* Called around every step of a plan when set: for the profiler. `begin` true before, false after.
 */
typedef void (*nn_step_hook)(void *user, const nn_plan *plan, int64_t step, bool begin);
void nn_session_set_hook(nn_session *session, nn_step_hook hook, void *user);

#endif
