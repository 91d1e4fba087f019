/* The emulator: what is right runs, and what a device would take without a word ends the program.
 */
#include "tests/cuda_emulator/emulator.h"
#include "tests/cuda_emulator/samples.h"
#include "tests/support/runner.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define ck_assert_cuda(expression) ck_assert_str_eq(cudaGetErrorName(expression), "cudaSuccess")

enum { COUNT = 4096 };

typedef struct fixture {
    cudaStream_t stream;
    float *x, *y; /* COUNT floats of the device; x[i] = i % 64, y = 0 */
    float host[COUNT];
} fixture;

static fixture set_up(void) {
    fixture out = {0};
    ck_assert_cuda(cudaStreamCreateWithFlags(&out.stream, cudaStreamNonBlocking));
    ck_assert_cuda(cudaMalloc((void **)&out.x, sizeof out.host));
    ck_assert_cuda(cudaMalloc((void **)&out.y, sizeof out.host));
    for (int i = 0; i < COUNT; i++) out.host[i] = (float)(i % 64);
    ck_assert_cuda(
        cudaMemcpyAsync(out.x, out.host, sizeof out.host, cudaMemcpyHostToDevice, out.stream));
    ck_assert_cuda(cudaMemsetAsync(out.y, 0, sizeof out.host, out.stream));
    return out;
}

static void clear(fixture *own) {
    ck_assert_cuda(cudaStreamDestroy(own->stream));
    ck_assert_cuda(cudaFree(own->x));
    ck_assert_cuda(cudaFree(own->y));
}

static cudaError_t start(fixture *own, sample which, dim3 grid, dim3 block, size_t shared_bytes) {
    return run_sample(which, grid, block, shared_bytes, own->x, own->y, COUNT, own->stream);
}

static const dim3 one = {1, 1, 1};

static void take(fixture *own) {
    ck_assert_cuda(
        cudaMemcpyAsync(own->host, own->y, sizeof own->host, cudaMemcpyDeviceToHost, own->stream));
}

/* ---- what is right ---- */

START_TEST(runs_threads_in_blocks) {
    fixture own = set_up();
    ck_assert_cuda(start(&own, SAMPLE_DOUBLE, (dim3){7, 1, 1}, (dim3){100, 1, 1}, 0));
    take(&own);
    for (int i = 0; i < COUNT; i++) ck_assert_float_eq(own.host[i], (float)(2 * (i % 64)));
    ck_assert_cuda(start(&own, SAMPLE_PLACES, (dim3){2, 3, 2}, (dim3){4, 3, 2}, 0));
    take(&own);
    for (int i = 0; i < 12 * 24; i++)
        ck_assert_float_eq(own.host[i], (float)(100 * (i / 24) + i % 24));
    clear(&own);
}
END_TEST

START_TEST(lets_threads_meet) {
    fixture own = set_up();
    ck_assert_cuda(start(&own, SAMPLE_SUM_OF_BLOCK, (dim3){4, 1, 1}, (dim3){1024, 1, 1}, 0));
    take(&own);
    for (int i = 0; i < 4; i++) ck_assert_float_eq(own.host[i], 16 * 63 * 32);
    ck_assert_cuda(start(&own, SAMPLE_SUM_OF_WARP, (dim3){16, 1, 1}, (dim3){256, 1, 1}, 0));
    take(&own);
    for (int i = 0; i < COUNT / 32; i++)
        ck_assert_float_eq(own.host[i], i % 2 == 0 ? 496.0f : 496.0f + 1024.0f);
    ck_assert_cuda(start(&own, SAMPLE_REVERSE, (dim3){64, 1, 1}, (dim3){64, 1, 1}, 256));
    take(&own);
    for (int i = 0; i < COUNT; i++) ck_assert_float_eq(own.host[i], (float)(63 - i % 64));
    ck_assert_cuda(cudaMemsetAsync(own.y, 0, sizeof own.host, own.stream));
    ck_assert_cuda(start(&own, SAMPLE_COPY, (dim3){64, 1, 1}, (dim3){64, 1, 1}, 256));
    take(&own);
    for (int i = 0; i < COUNT; i++) ck_assert_float_eq(own.host[i], (float)(63 - i % 64));
    ck_assert_cuda(cudaMemsetAsync(own.y, 0, sizeof own.host, own.stream));
    ck_assert_cuda(start(&own, SAMPLE_COUNT, (dim3){16, 1, 1}, (dim3){256, 1, 1}, 0));
    ck_assert_cuda(start(&own, SAMPLE_EARLY_END, one, (dim3){8, 1, 1}, 0));
    take(&own);
    ck_assert_float_eq(own.host[3], 1);
    ck_assert_float_eq(own.host[4], 0);
    clear(&own);
}
END_TEST

START_TEST(counts_and_votes) {
    fixture own = set_up();
    ck_assert_cuda(start(&own, SAMPLE_COUNT, (dim3){16, 1, 1}, (dim3){256, 1, 1}, 0));
    take(&own);
    ck_assert_float_eq(own.host[0], COUNT);
    ck_assert_float_eq(own.host[1], COUNT / 2);
    ck_assert_float_eq(own.host[2], 1);
    clear(&own);
}
END_TEST

START_TEST(refuses_what_a_device_refuses) {
    fixture own = set_up();
    const cudaError_t configuration = cudaErrorInvalidConfiguration;
    ck_assert_int_eq(start(&own, SAMPLE_DOUBLE, one, (dim3){1025, 1, 1}, 0), configuration);
    ck_assert_int_eq(start(&own, SAMPLE_DOUBLE, one, (dim3){1, 1, 65}, 0), configuration);
    ck_assert_int_eq(start(&own, SAMPLE_DOUBLE, one, (dim3){0, 1, 1}, 0), configuration);
    ck_assert_int_eq(start(&own, SAMPLE_DOUBLE, (dim3){1, 65536, 1}, one, 0), configuration);
    ck_assert_int_eq(start(&own, SAMPLE_DOUBLE, one, one, 228 * 1024), cudaErrorInvalidValue);
    ck_assert_cuda(start(&own, SAMPLE_DOUBLE, one, one, 227 * 1024));
    ck_assert_cuda(start(&own, SAMPLE_DOUBLE, (dim3){0, 1, 1}, one, 0)); /* nn_launch */
    (void)cudaGetLastError();
    ck_assert_cuda(cudaGetLastError());
    clear(&own);
}
END_TEST

START_TEST(keeps_an_error_that_lasts) {
    fixture own = set_up();
    nn_emulator_fail(cudaErrorIllegalAddress, 2);
    ck_assert_cuda(start(&own, SAMPLE_DOUBLE, one, one, 0));
    ck_assert_int_eq(start(&own, SAMPLE_DOUBLE, one, one, 0), cudaErrorIllegalAddress);
    ck_assert_int_eq(cudaStreamSynchronize(own.stream), cudaErrorIllegalAddress);
    ck_assert_int_eq(cudaGetLastError(), cudaErrorIllegalAddress);
    nn_emulator_fail(cudaSuccess, 0);
    ck_assert_cuda(cudaStreamSynchronize(own.stream));
    clear(&own);
}
END_TEST

START_TEST(work_waits_until_somebody_does) {
    fixture own = set_up();
    float *pinned;
    const long long before = nn_emulator_launch_count();
    ck_assert_cuda(cudaMallocHost((void **)&pinned, sizeof(float)));
    pinned[0] = -1;
    ck_assert_cuda(start(&own, SAMPLE_DOUBLE, (dim3){64, 1, 1}, (dim3){64, 1, 1}, 0));
    ck_assert_cuda(
        cudaMemcpyAsync(pinned, own.y + 1, sizeof(float), cudaMemcpyDeviceToHost, own.stream));
    ck_assert_float_eq(pinned[0], -1);
    ck_assert_int_eq(nn_emulator_launch_count(), before);
    ck_assert_cuda(cudaStreamSynchronize(own.stream));
    ck_assert_float_eq(pinned[0], 2);
    ck_assert_int_eq(nn_emulator_launch_count(), before + 1);
    ck_assert_cuda(cudaFreeHost(pinned));
    clear(&own);
}
END_TEST

START_TEST(an_event_brings_streams_into_order) {
    fixture own = set_up();
    cudaStream_t other;
    cudaEvent_t event;
    ck_assert_cuda(cudaStreamCreateWithFlags(&other, cudaStreamNonBlocking));
    ck_assert_cuda(cudaEventCreate(&event));
    ck_assert_cuda(start(&own, SAMPLE_DOUBLE, one, (dim3){64, 1, 1}, 0));
    ck_assert_cuda(cudaEventRecord(event, own.stream));
    ck_assert_cuda(cudaStreamWaitEvent(other, event, 0));
    ck_assert_cuda(
        cudaMemcpyAsync(own.host, own.y, sizeof own.host, cudaMemcpyDeviceToHost, other));
    ck_assert_float_eq(own.host[5], 10);
    ck_assert_cuda(cudaEventDestroy(event));
    ck_assert_cuda(cudaStreamDestroy(other));
    clear(&own);
}
END_TEST

START_TEST(a_recording_forbids_what_cuda_forbids) {
    fixture own = set_up();
    cudaGraph_t graph;
    void *memory;
    for (int i = 0; i < 5; i++) {
        ck_assert_cuda(cudaStreamBeginCapture(own.stream, cudaStreamCaptureModeThreadLocal));
        cudaError_t error =
            i == 0   ? cudaMalloc(&memory, 16)
            : i == 1 ? cudaFree(own.x)
            : i == 2 ? cudaStreamSynchronize(own.stream)
            : i == 3 ? cudaMemcpyAsync(own.x, own.host, 16, cudaMemcpyHostToDevice, own.stream)
                     : cudaMemcpy(own.x, own.host, 16, cudaMemcpyHostToDevice);
        ck_assert_int_eq(error, cudaErrorStreamCaptureUnsupported);
        ck_assert_int_eq(start(&own, SAMPLE_DOUBLE, one, one, 0),
                         cudaErrorStreamCaptureInvalidated);
        ck_assert_int_eq(cudaStreamEndCapture(own.stream, &graph),
                         cudaErrorStreamCaptureInvalidated);
    }
    ck_assert_int_eq(cudaStreamEndCapture(own.stream, &graph), cudaErrorIllegalState);
    clear(&own);
}
END_TEST

/* ---- what is wrong: in processes of their own ---- */

/* Two floats of y are read where a barrier is missing: at least one of both orders gives NaN. */
static void without_barrier(fixture *own) {
    bool has_nan = false;
    ck_assert_cuda(start(own, SAMPLE_WITHOUT_BARRIER, (dim3){2, 1, 1}, (dim3){64, 1, 1}, 256));
    take(own);
    for (int i = 0; i < 128; i++) has_nan = has_nan || isnan(own->host[i]);
    if (has_nan) nn_emulator_die("found NaN");
}

static void run_in_default_stream(fixture *own) {
    (void)run_sample(SAMPLE_DOUBLE, one, one, 0, own->x, own->y, COUNT, NULL);
}

static void read_on_host(fixture *own) {
    volatile float value = own->x[0];
    (void)value;
}

static void copy_too_much(fixture *own) {
    static char room[2 * sizeof own->host];
    (void)cudaMemcpyAsync(own->x, room, sizeof own->host + 1, cudaMemcpyHostToDevice, own->stream);
}

static void copy_into_host(fixture *own) {
    (void)cudaMemcpyAsync(own->host, own->host + 1, 16, cudaMemcpyHostToDevice, own->stream);
}

static void free_twice(fixture *own) {
    (void)cudaFree(own->x);
    (void)cudaFree(own->x);
}

static void copy_from_freed(fixture *own) {
    (void)cudaFree(own->x);
    take(own);
    (void)cudaMemcpyAsync(own->y, own->x, 16, cudaMemcpyDeviceToDevice, own->stream);
}

static void use_after_fork(fixture *own) {
    if (fork() == 0) {
        (void)cudaStreamSynchronize(own->stream);
        _exit(0);
    }
    int status;
    wait(&status);
    if (WIFSIGNALED(status)) abort();
}

#define KERNEL(name, which, threads, shared)                                                       \
    static void name(fixture *own) {                                                               \
        ck_assert_cuda(start(own, which, one, (dim3){threads, 1, 1}, shared));                     \
    }
KERNEL(split_barrier, SAMPLE_SPLIT_BARRIER, 64, 0)
KERNEL(missing_lane, SAMPLE_MISSING_LANE, 32, 0)
KERNEL(absent_lane, SAMPLE_SUM_OF_WARP, 24, 0)
KERNEL(own_mask, SAMPLE_OWN_MASK, 32, 0)
KERNEL(split_warp, SAMPLE_SPLIT_WARP, 32, 0)
KERNEL(wait_for_ever, SAMPLE_WAIT_FOR_EVER, 32, 0)
KERNEL(behind_shared, SAMPLE_BEHIND_SHARED, 1, 100)
KERNEL(behind_block, SAMPLE_BEHIND_BLOCK, 1, 0)
KERNEL(copy_and_end, SAMPLE_COPY_AND_END, 64, 256)
KERNEL(copy_unaligned, SAMPLE_COPY_UNALIGNED, 1, 256)

static const struct {
    const char *name, *message;
    void (*run)(fixture *own);
} misdeeds[] = {
    {"without barrier", "found NaN", without_barrier},
    {"split barrier", "different __syncthreads", split_barrier},
    {"missing lane", "takes from lane 5, which has ended", missing_lane},
    {"absent lane", "which has ended", absent_lane},
    {"own mask", "not in its own mask", own_mask},
    {"split warp", "different places", split_warp},
    {"wait for ever", "waits for ever", wait_for_ever},
    {"behind shared", "dynamic shared memory", behind_shared},
    {"behind block", "wrote byte", behind_block},
    {"copy and end", "did not wait for", copy_and_end},
    {"copy unaligned", "not aligned", copy_unaligned},
    {"default stream", "default stream", run_in_default_stream},
    {"read on host", "code of the host", read_on_host},
    {"copy too much", "inside a block", copy_too_much},
    {"copy into host", "inside a block", copy_into_host},
    {"free twice", "no block", free_twice},
    {"copy from freed", "inside a block", copy_from_freed},
    {"use after fork", "child of fork", use_after_fork},
};

static void run_misdeed(int index) {
    fixture own = set_up();
    ck_assert_cuda(cudaStreamSynchronize(own.stream));
    misdeeds[index].run(&own);
    ck_assert_cuda(cudaStreamSynchronize(own.stream));
    _exit(0);
}

/* The program again, with the misdeed in its environment; what it wrote to stderr. */
static bool ends_badly(int index, char *text, size_t size) {
    int ends[2], status;
    char number[16];
    ck_assert_int_eq(pipe(ends), 0);
    snprintf(number, sizeof number, "%d", index);
    const pid_t child = fork();
    if (child == 0) {
        setenv("NN_MISDEED", number, 1);
        setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
        dup2(ends[1], STDERR_FILENO);
        execl("/proc/self/exe", "test_cuda_emulator", (char *)NULL);
        _exit(0);
    }
    close(ends[1]);
    size_t used = 0;
    ssize_t got;
    while ((got = read(ends[0], text + used, size - 1 - used)) > 0) used += (size_t)got;
    text[used] = '\0';
    close(ends[0]);
    waitpid(child, &status, 0);
    return !WIFEXITED(status) || WEXITSTATUS(status) != 0;
}

START_TEST(ends_what_is_wrong) {
    static char text[1 << 16];
    const bool was_bad = ends_badly(_i, text, sizeof text);
    ck_assert_msg(was_bad, "'%s' goes unseen: %s", misdeeds[_i].name, text);
    const bool is_told = strstr(text, misdeeds[_i].message) != NULL ||
                         strstr(text, "AddressSanitizer") != NULL; /* which comes first there */
    ck_assert_msg(is_told, "'%s' says: %s", misdeeds[_i].name, text);
}
END_TEST

Suite *test_suite(void) {
    if (getenv("NN_MISDEED") != NULL) run_misdeed(atoi(getenv("NN_MISDEED")));
    Suite *suite = suite_create("cuda_emulator");
    TCase *cases = tcase_create("emulator");
    tcase_add_test(cases, runs_threads_in_blocks);
    tcase_add_test(cases, lets_threads_meet);
    tcase_add_test(cases, counts_and_votes);
    tcase_add_test(cases, refuses_what_a_device_refuses);
    tcase_add_test(cases, keeps_an_error_that_lasts);
    tcase_add_test(cases, work_waits_until_somebody_does);
    tcase_add_test(cases, an_event_brings_streams_into_order);
    tcase_add_test(cases, a_recording_forbids_what_cuda_forbids);
    tcase_add_loop_test(cases, ends_what_is_wrong, 0, sizeof misdeeds / sizeof misdeeds[0]);
    suite_add_tcase(suite, cases);
    return suite;
}
