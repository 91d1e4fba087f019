#include "formats/report_text.h"

#include "base/memory.h"

#include <stdio.h>

static void write_line(nn_text_page *page, const char *key, const char *value) {
    nn_writef(&page->writer, "%-16s", key);
    nn_write_wrapped(&page->writer, value, 16, page->columns);
}

/* Libraries that nnopt can be built without. */
static void write_libraries(nn_text_page *page, const cJSON *libraries) {
    const cJSON *library;
    const char *key = "libraries";
    char found[256] = "", line[256];
    cJSON_ArrayForEach(library, libraries) {
        const char *name = nn_json_text(library, "name");
        size_t used = strlen(found);
        if (!cJSON_IsString(nn_json_get(library, "absent")))
            snprintf(found + used, sizeof found - used, "%s%s", used > 0 ? ", " : "", name);
    }
    if (found[0] != '\0') {
        write_line(page, key, found);
        key = "";
    }
    cJSON_ArrayForEach(library, libraries) {
        if (!cJSON_IsString(nn_json_get(library, "absent"))) continue;
        snprintf(line, sizeof line, "%s was %s when nnopt was built: no %s",
                 nn_json_text(library, "name"), nn_json_text(library, "absent"),
                 nn_json_text(library, "used_for"));
        write_line(page, key, line);
        key = "";
    }
}

/* "fp32 61.2 TFLOP/s, ..., memory 4.3 TB/s"; int8 counts plain operations. */
static void write_ceilings(nn_text_page *page, const cJSON *ceilings) {
    char line[512] = "", figure[NN_FIGURE];
    const cJSON *ceiling;
    cJSON_ArrayForEach(ceiling, ceilings) {
        const bool is_bytes = strcmp(ceiling->string, "memory") == 0 ||
                              strcmp(ceiling->string, "upload") == 0 ||
                              strcmp(ceiling->string, "download") == 0;
        const size_t used = strlen(line);
        snprintf(line + used, sizeof line - used, "%s%s %s %s", used > 0 ? ", " : "",
                 ceiling->string,
                 nn_figure((is_bytes ? 1e-9 : 1e-12) * ceiling->valuedouble, figure),
                 is_bytes                               ? "GB/s"
                 : strcmp(ceiling->string, "int8") == 0 ? "TOP/s"
                                                        : "TFLOP/s");
    }
    if (line[0] != '\0') write_line(page, "", line);
}

static void write_device(nn_text_page *page, const cJSON *device) {
    char key[32], line[1024], a[NN_FIGURE], b[NN_FIGURE];
    snprintf(key, sizeof key, "cuda:%.0f", nn_json_number(device, "index"));
    snprintf(line, sizeof line, "%s (%s), %.0f multiprocessors, %.0f MHz, memory %s, %s free",
             nn_json_text(device, "name"), nn_json_text(device, "architecture"),
             nn_json_number(device, "multiprocessors"), nn_json_number(device, "clock_mhz"),
             nn_figure_bytes(nn_json_number(device, "memory_bytes"), a),
             nn_figure_bytes(nn_json_number(device, "free_bytes"), b));
    write_line(page, key, line);
    snprintf(line, sizeof line, "%s; kernels for %.0f operators", nn_json_text(device, "software"),
             nn_json_number(device, "operators"));
    write_line(page, "", line);
    write_ceilings(page, nn_json_get(device, "ceilings"));
    if (cJSON_IsString(nn_json_get(device, "failure")))
        write_line(page, "", nn_json_text(device, "failure"));
}

static void write_devices(nn_text_page *page, const cJSON *cuda) {
    const cJSON *device;
    cJSON_ArrayForEach(device, nn_json_get(cuda, "devices")) write_device(page, device);
    if (cJSON_IsString(nn_json_get(cuda, "absent"))) {
        write_line(page, "devices", nn_json_text(cuda, "absent"));
    }
}

void nn_text_doctor(nn_text_page *page, const cJSON *report) {
    const cJSON *machine = nn_json_get(report, "machine"), *caches = nn_json_get(report, "caches");
    const cJSON *memory = nn_json_get(report, "memory"), *blas = nn_json_get(report, "blas");
    const cJSON *roof = nn_json_get(report, "roofline");
    char a[NN_FIGURE], b[NN_FIGURE], c[NN_FIGURE], d[NN_FIGURE], line[256];

    snprintf(line, sizeof line, "%s, %.0f core%s", nn_json_text(machine, "cpu"),
             nn_json_number(machine, "cores"), nn_json_number(machine, "cores") == 1 ? "" : "s");
    write_line(page, "cpu", line);
    snprintf(line, sizeof line, "%s%s", nn_json_text(machine, "isa"),
             cJSON_IsTrue(nn_json_get(report, "reference_only"))
                 ? ", reference kernels only (NNOPT_FORCE_REF)"
                 : "");
    write_line(page, "instructions", line);
    snprintf(line, sizeof line, "L1 %s, L2 %s, L3 %s",
             nn_figure_bytes(nn_json_number(caches, "l1d_bytes"), a),
             nn_figure_bytes(nn_json_number(caches, "l2_bytes"), b),
             nn_figure_bytes(nn_json_number(caches, "l3_bytes"), c));
    write_line(page, "caches", line);
    snprintf(line, sizeof line, "%s, %s free",
             nn_figure_bytes(nn_json_number(memory, "total_bytes"), a),
             nn_figure_bytes(nn_json_number(memory, "free_bytes"), b));
    write_line(page, "memory", line);
    if (cJSON_IsTrue(nn_json_get(blas, "found")))
        snprintf(line, sizeof line, "%s, kernels of %s", nn_json_text(blas, "config"),
                 nn_json_text(blas, "core"));
    else
        snprintf(line, sizeof line, "not found: %s", nn_json_text(blas, "reason"));
    write_line(page, "BLAS", line);
    write_libraries(page, nn_json_get(report, "libraries"));
    double bf16 = nn_json_number(roof, "bf16_gflops");
    snprintf(line, sizeof line,
             "fp32 %s GFLOP/s,%s%s%s int8 %s GOP/s a core; all cores %s times one",
             nn_figure(nn_json_number(roof, "fp32_gflops"), a), bf16 > 0 ? " bf16 " : "",
             bf16 > 0 ? nn_figure(bf16, d) : "", bf16 > 0 ? " GFLOP/s," : "",
             nn_figure(nn_json_number(roof, "int8_gops"), b),
             nn_figure(nn_json_number(roof, "scale_compute"), c));
    write_line(page, "compute", line);
    snprintf(line, sizeof line, "L1 %s, L2 %s, L3 %s, memory %s GB/s a core",
             nn_figure(nn_json_number(roof, "l1_gbps"), a),
             nn_figure(nn_json_number(roof, "l2_gbps"), b),
             nn_figure(nn_json_number(roof, "l3_gbps"), c),
             nn_figure(nn_json_number(roof, "memory_gbps"), d));
    write_line(page, "reading", line);
    snprintf(line, sizeof line, "memory: all cores %s times one",
             nn_figure(nn_json_number(roof, "scale_memory"), a));
    write_line(page, "", line);
    snprintf(line, sizeof line, "%s (nnopt doctor --measure measures again)",
             nn_json_text(roof, "measured"));
    write_line(page, "measured", line);
    write_devices(page, nn_json_get(report, "cuda"));
}
