/* The inside of selection. Only engine/select/ includes this. */
#ifndef NN_SELECT_PARTS_H
#define NN_SELECT_PARTS_H

#include "engine/select/select.h"
#include "engine/select/select_trial.h"

struct nn_selector {
    nn_selection mode;
    double budget; /* seconds left */
    char *path;    /* of the wisdom file; NULL: there is no place for one */
    nn_wisdom wisdom;
    nn_wisdom fresh; /* measured for the plan that is being made, which is yet to be proven */
};

/* "NAME" or "NAME, VARIANT"; returns text. */
const char *nn_select_name(const nn_kernel *kernel, const char *variant, char *text, size_t size);
/* The name of kernel->variants[variant - 1]; "" for 0. */
const char *nn_select_variant(const nn_kernel *kernel, int variant);

/* engine/select/select_race.c: the fastest candidate for a node, where it is enough faster than
 * `first`; gain is 1 and *choice as it was where none is. *raced is how many ran: 0 where there is
 * nothing to choose from, or `first` does not run. */
nn_status nn_select_race(nn_selector *selector, const nn_trial_node *node, const nn_target *target,
                         nn_weight_cache *cache, nn_pool *pool, nn_choice *choice, double *gain,
                         int *raced);
/* Can the node be given to `kernel` where the plan counts on `first`: the same layouts? */
bool nn_select_may_replace(const nn_node_view *view, const nn_kernel *kernel,
                           const nn_kernel *first);

#endif
