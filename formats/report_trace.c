/* Chrome trace events (read by Perfetto and chrome://tracing): the nodes of a profile one after the
 * other, with their facts as arguments, and the live memory as a counter. */
#include "formats/report_text.h"
#include "formats/report_write.h"

#include "base/memory.h"

#include <math.h>

/* All adders return false after a failed allocation. */
static bool add_event(cJSON *events, const char *name, const char *phase, double microseconds,
                      cJSON **out) {
    cJSON *event = cJSON_CreateObject();
    if (event == NULL || !cJSON_AddItemToArray(events, event)) {
        cJSON_Delete(event);
        return false;
    }
    *out = event;
    return cJSON_AddStringToObject(event, "name", name) &&
           cJSON_AddStringToObject(event, "ph", phase) &&
           cJSON_AddNumberToObject(event, "ts", microseconds) &&
           cJSON_AddNumberToObject(event, "pid", 1) && cJSON_AddNumberToObject(event, "tid", 1);
}

static bool add_name(cJSON *events, const char *what, const char *name) {
    cJSON *event, *arguments;
    return add_event(events, what, "M", 0, &event) &&
           (arguments = cJSON_AddObjectToObject(event, "args")) != NULL &&
           cJSON_AddStringToObject(arguments, "name", name);
}

static bool add_node(cJSON *events, const cJSON *node, double start, double duration) {
    cJSON *event;
    if (!add_event(events, nn_json_text(node, "node"), "X", start, &event) ||
        !cJSON_AddNumberToObject(event, "dur", duration) ||
        !cJSON_AddStringToObject(event, "cat", nn_json_text(node, "op")))
        return false;
    cJSON *arguments = cJSON_Duplicate(node, true);
    if (arguments == NULL || !cJSON_AddItemToObject(event, "args", arguments)) {
        cJSON_Delete(arguments);
        return false;
    }
    return true;
}

static bool add_memory(cJSON *events, double start, double live_bytes) {
    cJSON *event, *arguments;
    if (isnan(live_bytes)) return true;
    return add_event(events, "live memory", "C", start, &event) &&
           (arguments = cJSON_AddObjectToObject(event, "args")) != NULL &&
           cJSON_AddNumberToObject(arguments, "bytes", live_bytes);
}

static bool build_trace(const cJSON *report, cJSON *trace) {
    cJSON *events = cJSON_AddArrayToObject(trace, "traceEvents");
    double at = 0;
    if (events == NULL || cJSON_AddStringToObject(trace, "displayTimeUnit", "ms") == NULL ||
        !add_name(events, "process_name", nn_json_text(report, "model")) ||
        !add_name(events, "thread_name", "nodes (median times)"))
        return false;
    for (const cJSON *node = nn_json_get(report, "nodes")->child; node != NULL; node = node->next) {
        double duration = 1e3 * nn_json_number(node, "ms");
        if (!(duration > 0)) duration = 0;
        if (!add_node(events, node, at, duration) ||
            !add_memory(events, at, nn_json_number(node, "live_bytes")))
            return false;
        at += duration;
    }
    return true;
}

nn_status nn_report_write_trace(const nn_report *report, char **out) {
    if (!cJSON_IsArray(nn_json_get(report->root, "nodes")))
        return nn_fail(NN_UNSUPPORTED, "a report of '%s' has no timeline to write as a trace",
                       nn_json_text(report->root, "kind"));
    cJSON *trace = cJSON_CreateObject();
    char *printed = NULL;
    if (trace != NULL && build_trace(report->root, trace)) printed = cJSON_PrintUnformatted(trace);
    cJSON_Delete(trace);
    if (printed == NULL) return nn_fail_memory(1024);
    *out = nn_strdup(printed);
    cJSON_free(printed);
    return *out != NULL ? NN_OK : nn_fail_memory(1024);
}
