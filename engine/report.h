/* Reports: a tree of records, filled by engine and optim, written by formats. Schema:
 * docs/report-schema.md. The tree is cJSON's, which nnopt uses for nothing but holding and
 * printing. */
#ifndef NN_REPORT_H
#define NN_REPORT_H

#include "base/status.h"

#include <cjson/cJSON.h>

enum { NN_REPORT_SCHEMA = 1 };

/* Builders are sticky: after an allocation failed they do nothing, and nn_report_finish says so. */
struct nnopt_report {
    cJSON *root;
    bool out_of_memory;
};
typedef struct nnopt_report nn_report;

/* `kind` is the command: "profile". Adds schema, kind, nnopt version, date and machine. */
nn_status nn_report_create(const char *kind, nn_report **out);
/* Hands the report over: NN_NO_MEMORY (and destroys it) when any builder failed. */
nn_status nn_report_finish(nn_report *report, nn_report **out);

cJSON *nn_report_object(nn_report *report, cJSON *parent, const char *key); /* key NULL: append */
cJSON *nn_report_array(nn_report *report, cJSON *parent, const char *key);
void nn_report_set_number(nn_report *report, cJSON *object, const char *key,
                          double value); /* NaN, inf: null */
void nn_report_set_text(nn_report *report, cJSON *object, const char *key,
                        const char *value); /* NULL: null */
void nn_report_set_bool(nn_report *report, cJSON *object, const char *key, bool value);
void nn_report_add_text(nn_report *report, cJSON *array, const char *value);
void nn_report_add_number(nn_report *report, cJSON *array, double value);

#endif
