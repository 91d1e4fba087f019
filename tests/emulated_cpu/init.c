/* The first and only process of the emulated machine: runs the lines of /tests, each a name, a
 * limit in emulated seconds and a command with its environment before it, all separated by tabs;
 * writes what they print to Bochs' debug port as lines that begin with "@ ", a verdict behind each
 * ("@= NAME passed 3.1"), and switches off. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { DEBUG_PORT = 0xe9, POWER_PORT = 0x8900, WORDS = 32 };

static void put(const char *text) {
    for (; *text != '\0'; text++) outb((unsigned char)*text, DEBUG_PORT);
}

static void put_output(const char *bytes, ssize_t count, int *at_start) {
    for (ssize_t i = 0; i < count; i++) {
        if (*at_start) put("@ ");
        outb((unsigned char)bytes[i], DEBUG_PORT);
        *at_start = bytes[i] == '\n';
    }
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static void start(char **words, int output) {
    while (*words != NULL && strchr(*words, '=') != NULL) putenv(*words++);
    if (*words == NULL) _exit(127);
    setpgid(0, 0);
    dup2(output, STDOUT_FILENO);
    dup2(output, STDERR_FILENO);
    execv(*words, words);
    fprintf(stderr, "%s: %s\n", *words, strerror(errno));
    _exit(127);
}

static void run(const char *name, double limit, char **words) {
    int ends[2], at_start = 1, is_late = 0, status = 0;
    char bytes[4096], verdict[256], how[32] = "passed";
    ssize_t count;
    if (pipe2(ends, O_CLOEXEC) != 0) return;
    const double begin = now();
    pid_t child = fork();
    if (child == 0) start(words, ends[1]);
    close(ends[1]);
    for (;;) {
        struct pollfd wait = {.fd = ends[0], .events = POLLIN};
        const double left = begin + limit - now();
        if (!is_late && (left <= 0 || poll(&wait, 1, (int)(left * 1e3) + 1) == 0)) {
            is_late = 1;
            kill(-child, SIGKILL);
        }
        if ((count = read(ends[0], bytes, sizeof bytes)) <= 0) break;
        put_output(bytes, count, &at_start);
    }
    close(ends[0]);
    waitpid(child, &status, 0);
    if (!at_start) put("\n");
    if (is_late)
        strcpy(how, "late");
    else if (WIFSIGNALED(status))
        snprintf(how, sizeof how, "signal-%d", WTERMSIG(status));
    else if (WEXITSTATUS(status) == 77)
        strcpy(how, "skipped");
    else if (WEXITSTATUS(status) != 0)
        snprintf(how, sizeof how, "failed-%d", WEXITSTATUS(status));
    snprintf(verdict, sizeof verdict, "@= %s %s %.2f\n", name, how, now() - begin);
    put(verdict);
}

int main(void) {
    static const char *const mounts[][2] = {
        {"proc", "/proc"}, {"sysfs", "/sys"}, {"devtmpfs", "/dev"}, {"tmpfs", "/tmp"}};
    char line[4096];
    if (iopl(3) != 0) return 1;
    for (size_t i = 0; i < sizeof mounts / sizeof mounts[0]; i++) {
        mkdir(mounts[i][1], 0755);
        mount(mounts[i][0], mounts[i][1], mounts[i][0], 0, NULL);
    }
    FILE *tests = fopen("/tests", "re");
    if (tests == NULL) put("@= init failed-no-tests 0\n");
    while (tests != NULL && fgets(line, sizeof line, tests) != NULL) {
        char *words[WORDS + 1] = {0};
        int count = 0;
        for (char *word = strtok(line, "\t\n"); word != NULL && count < WORDS;
             word = strtok(NULL, "\t\n"))
            words[count++] = word;
        if (count >= 3) run(words[0], strtod(words[1], NULL), words + 2);
    }
    put("@= end passed 0\n");
    for (const char *letter = "Shutdown"; *letter != '\0'; letter++)
        outb((unsigned char)*letter, POWER_PORT);
    for (;;) pause();
}
