/* All option tables of the library, for nnopt_option_specs. */
#include "base/options.h"
#include "optim/pass.h"

#include "optim/option_table.def"
#undef NN_OPTION_TABLE

#define NN_OPTION_TABLE(function) &nn_options_##function,
static const nn_option_table *const function_tables[] = {
#include "optim/option_table.def"
    NULL,
};

#define NN_PASS(name) &nn_pass_##name.options,
static const nn_option_table *const pass_tables[] = {
#include "optim/pass_table.def"
    NULL,
};

const nnopt_option_spec *nnopt_option_specs(const char *function, size_t *count) {
    const nn_option_table *const *const lists[] = {function_tables, pass_tables};
    if (count != NULL) *count = 0;
    if (function == NULL) return NULL;
    for (size_t l = 0; l < sizeof lists / sizeof *lists; l++) {
        for (const nn_option_table *const *table = lists[l]; *table != NULL; table++) {
            if (strcmp((*table)->function, function) != 0) continue;
            if (count != NULL) *count = (*table)->count;
            return (*table)->specs;
        }
    }
    return NULL;
}
