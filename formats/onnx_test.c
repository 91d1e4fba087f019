/* nnopt_test: every case in a child process, several at a time. */
#include "formats/onnx_test.h"

#include "base/cpu.h"
#include "engine/measure/measure.h"
#include "engine/report.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const nn_option_spec test_specs[] = {
    {.name = "jobs",
     .kind = NNOPT_OPTION_INT,
     .metavar = "N",
     .fallback = "0",
     .minimum = 0,
     .maximum = 256,
     .help = "cases that run at once; 0: one for each usable core"},
    {.name = "timeout",
     .kind = NNOPT_OPTION_TIME,
     .metavar = "TIME",
     .fallback = "300s",
     .minimum = 0.01,
     .maximum = 1e6,
     .help = "time limit of one case"},
    {.name = "rtol",
     .kind = NNOPT_OPTION_NUMBER,
     .metavar = "X",
     .fallback = "1e-3",
     .minimum = 0,
     .maximum = 1e6,
     .help = "relative tolerance of cases without tolerance.json"},
    {.name = "atol",
     .kind = NNOPT_OPTION_NUMBER,
     .metavar = "X",
     .fallback = "1e-7",
     .minimum = 0,
     .maximum = 1e6,
     .help = "absolute tolerance of cases without tolerance.json"},
    {.name = "filter",
     .kind = NNOPT_OPTION_TEXT,
     .metavar = "TEXT",
     .help = "only cases whose name contains TEXT"},
    {.name = "device",
     .kind = NNOPT_OPTION_TEXT,
     .metavar = "DEVICE",
     .fallback = "cpu",
     .help = "where the models run: cpu, cuda, or cuda:N for GPU number N"},
    {.name = "threads",
     .kind = NNOPT_OPTION_INT,
     .metavar = "N",
     .fallback = "1",
     .minimum = 0,
     .maximum = 256,
     .help = "threads of one case; 0 takes all usable cores"},
    {.name = "precision",
     .kind = NNOPT_OPTION_CHOICE,
     .metavar = "P",
     .fallback = "fp32",
     .choices = "fp32|bf16|tf32|fp16",
     .help = "arithmetic of convolutions and matrix products"},
};
NN_DEFINE_OPTION_TABLE(test, test_specs);

/* ---- finding cases ---- */

enum { MAX_FOLDER_DEPTH = 32 };

void nn_test_cases_clear(nn_test_cases *cases) {
    nn_free(cases->items);
    nn_arena_clear(&cases->arena);
    *cases = (nn_test_cases){0};
}

static nn_status add_case(nn_test_cases *cases, const char *folder, const char *name) {
    if (!NN_GROW(cases->items, cases->count, cases->capacity))
        return nn_fail_memory((size_t)cases->capacity * sizeof *cases->items);
    nn_test_case *item = &cases->items[cases->count];
    *item = (nn_test_case){.reason = ""};
    item->folder = nn_arena_strdup(&cases->arena, folder);
    item->name = nn_arena_strdup(&cases->arena, name);
    if (item->folder == NULL || item->name == NULL) return nn_fail_memory(strlen(folder) + 1);
    cases->count++;
    return NN_OK;
}

static int is_entry(const struct dirent *entry) {
    return entry->d_name[0] != '.';
}

static nn_status search(nn_test_cases *cases, const char *folder, const char *name, int depth) {
    struct dirent **entries;
    struct stat info;
    int count = scandir(folder, &entries, is_entry, alphasort);
    if (count < 0) return nn_fail(NN_IO, "cannot read '%s': %s", folder, strerror(errno));
    nn_status status = NN_OK;
    for (int i = 0; i < count; i++) {
        char *path = nn_format("%s/%s", folder, entries[i]->d_name);
        char *inner = nn_format("%s%s%s", name, name[0] != '\0' ? "/" : "", entries[i]->d_name);
        if (status != NN_OK)
            ; /* only the list is freed */
        else if (path == NULL || inner == NULL)
            status = nn_fail_memory(strlen(folder));
        else if (strcmp(entries[i]->d_name, "model.onnx") == 0)
            status = add_case(cases, folder, name);
        else if (depth < MAX_FOLDER_DEPTH && lstat(path, &info) == 0 && S_ISDIR(info.st_mode))
            status = search(cases, path, inner, depth + 1);
        nn_free(path);
        nn_free(inner);
        free(entries[i]);
    }
    free(entries);
    return status;
}

nn_status nn_test_cases_find(nn_test_cases *cases, const char *path, bool with_base) {
    char *real = realpath(path, NULL);
    if (real == NULL) return nn_fail(NN_IO, "cannot read '%s': %s", path, strerror(errno));
    const char *base = strrchr(real, '/') + 1;
    char *own = nn_format("%s/model.onnx", real);
    bool is_case = own != NULL && access(own, F_OK) == 0;
    nn_status status = own != NULL ? search(cases, real, with_base || is_case ? base : "", 0)
                                   : nn_fail_memory(strlen(real));
    nn_free(own);
    free(real);
    return status;
}

/* ---- children ---- */

enum { REASON_SIZE = 2048 };

typedef struct job {
    nn_test_case *test; /* NULL: free */
    pid_t child;
    int pipe;
    double begin;
    char text[REASON_SIZE]; /* what the child says: status as a digit, then the reason */
    size_t length;
} job;

/* What a child does with its life. */
static void run_child(const nn_test_case *test, const nnopt_options *options, int pipe) {
    struct rlimit none = {0, 0};
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setrlimit(RLIMIT_CORE, &none);
    signal(SIGINT, SIG_DFL);
    nnopt_set_logger(NULL, NULL);
    nnopt_set_progress(NULL, NULL);
    bool skipped;
    nn_status status = nn_test_case_run(test, options, &skipped);
    nn_case_status verdict = status == NN_OK ? NN_CASE_PASSED
                             : skipped       ? NN_CASE_SKIPPED
                                             : NN_CASE_FAILED;
    char text[REASON_SIZE];
    int length = snprintf(text, sizeof text, "%d%s", (int)verdict,
                          status == NN_OK ? "" : nnopt_last_error());
    if (length >= (int)sizeof text) length = sizeof text - 1;
    ssize_t written = write(pipe, text, (size_t)length);
    _exit(written == length ? 0 : 1);
}

static nn_status start(job *self, nn_test_case *test, const nnopt_options *options) {
    int ends[2];
    if (pipe(ends) != 0) return nn_fail(NN_IO, "cannot make a pipe: %s", strerror(errno));
    pid_t child = fork();
    if (child < 0) {
        close(ends[0]);
        close(ends[1]);
        return nn_fail(NN_IO, "cannot start a process: %s", strerror(errno));
    }
    if (child == 0) {
        close(ends[0]);
        run_child(test, options, ends[1]);
    }
    close(ends[1]);
    *self = (job){.test = test, .child = child, .pipe = ends[0], .begin = nn_now()};
    return NN_OK;
}

static nn_status set_reason(nn_test_cases *cases, nn_test_case *test, const char *text) {
    test->reason = nn_arena_strdup(&cases->arena, text);
    return test->reason != NULL ? NN_OK : nn_fail_memory(strlen(text) + 1);
}

/* Ends the job: kills the child where it still runs, and judges by what it said and how it ended.
 */
static nn_status finish(job *self, nn_test_cases *cases, double timeout, bool timed_out) {
    int ended = 0;
    char text[128];
    nn_test_case *test = self->test;
    if (timed_out) kill(self->child, SIGKILL);
    while (waitpid(self->child, &ended, 0) < 0 && errno == EINTR) {
    }
    close(self->pipe);
    self->test = NULL;
    test->seconds = nn_now() - self->begin;
    self->text[self->length < REASON_SIZE ? self->length : REASON_SIZE - 1] = '\0';
    test->status = NN_CASE_FAILED;
    if (timed_out) {
        snprintf(text, sizeof text, "took longer than %g s", timeout);
        return set_reason(cases, test, text);
    }
    if (WIFSIGNALED(ended)) {
        snprintf(text, sizeof text, "crashed: %s", strsignal(WTERMSIG(ended)));
        return set_reason(cases, test, text);
    }
    if (!WIFEXITED(ended) || WEXITSTATUS(ended) != 0 || self->length == 0) {
        snprintf(text, sizeof text, "ended without a result, exit code %d",
                 WIFEXITED(ended) ? WEXITSTATUS(ended) : -1);
        return set_reason(cases, test, text);
    }
    test->status = (nn_case_status)(self->text[0] - '0');
    return set_reason(cases, test, self->text + 1);
}

/* Reads what the child says; true when it has said all. */
static bool listen(job *self) {
    char rest[256];
    bool is_full = self->length >= REASON_SIZE - 1;
    ssize_t got = read(self->pipe, is_full ? rest : self->text + self->length,
                       is_full ? sizeof rest : REASON_SIZE - 1 - self->length);
    if (got < 0) return errno != EINTR && errno != EAGAIN;
    if (!is_full) self->length += (size_t)got;
    return got == 0;
}

/* Waits until a child speaks, ends or is over its time; handles all that did. */
static nn_status attend(job *jobs, int count, nn_test_cases *cases, double timeout, int *running) {
    struct pollfd watched[256];
    int map[256], used = 0;
    double wait = 0.2, now = nn_now();
    for (int i = 0; i < count; i++) {
        if (jobs[i].test == NULL) continue;
        map[used] = i;
        watched[used++] = (struct pollfd){.fd = jobs[i].pipe, .events = POLLIN};
        double left = jobs[i].begin + timeout - now;
        if (left < wait) wait = left > 0 ? left : 0;
    }
    int ready = poll(watched, (nfds_t)used, (int)(wait * 1000) + 1);
    for (int i = 0; i < used; i++) {
        job *self = &jobs[map[i]];
        bool is_over = ready > 0 && watched[i].revents != 0 && listen(self);
        bool timed_out = !is_over && nn_now() - self->begin > timeout;
        if (!is_over && !timed_out) continue;
        (*running)--;
        NN_TRY(finish(self, cases, timeout, timed_out));
    }
    return NN_OK;
}

static nn_status run_all(nn_test_cases *cases, job *jobs, int count, const nnopt_options *options) {
    double timeout = nn_option_time(options, &nn_options_test, "timeout");
    int64_t next = 0, done = 0;
    int running = 0;
    while (done < cases->count) {
        NN_TRY(nn_check_interrupt());
        for (int i = 0; i < count && next < cases->count; i++) {
            if (jobs[i].test != NULL) continue;
            NN_TRY(start(&jobs[i], &cases->items[next], options));
            next++;
            running++;
        }
        NN_TRY(attend(jobs, count, cases, timeout, &running));
        done = next - running;
        nn_progress("test", (double)done, (double)cases->count, NULL);
    }
    return NN_OK;
}

static nn_status run_jobs(nn_test_cases *cases, const nnopt_options *options) {
    int count = (int)nn_option_int(options, &nn_options_test, "jobs");
    if (count == 0) count = nn_cpu_get()->cores;
    if (count > 256) count = 256;
    job *jobs = nn_alloc_zero((size_t)count * sizeof *jobs);
    if (jobs == NULL) return nn_fail_memory((size_t)count * sizeof *jobs);
    nn_status status = run_all(cases, jobs, count, options);
    for (int i = 0; i < count; i++) {
        if (jobs[i].test == NULL) continue;
        kill(jobs[i].child, SIGKILL);
        while (waitpid(jobs[i].child, NULL, 0) < 0 && errno == EINTR) {
        }
        close(jobs[i].pipe);
    }
    nn_free(jobs);
    return status;
}

/* ---- the report ---- */

static void describe(nn_report *report, const nn_test_cases *cases) {
    static const char *const names[] = {"passed", "failed", "skipped"};
    int64_t counts[3] = {0};
    cJSON *list = nn_report_array(report, report->root, "cases");
    for (int64_t i = 0; i < cases->count; i++) {
        const nn_test_case *test = &cases->items[i];
        cJSON *row = nn_report_object(report, list, NULL);
        nn_report_set_text(report, row, "name", test->name);
        nn_report_set_text(report, row, "status", names[test->status]);
        nn_report_set_text(report, row, "reason", test->reason);
        nn_report_set_number(report, row, "seconds", test->seconds);
        counts[test->status]++;
    }
    for (int i = 0; i < 3; i++)
        nn_report_set_number(report, report->root, names[i], (double)counts[i]);
}

static nn_status find_all(const char *const *paths, size_t count, const nnopt_options *options,
                          nn_test_cases *cases) {
    for (size_t i = 0; i < count; i++) NN_TRY(nn_test_cases_find(cases, paths[i], count > 1));
    if (cases->count == 0)
        return nn_fail(NN_BAD_INPUT, "%s: no model.onnx here or below",
                       count > 0 ? paths[0] : "test");
    const char *filter = nn_option_text(options, &nn_options_test, "filter");
    int64_t kept = 0;
    for (int64_t i = 0; i < cases->count; i++)
        if (filter == NULL || strstr(cases->items[i].name, filter) != NULL)
            cases->items[kept++] = cases->items[i];
    cases->count = kept;
    return kept > 0 ? NN_OK
                    : nn_fail(NN_USAGE, "option 'filter': no case has '%s' in its name", filter);
}

nnopt_status nnopt_test(const char *const *paths, size_t count, const nnopt_options *options,
                        nnopt_report **out) {
    const nn_option_table *tables[] = {&nn_options_test};
    if (out == NULL || (count > 0 && paths == NULL))
        return nn_fail(NN_USAGE, "test needs paths and a place for the report");
    NN_TRY(nn_options_check(options, tables, 1));
    nn_test_cases cases = {0};
    nn_report *report = NULL;
    nn_status status;
    NN_TRY_DONE(find_all(paths, count, options, &cases));
    NN_TRY_DONE(run_jobs(&cases, options));
    NN_TRY_DONE(nn_report_create("test", &report));
    describe(report, &cases);
    status = nn_report_finish(report, out);
    report = NULL;
done:
    nnopt_report_destroy(report);
    nn_test_cases_clear(&cases);
    return status;
}
