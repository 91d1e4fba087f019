#include "tests/cuda_emulator/fiber.h"

#include "tests/cuda_emulator/emulator.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#    include <sanitizer/common_interface_defs.h>
#    define FIBER_STACK (1024 * 1024)
#else
#    define FIBER_STACK (128 * 1024)
#endif

#if !defined(__x86_64__)
#    include <ucontext.h>
#endif

struct fiber {
    void (*run)(fiber *own, void *argument);
    void *argument;
    char *stack;
#if defined(__x86_64__)
    void *own_top, *other_top; /* stack pointers of who does not run */
#else
    ucontext_t own_context, other_context;
#endif
    const void *other_stack; /* for AddressSanitizer */
    size_t other_stack_bytes;
};

#if defined(__x86_64__)
/* Saves what calls preserve, stores the stack pointer, takes the other one. */
void nn_fiber_switch(void **from, void *to);
__asm__(".text\n"
        ".globl nn_fiber_switch\n"
        ".hidden nn_fiber_switch\n"
        ".type nn_fiber_switch, @function\n"
        "nn_fiber_switch:\n"
        "    endbr64\n"
        "    pushq %rbp\n"
        "    pushq %rbx\n"
        "    pushq %r12\n"
        "    pushq %r13\n"
        "    pushq %r14\n"
        "    pushq %r15\n"
        "    movq %rsp, (%rdi)\n"
        "    movq %rsi, %rsp\n"
        "    popq %r15\n"
        "    popq %r14\n"
        "    popq %r13\n"
        "    popq %r12\n"
        "    popq %rbx\n"
        "    popq %rbp\n"
        "    ret\n"
        ".size nn_fiber_switch, . - nn_fiber_switch\n");
#endif

/* AddressSanitizer wants to know on which stack the program is. */
#if defined(__SANITIZE_ADDRESS__)
static void start_switch(void **fake_stack, const void *stack, size_t bytes) {
    __sanitizer_start_switch_fiber(fake_stack, stack, bytes);
}
static void finish_switch(void *fake_stack, const void **stack, size_t *bytes) {
    __sanitizer_finish_switch_fiber(fake_stack, stack, bytes);
}
#else
static void start_switch(void **fake_stack, const void *stack, size_t bytes) {
    (void)fake_stack, (void)stack, (void)bytes;
}
static void finish_switch(void *fake_stack, const void **stack, size_t *bytes) {
    (void)fake_stack, (void)stack, (void)bytes;
}
#endif

static fiber *starting; /* entered for the first time */

static void first(void) {
    fiber *own = starting;
    finish_switch(NULL, &own->other_stack, &own->other_stack_bytes);
    own->run(own, own->argument);
    nn_emulator_die("a fiber came to its end");
}

fiber *fiber_create(void (*run)(fiber *own, void *argument), void *argument) {
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    fiber *made = calloc(1, sizeof *made);
    char *map = mmap(NULL, FIBER_STACK + page, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (made == NULL || map == MAP_FAILED || mprotect(map, page, PROT_NONE) != 0)
        nn_emulator_die("no memory for the stack of a thread");
    made->run = run;
    made->argument = argument;
    made->stack = map + page;
#if defined(__x86_64__)
    /* as if `first` had been called: its return address 16 bytes below an aligned end, which is
     * another part of a page for each, lest all stacks meet in the same lines of the cache */
    static unsigned made_before;
    void **top = (void **)(made->stack + FIBER_STACK - made_before++ % 32 * 320) - 2;
    void (*entry)(void) = first;
    memcpy(top, &entry, sizeof entry);
    made->own_top = top - 6;
#else
    if (getcontext(&made->own_context) != 0) nn_emulator_die("no context for a thread");
    made->own_context.uc_stack.ss_sp = made->stack;
    made->own_context.uc_stack.ss_size = FIBER_STACK;
    makecontext(&made->own_context, first, 0);
#endif
    return made;
}

void fiber_enter(fiber *to) {
    void *fake_stack = NULL;
    starting = to;
    start_switch(&fake_stack, to->stack, FIBER_STACK);
#if defined(__x86_64__)
    nn_fiber_switch(&to->other_top, to->own_top);
#else
    swapcontext(&to->other_context, &to->own_context);
#endif
    finish_switch(fake_stack, NULL, NULL);
}

void fiber_leave(fiber *own) {
    void *fake_stack = NULL;
    start_switch(&fake_stack, own->other_stack, own->other_stack_bytes);
#if defined(__x86_64__)
    nn_fiber_switch(&own->own_top, own->other_top);
#else
    swapcontext(&own->own_context, &own->other_context);
#endif
    finish_switch(fake_stack, &own->other_stack, &own->other_stack_bytes);
}
