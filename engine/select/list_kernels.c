/* nnopt_list_kernels: the kernels of each operator, and how fast they are here. */
#include "base/options.h"
#include "engine/measure/device_roofline.h"
#include "engine/measure/profile_report.h"
#include "engine/select/device_bench.h"
#include "ops/device_kernels.h"

#include <math.h>

NN_OPTION_TABLE(list_kernels)

static const nn_option_spec list_kernels_specs[] = {
    {"bench", NNOPT_OPTION_FLAG, NULL, NULL, NULL, 0, 0, false,
     "time every kernel and variant on one thread, at sizes that networks have"},
    {"device", NNOPT_OPTION_TEXT, "DEVICE", "cpu", NULL, 0, 0, false,
     "whose kernels: cpu, cuda, or cuda:N for GPU number N"},
    {"operator", NNOPT_OPTION_TEXT, "NAME", NULL, NULL, 0, 0, false, "only those of this operator"},
};
NN_DEFINE_OPTION_TABLE(list_kernels, list_kernels_specs);

static const char *exactness_name(nn_exactness exactness) {
    return exactness == NN_EXACT ? "exact" : exactness == NN_ROUNDING ? "rounding" : "random";
}

static const char *layout_name(nn_layout layout) {
    return layout == NN_LAYOUT_STANDARD        ? "standard"
           : layout == NN_LAYOUT_CHANNELS_LAST ? "channels last"
                                               : "any";
}

static void add_kernel(nn_report *report, cJSON *kernels, const nn_op *op, const nn_kernel *kernel,
                       bool is_reference) {
    const nn_cpu *cpu = nn_cpu_get();
    cJSON *record = nn_report_object(report, kernels, NULL);
    nn_report_set_text(report, record, "kernel", kernel->name);
    nn_report_set_text(report, record, "op", op->name);
    nn_report_set_text(report, record, "isa",
                       kernel->on_device ? "cuda" : nn_isa_name(kernel->isa));
    nn_report_set_text(report, record, "layout", layout_name(kernel->layout));
    nn_report_set_text(report, record, "result", exactness_name(kernel->exactness));
    nn_report_set_bool(report, record, "reference", is_reference);
    nn_report_set_bool(report, record, "usable",
                       kernel->on_device ||
                           (kernel->isa <= cpu->isa && (is_reference || !cpu->reference_only)));
}

static bool is_asked(const char *wanted, const nn_op *op) {
    return wanted == NULL || strcmp(wanted, op->name) == 0;
}

/* Of `device`; NULL: of the CPU. */
static void add_kernels(nn_report *report, const char *wanted, const nn_device *device) {
    cJSON *kernels = nn_report_array(report, report->root, "kernels");
    for (const nn_op *const *op = nn_op_table; *op != NULL; op++) {
        const nn_kernel *const *kernel =
            device != NULL ? nn_device_kernels(device, *op) : (*op)->kernels;
        if (!is_asked(wanted, *op)) continue;
        for (; kernel != NULL && *kernel != NULL; kernel++)
            add_kernel(report, kernels, *op, *kernel, device == NULL && kernel[1] == NULL);
    }
}

/* ---- times ---- */

typedef struct bench_report {
    nn_report *report;
    cJSON *cases;
    nn_device *device; /* NULL: the CPU */
    nn_roofline roofline;
    nn_device_roofline device_roofline;
} bench_report;

/* What the ceilings allow at best; NaN where none was measured. */
static double attainable_seconds(const bench_report *self, const nn_kernel_time *time,
                                 double bytes) {
    if (self->device == NULL)
        return nn_roofline_seconds(&self->roofline, time->cost.flops, time->is_int8, bytes, bytes,
                                   1);
    const double arithmetic =
        nn_device_roofline_rate(&self->device_roofline, time->is_int8 ? "int8" : "fp32");
    const double memory = nn_device_roofline_rate(&self->device_roofline, "memory");
    if (!(arithmetic > 0) || !(memory > 0)) return NAN;
    return fmax(time->cost.flops / arithmetic, bytes / memory);
}

static nn_status add_time(void *user, const nn_kernel_time *time) {
    bench_report *self = user;
    nn_report *report = self->report;
    const double bytes = time->cost.bytes_read + time->cost.bytes_written;
    const double attainable = attainable_seconds(self, time, bytes);
    cJSON *record = nn_report_object(report, self->cases, NULL);
    nn_report_set_text(report, record, "op", time->op->name);
    nn_report_set_text(report, record, "case", time->text);
    nn_report_set_text(report, record, "kernel", time->kernel->name);
    nn_report_set_text(report, record, "variant", time->variant);
    nn_report_set_number(report, record, "us", 1e6 * time->seconds);
    nn_report_set_number(report, record, "gflops", 1e-9 * time->cost.flops / time->seconds);
    nn_report_set_number(report, record, "gbps", 1e-9 * bytes / time->seconds);
    nn_report_set_number(report, record, "roof_fraction", attainable / time->seconds);
    nn_report_set_number(report, record, "over_portable", time->over_portable);
    return NN_OK;
}

static nn_status add_times(nn_report *report, const char *wanted, nn_device *device) {
    bench_report self = {.report = report, .device = device};
    if (device != NULL)
        NN_TRY(nn_device_roofline_get(device, false, &self.device_roofline));
    else
        NN_TRY(nn_roofline_get(false, &self.roofline));
    self.cases = nn_report_array(report, report->root, "cases");
    for (const nn_kernel_case *row = nn_kernel_cases; row->op != NULL; row++) {
        if (row->is_odd) continue;
        if (device != NULL)
            NN_TRY(nn_device_bench(device, row, wanted, add_time, &self));
        else
            NN_TRY(nn_kernel_bench(row, wanted, add_time, &self));
        NN_TRY(nn_check_interrupt());
    }
    return NN_OK;
}

nnopt_status nnopt_list_kernels(const nnopt_options *options, nnopt_report **out) {
    const nn_option_table *const tables[] = {&nn_options_list_kernels};
    nn_report *report = NULL;
    if (out == NULL) return nn_fail(NN_USAGE, "no place for the report");
    NN_TRY(nn_options_check(options, tables, 1));
    const char *wanted = nn_option_text(options, tables[0], "operator");
    const char *name = nn_option_text(options, tables[0], "device");
    nn_device *device = NULL;
    if (strcmp(name, "cpu") != 0) NN_TRY(nn_device_open_kernels(name, &device));
    NN_TRY(nn_report_create("list-kernels", &report));
    nn_status status = NN_OK;
    if (nn_option_flag(options, "bench"))
        status = add_times(report, wanted, device);
    else
        add_kernels(report, wanted, device);
    if (status != NN_OK) {
        nnopt_report_destroy(report);
        return status;
    }
    return nn_report_finish(report, out);
}
