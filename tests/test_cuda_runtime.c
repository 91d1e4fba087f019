/* The CUDA library's calls, over the emulator: memory, queues, recordings, marks, errors. */
#include "tests/support/device_host.h"
#include "tests/support/runner.h"

#include <dlfcn.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Numbers that only the emulator is known to give. */
static bool is_emulated(void) {
    nn_device_info info;
    device_host_open()->calls->info(device_host_open(), &info);
    return strstr(info.name, "emulated") != NULL;
}

START_TEST(says_what_the_device_is) {
    nn_device *device = device_host_open();
    nn_device_info info;
    device->calls->info(device, &info);
    ck_assert(info.name[0] != '\0');
    ck_assert_ptr_eq(strstr(info.architecture, "sm_"), info.architecture);
    ck_assert_int_eq(info.compute_capability, atoi(info.architecture + 3));
    ck_assert_int_ge(info.compute_capability, 90);
    ck_assert_int_ge(info.memory_bytes, info.free_bytes);
    ck_assert_int_gt(info.free_bytes, 0);
    ck_assert_int_gt(info.multiprocessors, 0);
    ck_assert_double_gt(info.clock_hz, 1e8);
    for (size_t i = 0; i < 4; i++) {
        static const char *const parts[] = {"driver ", "CUDA 1", "cuDNN", "cuBLASLt"};
        ck_assert_msg(strstr(info.software, parts[i]) != NULL, "'%s' lacks '%s'", info.software,
                      parts[i]);
    }
    nn_device *again;
    ck_assert_ok(nn_device_open_kernels("cuda:0", &again));
    ck_assert_ptr_eq(again, device);
    ck_assert_fails(nn_device_open_kernels("cuda:63", &again), NN_USAGE, "counted from 0");
}
END_TEST

START_TEST(reads_sensors) {
    nn_device *device = device_host_open();
    nn_device_sensors sensors;
    device->calls->sensors(device, &sensors);
    if (!is_emulated()) return;
    ck_assert_double_eq(sensors.clock_hz, 1830e6);
    ck_assert_double_eq(sensors.memory_clock_hz, 3201e6);
    ck_assert_double_eq(sensors.power_watts, 312.5);
    ck_assert_double_eq(sensors.power_limit_watts, 700);
    ck_assert_double_eq(sensors.temperature_celsius, 54);
    ck_assert_double_eq(sensors.utilization, 0.75);
    ck_assert_double_eq(sensors.memory_utilization, 0.5);
    ck_assert_ptr_null(sensors.throttled); /* it idles */
    setenv("NN_EMULATED_THROTTLE", "0x24", 1);
    device->calls->sensors(device, &sensors);
    ck_assert_str_eq(sensors.throttled, "temperature"); /* rather than power */
    unsetenv("NN_EMULATED_THROTTLE");
}
END_TEST

START_TEST(measures_ceilings) {
    static const char *const names[] = {"fp32", "tf32",   "fp16",   "bf16",
                                        "int8", "memory", "upload", "download"};
    nn_device *device = device_host_open();
    nn_device_ceiling ceilings[16];
    nn_device_info before, after;
    int count = 0;
    device->calls->info(device, &before);
    ck_assert_ok(device->calls->measure_ceilings(device, ceilings, 16, &count));
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        int place = 0;
        while (place < count && strcmp(ceilings[place].name, names[i]) != 0) place++;
        ck_assert_msg(place < count, "'%s' is not measured", names[i]);
        ck_assert_double_gt(ceilings[place].per_second, 1e6);
        ck_assert(isfinite(ceilings[place].per_second));
    }
    device->calls->info(device, &after);
    if (is_emulated()) ck_assert_int_eq(after.free_bytes, before.free_bytes);
    ck_assert_ok(device->calls->measure_ceilings(device, ceilings, 2, &count));
    ck_assert_int_eq(count, 2);
}
END_TEST

START_TEST(copies_there_and_back) {
    nn_device *device = device_host_open();
    const nn_device_calls *calls = device->calls;
    nn_device_queue *queue;
    char text[] = "through the device", back[sizeof text] = {0};
    void *memory, *pinned;
    ck_assert_ok(calls->create_queue(device, &queue));
    ck_assert_ok(calls->allocate(device, sizeof text, &memory));
    ck_assert_ok(calls->allocate_host(device, sizeof text, &pinned));
    ck_assert_int_eq((uintptr_t)memory % 256, 0);
    ck_assert_ok(calls->upload(queue, memory, text, sizeof text));
    text[0] = '-'; /* such memory was read at once */
    ck_assert_ok(calls->download(queue, pinned, memory, sizeof text));
    ck_assert_ok(calls->wait(queue));
    ck_assert_str_eq(pinned, "through the device");
    ck_assert_ok(calls->write(device, memory, text, sizeof text));
    ck_assert_ok(calls->download(queue, back, memory, sizeof text));
    ck_assert_str_eq(back, text);
    calls->release(device, memory);
    calls->release_host(device, pinned);
    calls->destroy_queue(queue);
}
END_TEST

START_TEST(tells_how_much_is_free) {
    nn_device *device = device_host_open();
    nn_device_info info;
    void *memory;
    device->calls->info(device, &info);
    ck_assert_fails(device->calls->allocate(device, (size_t)info.memory_bytes + 1, &memory),
                    NN_NO_MEMORY, "free");
    ck_assert_ok(device->calls->allocate(device, 0, &memory));
    device->calls->release(device, memory);
    device->calls->release(device, NULL);
}
END_TEST

START_TEST(starts_what_was_recorded) {
    nn_device *device = device_host_open();
    const nn_device_calls *calls = device->calls;
    nn_device_queue *queue;
    nn_device_graph *graph;
    void *a, *b;
    int *pinned;
    double seconds = -1;
    ck_assert_ok(calls->create_queue(device, &queue));
    ck_assert_ok(calls->allocate(device, sizeof(int), &a));
    ck_assert_ok(calls->allocate_host(device, 2 * sizeof(int), (void **)&pinned));
    ck_assert_ok(calls->begin_recording(queue));
    ck_assert_ok(calls->mark(queue, 3));
    ck_assert_ok(calls->upload(queue, a, &pinned[0], sizeof(int)));
    ck_assert_ok(calls->download(queue, &pinned[1], a, sizeof(int)));
    ck_assert_ok(calls->mark(queue, 70));
    ck_assert_ok(calls->end_recording(queue, &graph));
    for (int i = 0; i < 3; i++) {
        pinned[0] = i;
        pinned[1] = -1;
        ck_assert_ok(calls->start(queue, graph));
        ck_assert_ok(calls->wait(queue));
        ck_assert_int_eq(pinned[1], i);
    }
    ck_assert_ok(calls->elapsed(queue, 3, 70, &seconds));
    ck_assert_double_ge(seconds, 0);
    ck_assert_fails(calls->elapsed(queue, 3, 71, &seconds), NN_INTERNAL, "never set");
    calls->destroy_graph(graph);
    /* what cannot be recorded breaks the recording, and the queue goes on */
    ck_assert_ok(calls->begin_recording(queue));
    ck_assert_fails(calls->allocate(device, 16, &b), NN_INTERNAL, "captur");
    ck_assert_fails(calls->end_recording(queue, &graph), NN_INTERNAL, "record");
    ck_assert_ok(calls->upload(queue, a, pinned, sizeof(int)));
    ck_assert_ok(calls->wait(queue));
    calls->release(device, a);
    calls->release_host(device, pinned);
    calls->destroy_queue(queue);
}
END_TEST

/* The emulator's own function, in the library that is loaded already. */
static void (*emulator_fail(void))(int error, int after) {
    char path[4096];
    snprintf(path, sizeof path, "%s", getenv("NNOPT_CUDA_LIBRARY"));
    char *slash = strrchr(path, '/');
    ck_assert_ptr_nonnull(slash);
    snprintf(slash, sizeof path - (size_t)(slash - path), "/libcudart_emulated.so");
    void (*out)(int error, int after) = NULL;
    void *library = dlopen(path, RTLD_NOW | RTLD_NOLOAD);
    ck_assert_ptr_nonnull(library);
    *(void **)&out = dlsym(library, "nn_emulator_fail");
    ck_assert_ptr_nonnull(out);
    return out;
}

START_TEST(tells_that_the_device_is_lost) {
    enum { ILLEGAL_ADDRESS = 700 };
    nn_device *device = device_host_open();
    const nn_device_calls *calls = device->calls;
    nn_device_queue *queue;
    void *memory;
    int number = 0;
    if (!is_emulated()) return;
    ck_assert_ok(calls->create_queue(device, &queue));
    ck_assert_ok(calls->allocate(device, sizeof number, &memory));
    emulator_fail()(ILLEGAL_ADDRESS, 1);
    ck_assert_fails(calls->upload(queue, memory, &number, sizeof number), NN_INTERNAL,
                    "lost to this process");
    ck_assert_fails(calls->wait(queue), NN_INTERNAL, "lost to this process");
    emulator_fail()(0, 0);
    ck_assert_ok(calls->wait(queue));
    calls->release(device, memory);
    calls->destroy_queue(queue);
}
END_TEST

START_TEST(runs_kernels) {
    nn_device *device = device_host_open();
    const nn_target target = {.threads = 1, .device = device};
    static const nn_type types[] = {NNOPT_FLOAT, NNOPT_FLOAT16, NNOPT_BFLOAT16};
    for (size_t t = 0; t < sizeof types / sizeof types[0]; t++) {
        for (int64_t size = 0; size < 3; size++) {
            kernel_host host;
            host_init(&host, nn_op_find("", "Relu", 14), 14);
            const int64_t dims[] = {size, 3, 5, 257};
            host_input(&host, types[t], dims, 4, false);
            const int64_t count = nnopt_tensor_count(&host.in[0]);
            for (int64_t i = 0; i < count; i++)
                nn_tensor_set(&host.in[0], i, i % 91 == 7 ? (double)NAN : (double)host_random());
            host_infer(&host);
            const nn_kernel *kernel = device_host_select(&host, &target);
            ck_assert_ptr_nonnull(kernel);
            device_host_check(&host, kernel, NN_LAYOUT_STANDARD, &target, 0);
            device_host_check(&host, kernel, NN_LAYOUT_CHANNELS_LAST, &target, 0);
            nn_tensor apart;
            ck_assert_ok(nn_tensor_copy(&host.out[0], &apart));
            device_host_run_in_place(&host, kernel, NN_LAYOUT_STANDARD, &target, 0);
            device_host_compare(&host, 0, &apart, 0);
            nn_tensor_clear(&apart);
            host_clear(&host);
        }
    }
}
END_TEST

START_TEST(counts_launches) {
    nn_device *device = device_host_open();
    const nn_target target = {.threads = 1, .device = device};
    kernel_host host;
    nn_device_queue *queue;
    nn_device_launches launches;
    host_init(&host, nn_op_find("", "Add", 14), 14);
    for (int i = 0; i < 2; i++) host_input(&host, NNOPT_FLOAT, (int64_t[]){1000}, 1, false);
    host_infer(&host);
    ck_assert_ok(device->calls->create_queue(device, &queue));
    device->calls->launches(queue, &launches);
    ck_assert_int_eq(launches.launches, 0);
    ck_assert_double_eq(launches.occupancy, 0);
    nn_tensor x = host.in[0], y = host.out[0];
    ck_assert_ok(device->calls->allocate(device, 4000, &x.data));
    ck_assert_ok(device->calls->allocate(device, 4000, &y.data));
    const nn_tensor *in[] = {&x, &x};
    nn_tensor *out[] = {&y};
    const nn_call call = {
        .node = &host.view, .in_count = 2, .out_count = 1, .in = in, .out = out, .queue = queue};
    for (int i = 0; i < 3; i++) ck_assert_ok(device_host_select(&host, &target)->run(&call));
    device->calls->launches(queue, &launches);
    ck_assert_int_eq(launches.launches, 3);
    ck_assert_double_gt(launches.occupancy, 0);
    ck_assert_double_le(launches.occupancy, 1);
    nn_device_graph *graph;
    ck_assert_ok(device->calls->begin_recording(queue));
    for (int i = 0; i < 2; i++) ck_assert_ok(device_host_select(&host, &target)->run(&call));
    ck_assert_ok(device->calls->end_recording(queue, &graph));
    for (int i = 0; i < 2; i++) ck_assert_ok(device->calls->start(queue, graph));
    ck_assert_ok(device->calls->wait(queue));
    device->calls->launches(queue, &launches);
    ck_assert_int_eq(launches.launches, 7);
    device->calls->destroy_graph(graph);
    device->calls->release(device, x.data);
    device->calls->release(device, y.data);
    device->calls->destroy_queue(queue);
    host_clear(&host);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("cuda_runtime");
    TCase *cases = tcase_create("runtime");
    setenv("NN_EMULATED_MEMORY", "268435456", 1); /* little to be measured */
    device_host_open();
    tcase_add_test(cases, says_what_the_device_is);
    tcase_add_test(cases, reads_sensors);
    tcase_add_test(cases, measures_ceilings);
    tcase_add_test(cases, copies_there_and_back);
    tcase_add_test(cases, tells_how_much_is_free);
    tcase_add_test(cases, starts_what_was_recorded);
    tcase_add_test(cases, tells_that_the_device_is_lost);
    tcase_add_test(cases, runs_kernels);
    tcase_add_test(cases, counts_launches);
    suite_add_tcase(suite, cases);
    return suite;
}
