/* Reports as JSON text, read back from it, and numbers found in them by path. */
#include "base/file.h"
#include "base/memory.h"
#include "engine/report.h"
#include "formats/report_text.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>

enum { MAX_REPORT_BYTES = 256 << 20, MAX_KEY = 128 };

nnopt_status nnopt_report_json(const nnopt_report *report, char **out) {
    if (report == NULL || out == NULL) return nn_fail(NN_USAGE, "no report to print");
    char *printed = cJSON_Print(report->root);
    if (printed == NULL) return nn_fail_memory(1024);
    size_t length = strlen(printed);
    char *text = nn_alloc(length + 2);
    if (text != NULL) {
        memcpy(text, printed, length);
        memcpy(text + length, "\n", 2);
    }
    cJSON_free(printed);
    if (text == NULL) return nn_fail_memory(length + 2);
    *out = text;
    return NN_OK;
}

nnopt_status nnopt_report_load(const char *path, nnopt_report **out) {
    char *text = NULL;
    size_t size = 0;
    if (path == NULL || out == NULL) return nn_fail(NN_USAGE, "no report to load");
    NN_TRY(nn_file_read(path, MAX_REPORT_BYTES, &text, &size));
    cJSON *root = cJSON_ParseWithLengthOpts(text, size, NULL, false);
    nn_free(text);
    double schema = nn_json_number(root, "schema");
    if (!cJSON_IsObject(root) || nn_json_text(root, "kind")[0] == '\0' || isnan(schema)) {
        cJSON_Delete(root);
        return nn_fail(NN_BAD_INPUT, "%s: not a report of nnopt (JSON with 'schema' and 'kind')",
                       path);
    }
    if (schema != NN_REPORT_SCHEMA) {
        cJSON_Delete(root);
        return nn_fail(NN_BAD_INPUT, "%s: report schema %g, this version reads %d", path, schema,
                       NN_REPORT_SCHEMA);
    }
    nnopt_report *report = nn_alloc_zero(sizeof *report);
    if (report == NULL) {
        cJSON_Delete(root);
        return nn_fail_memory(sizeof *report);
    }
    report->root = root;
    *out = report;
    return NN_OK;
}

/* ---- paths ---- */

/* Reads "key" or "[3]" at *at and goes there; NULL with a message when it is not there. */
static const cJSON *step_into(const cJSON *item, const char **at, const char *path) {
    if (**at == '[') {
        char *end = NULL;
        long index = strtol(*at + 1, &end, 10);
        if (!isdigit((unsigned char)(*at)[1]) || *end != ']') {
            nn_fail(NN_USAGE, "path '%s': '[' needs a whole number and ']'", path);
            return NULL;
        }
        *at = end + 1;
        const cJSON *found =
            cJSON_IsArray(item) && index <= INT32_MAX ? cJSON_GetArrayItem(item, (int)index) : NULL;
        if (found == NULL)
            nn_fail(NN_USAGE, "path '%s': the report has no element %ld there", path, index);
        return found;
    }
    char key[MAX_KEY];
    size_t length = strcspn(*at, ".[");
    if (length == 0 || length >= sizeof key) {
        nn_fail(NN_USAGE, "path '%s' must be keys and indices, as 'results[0].latency_ms.median'",
                path);
        return NULL;
    }
    memcpy(key, *at, length);
    key[length] = '\0';
    *at += length;
    const cJSON *found = nn_json_get(item, key);
    if (found == NULL) nn_fail(NN_USAGE, "path '%s': the report has no '%s' there", path, key);
    return found;
}

nnopt_status nnopt_report_number(const nnopt_report *report, const char *path, double *out) {
    if (report == NULL || path == NULL || out == NULL)
        return nn_fail(NN_USAGE, "no report or path to read a number from");
    const cJSON *item = report->root;
    const char *at = path;
    do {
        if (at != path && *at == '.') at++;
        item = step_into(item, &at, path);
        if (item == NULL) return NN_USAGE;
    } while (*at != '\0');
    if (cJSON_IsBool(item)) {
        *out = cJSON_IsTrue(item);
        return NN_OK;
    }
    if (!cJSON_IsNumber(item))
        return nn_fail(NN_USAGE, "path '%s': the report has no number there", path);
    *out = item->valuedouble;
    return NN_OK;
}

nnopt_status nnopt_report_annotate(nnopt_report *report, const char *key, const char *text) {
    if (report == NULL || key == NULL || text == NULL)
        return nn_fail(NN_USAGE, "no report, key or text to annotate");
    cJSON *value = cJSON_CreateString(text);
    if (value == NULL) return nn_fail_memory(strlen(text) + 1);
    cJSON *old = cJSON_DetachItemFromObjectCaseSensitive(report->root, key);
    cJSON_Delete(old);
    if (!cJSON_AddItemToObject(report->root, key, value)) {
        cJSON_Delete(value);
        return nn_fail_memory(strlen(key) + 1);
    }
    return NN_OK;
}
