/* One node outside a graph, to run any kernel on it in memory whose borders are guarded: a byte
 * read or written outside a tensor ends the test program.
 *
 *     kernel_host host;
 *     host_init(&host, &nn_op_conv, 22);
 *     host_ints(&host, "pads", (int64_t[]){1, 1, 1, 1}, 4);
 *     float *x = host_input(&host, NNOPT_FLOAT, (int64_t[]){1, 3, 8, 8}, 4, false);
 *     ... fill x ...
 *     host_infer(&host);
 *     host_run(&host, kernel, NN_LAYOUT_CHANNELS_LAST, &target);
 *     ... host.out[0] holds the result in standard layout ...
 *     host_clear(&host);
 */
#ifndef NN_TEST_KERNEL_HOST_H
#define NN_TEST_KERNEL_HOST_H

#include "ops/op.h"

enum { HOST_INPUTS = 16, HOST_OUTPUTS = 4, HOST_ATTRS = 16, HOST_LIST = 8 };

typedef struct kernel_host {
    const nn_op *op;
    int opset;
    int variant; /* that kernels are asked for: nn_prepare_variant */
    /* Elements between pixels of the channels last maps that a kernel takes so. */
    int64_t gap;
    bool workspaces_apart; /* threads share no workspace: host_run checks it, whenever they meet */
    nn_epilogue epilogue;  /* set before host_infer; its residual is an input like the others */
    int in_count, out_count;
    nn_tensor in[HOST_INPUTS];   /* standard layout; data NULL: absent */
    nn_tensor out[HOST_OUTPUTS]; /* standard layout, after host_run */

    bool constant[HOST_INPUTS];
    nn_attr attr_items[HOST_ATTRS];
    int64_t lists[HOST_ATTRS][HOST_LIST];
    nn_attrs attrs;
    void *attr_data;
    nn_fact in_facts[HOST_INPUTS], out_facts[HOST_OUTPUTS];
    const nn_fact *in_views[HOST_INPUTS];
    nn_fact *out_views[HOST_OUTPUTS];
    int64_t pitches[HOST_INPUTS + HOST_OUTPUTS];
    nn_node_view view;
} kernel_host;

void host_init(kernel_host *host, const nn_op *op, int opset); /* one output is wanted */
void host_clear(kernel_host *host);

void host_int(kernel_host *host, const char *name, int64_t value);
void host_float(kernel_host *host, const char *name, float value);
void host_text(kernel_host *host, const char *name, const char *value);
void host_ints(kernel_host *host, const char *name, const int64_t *values, int count);

/* Adds an input and returns its zeroed data to be filled. A constant is known to the planner. */
void *host_input(kernel_host *host, nn_type type, const int64_t *dims, int rank, bool constant);
void host_absent(kernel_host *host);

/* Parses and infers; asserts that both succeed. host.view is complete afterwards. */
void host_infer(kernel_host *host);

/* After host_infer: input `index` (-1: output 0), a float, becomes bf16, as plans of that precision
 * keep values. */
void host_to_bf16(kernel_host *host, int index);

/* True when the kernel takes this node on `target`. */
bool host_accepts(const kernel_host *host, const nn_kernel *kernel, const nn_target *target);

/* Prepares and runs; asserts success. Constants that the kernel packed are overwritten before run,
 * and workspace and outputs hold garbage. Runs twice: with every tensor against the guard behind
 * it, which makes its start odd, and against the guard before it; asserts that both give the same
 * bits, and that gaps between pixels are as they were. */
void host_run(kernel_host *host, const nn_kernel *kernel, nn_layout layout,
              const nn_target *target);

/* ---- between layouts, for who runs kernels in other memory (device_host.h) ---- */

/* The layout in which the kernel gets input `index`. */
nn_layout host_input_layout(const kernel_host *host, const nn_kernel *kernel, nn_layout layout,
                            int index);
/* The tensor's type and dims in `layout`, with `data`. */
nn_tensor host_physical_tensor(nn_layout layout, const nn_tensor *standard, void *data);
/* Copies from standard layout to `physical`, which has `layout`, or back. */
void host_permute(nn_layout layout, const nn_tensor *standard, void *physical, bool to_physical);

/* Uniform in [-1, 1), the same sequence in every run of the program after the same seed. */
void host_seed(uint32_t seed);
float host_random(void);
/* So many of them, times `scale`; nn_free() them. */
float *host_floats(int64_t count, float scale);
uint32_t host_random_below(uint32_t limit);
int64_t host_between(int64_t low, int64_t high); /* both may be */
/* None or one no steeper than 1, those that register tiles do themselves among them. */
nn_activation host_gentle_activation(void);

/* The last kernel of an operator, which takes every node. */
const nn_kernel *host_reference(const nn_op *op);

#endif
