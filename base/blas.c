#include "base/blas.h"

#include "base/cpu.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static struct {
    nn_blas table;
    bool ready;
    char reason[256]; /* why not */
} the_blas;

/* The kernels OpenBLAS should run. Old versions take a CPU younger than themselves for a very old
 * one, so where wide vectors exist the name is given; elsewhere its own detection is right. */
static const char *core_type(void) {
    nn_isa isa = nn_cpu_get()->isa;
    return isa >= NN_ISA_AVX512 ? "SkylakeX" : isa >= NN_ISA_AVX2 ? "Haswell" : NULL;
}

/* Sets a variable that the user has not set; true when it must be taken back. */
static bool lend_variable(const char *name, const char *value) {
    return value != NULL && getenv(name) == NULL && setenv(name, value, 1) == 0;
}

static void *open_library(void) {
    bool lent_core = lend_variable("OPENBLAS_CORETYPE", core_type());
    bool lent_threads = lend_variable("OPENBLAS_NUM_THREADS", "1");
    static const char *const names[] = {"libopenblas.so.0", "libopenblas.so"};
    void *library = NULL;
    for (size_t i = 0; i < sizeof names / sizeof *names && library == NULL; i++) {
        library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
    }
    if (library == NULL) {
        const char *error = dlerror();
        snprintf(the_blas.reason, sizeof the_blas.reason, "%s", error ? error : "not found");
    }
    if (lent_core) unsetenv("OPENBLAS_CORETYPE");
    if (lent_threads) unsetenv("OPENBLAS_NUM_THREADS");
    return library;
}

static void load(void) {
    void *library = open_library();
    if (library == NULL) return;

    nn_blas *table = &the_blas.table;
    const char *(*get_config)(void) = NULL, *(*get_core_name)(void) = NULL;
    void (*set_threads)(int) = NULL;
    const struct {
        const char *name;
        void *slot; /* of a function pointer, as POSIX wants dlsym stored */
    } symbols[] = {
        {"cblas_sgemm", &table->sgemm},
        {"cblas_dgemm", &table->dgemm},
        {"cblas_dsyrk", &table->dsyrk},
        {"dpotrf_", &table->dpotrf},
        {"dpotrs_", &table->dpotrs},
        {"dpotri_", &table->dpotri},
        {"dtrtrs_", &table->dtrtrs},
        {"dgesdd_", &table->dgesdd},
        {"dsyevd_", &table->dsyevd},
        {"openblas_get_config", &get_config},
        {"openblas_get_corename", &get_core_name},
        {"openblas_set_num_threads", &set_threads},
    };
    for (size_t i = 0; i < sizeof symbols / sizeof *symbols; i++) {
        void *address = dlsym(library, symbols[i].name);
        if (address == NULL) {
            snprintf(the_blas.reason, sizeof the_blas.reason, "libopenblas.so.0 has no '%s'",
                     symbols[i].name);
            dlclose(library);
            return;
        }
        *(void **)symbols[i].slot = address;
    }
    set_threads(1);
    table->config = get_config();
    table->core_name = get_core_name();
    the_blas.ready = true;
}

nn_status nn_blas_get(const nn_blas **out) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load);
    if (!the_blas.ready) {
        return nn_fail(NN_UNSUPPORTED, "OpenBLAS cannot be used: %s", the_blas.reason);
    }
    *out = &the_blas.table;
    return NN_OK;
}
