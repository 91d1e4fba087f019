#include "formats/report_text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { SHOWN_OPS = 24, SHAPE_TEXT = 256 };

/* "1 x 3 x H x W", "scalar", "?" */
static const char *shape_text(const cJSON *shape, char *buffer, size_t size) {
    if (!cJSON_IsArray(shape)) return "shape not known";
    if (shape->child == NULL) return "scalar";
    size_t used = 0;
    buffer[0] = '\0';
    for (const cJSON *dim = shape->child; dim != NULL && used < size; dim = dim->next) {
        const char *separator = dim == shape->child ? "" : " x ";
        int written;
        if (cJSON_IsNumber(dim))
            written = snprintf(buffer + used, size - used, "%s%.0f", separator, dim->valuedouble);
        else
            written = snprintf(buffer + used, size - used, "%s%.64s", separator,
                               cJSON_IsString(dim) ? dim->valuestring : "?");
        used += (size_t)written;
    }
    return buffer;
}

static void add_values(nn_table *table, const char *title, const cJSON *list) {
    for (const cJSON *value = list->child; value != NULL; value = value->next) {
        char shape[SHAPE_TEXT];
        nn_table_add(table, title);
        nn_table_add(table, nn_json_text(value, "name"));
        nn_table_add(table, nn_json_text(value, "type"));
        nn_table_add(table, shape_text(nn_json_get(value, "shape"), shape, sizeof shape));
    }
}

static void write_interface(nn_text_page *page, const cJSON *report) {
    static const nn_column columns[] = {
        {.title = ""}, {.title = "name", .flexible = true}, {.title = "type"}, {.title = "shape"}};
    nn_table table;
    nn_table_init(&table, columns, 4);
    add_values(&table, "input", nn_json_get(report, "inputs"));
    add_values(&table, "output", nn_json_get(report, "outputs"));
    nn_table_write(&table, &page->writer, 0, page->columns);
}

static void write_head(nn_text_page *page, const cJSON *report) {
    nn_writer *writer = &page->writer;
    char bytes[NN_FIGURE];
    const char *path = nn_json_text(report, "path");
    nn_write_styled(writer, NN_STYLE_BOLD, path[0] != '\0' ? path : "model in memory");
    nn_writef(writer, "   %s, IR %.0f, opset",
              nn_figure_bytes(nn_json_number(report, "file_bytes"), bytes),
              nn_json_number(report, "ir_version"));
    const cJSON *opsets = nn_json_get(report, "opsets");
    for (const cJSON *opset = opsets->child; opset != NULL; opset = opset->next) {
        nn_writef(writer, "%s ", opset == opsets->child ? "" : ",");
        nn_write_foreign(writer, nn_json_text(opset, "domain"));
        nn_writef(writer, " %.0f", nn_json_number(opset, "version"));
    }
    if (nn_json_text(report, "producer")[0] != '\0') {
        nn_write(writer, ", made by ");
        nn_write_foreign(writer, nn_json_text(report, "producer"));
        if (nn_json_text(report, "producer_version")[0] != '\0') nn_write(writer, " ");
        nn_write_foreign(writer, nn_json_text(report, "producer_version"));
    }
    nn_write(writer, "\n\n");
}

static void write_work(nn_text_page *page, const cJSON *report) {
    nn_writer *writer = &page->writer;
    char figure[NN_FIGURE], shape[SHAPE_TEXT];
    nn_writef(writer, "\n%.0f nodes, %.0f parameters", nn_json_number(report, "nodes"),
              nn_json_number(report, "params"));
    nn_writef(writer, " (%s)", nn_figure_bytes(nn_json_number(report, "param_bytes"), figure));
    double macs = nn_json_number(report, "macs");
    if (isnan(macs)) {
        nn_writef(writer, "; the work is not known: %.0f nodes have open shapes",
                  nn_json_number(report, "nodes_of_unknown_shape"));
        nn_write(writer, " (--dim or --shapes may close them)");
    } else {
        nn_writef(writer, ", %s multiply-accumulates", nn_figure_count(macs, figure));
        const char *separator = " for ";
        const cJSON *inputs = nn_json_get(report, "macs_inputs");
        for (const cJSON *input = inputs->child; input != NULL; input = input->next) {
            nn_write(writer, separator);
            nn_write_foreign(writer, nn_json_text(input, "name"));
            nn_write(writer, " ");
            nn_write_foreign(writer, shape_text(nn_json_get(input, "shape"), shape, sizeof shape));
            separator = ", ";
        }
    }
    nn_write(writer, "\n\n");
}

static void write_ops(nn_text_page *page, const cJSON *report) {
    static const nn_column columns[] = {{.title = "operator", .flexible = true},
                                        {.title = "nodes", .right = true},
                                        {.title = "MACs", .right = true},
                                        {.title = "share", .right = true}};
    const cJSON *ops = nn_json_get(report, "ops");
    double total = nn_json_number(report, "macs");
    int shown = 0, count = cJSON_GetArraySize(ops);
    nn_table table;
    nn_table_init(&table, columns, 4);
    for (const cJSON *op = ops->child; op != NULL; op = op->next) {
        char macs[NN_FIGURE], share[NN_FIGURE];
        if (!page->all && shown == SHOWN_OPS) break;
        shown++;
        double work = nn_json_number(op, "macs");
        bool is_default = strcmp(nn_json_text(op, "domain"), "ai.onnx") == 0;
        nn_table_addf(&table, "%s%s%s", is_default ? "" : nn_json_text(op, "domain"),
                      is_default ? "" : ".", nn_json_text(op, "op"));
        nn_table_addf(&table, "%.0f", nn_json_number(op, "count"));
        nn_table_add(&table, work > 0 ? nn_figure_count(work, macs) : "");
        nn_table_add(&table, work > 0 && total > 0 ? nn_figure_percent(work / total, share) : "");
    }
    nn_table_write(&table, &page->writer, 0, page->columns);
    if (shown < count) nn_writef(&page->writer, "… %d more (--all)\n", count - shown);
}

static void write_unsupported(nn_text_page *page, const cJSON *report) {
    nn_writer *writer = &page->writer;
    const cJSON *list = nn_json_get(report, "unsupported");
    if (list->child == NULL) {
        nn_write(writer, "\nevery operator can run here\n");
        return;
    }
    nn_write(writer, "\n");
    nn_write_styled(writer, NN_STYLE_BAD, "cannot run here:");
    nn_write(writer, "\n");
    for (const cJSON *op = list->child; op != NULL; op = op->next) {
        nn_write(writer, "  '");
        nn_write_foreign(writer, nn_json_text(op, "op"));
        nn_write(writer, "' (domain '");
        nn_write_foreign(writer, nn_json_text(op, "domain"));
        nn_writef(writer, "', opset %.0f) at node '", nn_json_number(op, "opset"));
        nn_write_foreign(writer, nn_json_text(op, "node"));
        nn_write(writer, "'");
        if (nn_json_number(op, "count") > 1)
            nn_writef(writer, " and %.0f more", nn_json_number(op, "count") - 1);
        nn_write(writer, ": ");
        nn_write_foreign(writer, nn_json_text(op, "reason"));
        nn_write(writer, "\n");
    }
}

void nn_text_inspect(nn_text_page *page, const cJSON *report) {
    write_head(page, report);
    write_interface(page, report);
    write_work(page, report);
    write_ops(page, report);
    write_unsupported(page, report);
}
