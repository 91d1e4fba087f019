/* A copy of run_blocks(work, kind), which is defined before, for each kind of finish
 * (tile_bf16_finish.inc.h). */
#define RUN(name, residual, y_is_float, clips)                                                     \
    static void name(const nn_bf16_work *work) {                                                   \
        run_blocks(work, (finish_kind){residual, y_is_float, clips});                              \
    }
RUN(clip_to_bf16, NO_RESIDUAL, false, true)
RUN(clip_to_float, NO_RESIDUAL, true, true)
RUN(add_bf16_to_bf16, RESIDUAL_BF16, false, true)
RUN(add_bf16_to_float, RESIDUAL_BF16, true, true)
RUN(add_float_to_bf16, RESIDUAL_FLOAT, false, true)
RUN(add_float_to_float, RESIDUAL_FLOAT, true, true)
RUN(any_epilogue, NO_RESIDUAL, false, false)

static void run_kind(const nn_bf16_work *work) {
    static void (*const functions[3][2])(const nn_bf16_work *work) = {
        [NO_RESIDUAL] = {clip_to_bf16, clip_to_float},
        [RESIDUAL_BF16] = {add_bf16_to_bf16, add_bf16_to_float},
        [RESIDUAL_FLOAT] = {add_float_to_bf16, add_float_to_float},
    };
    float low, high;
    const bool clips = nn_epilogue_as_clip(work->epilogue, &low, &high);
    const residual_kind residual = work->residual == NULL    ? NO_RESIDUAL
                                   : work->residual_is_float ? RESIDUAL_FLOAT
                                                             : RESIDUAL_BF16;
    (clips ? functions[residual][work->y_is_float] : any_epilogue)(work);
}
