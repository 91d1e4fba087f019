#include "ops/op.h"

static const struct {
    const char *name;
    nn_type type;
} precisions[] = {
    [NN_PRECISION_FP32] = {"fp32", NNOPT_FLOAT},
    [NN_PRECISION_BF16] = {"bf16", NNOPT_BFLOAT16},
    [NN_PRECISION_TF32] = {"tf32", NNOPT_FLOAT},
    [NN_PRECISION_FP16] = {"fp16", NNOPT_FLOAT16},
};

const char *nn_precision_name(nn_precision precision) {
    return precisions[precision].name;
}

nn_status nn_precision_find(const char *name, nn_precision *out) {
    for (size_t i = 0; i < sizeof precisions / sizeof *precisions; i++) {
        if (strcmp(precisions[i].name, name) != 0) continue;
        *out = (nn_precision)i;
        return NN_OK;
    }
    return nn_fail(NN_USAGE, "there is no precision '%s'", name);
}

nn_type nn_precision_type(nn_precision precision) {
    return precisions[precision].type;
}
