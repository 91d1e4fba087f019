#include "engine/measure/profile_report.h"

#include <math.h>

/* ---- shared records ---- */

const char *nn_base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

void nn_report_add_subject(nn_report *report, cJSON *record, const nn_subject *subject) {
    nn_report_set_text(report, record, "model", subject->model);
    nn_report_set_text(report, record, "data", subject->data);
    nn_report_set_text(report, record, "device", subject->device != NULL ? "cuda" : "cpu");
    if (subject->device != NULL) {
        nn_device_info info;
        subject->device->calls->info(subject->device, &info);
        nn_report_set_text(report, record, "device_name", info.name);
    }
    nn_report_set_number(report, record, "batch", (double)subject->batch);
    nn_report_set_number(report, record, "threads", subject->threads);
    nn_report_set_text(report, record, "precision", nn_precision_name(subject->precision));
    nn_report_set_text(report, record, "isa", nn_isa_name(nn_cpu_get()->isa));
}

void nn_report_add_latency(nn_report *report, cJSON *record, const nn_statistics *seconds) {
    cJSON *latency = nn_report_object(report, record, "latency_ms");
    nn_report_set_number(report, latency, "min", 1e3 * seconds->minimum);
    nn_report_set_number(report, latency, "median", 1e3 * seconds->median);
    nn_report_set_number(report, latency, "mean", 1e3 * seconds->mean);
    nn_report_set_number(report, latency, "p90", 1e3 * seconds->p90);
    nn_report_set_number(report, latency, "p99", 1e3 * seconds->p99);
    nn_report_set_number(report, latency, "max", 1e3 * seconds->maximum);
    nn_report_set_number(report, latency, "low", 1e3 * seconds->low);
    nn_report_set_number(report, latency, "high", 1e3 * seconds->high);
    nn_report_set_number(report, record, "runs", (double)seconds->count);
}

void nn_report_add_roofline(nn_report *report, cJSON *parent, const nn_roofline *roofline,
                            int threads) {
    double compute, memory;
    nn_roofline_scales(roofline, threads, &compute, &memory);
    cJSON *record = nn_report_object(report, parent, "roofline");
    nn_report_set_number(report, record, "fp32_gflops", 1e-9 * roofline->fp32_flops);
    nn_report_set_number(report, record, "int8_gops", 1e-9 * roofline->int8_ops);
    if (roofline->bf16_flops > 0)
        nn_report_set_number(report, record, "bf16_gflops", 1e-9 * roofline->bf16_flops);
    nn_report_set_number(report, record, "l1_gbps", 1e-9 * roofline->l1_bytes);
    nn_report_set_number(report, record, "l2_gbps", 1e-9 * roofline->l2_bytes);
    nn_report_set_number(report, record, "l3_gbps", 1e-9 * roofline->l3_bytes);
    nn_report_set_number(report, record, "memory_gbps", 1e-9 * roofline->memory_bytes);
    nn_report_set_number(report, record, "scale_compute", roofline->scale_compute);
    nn_report_set_number(report, record, "scale_memory", roofline->scale_memory);
    nn_report_set_number(report, record, "threads", threads);
    nn_report_set_number(report, record, "compute_scale", compute);
    nn_report_set_number(report, record, "memory_scale", memory);
    nn_report_set_text(report, record, "measured", roofline->date);
}

/* ---- nodes ---- */

void nn_report_add_ceilings(nn_report *report, cJSON *parent, const nn_device_roofline *roofline) {
    cJSON *ceilings = nn_report_object(report, parent, "ceilings");
    for (int i = 0; i < roofline->count; i++)
        nn_report_set_number(report, ceilings, roofline->ceilings[i].name,
                             roofline->ceilings[i].per_second);
}

void nn_report_add_row(nn_report *report, cJSON *node, const nn_profile_row *row) {
    double bytes = row->cost.bytes_read + row->cost.bytes_written;
    bool timed = row->seconds > 0;
    nn_report_set_text(report, node, "node", row->node);
    nn_report_set_text(report, node, "op", row->op);
    nn_report_set_text(report, node, "kind", nn_op_kind_name(row->kind));
    nn_report_set_text(report, node, "kernel", row->kernel);
    nn_report_set_text(report, node, "variant", row->variant);
    nn_report_set_text(report, node, "chosen_by", row->chosen_by);
    nn_report_set_text(report, node, "device", row->on_device ? "cuda" : "cpu");
    nn_report_set_text(report, node, "shape", row->shape);
    nn_report_set_number(report, node, "ms", 1e3 * row->seconds);
    nn_report_set_number(report, node, "median_ms", 1e3 * row->median);
    nn_report_set_number(report, node, "share", row->share);
    if (row->idle > 0) nn_report_set_number(report, node, "idle", row->idle);
    nn_report_set_number(report, node, "macs", row->cost.macs);
    nn_report_set_number(report, node, "flops", row->cost.flops);
    nn_report_set_number(report, node, "bytes_read", row->cost.bytes_read);
    nn_report_set_number(report, node, "bytes_written", row->cost.bytes_written);
    nn_report_set_number(report, node, "gflops", timed ? 1e-9 * row->cost.flops / row->seconds : 0);
    nn_report_set_number(report, node, "gbps", timed ? 1e-9 * bytes / row->seconds : 0);
    nn_report_set_number(report, node, "intensity", bytes > 0 ? row->cost.flops / bytes : 0);
    nn_report_set_number(report, node, "attainable_ms", 1e3 * row->attainable);
    nn_report_set_number(report, node, "roof_fraction", timed ? row->attainable / row->seconds : 0);
    nn_report_set_text(report, node, "bound", nn_bound_name(row->bound));
    nn_report_set_text(report, node, "arithmetic",
                       row->on_device ? row->device_arithmetic
                                      : nn_arithmetic_name(row->arithmetic));
    if (row->without_tensor_cores != NULL)
        nn_report_set_text(report, node, "without_tensor_cores", row->without_tensor_cores);
    if (row->occupancy > 0) nn_report_set_number(report, node, "occupancy", row->occupancy);
    nn_report_set_text(report, node, "layout",
                       row->is_channels_last ? "channels last" : "standard");
    nn_report_set_bool(report, node, "conversion", row->is_conversion);
    nn_report_set_number(report, node, "live_bytes", (double)row->live_bytes);
    nn_report_set_number(report, node, "workspace_bytes", (double)row->workspace_bytes);
    nn_report_set_number(report, node, "packed_bytes", (double)row->packed_bytes);
    cJSON *covers = nn_report_array(report, node, "covers");
    for (int64_t i = 0; i < row->cover_count; i++)
        nn_report_add_text(report, covers, row->covers[i]);
}

/* ---- bottlenecks ---- */

static void add_finding(nn_report *report, cJSON *parent, const char *key,
                        const nn_finding *finding) {
    cJSON *record = nn_report_object(report, parent, key);
    nn_report_set_text(report, record, "text", finding->text);
    for (int i = 0; i < finding->number_count; i++)
        nn_report_set_number(report, record, finding->numbers[i].key, finding->numbers[i].value);
}

void nn_report_add_bottleneck(nn_report *report, cJSON *record, const nn_bottleneck *item) {
    nn_report_set_text(report, record, "class", nn_bottleneck_name(item->class));
    nn_report_set_number(report, record, "share", item->share);
    cJSON *nodes = nn_report_array(report, record, "nodes");
    for (int64_t i = 0; i < item->node_count; i++)
        nn_report_add_text(report, nodes, item->nodes[i]);
    add_finding(report, record, "evidence", &item->evidence);
    add_finding(report, record, "experiment", &item->experiment);
    nn_report_set_bool(report, record, "experiment_run", item->was_run);
    nn_report_set_bool(report, record, "confirmed", item->confirmed);
    cJSON *advice = nn_report_array(report, record, "advice");
    for (int64_t i = 0; i < item->advice_count; i++) {
        cJSON *entry = nn_report_object(report, advice, NULL);
        nn_report_set_text(report, entry, "technique", item->advice[i].technique);
        nn_report_set_text(report, entry, "text", item->advice[i].text);
        nn_report_set_number(report, entry, "saved_ms", 1e3 * item->advice[i].saved_seconds);
    }
}

/* ---- the whole ---- */

static void add_totals(nn_report *report, const nn_profile *profile) {
    cJSON *root = report->root;
    double total = profile->total.median;
    /* One core's arithmetic peak at the profiled thread count is what a fraction refers to. */
    double peak = profile->flops / nn_roofline_seconds(&profile->roofline, profile->flops, false, 0,
                                                       0, profile->threads);
    nn_report_add_latency(report, root, &profile->total);
    nn_report_set_number(report, root, "total_ms", 1e3 * total);
    nn_report_set_number(report, root, "unattributed_ms", 1e3 * profile->unattributed);
    nn_report_set_number(report, root, "throughput", (double)profile->batch / total);
    nn_report_set_number(report, root, "macs", profile->macs);
    nn_report_set_number(report, root, "flops", profile->flops);
    nn_report_set_number(report, root, "bytes", profile->bytes);
    nn_report_set_number(report, root, "gflops", 1e-9 * profile->flops / total);
    nn_report_set_number(report, root, "peak_fraction",
                         profile->flops > 0 ? profile->flops / total / peak : 0);
    cJSON *overhead = nn_report_object(report, root, "profiler");
    nn_report_set_number(report, overhead, "instrumented_ms", 1e3 * profile->instrumented);
    nn_report_set_number(report, overhead, "between_ms", 1e3 * profile->between);
    nn_report_set_number(report, overhead, "timer_us_per_node", 1e6 * profile->timer_seconds);
    nn_report_set_number(report, overhead, "dispatch_us_per_node", 1e6 * profile->dispatch);
    cJSON *memory = nn_report_object(report, root, "memory");
    nn_report_set_number(report, memory, "slab_bytes", (double)profile->slab_bytes);
    nn_report_set_number(report, memory, "packed_bytes", (double)profile->packed_bytes);
    nn_report_set_number(report, memory, "constant_bytes", (double)profile->constant_bytes);
    nn_report_set_number(
        report, root, "peak_memory_bytes",
        (double)(profile->slab_bytes + profile->packed_bytes + profile->constant_bytes));
}

static void add_sensor(nn_report *report, cJSON *record, const char *key, double value) {
    if (!isnan(value)) nn_report_set_number(report, record, key, value);
}

/* What ran on the device, what it costs to start it, and in which state it was. */
static void add_device(nn_report *report, const nn_profile *profile) {
    const nn_device_roofline *roofline = &profile->device_roofline;
    const nn_device_sensors *sensors = &profile->sensors;
    double rows = 0, copies = 0;
    int64_t steps = 0;
    for (int64_t i = 0; i < profile->row_count; i++) {
        const nn_profile_row *row = &profile->rows[i];
        if (!row->on_device) continue;
        *(row->is_copy ? &copies : &rows) += row->seconds;
        steps++;
    }
    cJSON *record = nn_report_object(report, report->root, "device_run");
    nn_report_set_text(report, record, "name", roofline->info.name);
    nn_report_set_text(report, record, "architecture", roofline->info.architecture);
    nn_report_set_text(report, record, "software", roofline->info.software);
    nn_report_set_bool(report, record, "recorded", profile->is_recorded);
    nn_report_set_number(report, record, "steps", (double)steps);
    nn_report_set_number(report, record, "kernels_ms", 1e3 * rows);
    nn_report_set_number(report, record, "copies_ms", 1e3 * copies);
    nn_report_set_number(report, record, "launched_ms", 1e3 * profile->instrumented);
    nn_report_set_number(report, record, "launch_overhead_ms",
                         1e3 * (profile->instrumented - profile->total.median));
    nn_report_set_number(report, record, "slab_bytes", (double)profile->device_bytes);
    nn_report_set_number(report, record, "memory_bytes", (double)roofline->info.memory_bytes);
    nn_report_set_number(report, record, "free_bytes", (double)roofline->info.free_bytes);
    add_sensor(report, record, "clock_mhz", 1e-6 * sensors->clock_hz);
    add_sensor(report, record, "memory_clock_mhz", 1e-6 * sensors->memory_clock_hz);
    add_sensor(report, record, "power_watts", sensors->power_watts);
    add_sensor(report, record, "power_limit_watts", sensors->power_limit_watts);
    add_sensor(report, record, "temperature_celsius", sensors->temperature_celsius);
    add_sensor(report, record, "utilization", sensors->utilization);
    if (sensors->throttled != NULL)
        nn_report_set_text(report, record, "throttled", sensors->throttled);
    nn_report_add_ceilings(report, record, roofline);
}

nn_status nn_profile_report(const nn_profile *profile, const nn_diagnosis *diagnosis,
                            const nn_subject *subject, nn_report **out) {
    nn_report *report = NULL;
    NN_TRY(nn_report_create("profile", &report));
    cJSON *root = report->root;
    nn_report_add_subject(report, root, subject);
    add_totals(report, profile);
    nn_report_add_roofline(report, root, &profile->roofline, profile->threads);
    if (profile->device != NULL) add_device(report, profile);
    cJSON *bottlenecks = nn_report_array(report, root, "bottlenecks");
    for (int i = 0; i < NN_BOTTLENECK_CLASSES; i++)
        nn_report_add_bottleneck(report, nn_report_object(report, bottlenecks, NULL),
                                 &diagnosis->items[i]);
    cJSON *nodes = nn_report_array(report, root, "nodes");
    for (int64_t i = 0; i < profile->row_count; i++)
        nn_report_add_row(report, nn_report_object(report, nodes, NULL), &profile->rows[i]);
    cJSON *absent = nn_report_array(report, root, "absent");
    for (int64_t i = 0; i < profile->absent_count; i++) {
        cJSON *entry = nn_report_object(report, absent, NULL);
        nn_report_set_text(report, entry, "node", profile->absent_nodes[i]);
        nn_report_set_text(report, entry, "reason", profile->absent_reasons[i]);
    }
    *out = report;
    return NN_OK;
}
