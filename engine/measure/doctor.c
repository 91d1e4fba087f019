/* The table of operators, and what this machine is and does. */
#include "base/blas.h"
#include "base/options.h"
#include "engine/measure/device_roofline.h"
#include "engine/measure/profile_report.h"
#include "ops/device_coverage.h"
#include "ops/device_kernels.h"

#include <stdio.h>
#include <unistd.h>

NN_OPTION_TABLE(doctor)

static const nn_option_spec doctor_specs[] = {
    {"measure", NNOPT_OPTION_FLAG, NULL, NULL, NULL, 0, 0, false,
     "measure the ceilings of this machine and its devices again"},
};
NN_DEFINE_OPTION_TABLE(doctor, doctor_specs);

static nn_status check_no_options(const nnopt_options *options) {
    return nn_options_check(options, NULL, 0);
}

static const char *domain_name(const nn_op *op) {
    return op->domain[0] != '\0' ? op->domain : "ai.onnx";
}

/* ---- operators ---- */

/* "kernels", "parts", or why it runs on the CPU. */
static const char *coverage_text(const nn_op *op) {
    const nn_device_coverage coverage = nn_device_coverage_of(op);
    if (coverage.kind == NN_COVERAGE_HOST) return coverage.reason;
    if (coverage.kind == NN_COVERAGE_UNKNOWN) return NULL;
    return coverage.kind == NN_COVERAGE_KERNELS ? "kernels" : "parts";
}

nnopt_status nnopt_list_ops(const nnopt_options *options, nnopt_report **out) {
    nn_report *report = NULL;
    if (out == NULL) return nn_fail(NN_USAGE, "no place for the report");
    NN_TRY(check_no_options(options));
    NN_TRY(nn_report_create("list-ops", &report));
    cJSON *ops = nn_report_array(report, report->root, "ops");
    for (const nn_op *const *op = nn_op_table; *op != NULL; op++) {
        cJSON *record = nn_report_object(report, ops, NULL);
        int kernels = 0;
        while ((*op)->kernels != NULL && (*op)->kernels[kernels] != NULL) kernels++;
        nn_report_set_text(report, record, "op", (*op)->name);
        nn_report_set_text(report, record, "domain", domain_name(*op));
        nn_report_set_number(report, record, "since", (*op)->since);
        if ((*op)->until > 0)
            nn_report_set_number(report, record, "until", (*op)->until);
        else
            nn_report_set_text(report, record, "until", NULL);
        nn_report_set_text(report, record, "int8",
                           (*op)->quant == NN_QUANT_COMPUTES ? "computes"
                           : (*op)->quant == NN_QUANT_MOVES  ? "moves"
                                                             : "float");
        nn_report_set_bool(report, record, "prune", (*op)->axes != NULL);
        nn_report_set_bool(report, record, "stream", (*op)->stream != NULL);
        nn_report_set_number(report, record, "kernels", kernels);
        nn_report_set_text(report, record, "cuda", coverage_text(*op));
        nn_library_index library = (*op)->library;
        bool is_absent = nn_library_check(library) != NN_OK;
        if (library == NN_LIBRARY_NONE) continue;
        nn_report_set_text(report, record, "library", nn_libraries[library].name);
        nn_report_set_text(report, record, "absent",
                           is_absent ? nn_libraries[library].absent : NULL);
    }
    return nn_report_finish(report, out);
}

/* ---- this machine ---- */

static void add_caches(nn_report *report, const nn_cpu *cpu) {
    cJSON *caches = nn_report_object(report, report->root, "caches");
    nn_report_set_number(report, caches, "l1d_bytes", (double)cpu->l1d_bytes);
    nn_report_set_number(report, caches, "l2_bytes", (double)cpu->l2_bytes);
    nn_report_set_number(report, caches, "l3_bytes", (double)cpu->l3_bytes);
}

static void add_memory(nn_report *report) {
    double page = (double)sysconf(_SC_PAGESIZE);
    cJSON *memory = nn_report_object(report, report->root, "memory");
    nn_report_set_number(report, memory, "total_bytes", page * (double)sysconf(_SC_PHYS_PAGES));
    nn_report_set_number(report, memory, "free_bytes", page * (double)sysconf(_SC_AVPHYS_PAGES));
}

static void add_blas(nn_report *report) {
    const nn_blas *blas = NULL;
    nn_status status = nn_blas_get(&blas);
    cJSON *record = nn_report_object(report, report->root, "blas");
    nn_report_set_bool(report, record, "found", status == NN_OK);
    nn_report_set_text(report, record, "config", status == NN_OK ? blas->config : NULL);
    nn_report_set_text(report, record, "core", status == NN_OK ? blas->core_name : NULL);
    if (status != NN_OK) nn_report_set_text(report, record, "reason", nnopt_last_error());
}

static void add_libraries(nn_report *report) {
    cJSON *list = nn_report_array(report, report->root, "libraries");
    for (int i = NN_LIBRARY_NONE + 1; i < NN_LIBRARY_COUNT; i++) {
        cJSON *record = nn_report_object(report, list, NULL);
        nn_report_set_text(report, record, "name", nn_libraries[i].name);
        nn_report_set_text(report, record, "used_for", nn_libraries[i].purpose);
        nn_report_set_text(report, record, "absent", nn_libraries[i].absent);
    }
}

/* ---- devices ---- */

static int count_operators(const nn_device *device) {
    int count = 0;
    for (const nn_device_row *row = device->rows; row->name != NULL; row++) count++;
    return count;
}

static void add_device(nn_report *report, cJSON *list, nn_device *device, bool remeasure) {
    nn_device_info info;
    nn_device_roofline roofline;
    device->calls->info(device, &info);
    cJSON *record = nn_report_object(report, list, NULL);
    nn_report_set_number(report, record, "index", info.index);
    nn_report_set_text(report, record, "name", info.name);
    nn_report_set_text(report, record, "architecture", info.architecture);
    nn_report_set_text(report, record, "software", info.software);
    nn_report_set_number(report, record, "multiprocessors", info.multiprocessors);
    nn_report_set_number(report, record, "clock_mhz", 1e-6 * info.clock_hz);
    nn_report_set_number(report, record, "memory_bytes", (double)info.memory_bytes);
    nn_report_set_number(report, record, "free_bytes", (double)info.free_bytes);
    nn_report_set_number(report, record, "l2_bytes", (double)info.l2_bytes);
    nn_report_set_number(report, record, "operators", count_operators(device));
    if (nn_device_roofline_get(device, remeasure, &roofline) == NN_OK)
        nn_report_add_ceilings(report, record, &roofline);
    else
        nn_report_set_text(report, record, "failure", nnopt_last_error());
}

/* Devices of CUDA, or why there are none. */
static void add_devices(nn_report *report, bool remeasure) {
    cJSON *cuda = nn_report_object(report, report->root, "cuda");
    cJSON *list = nn_report_array(report, cuda, "devices");
    for (int i = 0;; i++) {
        char name[32];
        nn_device *device;
        snprintf(name, sizeof name, "cuda:%d", i);
        nn_status status = nn_device_open_kernels(name, &device);
        if (status != NN_OK && i == 0)
            nn_report_set_text(report, cuda, "absent", nnopt_last_error());
        if (status != NN_OK) break;
        add_device(report, list, device, remeasure);
    }
}

nnopt_status nnopt_doctor(const nnopt_options *options, nnopt_report **out) {
    const nn_option_table *const tables[] = {&nn_options_doctor};
    nn_roofline roofline;
    nn_report *report = NULL;
    if (out == NULL) return nn_fail(NN_USAGE, "no place for the report");
    NN_TRY(nn_options_check(options, tables, 1));
    NN_TRY(nn_roofline_get(nn_option_flag(options, "measure"), &roofline));
    NN_TRY(nn_report_create("doctor", &report));
    const nn_cpu *cpu = nn_cpu_get();
    nn_report_set_bool(report, report->root, "reference_only", cpu->reference_only);
    add_caches(report, cpu);
    add_memory(report);
    add_blas(report);
    add_libraries(report);
    nn_report_add_roofline(report, report->root, &roofline, roofline.cores);
    add_devices(report, nn_option_flag(options, "measure"));
    return nn_report_finish(report, out);
}
