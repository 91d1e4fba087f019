#include "ops/device_coverage.h"

static const struct row {
    const char *domain, *name, *reason; /* reason NULL: it has kernels */
} rows[] = {
#define NN_CUDA_ROW(domain, name, symbol) {domain, name, NULL},
#include "ops/cuda/kernel_table.def"
#undef NN_CUDA_ROW
#define NN_HOST_ROW(domain, name, reason) {domain, name, reason},
#include "ops/cuda/host_table.def"
#undef NN_HOST_ROW
};

enum { ROWS = sizeof rows / sizeof *rows };

nn_device_coverage nn_device_coverage_of(const nn_op *op) {
    for (int i = 0; i < ROWS; i++)
        if (strcmp(rows[i].name, op->name) == 0 && strcmp(rows[i].domain, op->domain) == 0)
            return (nn_device_coverage){
                rows[i].reason == NULL ? NN_COVERAGE_KERNELS : NN_COVERAGE_HOST, rows[i].reason};
    return (nn_device_coverage){op->expand != NULL ? NN_COVERAGE_PARTS : NN_COVERAGE_UNKNOWN, NULL};
}

bool nn_device_coverage_row(int index, const char **domain, const char **name, bool *is_host) {
    if (index < 0 || index >= ROWS) return false;
    *domain = rows[index].domain;
    *name = rows[index].name;
    *is_host = rows[index].reason != NULL;
    return true;
}
