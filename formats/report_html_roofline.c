/* The roofline: each node's rate against the work it does per byte, under what this machine can do.
 * S. Williams, A. Waterman, D. Patterson, "Roofline: an insightful visual performance model for
 * multicore architectures", Communications of the ACM 52(4), 2009. */
#include "formats/report_html.h"

#include <math.h>
#include <string.h>

static const double label_step = 0.1;   /* of the width */
static const double label_height = 6.5; /* of a peak, in percent of the height */
enum { MAX_DOTS = 160, MAX_ARROWS = 24 };
static const double least_radius = 2.5, most_radius = 17, least_share = 0.002;

typedef struct roofline_roof {
    const char *key, *name, *class_name;
    bool is_bandwidth;
    double value; /* GFLOP/s or GB/s */
} roofline_roof;

enum { ROOFS = 6 };

typedef struct roofline_chart {
    nn_html_page *page;
    roofline_roof roofs[ROOFS];
    nn_axis x, y;
    double highest, widest; /* of the compute roofs, of the bandwidths */
    int dots;
} roofline_chart;

static bool is_dot(const nn_html_row *row, int variant) {
    return row->id >= 0 && nn_html_cell(row, variant, "intensity") > 0 &&
           nn_html_cell(row, variant, "gflops") > 0;
}

/* The machine's figures are those of one core; the scales are those of the threads that ran. */
static void read_roofs(roofline_chart *chart, const cJSON *record) {
    static const roofline_roof roofs[ROOFS] = {
        {"fp32_gflops", "fp32", "", false, 0}, {"bf16_gflops", "bf16", "", false, 0},
        {"int8_gops", "int8", "", false, 0},   {"l2_gbps", "L2", "", true, 0},
        {"l3_gbps", "L3", "", true, 0},        {"memory_gbps", "DRAM", "", true, 0},
    };
    for (int i = 0; i < ROOFS; i++) {
        chart->roofs[i] = roofs[i];
        bool is_shared = strcmp(roofs[i].key, "memory_gbps") == 0; /* caches grow with the cores */
        double scale = nn_json_number(record, is_shared ? "memory_scale" : "compute_scale");
        double value = nn_json_number(record, roofs[i].key) * (scale > 0 ? scale : 1);
        chart->roofs[i].value = value > 0 ? value : 0;
        double *most = roofs[i].is_bandwidth ? &chart->widest : &chart->highest;
        *most = fmax(*most, chart->roofs[i].value);
    }
}

static void widen(nn_axis *axis, double value) {
    axis->low = fmin(axis->low, value);
    axis->high = fmax(axis->high, value);
}

/* Rows that take next to no time may lie far away: only the others widen the axes. */
static void place_axes(roofline_chart *chart) {
    const nn_html_page *page = chart->page;
    double ridge = chart->highest / chart->widest;
    chart->x = (nn_axis){.low = ridge / 8, .high = ridge * 8, .is_log = true};
    chart->y = (nn_axis){
        .low = chart->highest / 16, .high = chart->highest * 1.4, .is_log = true, .is_down = true};
    for (int64_t i = 0; i < page->row_count; i++)
        for (int v = 0; v < page->variant_count; v++) {
            const nn_html_row *row = &page->rows[i];
            if (!is_dot(row, v) || row->ms < least_share * page->variants[0].total_ms) continue;
            widen(&chart->x, nn_html_cell(row, v, "intensity") * 0.7);
            widen(&chart->x, nn_html_cell(row, v, "intensity") * 1.5);
            widen(&chart->y, nn_html_cell(row, v, "gflops") * 0.6);
        }
    chart->x.low = fmax(chart->x.low, chart->x.high * 1e-7);
    chart->y.low = fmax(chart->y.low, chart->y.high * 1e-7);
}

static void write_line(nn_writer *writer, const char *class_name, double x1, double y1, double x2,
                       double y2) {
    nn_writef(writer,
              "<line class=\"%s\" x1=\"%.2f%%\" y1=\"%.2f%%\" x2=\"%.2f%%\" y2=\"%.2f%%\"/>",
              class_name, x1, y1, x2, y2);
}

static void write_roofs(roofline_chart *chart) {
    nn_writer *writer = &chart->page->writer;
    const nn_axis *x = &chart->x, *y = &chart->y;
    for (int i = 0; i < ROOFS; i++) {
        const roofline_roof *roof = &chart->roofs[i];
        if (!(roof->value > 0)) continue;
        if (roof->is_bandwidth) {
            double from = fmax(x->low, y->low / roof->value), to = chart->highest / roof->value;
            if (!(to > from) || from > x->high) continue;
            to = fmin(to, x->high);
            write_line(writer, "roof", nn_axis_place(x, from), nn_axis_place(y, from * roof->value),
                       nn_axis_place(x, to), nn_axis_place(y, to * roof->value));
        } else {
            double from = fmax(x->low, roof->value / chart->widest);
            write_line(writer, "roof", nn_axis_place(x, fmin(from, x->high)),
                       nn_axis_place(y, roof->value), 100, nn_axis_place(y, roof->value));
        }
    }
}

/* Is there another peak so little higher, or as high, that labels above both would overlap? */
static bool is_below_a_peak(const roofline_chart *chart, int index) {
    const double place = nn_axis_place(&chart->y, chart->roofs[index].value);
    for (int i = 0; i < ROOFS; i++) {
        const roofline_roof *other = &chart->roofs[i];
        if (other->is_bandwidth || i == index || !(other->value > 0)) continue;
        const double above = place - nn_axis_place(&chart->y, other->value);
        if (above < label_height && (above > 0 || (above == 0 && i > index))) return true;
    }
    return false;
}

/* On top of the dots: at the right end of a peak, above its line where there is room, and below a
 * bandwidth near its foot, each a step further, since bandwidths may be much alike. */
static void write_roof_labels(roofline_chart *chart) {
    nn_writer *writer = &chart->page->writer;
    const nn_axis *x = &chart->x, *y = &chart->y;
    int bandwidths = 0;
    for (int i = 0; i < ROOFS; i++) {
        const roofline_roof *roof = &chart->roofs[i];
        double foot = fmax(x->low * roof->value, y->low * pow(y->high / y->low, 0.07));
        if (roof->is_bandwidth) foot *= pow(x->high / x->low, label_step * bandwidths);
        bandwidths += roof->is_bandwidth;
        if (!(roof->value > 0)) continue;
        if (!roof->is_bandwidth)
            nn_writef(writer,
                      "<text class=\"rooflabel end\" x=\"100%%\" y=\"%.2f%%\" dy=\"%d\">%s %.0f "
                      "G%s/s</text>",
                      nn_axis_place(y, roof->value), is_below_a_peak(chart, i) ? 14 : -6,
                      roof->name, roof->value, i == 0 ? "FLOP" : "OP");
        else if (foot / roof->value < x->high)
            nn_writef(writer,
                      "<text class=\"rooflabel\" x=\"%.2f%%\" y=\"%.2f%%\" dx=\"9\" "
                      "dy=\"9\">%s <tspan class=\"wide\">%.0f GB/s</tspan></text>",
                      nn_axis_place(x, foot / roof->value), nn_axis_place(y, foot), roof->name,
                      roof->value);
    }
}

static double radius_of(const roofline_chart *chart, const nn_html_row *row, int variant) {
    double ms = nn_html_cell(row, variant, "ms"), total = chart->page->variants[0].total_ms;
    double share = ms > 0 && total > 0 ? fmin(ms / total, 1) : 0;
    return fmin(least_radius + 42 * sqrt(share), most_radius);
}

static bool is_inside(const roofline_chart *chart, const nn_html_row *row, int variant) {
    double intensity = nn_html_cell(row, variant, "intensity"),
           rate = nn_html_cell(row, variant, "gflops");
    return is_dot(row, variant) && intensity >= chart->x.low && intensity <= chart->x.high &&
           rate >= chart->y.low && rate <= chart->y.high;
}

static void write_dot(roofline_chart *chart, const nn_html_row *row, int variant, bool is_ring) {
    nn_writef(&chart->page->writer,
              "<circle class=\"f%d%s\" cx=\"%.2f%%\" cy=\"%.2f%%\" r=\"%.1f\" data-r=\"%d\"/>",
              row->kind, is_ring ? " ring" : "",
              nn_axis_place(&chart->x, nn_html_cell(row, variant, "intensity")),
              nn_axis_place(&chart->y, nn_html_cell(row, variant, "gflops")),
              radius_of(chart, row, variant), row->id);
}

static void write_arrow(roofline_chart *chart, const nn_html_row *row, int after) {
    nn_writef(&chart->page->writer,
              "<line class=\"arrow\" x1=\"%.2f%%\" y1=\"%.2f%%\" x2=\"%.2f%%\" y2=\"%.2f%%\" "
              "marker-end=\"url(#head)\"/>",
              nn_axis_place(&chart->x, nn_html_cell(row, 0, "intensity")),
              nn_axis_place(&chart->y, nn_html_cell(row, 0, "gflops")),
              nn_axis_place(&chart->x, nn_html_cell(row, after, "intensity")),
              nn_axis_place(&chart->y, nn_html_cell(row, after, "gflops")));
}

/* The heaviest rows, at most `most`: those at or above this many milliseconds. */
static double least_weight(const nn_html_page *page, int64_t most) {
    double least = 0;
    for (;;) {
        int64_t count = 0;
        double next = INFINITY;
        for (int64_t i = 0; i < page->row_count; i++) {
            if (page->rows[i].ms < least) continue;
            count++;
            if (page->rows[i].ms > least) next = fmin(next, page->rows[i].ms);
        }
        if (count <= most || isinf(next)) return least;
        least = fmax(next, least * 1.05);
    }
}

static void write_dots(roofline_chart *chart) {
    nn_html_page *page = chart->page;
    int after = page->after;
    double least = least_weight(page, MAX_DOTS), least_arrow = least_weight(page, MAX_ARROWS);
    for (int pass = after > 0 ? 0 : 2; pass < 3; pass++)
        for (int64_t i = 0; i < page->row_count; i++) {
            const nn_html_row *row = &page->rows[i];
            bool has_before = is_inside(chart, row, 0), has_after = is_inside(chart, row, after);
            if (row->ms < least) continue;
            if (pass == 0 && has_before && has_after && row->ms >= least_arrow)
                write_arrow(chart, row, after);
            if (pass == 1 && has_before) write_dot(chart, row, 0, true);
            if (pass == 2 && has_after) {
                write_dot(chart, row, after, false);
                chart->dots++;
            }
        }
}

/* How near the work comes to what the machine allows, weighted by time. */
static double mean_roof_share(const nn_html_page *page, int variant, int64_t *near) {
    double sum = 0, weight = 0;
    *near = 0;
    for (int64_t i = 0; i < page->row_count; i++) {
        double share = nn_html_cell(&page->rows[i], variant, "roof_fraction");
        double ms = nn_html_cell(&page->rows[i], variant, "ms");
        if (isnan(share) || !(ms > 0)) continue;
        sum += share * ms;
        weight += ms;
        *near += share >= 0.5;
    }
    return weight > 0 ? sum / weight : NAN;
}

static bool has_row_above(const nn_html_page *page) {
    for (int v = 0; v < page->variant_count; v++)
        for (int64_t i = 0; i < page->row_count; i++)
            if (nn_html_cell(&page->rows[i], v, "roof_fraction") > NN_ABOVE_ROOF) return true;
    return false;
}

static void write_sentence(nn_html_page *page) {
    nn_writer *writer = &page->writer;
    int64_t near, near_after;
    double before = mean_roof_share(page, 0, &near);
    double after = mean_roof_share(page, page->after, &near_after);
    if (isnan(before)) return;
    nn_writef(writer, "<p class=\"say\"><b>%.0f %% of what this machine allows</b>", 100 * before);
    if (page->after > 0) nn_writef(writer, " before, <b>%.0f %%</b> after", 100 * after);
    nn_writef(writer,
              ", weighted by time; %lld of %lld nodes reach half. A dot at its roof has nothing "
              "left to gain but less work.%s%s</p>",
              (long long)(page->after > 0 ? near_after : near), (long long)page->row_count,
              has_row_above(page) ? " " : "", has_row_above(page) ? NN_ABOVE_ROOF_TEXT : "");
}

void nn_html_roofline(nn_html_page *page) {
    nn_writer *writer = &page->writer;
    const cJSON *record = nn_json_get(page->root, "roofline");
    roofline_chart chart = {.page = page};
    bool has_dots = false;
    for (int64_t i = 0; i < page->row_count; i++) has_dots |= is_dot(&page->rows[i], 0);
    read_roofs(&chart, record);
    if (!has_dots || !(chart.highest > 0) || !(chart.widest > 0)) return;
    place_axes(&chart);
    nn_html_section(writer, "roofline", "Roofline");
    write_sentence(page);
    nn_svg_open(writer, "chart roofline", "rate of each node against its arithmetic intensity");
    nn_write(
        writer,
        "<defs><marker id=\"head\" viewBox=\"0 0 6 6\" refX=\"6\" refY=\"3\" markerWidth=\"6\" "
        "markerHeight=\"6\" orient=\"auto\"><path d=\"M0 0L6 3L0 6z\"/></marker></defs>");
    nn_svg_axis_x(writer, &chart.x, 8, "operations per byte");
    nn_svg_axis_y(writer, &chart.y, 6, "GFLOP/s");
    write_roofs(&chart);
    write_dots(&chart);
    write_roof_labels(&chart);
    nn_svg_close(writer);
    nn_writef(writer,
              "<p class=\"note\">%s%d nodes, sized by time. Bandwidths and peaks as measured on "
              "this machine.</p></section>",
              page->after > 0 ? "Rings before, dots after. " : "", chart.dots);
}
