/* The last part of optimize: original and winner profiled side by side, predictions beside
 * measurements. */
#ifndef NN_OPTIMIZE_COMPARE_H
#define NN_OPTIMIZE_COMPARE_H

#include "optim/search.h"

/* Measures both on the test samples and adds to `report` all that a comparison has. Leaves what was
 * predicted per node in the winner's metadata. Nothing when the search has no winner. */
nn_status nn_optimize_compare(nn_search *search, nn_report *report);

#endif
