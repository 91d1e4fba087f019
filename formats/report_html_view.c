/* What the page shows, from the JSON of any kind of report: variants and rows. */
#include "formats/report_html.h"

#include "base/memory.h"

#include <math.h>
#include <stdlib.h>

/* A page holds so many cells of rows at most, so that it stays small; the rows that take least
 * time are left out and counted. */
enum { MAX_CELLS = 1100, MAX_ROWS = 600, MAX_PRINTED = 20 };
static const double top_share = 0.9;

/* ---- variants and rows ---- */

static nn_op_kind find_kind(const cJSON *record) {
    const char *name = nn_json_text(record, "kind");
    for (int kind = 0; kind < NN_KIND_COUNT; kind++)
        if (strcmp(name, nn_op_kind_name((nn_op_kind)kind)) == 0) return (nn_op_kind)kind;
    return NN_KIND_OTHER;
}

static double median_of(const cJSON *record) {
    double median = nn_json_number(nn_json_get(record, "latency_ms"), "median");
    return isnan(median) ? nn_json_number(record, "total_ms") : median;
}

static void add_variant(nn_html_page *page, const cJSON *record) {
    if (page->variant_count == NN_HTML_MAX_VARIANTS) return;
    page->variants[page->variant_count++] =
        (nn_html_variant){.record = record,
                          .name = nn_json_text(record, "model"),
                          .total_ms = median_of(record),
                          .unattributed_ms = nn_json_number(record, "unattributed_ms")};
}

/* The model that `best` names, else the fastest. */
static int find_after(const nn_html_page *page) {
    int fastest = page->variant_count > 1 ? 1 : 0;
    double best = nn_json_number(nn_json_get(page->root, "best"), "model_index");
    if (best >= 0 && best < page->variant_count) return (int)best;
    for (int v = 2; v < page->variant_count; v++)
        if (page->variants[v].total_ms < page->variants[fastest].total_ms) fastest = v;
    return fastest;
}

static bool add_row(nn_html_page *page, int64_t *capacity, const cJSON *record) {
    if (!NN_GROW(page->rows, page->row_count, *capacity)) return false;
    nn_html_row *row = &page->rows[page->row_count++];
    *row = (nn_html_row){
        .record = record, .node = nn_json_text(record, "node"), .op = nn_json_text(record, "op")};
    const cJSON *cells = nn_json_get(record, "models");
    if (!cJSON_IsArray(cells)) {
        row->cells[0] = record;
    } else {
        const cJSON *cell = cells->child;
        for (int v = 0; v < page->variant_count && cell != NULL; v++, cell = cell->next)
            if (cJSON_IsObject(cell)) row->cells[v] = cell;
    }
    for (int v = page->variant_count - 1; v >= 0; v--) {
        double ms = nn_html_cell(row, v, "ms");
        if (ms > row->ms) row->ms = ms;
        if (row->cells[v] != NULL) row->kind = find_kind(row->cells[v]);
    }
    return true;
}

static int compare_weights(const void *a, const void *b) {
    const nn_html_row *left = *(nn_html_row *const *)a, *right = *(nn_html_row *const *)b;
    if (left->ms != right->ms) return left->ms < right->ms ? 1 : -1;
    return left < right ? -1 : left > right;
}

/* Marks the rows that make most of the time, and those that the page has no room for. */
static nn_status weigh_rows(nn_html_page *page) {
    int64_t limit = MAX_CELLS / (page->variant_count > 0 ? page->variant_count : 1);
    if (limit > MAX_ROWS) limit = MAX_ROWS;
    if (page->row_count == 0) return NN_OK;
    nn_html_row **order = nn_alloc((size_t)page->row_count * sizeof *order);
    if (order == NULL) return nn_fail_memory((size_t)page->row_count * sizeof *order);
    double total = 0, sum = 0;
    for (int64_t i = 0; i < page->row_count; i++) {
        order[i] = &page->rows[i];
        total += page->rows[i].ms;
    }
    qsort(order, (size_t)page->row_count, sizeof *order, compare_weights);
    for (int64_t i = 0; i < page->row_count; i++) {
        order[i]->is_top = sum < top_share * total;
        order[i]->is_printed = order[i]->is_top && i < MAX_PRINTED;
        order[i]->id = i < limit ? 0 : -1;
        page->top_count += order[i]->is_top;
        sum += order[i]->ms;
    }
    page->left_out_count = page->row_count > limit ? page->row_count - limit : 0;
    for (int64_t i = 0, id = 0; i < page->row_count; i++)
        if (page->rows[i].id == 0) page->rows[i].id = (int)id++;
    nn_free(order);
    return NN_OK;
}

nn_status nn_html_page_init(nn_html_page *page, const cJSON *root) {
    *page = (nn_html_page){.root = root};
    const cJSON *models = nn_json_get(root, "models"), *rows = nn_json_get(root, "rows");
    if (cJSON_IsArray(models)) {
        for (const cJSON *model = models->child; model != NULL; model = model->next)
            add_variant(page, model);
    } else {
        add_variant(page, root);
        rows = nn_json_get(root, "nodes");
    }
    page->after = find_after(page);
    if (!cJSON_IsArray(rows)) return NN_OK;
    int64_t capacity = 0;
    for (const cJSON *row = rows->child; row != NULL; row = row->next) {
        if (!cJSON_IsObject(row)) continue;
        if (!add_row(page, &capacity, row)) {
            nn_html_page_clear(page);
            return nn_fail_memory(sizeof *page->rows * (size_t)page->row_count);
        }
    }
    nn_status status = weigh_rows(page);
    if (status != NN_OK) nn_html_page_clear(page);
    return status;
}

void nn_html_page_clear(nn_html_page *page) {
    nn_writer_clear(&page->writer);
    nn_free(page->rows);
    page->rows = NULL;
}
