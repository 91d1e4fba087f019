/* Body of activation_f32_<isa>.c: ACTIVATE and EPILOGUE are the names to define. */
#include "ops/cpu/float32/activation_f32.h"
#include "ops/cpu/float32/activation_vector.h"

/* y = activation(x); x may be y. The kind is a constant of each copy. Rows are short, so that whole
 * vectors of all of them are one loop: what a function needs stays in registers. */
NN_INLINE void map_rows(const nn_epilogue_block *block, nn_activation activation) {
    const int64_t whole = block->columns / VF_LANES;
    const int left = (int)(block->columns - whole * VF_LANES);
    const float *x = block->x;
    float *y = block->y;
    for (int64_t i = 0, column = 0; i < whole * block->rows; i++) {
        vf_store(y, nn_activate_vector(activation, vf_load(x)));
        x += VF_LANES;
        y += VF_LANES;
        if (++column < whole) continue;
        column = 0;
        x += block->x_step - whole * VF_LANES;
        y += block->y_step - whole * VF_LANES;
    }
    for (int64_t row = 0; row < block->rows && left > 0; row++) {
        x = block->x + row * block->x_step + whole * VF_LANES;
        y = block->y + row * block->y_step + whole * VF_LANES;
        vf_store_first(y, nn_activate_vector(activation, vf_load_first(x, left)), left);
    }
}

static void copy_rows(const nn_epilogue_block *block) {
    for (int64_t row = 0; row < block->rows && block->x != block->y; row++)
        memcpy(block->y + row * block->y_step, block->x + row * block->x_step,
               (size_t)block->columns * sizeof *block->y);
}

#define CASE(kind)                                                                                 \
    case kind:                                                                                     \
        map_rows(block, (nn_activation){kind, alpha, beta});                                       \
        break;

static void activate_rows(const nn_epilogue_block *block, nn_activation activation) {
    const float alpha = activation.alpha, beta = activation.beta;
    switch (activation.kind) {
        CASE(NN_ACT_RELU)
        CASE(NN_ACT_CLIP)
        CASE(NN_ACT_LEAKY_RELU)
        CASE(NN_ACT_SIGMOID)
        CASE(NN_ACT_TANH)
        CASE(NN_ACT_HARD_SIGMOID)
        CASE(NN_ACT_HARD_SWISH)
        CASE(NN_ACT_SILU)
        CASE(NN_ACT_GELU)
        CASE(NN_ACT_GELU_TANH)
        CASE(NN_ACT_LINEAR)
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

/* The residual may be y, so that nothing is written there before it is read. */
void EPILOGUE(const nn_epilogue *epilogue, const nn_epilogue_block *block) {
    nn_epilogue_block in_y = *block;
    in_y.x = block->y;
    in_y.x_step = block->y_step;
    if (epilogue->has_residual) {
        nn_epilogue_block in_x = *block;
        in_x.y = block->x;
        in_x.y_step = block->x_step;
        activate_rows(&in_x, epilogue->before);
        for (int64_t row = 0; row < block->rows; row++) {
            const float *x = block->x + row * block->x_step;
            const float *residual = block->residual + row * block->y_step;
            float *y = block->y + row * block->y_step;
            for (int64_t i = 0; i < block->columns; i++) y[i] = x[i] + residual[i];
        }
    } else {
        activate_rows(block, epilogue->before);
    }
    activate_rows(&in_y, epilogue->after);
}
