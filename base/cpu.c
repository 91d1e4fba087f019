#include "base/cpu.h"

#include "base/status.h"

#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if defined(__x86_64__)
#    include <cpuid.h>
#    include <sys/syscall.h>
#endif

#if defined(__x86_64__)

/* State components that the operating system saves, as XCR0 numbers them. */
enum {
    XCR0_YMM = 1 << 1 | 1 << 2,
    XCR0_ZMM = XCR0_YMM | 1 << 5 | 1 << 6 | 1 << 7,
    XCR0_TILES = 1 << 17 | 1 << 18,
};

typedef struct cpuid_leaf {
    uint32_t eax, ebx, ecx, edx;
} cpuid_leaf;

static cpuid_leaf cpuid(uint32_t leaf, uint32_t subleaf) {
    cpuid_leaf out = {0};
    __get_cpuid_count(leaf, subleaf, &out.eax, &out.ebx, &out.ecx, &out.edx);
    return out;
}

static bool has_bits(uint64_t word, uint64_t bits) {
    return (word & bits) == bits;
}

static uint64_t read_xcr0(void) {
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

/* Linux hands out the 8 KB of tile state only to processes that ask for it. */
static bool request_tiles(void) {
    enum { ARCH_REQUEST_COMPONENT = 0x1023, COMPONENT_TILE_DATA = 18 };
    return syscall(SYS_arch_prctl, ARCH_REQUEST_COMPONENT, COMPONENT_TILE_DATA) == 0;
}

static nn_isa detect_isa(nn_isa limit) {
    cpuid_leaf basic = cpuid(1, 0), extended = cpuid(7, 0);
    bool os_saves_state = has_bits(basic.ecx, bit_OSXSAVE);
    if (!os_saves_state || limit < NN_ISA_AVX2) return NN_ISA_PORTABLE;
    uint64_t xcr0 = read_xcr0();

    bool avx2 = has_bits(xcr0, XCR0_YMM) && has_bits(basic.ecx, bit_AVX | bit_FMA | bit_F16C) &&
                has_bits(extended.ebx, bit_AVX2 | bit_BMI | bit_BMI2);
    if (!avx2) return NN_ISA_PORTABLE;

    bool avx512 = has_bits(xcr0, XCR0_ZMM) &&
                  has_bits(extended.ebx, (uint32_t)bit_AVX512F | (uint32_t)bit_AVX512BW |
                                             (uint32_t)bit_AVX512DQ | (uint32_t)bit_AVX512VL);
    if (!avx512 || limit < NN_ISA_AVX512) return NN_ISA_AVX2;
    if (!has_bits(extended.ecx, bit_AVX512VNNI) || limit < NN_ISA_VNNI) return NN_ISA_AVX512;

    enum { AMX_BF16 = 1 << 22, AMX_TILE = 1 << 24, AMX_INT8 = 1 << 25, AVX512_BF16 = 1 << 5 };
    const bool bf16 = has_bits(cpuid(7, 1).eax, AVX512_BF16);
    if (!bf16 || limit < NN_ISA_BF16) return NN_ISA_VNNI;
    bool amx = has_bits(xcr0, XCR0_TILES) && has_bits(extended.edx, AMX_BF16 | AMX_TILE | AMX_INT8);
    if (!amx || limit < NN_ISA_AMX || !request_tiles()) return NN_ISA_BF16;
    return NN_ISA_AMX;
}

static void detect_vbmi(nn_isa isa, bool *vbmi, bool *vbmi2) {
    enum { VBMI = 1 << 1, VBMI2 = 1 << 6 };
    const uint32_t bits = isa >= NN_ISA_AVX512 ? cpuid(7, 0).ecx : 0;
    *vbmi = has_bits(bits, VBMI);
    *vbmi2 = has_bits(bits, VBMI2);
}

static uint32_t read_signature(void) {
    return cpuid(1, 0).eax;
}

enum { ZEN_1_AND_2 = 0x17, ZEN_3_AND_4 = 0x19 };

/* 0: of another maker. */
static uint32_t amd_family(void) {
    enum { FAMILY_15 = 0xf };
    const cpuid_leaf maker = cpuid(0, 0);
    const uint32_t signature = cpuid(1, 0).eax, family = signature >> 8 & 0xf;
    char name[13] = {0};
    memcpy(name, &maker.ebx, 4);
    memcpy(name + 4, &maker.edx, 4);
    memcpy(name + 8, &maker.ecx, 4);
    if (strcmp(name, "AuthenticAMD") != 0) return 0;
    return family == FAMILY_15 ? family + (signature >> 20 & 0xff) : family;
}

/* Zen 4 is the only core of AMD's family 19h that has AVX-512. */
static bool detect_halves(nn_isa isa) {
    return isa >= NN_ISA_AVX512 && amd_family() == ZEN_3_AND_4;
}

static bool detect_additions(void) {
    const uint32_t family = amd_family();
    return family == ZEN_1_AND_2 || family == ZEN_3_AND_4;
}

static void read_brand(char *out, size_t size) {
    char text[49] = {0};
    for (uint32_t i = 0; i < 3; i++) {
        cpuid_leaf part = cpuid(0x80000002 + i, 0);
        memcpy(text + 16 * i, &part, 16);
    }
    const char *start = text + strspn(text, " ");
    size_t length = strlen(start);
    while (length > 0 && start[length - 1] == ' ') length--;
    snprintf(out, size, "%.*s", (int)length, start);
}

#else

static nn_isa detect_isa(nn_isa limit) {
    (void)limit;
    return NN_ISA_PORTABLE;
}

static void detect_vbmi(nn_isa isa, bool *vbmi, bool *vbmi2) {
    (void)isa;
    *vbmi = *vbmi2 = false;
}

static uint32_t read_signature(void) {
    return 0;
}

static bool detect_halves(nn_isa isa) {
    (void)isa;
    return false;
}

static bool detect_additions(void) {
    return false;
}

static void read_brand(char *out, size_t size) {
    snprintf(out, size, "unknown");
}

#endif

static const struct {
    const char *mask, *name;
} isa_names[] = {
    [NN_ISA_PORTABLE] = {"sse2", "portable"},       [NN_ISA_AVX2] = {"avx2", "AVX2"},
    [NN_ISA_AVX512] = {"avx512", "AVX-512"},        [NN_ISA_VNNI] = {"vnni", "AVX-512 VNNI"},
    [NN_ISA_BF16] = {"avx512bf16", "AVX-512 BF16"}, [NN_ISA_AMX] = {"amx", "AMX"},
};

const char *nn_isa_name(nn_isa isa) {
    return isa_names[isa].name;
}

/* Highest level that NNOPT_CPU_MASK allows. */
static nn_isa allowed_isa(void) {
    const char *mask = getenv("NNOPT_CPU_MASK");
    if (mask == NULL || mask[0] == '\0') return NN_ISA_AMX;
    for (int i = NN_ISA_PORTABLE; i <= NN_ISA_AMX; i++) {
        if (strcmp(mask, isa_names[i].mask) == 0) return (nn_isa)i;
    }
    nn_log(NNOPT_LOG_WARNING,
           "NNOPT_CPU_MASK '%s' is not sse2, avx2, avx512, vnni, avx512bf16 or amx; ignored", mask);
    return NN_ISA_AMX;
}

/* ---- cores -------------------------------------------------------------------------------- */

static int affinity_cores(void) {
    for (int capacity = 1024; capacity <= 1 << 20; capacity *= 4) {
        cpu_set_t *set = CPU_ALLOC((size_t)capacity);
        if (set == NULL) break;
        size_t size = CPU_ALLOC_SIZE((size_t)capacity);
        int count = sched_getaffinity(0, size, set) == 0 ? CPU_COUNT_S(size, set) : 0;
        CPU_FREE(set);
        if (count > 0) return count;
    }
    return 1;
}

/* Reads up to two whitespace-separated words from a file; how many there were. */
static int read_words(const char *path, char words[2][32]) {
    FILE *file = fopen(path, "re");
    if (file == NULL) return 0;
    int count = fscanf(file, "%31s %31s", words[0], words[1]);
    fclose(file);
    return count > 0 ? count : 0;
}

/* CPUs' worth of time that the group at `folder` may use, rounded up; INT_MAX when unlimited. */
static int group_limit(const char *folder) {
    char path[PATH_MAX + 64], words[2][32], period[2][32];
    double quota = 0, interval = 0;
    snprintf(path, sizeof path, "%s/cpu.max", folder);
    if (read_words(path, words) == 2) {
        quota = strtod(words[0], NULL); /* "max" reads as 0 */
        interval = strtod(words[1], NULL);
    } else {
        snprintf(path, sizeof path, "%s/cpu.cfs_quota_us", folder);
        bool has_quota = read_words(path, words) >= 1;
        snprintf(path, sizeof path, "%s/cpu.cfs_period_us", folder);
        if (has_quota && read_words(path, period) >= 1) {
            quota = strtod(words[0], NULL); /* -1: no limit */
            interval = strtod(period[0], NULL);
        }
    }
    if (quota <= 0 || interval <= 0 || quota / interval >= INT_MAX - 1) return INT_MAX;
    int whole = (int)(quota / interval);
    return whole < quota / interval ? whole + 1 : whole;
}

/* The tightest limit of a group and all groups that contain it, up to the mount. */
static int hierarchy_limit(const char *mount, const char *group) {
    char folder[PATH_MAX];
    size_t mount_length = strlen(mount);
    int length = snprintf(folder, sizeof folder, "%s%s", mount, group);
    if (length < 0 || (size_t)length >= sizeof folder) return group_limit(mount);
    int limit = group_limit(folder);
    while (strlen(folder) > mount_length) {
        char *slash = strrchr(folder, '/');
        if (slash == NULL || (size_t)(slash - folder) < mount_length) break;
        *slash = '\0';
        int parent = group_limit(folder);
        if (parent < limit) limit = parent;
    }
    return limit;
}

/* Lines of /proc/self/cgroup are "0::PATH" for version 2 and "N:CONTROLLERS:PATH" for version 1. */
int nn_cpu_group_limit(const char *root) {
    char path[PATH_MAX], line[PATH_MAX];
    int limit = INT_MAX;
    snprintf(path, sizeof path, "%s/proc/self/cgroup", root);
    FILE *file = fopen(path, "re");
    if (file == NULL) return limit;
    while (fgets(line, sizeof line, file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        char *controllers = strchr(line, ':');
        char *group = controllers ? strchr(controllers + 1, ':') : NULL;
        if (group == NULL) continue;
        *controllers++ = '\0';
        *group++ = '\0';
        if (strcmp(group, "/") == 0) group = "";
        bool version2 = controllers[0] == '\0';
        if (!version2 && strcmp(controllers, "cpu") != 0 && strncmp(controllers, "cpu,", 4) != 0 &&
            strstr(controllers, ",cpu,") == NULL && strcmp(controllers, "cpuacct,cpu") != 0) {
            continue;
        }
        static const char *const mounts[] = {"", "/unified", "/cpu", "/cpu,cpuacct",
                                             "/cpuacct,cpu"};
        for (size_t i = version2 ? 0 : 2; i < (version2 ? 2u : 5u); i++) {
            snprintf(path, sizeof path, "%.*s/sys/fs/cgroup%s", PATH_MAX - 64, root, mounts[i]);
            int found = hierarchy_limit(path, group);
            if (found < limit) limit = found;
        }
    }
    fclose(file);
    return limit;
}

/* ---- once --------------------------------------------------------------------------------- */

static nn_cpu the_cpu;

/* Bytes of the data cache of this level as the kernel lists it ("32768K"), 0 when it does not. */
static int64_t listed_cache_bytes(int level) {
    for (int index = 0; index < 8; index++) {
        char path[128], size[2][32], word[2][32];
        int length =
            snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu0/cache/index%d/", index);
        snprintf(path + length, sizeof path - (size_t)length, "level");
        if (read_words(path, word) < 1) return 0;
        if (strtol(word[0], NULL, 10) != level) continue;
        snprintf(path + length, sizeof path - (size_t)length, "type");
        if (read_words(path, word) < 1 || strcmp(word[0], "Instruction") == 0) continue;
        snprintf(path + length, sizeof path - (size_t)length, "size");
        if (read_words(path, size) < 1) return 0;
        char *unit = NULL;
        int64_t bytes = strtoll(size[0], &unit, 10);
        if (bytes <= 0 || bytes > (INT64_C(1) << 40)) return 0;
        return *unit == 'K' ? bytes << 10 : *unit == 'M' ? bytes << 20 : bytes;
    }
    return 0;
}

/* What the C library computes from CPUID is wrong for the last level of some virtual machines. */
static int64_t cache_bytes(int level, int name) {
    int64_t listed = listed_cache_bytes(level);
    if (listed > 0) return listed;
    long bytes = sysconf(name);
    return bytes > 0 ? bytes : 0;
}

static void detect(void) {
    const char *reference = getenv("NNOPT_FORCE_REF");
    the_cpu.reference_only = reference != NULL && strcmp(reference, "1") == 0;
    the_cpu.isa = detect_isa(allowed_isa());
    detect_vbmi(the_cpu.isa, &the_cpu.has_vbmi, &the_cpu.has_vbmi2);
    the_cpu.halves_512 = detect_halves(the_cpu.isa);
    the_cpu.adds_beside_products = detect_additions();
    the_cpu.signature = read_signature();
    read_brand(the_cpu.brand, sizeof the_cpu.brand);
    int cores = affinity_cores(), limit = nn_cpu_group_limit("");
    the_cpu.cores = cores < limit ? cores : limit;
    the_cpu.l1d_bytes = cache_bytes(1, _SC_LEVEL1_DCACHE_SIZE);
    the_cpu.l2_bytes = cache_bytes(2, _SC_LEVEL2_CACHE_SIZE);
    the_cpu.l3_bytes = cache_bytes(3, _SC_LEVEL3_CACHE_SIZE);
}

const nn_cpu *nn_cpu_get(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, detect);
    return &the_cpu;
}
