/* Large weights are packed from pieces of a mapped file: the same bytes as from the whole array. */
#include "engine/plan/prepare.h"
#include "formats/mapping.h"
#include "ops/cpu/float32/direct/direct_operands.h"
#include "tests/support/expected.h"
#include "tests/support/runner.h"

#include <stdio.h>
#include <stdlib.h>

enum { ODD = 3 }; /* bytes before the weights in the file: they lie unaligned */

typedef struct packing_case {
    int64_t groups, k, columns, kernel; /* of a group; kernel x kernel taps */
    bool transposed;                    /* a product whose rows are those of k */
} packing_case;

static const packing_case cases[] = {
    {1, 300, 211, 3, false}, /* several pieces, a last panel that is not full */
    {3, 130, 70, 3, false},  {1, 2000, 150, 1, false},
    {1, 700, 333, 1, true},  {1, 5, 7, 1, false}, /* one piece */
};

static float weight(int64_t index) {
    return (float)(index * 2654435761 % 1000003) / 1000003 - 0.5f;
}

static nn_blob *mapped_blob(int64_t count) {
    const char *path = test_path("weights.bin");
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite("odd", 1, ODD, file), ODD);
    for (int64_t i = 0; i < count; i++)
        ck_assert_uint_eq(fwrite(&(float){weight(i)}, sizeof(float), 1, file), 1);
    ck_assert_int_eq(fclose(file), 0);
    nn_storage *storage;
    nn_blob *blob;
    ck_assert_ok(nn_mapping_open(path, &storage));
    const nn_tensor view = {
        .type = NNOPT_FLOAT, .rank = 1, .dims = {count}, .data = (char *)storage->base + ODD};
    ck_assert_ok(nn_blob_wrap(&view, storage, &blob));
    nn_storage_release(storage);
    return blob;
}

static nn_direct_problem problem_of(const packing_case *c) {
    nn_direct_problem out = nn_direct_product(64, c->columns, c->k);
    out.groups = c->groups;
    out.in_pitch = c->groups * c->k;
    for (int axis = NN_HEIGHT; axis <= NN_WIDTH; axis++)
        out.axes[axis] = (nn_window_axis){
            .in = 8 + c->kernel - 1, .out = 8, .kernel = c->kernel, .stride = 1, .dilation = 1};
    nn_direct_dense_output(&out, c->groups * c->columns);
    return out;
}

START_TEST(pieces_give_the_bytes_of_the_whole) {
    const packing_case *c = &cases[_i];
    const int64_t taps = c->kernel * c->kernel, count = c->groups * c->columns * c->k * taps;
    const nn_direct_problem problem = problem_of(c);
    nn_direct_plan plan;
    nn_direct_plan_make(&problem, &nn_tiles_f32_portable, 1, &(nn_epilogue){0}, &plan);
    nn_direct_operands operands = {.w = 1, .bias = 2};
    operands.source = (nn_direct_source){.group_step = c->columns * c->k * taps,
                                         .column_step = c->transposed ? 1 : c->k * taps,
                                         .k_step = c->transposed ? c->columns : taps,
                                         .tap_step = 1,
                                         .scale = 0.5f};
    float *whole = malloc((size_t)count * sizeof *whole);
    char *want = calloc(1, nn_direct_packed_bytes(&plan));
    ck_assert(whole != NULL && want != NULL);
    for (int64_t i = 0; i < count; i++) whole[i] = weight(i);
    nn_direct_pack(&plan, &operands.source, whole, (float *)want);

    nn_blob *blob = mapped_blob(count);
    const nn_fact fact = nn_fact_of_tensor(&blob->tensor, true);
    const nn_node_view view = {.name = "n", .in_count = 2, .in = (const nn_fact *[]){NULL, &fact}};
    nn_arena arena = {0};
    nn_prepare_room room = {0};
    nn_prepare prepare = {.node = &view,
                          .arena = &arena,
                          .constants = (const nn_blob *[]){NULL, blob},
                          .room = &room};
    size_t workspace;
    ck_assert_ok(nn_direct_operands_prepare(&view, &plan, &prepare, &operands, &workspace));
    ck_assert_int_eq(memcmp(operands.packed, want, nn_direct_packed_bytes(&plan)), 0);
    ck_assert_uint_le(room.bytes, 2 * NN_PIECE_BYTES);
    ck_assert_ptr_eq(blob->aligned.data, NULL); /* nobody pinned it */

    nn_prepare_room_clear(&room);
    nn_arena_clear(&arena);
    nn_blob_release(blob);
    free(whole);
    free(want);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("packing of float weights");
    TCase *pieces = tcase_create("pieces");
    tcase_add_loop_test(pieces, pieces_give_the_bytes_of_the_whole, 0,
                        (int)(sizeof cases / sizeof *cases));
    suite_add_tcase(suite, pieces);
    return suite;
}
