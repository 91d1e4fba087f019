/* The main table of a report as CSV (RFC 4180): one line per record, nested records as dotted
 * columns. */
#include "formats/report_text.h"
#include "formats/report_write.h"

#include "base/memory.h"

/* The arrays that hold what a report is about, by kind of report they occur in. */
static const char *const table_keys[] = {"nodes",  "results", "rows", "cases",   "candidates",
                                         "points", "changes", "ops",  "kernels", "bottlenecks"};

typedef struct csv_columns {
    char **paths; /* "latency_ms.median" */
    int64_t count, capacity;
    bool out_of_memory;
} csv_columns;

static const cJSON *find_table(const cJSON *root) {
    for (size_t i = 0; i < sizeof table_keys / sizeof *table_keys; i++) {
        const cJSON *array = nn_json_get(root, table_keys[i]);
        if (cJSON_IsArray(array) && cJSON_IsObject(array->child)) return array;
    }
    return NULL;
}

static void add_column(csv_columns *columns, const char *path) {
    for (int64_t i = 0; i < columns->count; i++)
        if (strcmp(columns->paths[i], path) == 0) return;
    char *copy = nn_strdup(path);
    if (copy == NULL || !NN_GROW(columns->paths, columns->count, columns->capacity)) {
        nn_free(copy);
        columns->out_of_memory = true;
        return;
    }
    columns->paths[columns->count++] = copy;
}

static void collect_columns(csv_columns *columns, const cJSON *record, const char *prefix,
                            int depth) {
    for (const cJSON *item = record->child; item != NULL; item = item->next) {
        char *path = nn_format("%s%s%s", prefix, prefix[0] ? "." : "", item->string);
        if (path == NULL) {
            columns->out_of_memory = true;
            return;
        }
        if (cJSON_IsObject(item) && depth < 3)
            collect_columns(columns, item, path, depth + 1);
        else
            add_column(columns, path);
        nn_free(path);
    }
}

static const cJSON *follow(const cJSON *record, const char *path) {
    char key[256];
    while (record != NULL) {
        size_t length = strcspn(path, ".");
        if (length >= sizeof key) return NULL;
        memcpy(key, path, length);
        key[length] = '\0';
        record = nn_json_get(record, key);
        if (path[length] == '\0') return record;
        path += length + 1;
    }
    return NULL;
}

static void write_quoted(nn_writer *writer, const char *text) {
    bool plain = strpbrk(text, ",\"\r\n") == NULL;
    if (plain) {
        nn_write(writer, text);
        return;
    }
    nn_write(writer, "\"");
    for (; *text != '\0'; text++) nn_writef(writer, *text == '"' ? "\"\"" : "%c", *text);
    nn_write(writer, "\"");
}

static void write_scalar(nn_writer *writer, const cJSON *item) {
    if (cJSON_IsNumber(item))
        nn_writef(writer, "%.10g", item->valuedouble);
    else if (cJSON_IsString(item))
        nn_write(writer, item->valuestring);
    else if (cJSON_IsBool(item))
        nn_write(writer, cJSON_IsTrue(item) ? "true" : "false");
}

static void write_cell(nn_writer *writer, const cJSON *item) {
    nn_writer cell = {0};
    char *text = NULL;
    if (cJSON_IsArray(item)) {
        for (const cJSON *each = item->child; each != NULL; each = each->next) {
            write_scalar(&cell, each);
            if (each->next != NULL) nn_write(&cell, ";");
        }
    } else if (item != NULL) {
        write_scalar(&cell, item);
    }
    if (nn_writer_finish(&cell, &text) != NN_OK)
        writer->out_of_memory = true;
    else
        write_quoted(writer, text);
    nn_free(text);
}

nn_status nn_report_write_csv(const nn_report *report, char **out) {
    const cJSON *table = find_table(report->root);
    if (table == NULL)
        return nn_fail(NN_UNSUPPORTED, "a report of '%s' has no table to write as CSV",
                       nn_json_text(report->root, "kind"));
    nn_writer writer = {0};
    csv_columns columns = {0};
    for (const cJSON *row = table->child; row != NULL; row = row->next)
        collect_columns(&columns, row, "", 0);
    for (int64_t c = 0; c < columns.count; c++) {
        if (c > 0) nn_write(&writer, ",");
        write_quoted(&writer, columns.paths[c]);
    }
    nn_write(&writer, "\n");
    for (const cJSON *row = table->child; row != NULL; row = row->next) {
        for (int64_t c = 0; c < columns.count; c++) {
            if (c > 0) nn_write(&writer, ",");
            write_cell(&writer, follow(row, columns.paths[c]));
        }
        nn_write(&writer, "\n");
    }
    for (int64_t c = 0; c < columns.count; c++) nn_free(columns.paths[c]);
    nn_free(columns.paths);
    if (columns.out_of_memory) writer.out_of_memory = true;
    return nn_writer_finish(&writer, out);
}
