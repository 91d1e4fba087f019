/* Options by name, checked against the table of the function that reads them. */
#ifndef NN_OPTIONS_H
#define NN_OPTIONS_H

#include "base/status.h"

typedef nnopt_option_spec nn_option_spec;

typedef struct nn_option_table {
    const char *function; /* as nnopt_option_specs takes it */
    const nn_option_spec *specs;
    size_t count;
} nn_option_table;

/* Each public function that takes options has one table, nn_options_<function>, defined beside it,
 * declared by NN_OPTION_TABLE(function) and listed in optim/option_table.def. */
#define NN_OPTION_TABLE(function) extern const nn_option_table nn_options_##function;
#define NN_DEFINE_OPTION_TABLE(function_name, specs_array)                                         \
    const nn_option_table nn_options_##function_name = {                                           \
        .function = #function_name,                                                                \
        .specs = (specs_array),                                                                    \
        .count = sizeof(specs_array) / sizeof *(specs_array),                                      \
    }

/* Every name set must be in one of the tables (others: NN_USAGE with the nearest name), every value
 * must parse and lie in its bounds. `options` may be NULL. */
nn_status nn_options_check(const nnopt_options *options, const nn_option_table *const *tables,
                           size_t table_count);

/* Values after a check: the one set, else the table's fallback. `has` is false only when neither is
 * there. Text borrows from the options or the table. */
bool nn_option_has(const nnopt_options *options, const char *name); /* set explicitly */
bool nn_option_flag(const nnopt_options *options, const char *name);
int64_t nn_option_int(const nnopt_options *options, const nn_option_table *table, const char *name);
double nn_option_number(const nnopt_options *options, const nn_option_table *table,
                        const char *name);
double nn_option_time(const nnopt_options *options, const nn_option_table *table, const char *name);
const char *nn_option_text(const nnopt_options *options, const nn_option_table *table,
                           const char *name);
/* The i-th value of a repeatable option, NULL past the last. */
const char *nn_option_at(const nnopt_options *options, const char *name, size_t index);

/* A new object with those options that `table` has, for a function that takes only them. */
nn_status nn_options_select(const nnopt_options *options, const nn_option_table *table,
                            nnopt_options **out);

/* The name in `names` nearest to `word` by edit distance, or NULL when none is near. */
const char *nn_nearest_name(const char *word, const char *const *names, size_t count);

#endif
