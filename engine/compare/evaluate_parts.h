/* Shared by the files of the evaluation. */
#ifndef NN_EVALUATE_PARTS_H
#define NN_EVALUATE_PARTS_H

#include "engine/compare/evaluate.h"

/* What judges feeds, one at a time. */
typedef struct nn_evaluator {
    const nn_evaluation *evaluation;
    nn_session *session, *base;
    nn_dataset *data;
    nn_tensor *outputs, *base_outputs;
    int64_t output, base_output; /* index of the judged output */
} nn_evaluator;

nn_status nn_evaluator_init(nn_session *session, nn_session *base, nn_dataset *data,
                            const nn_evaluation *evaluation, nn_evaluator *out);
void nn_evaluator_clear(nn_evaluator *self);
/* Adds the scores of the feed's samples. */
nn_status nn_evaluator_run(const nn_evaluator *self, const nn_feed *feed, int64_t first_sample,
                           nn_quality *quality);
/* The value with its interval, from all scores. */
nn_status nn_quality_finish(nn_quality *quality);

#endif
