/* Body of activation_f32_<isa>.c: ACTIVATE and EPILOGUE are the names to define. */
#include "base/cpu.h"
#include "ops/cpu/float32/activation_f32.h"
#include "ops/cpu/float32/activation_vector.h"

/* y = after(activation(x)); x may be y. The kinds are constants of each copy. */
typedef struct map_kind {
    nn_activation activation, after;
    bool divides; /* a SiLU by division */
} map_kind;

NN_INLINE vf map_vector(const map_kind kind, vf x) {
    if (kind.divides) return vf_silu_by_division(x);
    return nn_activate_vector(kind.after, nn_activate_vector(kind.activation, x));
}

NN_INLINE void map_row(const float *x, float *y, int64_t count, const map_kind kind) {
    int64_t i = 0;
    for (; i + 2 * VF_LANES <= count; i += 2 * VF_LANES) {
        vf_store(y + i, map_vector(kind, vf_load(x + i)));
        vf_store(y + i + VF_LANES, map_vector(kind, vf_load(x + i + VF_LANES)));
    }
    if (i + VF_LANES <= count) {
        vf_store(y + i, map_vector(kind, vf_load(x + i)));
        i += VF_LANES;
    }
    const int left = (int)(count - i);
    if (left > 0) vf_store_first(y + i, map_vector(kind, vf_load_first(x + i, left)), left);
}

NN_INLINE void map_rows(const nn_epilogue_block *block, const map_kind kind) {
    const float *x = block->x;
    float *y = block->y;
    int64_t rows = block->rows, columns = block->columns;
    if (block->x_step == columns && block->y_step == columns) {
        columns *= rows;
        rows = 1;
    }
    const int64_t x_step = block->x_step, y_step = block->y_step;
    for (; rows > 0; rows--, x += x_step, y += y_step) map_row(x, y, columns, kind);
}

static void copy_rows(const nn_epilogue_block *block) {
    for (int64_t row = 0; row < block->rows && block->x != block->y; row++)
        memcpy(block->y + row * block->y_step, block->x + row * block->x_step,
               (size_t)block->columns * sizeof *block->y);
}

#define CASE(kind)                                                                                 \
    case kind:                                                                                     \
        map_rows(block, (map_kind){.activation = {kind, alpha, beta}});                            \
        break;

/* Where vectors of 512 bits are divided in two halves, that takes six cycles and hinders two FMAs,
 * and the estimate that replaces it elsewhere four. */
static bool divides_faster(void) {
    return VF_LANES == 16 && nn_cpu_get()->halves_512;
}

static void activate_rows(const nn_epilogue_block *block, nn_activation activation) {
    const float alpha = activation.alpha, beta = activation.beta;
    if (activation.kind == NN_ACT_SILU && divides_faster()) {
        map_rows(block, (map_kind){.divides = true});
        return;
    }
    switch (activation.kind) {
        NN_EACH_ACTIVATION(CASE)
    case NN_ACT_NONE:
    case NN_ACT_KINDS:
        copy_rows(block);
        break;
    }
}

void ACTIVATE(nn_activation activation, float *x, int64_t count) {
    const nn_epilogue_block block = {.x = x, .y = x, .rows = 1, .columns = count};
    activate_rows(&block, activation);
}

/* What learnt scales behind a HardSwish become is done with it. */
static void activate_twice(const nn_epilogue_block *block, nn_activation before,
                           nn_activation after) {
    if (before.kind == NN_ACT_HARD_SWISH && after.kind == NN_ACT_LINEAR) {
        const map_kind kind = {
            .activation = {NN_ACT_HARD_SWISH, before.alpha, before.beta},
            .after = {NN_ACT_LINEAR, after.alpha, after.beta},
        };
        map_rows(block, kind);
    } else if (before.kind == NN_ACT_NONE) {
        activate_rows(block, after);
    } else {
        nn_epilogue_block in_y = *block;
        in_y.x = block->y;
        in_y.x_step = block->y_step;
        activate_rows(block, before);
        activate_rows(&in_y, after);
    }
}

/* The residual may be y, so that nothing is written there before it is read. */
void EPILOGUE(const nn_epilogue *epilogue, const nn_epilogue_block *block) {
    if (!epilogue->has_residual) {
        activate_twice(block, epilogue->before, epilogue->after);
        return;
    }
    nn_epilogue_block in_x = *block, in_y = *block;
    in_x.y = block->x;
    in_x.y_step = block->x_step;
    in_y.x = block->y;
    in_y.x_step = block->y_step;
    activate_rows(&in_x, epilogue->before);
    for (int64_t row = 0; row < block->rows; row++) {
        const float *x = block->x + row * block->x_step;
        const float *residual = block->residual + row * block->y_step;
        float *y = block->y + row * block->y_step;
        for (int64_t i = 0; i < block->columns; i++) y[i] = x[i] + residual[i];
    }
    activate_rows(&in_y, epilogue->after);
}
