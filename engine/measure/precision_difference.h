/* What computing in bf16 did to the outputs of a model. */
#ifndef NN_PRECISION_DIFFERENCE_H
#define NN_PRECISION_DIFFERENCE_H

#include "base/dataset.h"
#include "engine/report.h"
#include "engine/run/session.h"

/* "precision_difference": each floating output of the first feed of `data` against that of the same
 * model in float. Nothing where the session computes in float. `options` are those that the session
 * was opened with. */
nn_status nn_report_add_precision_difference(nn_report *report, cJSON *record, nn_session *session,
                                             const nn_session_options *options, nn_dataset *data);

/* The same against another session on the same inputs, as `key`; nothing where both are one. */
nn_status nn_report_add_difference(nn_report *report, cJSON *record, const char *key,
                                   nn_session *session, nn_session *against, nn_dataset *data);

#endif
