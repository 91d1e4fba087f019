/* One line on a terminal while something takes longer than two seconds: what, how far, how long
 * yet. */
#include "cli/output.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const double patience_seconds = 2, refresh_seconds = 0.1;

static struct {
    char stage[64];
    double started, shown;
    bool visible;
} state;

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

void progress_clear(void) {
    if (state.visible) fputs("\r\033[K", stderr);
    state.visible = false;
}

static void show(const char *stage, double done, double total, double elapsed) {
    char text[160];
    int length = snprintf(text, sizeof text, "%s", stage);
    if (total > 0 && done > 0 && done <= total) {
        double left = elapsed * (total - done) / done;
        length += snprintf(text + length, sizeof text - (size_t)length, "  %.0f %%  %.3g/s  ",
                           100 * done / total, done / elapsed);
        snprintf(text + length, sizeof text - (size_t)length,
                 left < 90 ? "%.0f s left" : "%.1f min left", left < 90 ? left : left / 60);
    } else if (done > 0) {
        snprintf(text + length, sizeof text - (size_t)length, "  %.0f  %.3g/s", done,
                 done / elapsed);
    }
    fprintf(stderr, "\r\033[K%.*s", terminal_columns() - 1, text);
    fflush(stderr);
    state.visible = true;
}

static void on_progress(const char *stage, double done, double total, const char *message,
                        void *user) {
    (void)user;
    double time = now();
    if (message != NULL) {
        progress_clear();
        fprintf(stderr, "%s\n", message);
    }
    if (!isatty(STDERR_FILENO)) return;
    if (stage == NULL) stage = "";
    if (strncmp(stage, state.stage, sizeof state.stage - 1) != 0) {
        snprintf(state.stage, sizeof state.stage, "%s", stage);
        state.started = time;
        progress_clear();
    }
    if (time - state.started < patience_seconds || time - state.shown < refresh_seconds) return;
    state.shown = time;
    show(stage, done, total, time - state.started);
}

static void on_log(nnopt_log_level level, const char *message, void *user) {
    (void)user;
    if (level == NNOPT_LOG_WARNING) note("%s", message);
}

void progress_start(void) {
    nnopt_set_progress(on_progress, NULL);
    nnopt_set_logger(on_log, NULL);
}
