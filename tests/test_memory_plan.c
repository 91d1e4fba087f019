/* Offsets in one slab. */
#include "engine/plan/memory_plan.h"
#include "tests/support/runner.h"

static void check_disjoint(const nn_memory_block *blocks, int64_t count, int64_t slab) {
    for (int64_t i = 0; i < count; i++) {
        const nn_memory_block *a = &blocks[i];
        ck_assert_int_ge(a->offset, 0);
        ck_assert_int_eq(a->offset % NN_ALIGNMENT, 0);
        ck_assert_int_le(a->offset + a->bytes, slab);
        for (int64_t j = 0; j < i; j++) {
            const nn_memory_block *b = &blocks[j];
            bool together = a->first <= b->last && b->first <= a->last;
            bool overlap = a->offset < b->offset + b->bytes && b->offset < a->offset + a->bytes;
            ck_assert_msg(!together || !overlap, "blocks %d and %d overlap", (int)i, (int)j);
        }
    }
}

START_TEST(a_chain_needs_its_two_largest_neighbours) {
    nn_memory_block blocks[] = {
        {1000, 0, 1, 0}, {2000, 1, 2, 0}, {500, 2, 3, 0}, {2000, 3, 4, 0}, {100, 4, 5, 0}};
    int64_t slab = 0;
    ck_assert_ok(nn_memory_plan(blocks, 5, &slab));
    check_disjoint(blocks, 5, slab);
    /* 1000 and 2000 live together: 1024 + 2048 rounded to 64, and nothing needs more */
    ck_assert_int_eq(slab, 1024 + 2048);
    ck_assert_int_eq(nn_memory_live(blocks, 5, 1), 1024 + 2048);
    ck_assert_int_eq(nn_memory_live(blocks, 5, 3), 512 + 2048);
}
END_TEST

START_TEST(the_smallest_gap_is_taken) {
    /* two gaps stay between the three blocks that live throughout once the short ones end */
    nn_memory_block blocks[] = {{6400, 0, 9, 0}, {6336, 0, 3, 0}, {6272, 0, 9, 0},
                                {6208, 0, 3, 0}, {6144, 0, 9, 0}, {640, 4, 9, 0}};
    int64_t slab = 0;
    ck_assert_ok(nn_memory_plan(blocks, 6, &slab));
    check_disjoint(blocks, 6, slab);
    ck_assert_int_eq(blocks[5].offset, blocks[3].offset);
}
END_TEST

START_TEST(empty_blocks_and_no_blocks) {
    int64_t slab = -1;
    ck_assert_ok(nn_memory_plan(NULL, 0, &slab));
    ck_assert_int_eq(slab, 0);
    nn_memory_block blocks[] = {{0, 0, 3, 0}, {1, 0, 3, 0}};
    ck_assert_ok(nn_memory_plan(blocks, 2, &slab));
    ck_assert_int_eq(slab, NN_ALIGNMENT);
}
END_TEST

START_TEST(sizes_that_overflow_are_refused) {
    nn_memory_block blocks[] = {{INT64_MAX - 100, 0, 0, 0}, {INT64_MAX - 100, 1, 1, 0}};
    int64_t slab;
    ck_assert_fails(nn_memory_plan(blocks, 2, &slab), NNOPT_NO_MEMORY, "2^63");
}
END_TEST

START_TEST(random_lifetimes_never_overlap_and_stay_near_the_bound) {
    enum { COUNT = 300, STEPS = 100 };
    nn_memory_block blocks[COUNT];
    uint64_t state = 1;
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < COUNT; i++) {
            state = state * UINT64_C(6364136223846793005) + 1442695040888963407;
            int64_t first = (int64_t)(state >> 33) % STEPS;
            int64_t last = first + (int64_t)(state >> 40) % 8;
            blocks[i] = (nn_memory_block){(int64_t)(state >> 44) % 50000, first, last, -1};
        }
        int64_t slab, most = 0;
        ck_assert_ok(nn_memory_plan(blocks, COUNT, &slab));
        check_disjoint(blocks, COUNT, slab);
        for (int step = 0; step < STEPS + 8; step++) {
            int64_t live = nn_memory_live(blocks, COUNT, step);
            if (live > most) most = live;
        }
        ck_assert_int_ge(slab, most);
        ck_assert_int_le(slab, most + most / 4);
    }
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("memory_plan");
    TCase *tests = tcase_create("memory_plan");
    tcase_add_test(tests, a_chain_needs_its_two_largest_neighbours);
    tcase_add_test(tests, the_smallest_gap_is_taken);
    tcase_add_test(tests, empty_blocks_and_no_blocks);
    tcase_add_test(tests, sizes_that_overflow_are_refused);
    tcase_add_test(tests, random_lifetimes_never_overlap_and_stay_near_the_bound);
    suite_add_tcase(suite, tests);
    return suite;
}
