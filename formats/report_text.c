#include "formats/report_text.h"

#include "base/memory.h"

#include <math.h>

double nn_json_number(const cJSON *object, const char *key) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    return cJSON_IsNumber(item) ? item->valuedouble : NAN;
}

const char *nn_json_text(const cJSON *object, const char *key) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    return cJSON_IsString(item) ? item->valuestring : "";
}

const cJSON *nn_json_get(const cJSON *object, const char *key) {
    return cJSON_GetObjectItemCaseSensitive(object, key);
}

/* ---- outline ---- */

enum { OUTLINE_COLUMNS = 12, OUTLINE_ROWS = 24, OUTLINE_DEPTH = 4, MAX_LIST = 8 };

static bool is_record(const cJSON *item) {
    return cJSON_IsObject(item) && item->child != NULL;
}

/* A scalar, or a list of scalars, in one line. */
static void write_value(nn_writer *writer, const cJSON *item) {
    char figure[NN_FIGURE];
    if (cJSON_IsNumber(item)) {
        double value = item->valuedouble;
        if (value == floor(value) && fabs(value) < 1e15)
            nn_writef(writer, "%.0f", value);
        else
            nn_write(writer, nn_figure(value, figure));
    } else if (cJSON_IsString(item)) {
        nn_write_foreign(writer, item->valuestring);
    } else if (cJSON_IsBool(item)) {
        nn_write(writer, cJSON_IsTrue(item) ? "yes" : "no");
    } else if (cJSON_IsArray(item)) {
        int count = 0;
        for (const cJSON *each = item->child; each != NULL; each = each->next, count++) {
            if (count == MAX_LIST) {
                nn_writef(writer, ", … %d in all", cJSON_GetArraySize(item));
                break;
            }
            if (count > 0) nn_write(writer, ", ");
            write_value(writer, each);
        }
        if (count == 0) nn_write(writer, "none");
    } else if (cJSON_IsObject(item)) {
        const char *separator = "";
        for (const cJSON *each = item->child; each != NULL; each = each->next) {
            nn_writef(writer, "%s%s ", separator, each->string);
            write_value(writer, each);
            separator = ", ";
        }
    } else {
        nn_write(writer, "-");
    }
}

/* Of names the end tells most, of prose the start. */
static bool is_name(const char *key) {
    static const char *const keys[] = {"node", "name", "model", "path", "kernel", "output"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (strcmp(key, keys[i]) == 0) return true;
    return false;
}

static void write_table(nn_text_page *page, const cJSON *array, int indent) {
    nn_column columns[OUTLINE_COLUMNS];
    nn_table table;
    int count = 0, rows = cJSON_GetArraySize(array), shown = 0;
    for (const cJSON *key = array->child->child; key != NULL && count < OUTLINE_COLUMNS;
         key = key->next) {
        if (is_record(key)) continue;
        columns[count] = (nn_column){.title = key->string,
                                     .right = cJSON_IsNumber(key),
                                     .flexible = !cJSON_IsNumber(key),
                                     .cut_end = !is_name(key->string),
                                     .priority = count};
        count++;
    }
    if (count == 0) return;
    nn_table_init(&table, columns, count);
    for (const cJSON *row = array->child; row != NULL; row = row->next) {
        if (!page->all && shown == OUTLINE_ROWS) break;
        shown++;
        for (int c = 0; c < count; c++) {
            const cJSON *item = nn_json_get(row, columns[c].title);
            nn_writer cell = {0};
            char *text = NULL;
            if (item != NULL) write_value(&cell, item);
            if (nn_writer_finish(&cell, &text) != NN_OK) page->writer.out_of_memory = true;
            nn_table_add(&table, text);
            nn_free(text);
        }
    }
    nn_table_write(&table, &page->writer, indent, page->columns);
    if (shown < rows) nn_writef(&page->writer, "%*s… %d more (--all)\n", indent, "", rows - shown);
}

static void write_outline(nn_text_page *page, const cJSON *object, int indent, int depth) {
    nn_writer *writer = &page->writer;
    int longest = 0;
    for (const cJSON *item = object->child; item != NULL; item = item->next)
        if (nn_text_width(item->string) > longest) longest = nn_text_width(item->string);
    for (const cJSON *item = object->child; item != NULL; item = item->next) {
        if (cJSON_IsArray(item) && is_record(item->child)) {
            nn_writef(writer, "\n%*s%s\n", indent, "", item->string);
            write_table(page, item, indent + 2);
        } else if (is_record(item) && depth < OUTLINE_DEPTH) {
            nn_writef(writer, "%*s%s\n", indent, "", item->string);
            write_outline(page, item, indent + 2, depth + 1);
        } else {
            nn_writef(writer, "%*s%-*s  ", indent, "", longest, item->string);
            write_value(writer, item);
            nn_write(writer, "\n");
        }
    }
}

static bool is_head(const char *key) {
    static const char *const keys[] = {"schema", "kind", "nnopt", "date", "machine", "command"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (strcmp(key, keys[i]) == 0) return true;
    return false;
}

void nn_text_records(nn_text_page *page, const cJSON *array, int indent) {
    if (cJSON_IsArray(array) && is_record(array->child)) write_table(page, array, indent);
}

void nn_text_outline(nn_text_page *page, const cJSON *object) {
    cJSON body = {.type = cJSON_Object};
    cJSON *copy = cJSON_Duplicate(object, true);
    if (copy == NULL) {
        page->writer.out_of_memory = true;
        return;
    }
    for (cJSON *item = copy->child, *next; item != NULL; item = next) {
        next = item->next;
        if (item->string != NULL && is_head(item->string))
            cJSON_Delete(cJSON_DetachItemViaPointer(copy, item));
    }
    body.child = copy->child;
    write_outline(page, &body, 0, 0);
    cJSON_Delete(copy);
}

/* A list is asked for to be read whole. */
void nn_text_list(nn_text_page *page, const cJSON *report) {
    page->all = true;
    nn_text_outline(page, report);
    const cJSON *op;
    cJSON_ArrayForEach(op, nn_json_get(report, "ops")) {
        if (!cJSON_IsString(nn_json_get(op, "absent"))) continue;
        nn_writef(&page->writer, "\n  %s cannot run here: %s was %s when nnopt was built\n",
                  nn_json_text(op, "op"), nn_json_text(op, "library"), nn_json_text(op, "absent"));
    }
}

/* ---- shared parts ---- */

void nn_text_subject(nn_text_page *page, const cJSON *record, const cJSON *machine) {
    nn_writer *writer = &page->writer;
    double batch = nn_json_number(record, "batch"), threads = nn_json_number(record, "threads");
    nn_write_styled(writer, NN_STYLE_BOLD, nn_json_text(record, "model"));
    const char *device = nn_json_text(record, "device_name");
    if (device[0] != '\0')
        nn_writef(writer, "   batch %.0f, %s on %s", batch, nn_json_text(record, "precision"),
                  device);
    else
        nn_writef(writer, "   batch %.0f, %.0f thread%s, %s, %s", batch, threads,
                  threads == 1 ? "" : "s", nn_json_text(record, "precision"),
                  nn_json_text(record, "isa"));
    const char *blas = nn_json_text(machine, "blas");
    if (blas[0] != '\0') nn_writef(writer, ", %s", blas);
    nn_write(writer, "\n");
}

void nn_text_precision(nn_text_page *page, const cJSON *record) {
    const cJSON *output;
    char a[NN_FIGURE], b[NN_FIGURE];
    cJSON_ArrayForEach(output, nn_json_get(record, "precision_difference")) {
        nn_writef(&page->writer, "%s changes '%s' by at most %s, %s %% of its range\n",
                  nn_json_text(record, "precision"), nn_json_text(output, "output"),
                  nn_figure(nn_json_number(output, "max_abs"), a),
                  nn_figure(100 * nn_json_number(output, "relative"), b));
    }
}

nnopt_status nnopt_report_text(const nnopt_report *report, int columns, bool all, bool colour,
                               char **out) {
    static const struct {
        const char *kind;
        nn_text_renderer *render;
    } renderers[] = {
#define NN_REPORT_TEXT(kind, function) {kind, function},
#include "formats/report_text_table.def"
#undef NN_REPORT_TEXT
    };
    if (report == NULL || out == NULL) return nn_fail(NN_USAGE, "no report to render");
    nn_text_page page = {
        .writer = {.colour = colour}, .columns = columns < 40 ? 40 : columns, .all = all};
    nn_text_renderer *render = nn_text_outline;
    const char *kind = nn_json_text(report->root, "kind");
    for (size_t i = 0; i < sizeof renderers / sizeof *renderers; i++)
        if (strcmp(renderers[i].kind, kind) == 0) render = renderers[i].render;
    render(&page, report->root);
    return nn_writer_finish(&page.writer, out);
}

void nnopt_text_destroy(char *text) {
    nn_free(text);
}
