#include "formats/report_text.h"

#include "base/memory.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* The table shows the rows that make this part of the time. */
static const double shown_fraction = 0.9;
static const double mentioned_share = 0.05;
/* More than this outside of the nodes is not dispatch but the state of the machine. */
static const double noisy_share = 0.15;
enum { TEXT_INDENT = 13 };

/* What the device did and in which state it was. */
static void write_device(nn_text_page *page, const cJSON *report, const cJSON *device) {
    char a[NN_FIGURE], b[NN_FIGURE], c[NN_FIGURE], d[NN_FIGURE], line[256];
    snprintf(line, sizeof line, "%s GFLOP/s; kernels %s ms, copies %s ms; started one by one %s ms",
             nn_figure(nn_json_number(report, "gflops"), a),
             nn_figure(nn_json_number(device, "kernels_ms"), b),
             nn_figure(nn_json_number(device, "copies_ms"), c),
             nn_figure(nn_json_number(device, "launched_ms"), d));
    nn_write_wrapped(&page->writer, line, 0, page->columns);
    size_t used = (size_t)snprintf(line, sizeof line, "%s of its memory in use by the plan",
                                   nn_figure_bytes(nn_json_number(device, "slab_bytes"), a));
    static const struct {
        const char *key, *unit;
    } sensors[] = {{"clock_mhz", "MHz"}, {"power_watts", "W"}, {"temperature_celsius", "°C"}};
    for (size_t i = 0; i < sizeof sensors / sizeof *sensors && used < sizeof line; i++) {
        double value = nn_json_number(device, sensors[i].key);
        if (!isnan(value))
            used += (size_t)snprintf(line + used, sizeof line - used, ", %.0f %s", value,
                                     sensors[i].unit);
    }
    nn_write_wrapped(&page->writer, line, 0, page->columns);
}

static void write_head(nn_text_page *page, const cJSON *report) {
    nn_writer *writer = &page->writer;
    const cJSON *latency = nn_json_get(report, "latency_ms");
    double threads = nn_json_number(report, "threads");
    char a[NN_FIGURE], b[NN_FIGURE], c[NN_FIGURE], d[NN_FIGURE], total[NN_FIGURE], line[256];
    nn_text_subject(page, report, nn_json_get(report, "machine"));
    nn_write_styled(writer, NN_STYLE_BOLD, nn_figure(nn_json_number(report, "total_ms"), total));
    snprintf(line, sizeof line, "ms median (95 %%: %s .. %s, %.0f runs), %s samples/s, %sMACs",
             nn_figure(nn_json_number(latency, "low"), a),
             nn_figure(nn_json_number(latency, "high"), b), nn_json_number(report, "runs"),
             nn_figure(nn_json_number(report, "throughput"), c),
             nn_figure_count(nn_json_number(report, "macs"), d));
    nn_write(writer, " ");
    nn_write_wrapped(writer, line, nn_text_width(total) + 1, page->columns);
    const cJSON *device = nn_json_get(report, "device_run");
    if (device != NULL) {
        write_device(page, report, device);
    } else {
        snprintf(line, sizeof line, "%s GFLOP/s = %.0f %% of the fp32 peak of %s, memory %s",
                 nn_figure(nn_json_number(report, "gflops"), a),
                 100 * nn_json_number(report, "peak_fraction"),
                 threads == 1 ? "one core" : "the cores in use",
                 nn_figure_bytes(nn_json_number(report, "peak_memory_bytes"), b));
        nn_write_wrapped(writer, line, 0, page->columns);
    }
    nn_text_precision(page, report);
}

/* ---- bottlenecks ---- */

static void write_labelled(nn_text_page *page, const char *label, const char *text) {
    nn_writef(&page->writer, "  %-*s", TEXT_INDENT - 2, label);
    nn_write_wrapped(&page->writer, text, TEXT_INDENT, page->columns);
}

static void write_bottleneck(nn_text_page *page, const cJSON *item, bool is_first) {
    nn_writer line = {0};
    char *text = NULL;
    const cJSON *nodes = nn_json_get(item, "nodes"), *advice = nn_json_get(item, "advice");
    char title[128], class[64];
    snprintf(class, sizeof class, "%s", nn_json_text(item, "class"));
    for (char *c = class; *c != '\0'; c++)
        if (*c == '_') *c = ' ';
    snprintf(title, sizeof title, "%s %s (%.0f %% of the time)",
             is_first ? "Bottleneck:" : "Also:", class, 100 * nn_json_number(item, "share"));
    nn_write(&page->writer, is_first ? "\n" : "");
    nn_write_styled(&page->writer, NN_STYLE_BOLD, title);
    nn_write(&page->writer, "\n");
    write_labelled(page, "evidence", nn_json_text(nn_json_get(item, "evidence"), "text"));
    for (const cJSON *node = nodes->child; node != NULL; node = node->next)
        nn_writef(&line, "%s%s", node == nodes->child ? "" : ", ", node->valuestring);
    if (nn_writer_finish(&line, &text) != NN_OK) page->writer.out_of_memory = true;
    if (text != NULL && text[0] != '\0') write_labelled(page, "nodes", text);
    nn_free(text);
    write_labelled(page, cJSON_IsTrue(nn_json_get(item, "confirmed")) ? "confirmed" : "experiment",
                   nn_json_text(nn_json_get(item, "experiment"), "text"));
    for (const cJSON *entry = advice->child; entry != NULL; entry = entry->next)
        write_labelled(page, entry == advice->child ? "next" : "", nn_json_text(entry, "text"));
}

static void write_bottlenecks(nn_text_page *page, const cJSON *bottlenecks) {
    for (const cJSON *item = bottlenecks->child; item != NULL; item = item->next) {
        bool is_first = item == bottlenecks->child;
        double share = nn_json_number(item, "share");
        if (is_first || share >= mentioned_share || page->all)
            write_bottleneck(page, item, is_first);
    }
}

/* ---- nodes ---- */

static int compare_times(const void *a, const void *b) {
    double x = nn_json_number(*(const cJSON *const *)a, "ms");
    double y = nn_json_number(*(const cJSON *const *)b, "ms");
    return (x < y) - (x > y);
}

static void add_row(nn_table *table, const cJSON *node, bool has_idle) {
    char a[NN_FIGURE];
    nn_table_add(table, nn_figure(nn_json_number(node, "ms"), a));
    nn_table_add(table, nn_figure_percent(nn_json_number(node, "share"), a));
    nn_table_add(table, nn_json_text(node, "node"));
    nn_table_add(table, nn_json_text(node, "op"));
    nn_table_add(table, nn_json_text(node, "shape"));
    nn_table_add(table, nn_json_text(node, "kernel"));
    nn_table_add(table, nn_json_text(node, "variant"));
    nn_table_add(table, nn_json_text(node, "chosen_by"));
    nn_table_add(table, nn_figure_count(nn_json_number(node, "macs"), a));
    nn_table_add(table, nn_figure_bytes(nn_json_number(node, "bytes_read") +
                                            nn_json_number(node, "bytes_written"),
                                        a));
    nn_table_add(table, nn_figure(nn_json_number(node, "gflops"), a));
    nn_table_add(table, nn_figure(nn_json_number(node, "gbps"), a));
    if (has_idle) nn_table_addf(table, "%.0f %%", 100 * nn_json_number(node, "idle"));
    nn_table_addf(table, "%.0f %%", 100 * nn_json_number(node, "roof_fraction"));
    nn_table_add(table, nn_json_text(node, "bound"));
}

/* All columns but one (-1: all of them). */
static int choose_columns(const nn_column *columns, int count, int without, nn_column *out) {
    int chosen = 0;
    for (int i = 0; i < count; i++)
        if (i != without) out[chosen++] = columns[i];
    return chosen;
}

static void write_nodes(nn_text_page *page, const cJSON *report) {
    static const nn_column columns[] = {
        {"ms", true, false, false, 0},      {"share", true, false, false, 0},
        {"node", false, true, false, 0},    {"op", false, false, false, 3},
        {"shape", false, true, false, 4},   {"kernel", false, true, false, 2},
        {"variant", false, true, false, 9}, {"chosen by", false, true, true, 10},
        {"MACs", true, false, false, 6},    {"bytes", true, false, false, 7},
        {"GFLOP/s", true, false, false, 5}, {"GB/s", true, false, false, 8},
        {"idle", true, false, false, 2},    {"of roof", true, false, false, 1},
        {"bound", false, false, false, 2},
    };
    enum { IDLE = 12, COUNT = sizeof columns / sizeof *columns };
    nn_column shown_columns[COUNT];
    const cJSON *nodes = nn_json_get(report, "nodes"), *profiler = nn_json_get(report, "profiler");
    int count = cJSON_GetArraySize(nodes), shown = 0;
    double total = nn_json_number(report, "total_ms"), sum = 0, rows = 0;
    char a[NN_FIGURE], b[NN_FIGURE];
    nn_table table;
    const cJSON **sorted = count > 0 ? nn_alloc((size_t)count * sizeof *sorted) : NULL;
    if (sorted == NULL) {
        page->writer.out_of_memory = page->writer.out_of_memory || count > 0;
        return;
    }
    int index = 0;
    bool has_idle = false, is_above_roof = false;
    for (const cJSON *node = nodes->child; node != NULL; node = node->next) {
        sorted[index++] = node;
        rows += nn_json_number(node, "ms");
        has_idle = has_idle || nn_json_get(node, "idle") != NULL;
    }
    if (!page->all) qsort(sorted, (size_t)count, sizeof *sorted, compare_times);
    const int column_count = choose_columns(columns, COUNT, has_idle ? -1 : IDLE, shown_columns);
    nn_table_init(&table, shown_columns, column_count);
    for (; shown < count && (page->all || sum < shown_fraction * rows); shown++) {
        add_row(&table, sorted[shown], has_idle);
        sum += nn_json_number(sorted[shown], "ms");
        is_above_roof =
            is_above_roof || nn_json_number(sorted[shown], "roof_fraction") > NN_ABOVE_ROOF;
    }
    nn_free(sorted);
    nn_write(&page->writer, "\n");
    nn_table_write(&table, &page->writer, 1, page->columns);
    if (shown < count)
        nn_writef(&page->writer, " %s  %.1f %%  %d more nodes (--all)\n", nn_figure(rows - sum, a),
                  100 * (rows - sum) / total, count - shown);
    double rest = nn_json_number(report, "unattributed_ms");
    nn_writef(&page->writer, " %s  %.1f %%  unattributed: %s ms between steps, the rest noise\n",
              nn_figure(rest, a), 100 * rest / total,
              nn_figure(nn_json_number(profiler, "between_ms"), b));
    if (is_above_roof) nn_write_wrapped(&page->writer, NN_ABOVE_ROOF_TEXT, 0, page->columns);
    if (fabs(rest) > noisy_share * total)
        nn_write_wrapped(&page->writer,
                         "Runs differ this much when other processes use the cores: measure again "
                         "on a quieter machine, or with --threads 1.",
                         0, page->columns);
}

void nn_text_profile(nn_text_page *page, const cJSON *report) {
    const cJSON *bottlenecks = nn_json_get(report, "bottlenecks");
    write_head(page, report);
    if (cJSON_IsArray(bottlenecks)) write_bottlenecks(page, bottlenecks);
    write_nodes(page, report);
}
