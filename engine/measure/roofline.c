#include "engine/measure/roofline.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/pool.h"
#include "engine/measure/measure.h"
#include "engine/measure/roofline_probe.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* Increase when a probe changes, so that what older versions kept is not used. */
enum { PROBE_VERSION = 2 };

/* A ceiling is the best of many short bursts: interference only ever slows one down. */
static const double burst_seconds = 5e-4, compute_seconds = 0.08, read_seconds = 0.08;
static const double all_cores_seconds = 0.2, all_cores_patience = 1;
enum { CHUNKS_PER_CORE = 8, READ_UNIT = 1024 };

/* ---- one core ---- */

static const nn_roofline_probe *probe_for(nn_isa isa) {
#if defined(__x86_64__)
    if (isa >= NN_ISA_AVX512) return &nn_roofline_probe_avx512;
    if (isa == NN_ISA_AVX2) return &nn_roofline_probe_avx2;
#endif
    (void)isa;
    return &nn_roofline_probe_portable;
}

static double (*int8_probe_for(nn_isa isa))(int64_t) {
#if defined(__x86_64__)
    if (isa >= NN_ISA_AMX) return nn_roofline_probe_amx.int8;
    if (isa >= NN_ISA_VNNI) return nn_roofline_probe_vnni.int8;
#endif
    return probe_for(isa)->int8;
}

static double (*bf16_probe_for(nn_isa isa))(int64_t) {
#if defined(__x86_64__)
    if (isa >= NN_ISA_AMX) return nn_roofline_probe_amx.bf16;
    if (isa >= NN_ISA_BF16) return nn_roofline_probe_avx512bf16.bf16;
#endif
    return probe_for(isa)->bf16;
}

/* Operations per second, and the rounds that fill one burst. */
static double compute_peak(double (*probe)(int64_t), int64_t *burst_rounds) {
    int64_t rounds = 1000;
    double best = 0, end = nn_now() + compute_seconds;
    for (double start = nn_now(); start < end; start = nn_now()) {
        double operations = probe(rounds), seconds = nn_now() - start;
        if (seconds < burst_seconds / 2) {
            rounds *= 2;
            continue;
        }
        if (operations / seconds > best) best = operations / seconds;
    }
    *burst_rounds = rounds;
    return best;
}

static double read_burst(const nn_roofline_probe *probe, const void *memory, int64_t bytes,
                         int64_t passes) {
    uint64_t sum = 0;
    for (int64_t i = 0; i < passes; i++) sum += probe->read(memory, bytes);
    nn_roofline_sink_int = (int32_t)sum;
    return (double)bytes * (double)passes;
}

/* Bytes per second of repeated reading of one block. */
static double read_peak(const nn_roofline_probe *probe, const void *memory, int64_t bytes) {
    int64_t passes = 1;
    double best = 0, end = nn_now() + read_seconds;
    for (double start = nn_now(); start < end; start = nn_now()) {
        double amount = read_burst(probe, memory, bytes, passes), seconds = nn_now() - start;
        if (amount / seconds > best) best = amount / seconds;
        if (seconds < burst_seconds / 2) passes *= 2;
    }
    return best;
}

/* ---- all cores ---- */

typedef struct core_work {
    const nn_roofline_probe *probe;
    int64_t rounds;     /* of arithmetic per chunk, or */
    const char *memory; /* what is read: */
    int64_t chunk_bytes;
    int64_t chunk_count; /* that `memory` holds */
    int64_t first;       /* where this window starts, so that no window finds its data in a cache */
} core_work;

static void compute_chunks(void *argument, int64_t begin, int64_t end, int worker) {
    (void)worker;
    const core_work *work = argument;
    for (int64_t i = begin; i < end; i++) work->probe->fp32(work->rounds);
}

static void read_chunks(void *argument, int64_t begin, int64_t end, int worker) {
    (void)worker;
    const core_work *work = argument;
    for (int64_t i = begin; i < end; i++) {
        int64_t chunk = (work->first + i) % work->chunk_count;
        read_burst(work->probe, work->memory + chunk * work->chunk_bytes, work->chunk_bytes, 1);
    }
}

static double window_rate(nn_pool *pool, int64_t chunks, nn_task task, core_work *work) {
    double start = nn_now();
    nn_parallel(pool, chunks, 1, task, work);
    return (double)chunks / (nn_now() - start);
}

/* Chunks per second of all cores together. Short windows, many of them, and more for as long as
 * other processes seem to keep a core busy. */
static void measure_all_cores(nn_pool *pool, core_work *work, double one_core_chunks,
                              double *compute_chunks_rate, double *read_chunks_rate) {
    int threads = nn_pool_threads(pool);
    int64_t chunks = CHUNKS_PER_CORE * (int64_t)threads;
    double compute = 0, reading = 0, start = nn_now(), elapsed = 0;
    while (elapsed < all_cores_seconds ||
           (compute < 0.75 * threads * one_core_chunks && elapsed < all_cores_patience)) {
        compute = fmax(compute, window_rate(pool, chunks, compute_chunks, work));
        reading = fmax(reading, window_rate(pool, chunks, read_chunks, work));
        work->first = (work->first + chunks) % work->chunk_count;
        elapsed = nn_now() - start;
    }
    *compute_chunks_rate = compute;
    *read_chunks_rate = reading;
}

/* ---- measuring ---- */

static int64_t round_unit(int64_t bytes) {
    return bytes < READ_UNIT ? READ_UNIT : bytes / READ_UNIT * READ_UNIT;
}

/* Large enough that the last cache keeps next to nothing, small enough for a small machine. */
static int64_t memory_probe_bytes(const nn_cpu *cpu) {
    int64_t bytes = 4 * cpu->l3_bytes;
    int64_t available = sysconf(_SC_AVPHYS_PAGES) * sysconf(_SC_PAGESIZE);
    if (bytes < (64 << 20)) bytes = 64 << 20;
    if (bytes > (256 << 20)) bytes = 256 << 20;
    if (bytes > available / 4) bytes = available / 4;
    return round_unit(bytes);
}

/* `is_disturbed`: the cores never ran together; even hyperthreads do better than that. */
static nn_status measure(const nn_cpu *cpu, nn_roofline *out, bool *is_disturbed) {
    const nn_roofline_probe *probe = probe_for(cpu->isa);
    nn_roofline roofline = {.cores = cpu->cores, .isa = cpu->isa};
    nn_pool *pool = NULL;
    core_work work = {.probe = probe};
    int64_t rounds;
    int64_t l1 = cpu->l1d_bytes > 0 ? cpu->l1d_bytes : 32 << 10;
    int64_t l2 = cpu->l2_bytes > l1 ? cpu->l2_bytes : 8 * l1;
    int64_t large = memory_probe_bytes(cpu);
    char *memory = nn_alloc((size_t)large);
    if (memory == NULL) return nn_fail_memory((size_t)large);
    memset(memory, 0x5a, (size_t)large);
    nn_status status = nn_pool_create(cpu->cores, &pool);
    if (status != NN_OK) goto done;

    roofline.fp32_flops = compute_peak(probe->fp32, &work.rounds);
    roofline.int8_ops = compute_peak(int8_probe_for(cpu->isa), &rounds);
    if (bf16_probe_for(cpu->isa) != NULL)
        roofline.bf16_flops = compute_peak(bf16_probe_for(cpu->isa), &rounds);
    roofline.l1_bytes = read_peak(probe, memory, round_unit(l1 / 2));
    roofline.l2_bytes = read_peak(probe, memory, round_unit(l2 / 2));
    roofline.memory_bytes = read_peak(probe, memory, large);
    int64_t l3 = cpu->l3_bytes / 4;
    roofline.l3_bytes =
        l3 > 2 * l2 ? read_peak(probe, memory, round_unit(l3)) : roofline.memory_bytes;

    work.rounds = work.rounds / CHUNKS_PER_CORE + 1;
    work.memory = memory;
    work.chunk_bytes = round_unit(large / 256);
    work.chunk_count = large / work.chunk_bytes;
    double chunk_operations = probe->fp32(work.rounds), compute = 0, reading = 0;
    measure_all_cores(pool, &work, roofline.fp32_flops / chunk_operations, &compute, &reading);
    roofline.scale_compute = compute * chunk_operations / roofline.fp32_flops;
    roofline.scale_memory = reading * (double)work.chunk_bytes / roofline.memory_bytes;
    int threads = nn_pool_threads(pool);
    *is_disturbed = roofline.scale_compute < 0.55 * threads;
    roofline.scale_compute = fmin(fmax(roofline.scale_compute, 1), threads);
    roofline.scale_memory = fmin(fmax(roofline.scale_memory, 1), threads);

    snprintf(roofline.cpu, sizeof roofline.cpu, "%s", cpu->brand);
    time_t now = time(NULL);
    struct tm utc;
    if (gmtime_r(&now, &utc) != NULL)
        strftime(roofline.date, sizeof roofline.date, "%Y-%m-%dT%H:%M:%SZ", &utc);
    *out = roofline;
done:
    nn_pool_destroy(pool);
    nn_free(memory);
    return status;
}

/* ---- what is kept ---- */

/* One file per CPU identity, lines "key value"; doubles as printf's %a, which loses nothing. */
typedef struct kept_field {
    const char *key;
    size_t offset;
    double least;
} kept_field;

static const kept_field kept_fields[] = {
    {"fp32_flops", offsetof(nn_roofline, fp32_flops), 1},
    {"int8_ops", offsetof(nn_roofline, int8_ops), 1},
    {"bf16_flops", offsetof(nn_roofline, bf16_flops), 0},
    {"l1_bytes", offsetof(nn_roofline, l1_bytes), 1},
    {"l2_bytes", offsetof(nn_roofline, l2_bytes), 1},
    {"l3_bytes", offsetof(nn_roofline, l3_bytes), 1},
    {"memory_bytes", offsetof(nn_roofline, memory_bytes), 1},
    {"scale_compute", offsetof(nn_roofline, scale_compute), 1},
    {"scale_memory", offsetof(nn_roofline, scale_memory), 1},
};
enum { KEPT_FIELDS = sizeof kept_fields / sizeof *kept_fields };

static char *identity_of(const nn_cpu *cpu) {
    return nn_format("probe %d, %s, %s, %d cores, caches %lld %lld %lld", PROBE_VERSION, cpu->brand,
                     nn_isa_name(cpu->isa), cpu->cores, (long long)cpu->l1d_bytes,
                     (long long)cpu->l2_bytes, (long long)cpu->l3_bytes);
}

static nn_status kept_path(const char *identity, char **out) {
    char name[64];
    uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a */
    for (const char *c = identity; *c != '\0'; c++) hash = (hash ^ (uint8_t)*c) * 0x100000001b3u;
    snprintf(name, sizeof name, "roofline-%016llx.txt", (unsigned long long)hash);
    return nn_cache_path(name, out);
}

/* The text after "key " on the line of `key`, up to its end; false when there is none. */
static bool find_line(const char *text, const char *key, char *value, size_t size) {
    size_t length = strlen(key);
    for (const char *line = text; *line != '\0';) {
        size_t line_length = strcspn(line, "\n");
        if (line_length > length && strncmp(line, key, length) == 0 && line[length] == ' ') {
            size_t value_length = line_length - length - 1;
            if (value_length >= size) return false;
            memcpy(value, line + length + 1, value_length);
            value[value_length] = '\0';
            return true;
        }
        line += line_length;
        if (*line == '\n') line++;
    }
    return false;
}

/* Accepts only a complete file of this CPU with sane values: anything else is measured again. */
static bool read_kept(const char *text, const char *identity, const nn_cpu *cpu, nn_roofline *out) {
    char value[256];
    nn_roofline roofline = {.cores = cpu->cores, .isa = cpu->isa};
    if (!find_line(text, "identity", value, sizeof value) || strcmp(value, identity) != 0)
        return false;
    for (int i = 0; i < KEPT_FIELDS; i++) {
        if (!find_line(text, kept_fields[i].key, value, sizeof value)) return false;
        double number = strtod(value, NULL);
        if (!isfinite(number) || number < kept_fields[i].least) return false;
        memcpy((char *)&roofline + kept_fields[i].offset, &number, sizeof number);
    }
    if (!find_line(text, "date", roofline.date, sizeof roofline.date)) return false;
    snprintf(roofline.cpu, sizeof roofline.cpu, "%s", cpu->brand);
    *out = roofline;
    return true;
}

static nn_status write_kept(const char *path, const char *identity, const nn_roofline *roofline) {
    nn_new_file file;
    NN_TRY(nn_new_file_open(path, &file));
    fprintf(file.stream, "identity %s\ndate %s\n", identity, roofline->date);
    for (int i = 0; i < KEPT_FIELDS; i++) {
        double number;
        memcpy(&number, (const char *)roofline + kept_fields[i].offset, sizeof number);
        fprintf(file.stream, "%s %a\n", kept_fields[i].key, number);
    }
    return nn_new_file_commit(&file);
}

nn_status nn_roofline_get(bool remeasure, nn_roofline *out) {
    const nn_cpu *cpu = nn_cpu_get();
    char *path = NULL, *text = NULL;
    char *identity = identity_of(cpu);
    if (identity == NULL) return nn_fail_memory(256);
    /* A machine without a place to keep it measures every time. */
    nn_status kept = kept_path(identity, &path);
    bool found = kept == NN_OK && !remeasure && access(path, R_OK) == 0 &&
                 nn_file_read(path, 4096, &text, NULL) == NN_OK &&
                 read_kept(text, identity, cpu, out);
    nn_status status = NN_OK;
    if (!found) {
        bool is_disturbed = false;
        status = measure(cpu, out, &is_disturbed);
        if (status == NN_OK && is_disturbed)
            nn_log(NNOPT_LOG_WARNING, "other processes keep the cores busy: the roofline of all "
                                      "cores together is a lower bound and is not kept");
        else if (status == NN_OK && kept == NN_OK)
            kept = write_kept(path, identity, out);
        if (status == NN_OK && kept != NN_OK)
            nn_log(NNOPT_LOG_WARNING, "the measured roofline is not kept: %s", nnopt_last_error());
    }
    nn_free(identity);
    nn_free(path);
    nn_free(text);
    return status;
}

/* ---- attainable time ---- */

const char *nn_arithmetic_name(nn_arithmetic arithmetic) {
    static const char *const names[] = {[NN_ARITHMETIC_FLOAT] = "float",
                                        [NN_ARITHMETIC_BF16] = "bf16",
                                        [NN_ARITHMETIC_INT8] = "int8"};
    return names[arithmetic];
}

/* `threads` threads as a multiple of one, when all cores reach `scale`. */
static double scaled(double scale, int threads, int cores) {
    if (threads <= 1 || cores <= 1) return 1;
    if (threads > cores) threads = cores;
    return 1 + (scale - 1) * (threads - 1) / (cores - 1);
}

void nn_roofline_scales(const nn_roofline *roofline, int threads, double *compute, double *memory) {
    *compute = scaled(roofline->scale_compute, threads, roofline->cores);
    *memory = scaled(roofline->scale_memory, threads, roofline->cores);
}

double nn_roofline_seconds(const nn_roofline *roofline, double flops, nn_arithmetic arithmetic,
                           double bytes, double working_set, int threads) {
    const nn_cpu *cpu = nn_cpu_get();
    double compute_scale, memory_scale;
    nn_roofline_scales(roofline, threads, &compute_scale, &memory_scale);
    double own_caches = threads > 1 ? threads : 1; /* L1 and L2 are private to a core */
    double peak = roofline->fp32_flops;
    if (arithmetic == NN_ARITHMETIC_INT8) peak = roofline->int8_ops;
    if (arithmetic == NN_ARITHMETIC_BF16 && roofline->bf16_flops > 0) peak = roofline->bf16_flops;
    double bandwidth = roofline->memory_bytes * memory_scale;
    if (working_set <= (double)cpu->l1d_bytes * own_caches)
        bandwidth = roofline->l1_bytes * compute_scale;
    else if (working_set <= (double)cpu->l2_bytes * own_caches)
        bandwidth = roofline->l2_bytes * compute_scale;
    else if (working_set <= (double)cpu->l3_bytes)
        bandwidth = roofline->l3_bytes * compute_scale;
    return fmax(flops / (peak * compute_scale), bytes / bandwidth);
}
