#include "base/status.h"
#include "base/memory.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

static _Thread_local char own_buffer[NN_MESSAGE_SIZE];
static char *(*shared_buffer)(void); /* of the host; NULL: this is the host */

static nnopt_log_function log_function;
static void *log_user;
static nnopt_progress_function progress_function;
static void *progress_user;
static volatile _Atomic int interrupted;

char *nn_status_buffer(void) {
    return shared_buffer != NULL ? shared_buffer() : own_buffer;
}

void nn_status_share(char *(*buffer)(void)) {
    shared_buffer = buffer;
}

/* A message is one line whatever a file's names contain. */
static void replace_control_characters(char *text) {
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if (c < 0x20 || c == 0x7f) *text = '?';
    }
}

nn_status nn_fail(nn_status code, const char *format, ...) {
    char message[NN_MESSAGE_SIZE]; /* the arguments may point into the buffer */
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    replace_control_characters(message);
    memcpy(nn_status_buffer(), message, sizeof message);
    return code;
}

nn_status nn_fail_context(nn_status code, const char *format, ...) {
    char prefix[NN_MESSAGE_SIZE / 2];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(prefix, sizeof prefix, format, arguments);
    va_end(arguments);
    return nn_fail(code, "%s: %s", prefix, nn_status_buffer());
}

nn_status nn_fail_memory(size_t bytes) {
    return nn_fail(NN_NO_MEMORY, "out of memory: %zu bytes", bytes);
}

const char *nnopt_last_error(void) {
    return nn_status_buffer();
}

const char *nnopt_status_name(nnopt_status status) {
    switch (status) {
    case NNOPT_OK:
        return "ok";
    case NNOPT_USAGE:
        return "usage";
    case NNOPT_BAD_INPUT:
        return "bad input";
    case NNOPT_UNSUPPORTED:
        return "unsupported";
    case NNOPT_NO_MEMORY:
        return "no memory";
    case NNOPT_IO:
        return "input/output";
    case NNOPT_CHECK:
        return "check failed";
    case NNOPT_INTERRUPTED:
        return "interrupted";
    case NNOPT_INTERNAL:
        return "internal";
    }
    return "unknown";
}

const char *nnopt_version(void) {
    return NNOPT_VERSION;
}

void nnopt_set_logger(nnopt_log_function log, void *user) {
    log_function = log;
    log_user = user;
}

void nn_log(nnopt_log_level level, const char *format, ...) {
    if (log_function == NULL) return;
    char message[NN_MESSAGE_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    replace_control_characters(message);
    log_function(level, message, log_user);
}

void nnopt_set_progress(nnopt_progress_function progress, void *user) {
    progress_function = progress;
    progress_user = user;
}

void nn_progress(const char *stage, double done, double total, const char *message) {
    static _Thread_local struct timespec last;
    if (progress_function == NULL) return;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    double elapsed =
        (double)(now.tv_sec - last.tv_sec) + 1e-9 * (double)(now.tv_nsec - last.tv_nsec);
    if (message == NULL && elapsed < 0.1) return;
    last = now;
    progress_function(stage, done, total, message, progress_user);
}

void nnopt_interrupt(void) {
    interrupted = 1;
}

nn_status nn_check_interrupt(void) {
    if (!interrupted) return NN_OK;
    interrupted = 0;
    return nn_fail(NN_INTERRUPTED, "interrupted");
}
