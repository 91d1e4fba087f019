/* Errors: a status code, and a message for this thread. */
#ifndef NN_STATUS_H
#define NN_STATUS_H

#include "nnopt.h"

typedef nnopt_status nn_status;

#define NN_OK          NNOPT_OK
#define NN_USAGE       NNOPT_USAGE
#define NN_BAD_INPUT   NNOPT_BAD_INPUT
#define NN_UNSUPPORTED NNOPT_UNSUPPORTED
#define NN_NO_MEMORY   NNOPT_NO_MEMORY
#define NN_IO          NNOPT_IO
#define NN_CHECK       NNOPT_CHECK
#define NN_INTERRUPTED NNOPT_INTERRUPTED
#define NN_INTERNAL    NNOPT_INTERNAL

/* Stores the message for this thread and returns `code`. The message is one line: lowercase, no
 * full stop, the subject quoted: "node '%s' (%s): pads need %d values, got %d". Control characters
 * that come in through file content are replaced. */
nn_status nn_fail(nn_status code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Puts "prefix: " before the stored message: nn_fail_context(status, "%s", path). Returns `code`.
 */
nn_status nn_fail_context(nn_status code, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

nn_status nn_fail_memory(size_t bytes); /* "out of memory: N bytes" */

/* A library that is loaded at run time and has these functions built in writes its messages where
 * the host looks for them: it shares the host's nn_status_buffer, which gives the calling thread's
 * NN_MESSAGE_SIZE bytes. */
enum { NN_MESSAGE_SIZE = 2048 };
char *nn_status_buffer(void);
void nn_status_share(char *(*buffer)(void));

/* Leaves the enclosing function with the status when it is not NN_OK. */
#define NN_TRY(expression)                                                                         \
    do {                                                                                           \
        nn_status nn_try_status = (expression);                                                    \
        if (nn_try_status != NN_OK) return nn_try_status;                                          \
    } while (0)

/* The same for functions with a single exit: sets `status` and jumps to `done`. */
#define NN_TRY_DONE(expression)                                                                    \
    do {                                                                                           \
        status = (expression);                                                                     \
        if (status != NN_OK) goto done;                                                            \
    } while (0)

/* Log and progress through the process-wide hooks; nothing happens where none is set. */
void nn_log(nnopt_log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));
void nn_progress(const char *stage, double done, double total, const char *message);

/* NN_INTERRUPTED (with a message) once for every call of nnopt_interrupt(), else NN_OK: whoever
 * gets it stops, or hands it on. */
nn_status nn_check_interrupt(void);

#endif
