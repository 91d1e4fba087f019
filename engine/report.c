#include "engine/report.h"

#include "base/cpu.h"
#include "base/memory.h"

#include <math.h>
#include <time.h>

static void add_machine(nn_report *report) {
    const nn_cpu *cpu = nn_cpu_get();
    cJSON *machine = nn_report_object(report, report->root, "machine");
    nn_report_set_text(report, machine, "cpu", cpu->brand);
    nn_report_set_text(report, machine, "isa", nn_isa_name(cpu->isa));
    nn_report_set_number(report, machine, "cores", cpu->cores);
}

nn_status nn_report_create(const char *kind, nn_report **out) {
    char date[32] = "";
    time_t now = time(NULL);
    struct tm utc;
    if (gmtime_r(&now, &utc) != NULL) strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", &utc);

    nn_report *report = nn_alloc_zero(sizeof *report);
    if (report == NULL) return nn_fail_memory(sizeof *report);
    report->root = cJSON_CreateObject();
    if (report->root == NULL) {
        nn_free(report);
        return nn_fail_memory(sizeof(cJSON));
    }
    nn_report_set_number(report, report->root, "schema", NN_REPORT_SCHEMA);
    nn_report_set_text(report, report->root, "kind", kind);
    nn_report_set_text(report, report->root, "nnopt", nnopt_version());
    nn_report_set_text(report, report->root, "date", date);
    add_machine(report);
    *out = report;
    return NN_OK;
}

nn_status nn_report_finish(nn_report *report, nn_report **out) {
    if (report->out_of_memory) {
        nnopt_report_destroy(report);
        return nn_fail(NN_NO_MEMORY, "out of memory: the report does not fit");
    }
    *out = report;
    return NN_OK;
}

void nnopt_report_destroy(nnopt_report *report) {
    if (report == NULL) return;
    cJSON_Delete(report->root);
    nn_free(report);
}

/* Adds `item` (taken, also on failure) under `key`, or at the end of an array. */
static cJSON *add_item(nn_report *report, cJSON *parent, const char *key, cJSON *item) {
    bool added = false;
    if (item != NULL && parent != NULL && !report->out_of_memory) {
        if (key != NULL) cJSON_DeleteItemFromObjectCaseSensitive(parent, key);
        added = key != NULL ? cJSON_AddItemToObject(parent, key, item)
                            : cJSON_AddItemToArray(parent, item);
    }
    if (added) return item;
    cJSON_Delete(item);
    report->out_of_memory = true;
    return NULL;
}

cJSON *nn_report_object(nn_report *report, cJSON *parent, const char *key) {
    return add_item(report, parent, key, cJSON_CreateObject());
}

cJSON *nn_report_array(nn_report *report, cJSON *parent, const char *key) {
    return add_item(report, parent, key, cJSON_CreateArray());
}

static cJSON *create_number(double value) {
    return isfinite(value) ? cJSON_CreateNumber(value) : cJSON_CreateNull();
}

static cJSON *create_text(const char *value) {
    return value != NULL ? cJSON_CreateString(value) : cJSON_CreateNull();
}

void nn_report_set_number(nn_report *report, cJSON *object, const char *key, double value) {
    add_item(report, object, key, create_number(value));
}

void nn_report_set_text(nn_report *report, cJSON *object, const char *key, const char *value) {
    add_item(report, object, key, create_text(value));
}

void nn_report_set_bool(nn_report *report, cJSON *object, const char *key, bool value) {
    add_item(report, object, key, cJSON_CreateBool(value));
}

void nn_report_add_text(nn_report *report, cJSON *array, const char *value) {
    add_item(report, array, NULL, create_text(value));
}

void nn_report_add_number(nn_report *report, cJSON *array, double value) {
    add_item(report, array, NULL, create_number(value));
}
