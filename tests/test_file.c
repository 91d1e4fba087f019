#include "base/file.h"
#include "base/memory.h"
#include "tests/support/runner.h"

#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];

static void make_folder(void) {
    strcpy(folder, "/tmp/nnopt-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

static int count_entries(void) {
    int count = 0;
    DIR *directory = opendir(folder);
    ck_assert_ptr_nonnull(directory);
    for (struct dirent *entry = readdir(directory); entry != NULL; entry = readdir(directory))
        if (entry->d_name[0] != '.') count++;
    closedir(directory);
    return count;
}

static void remove_folder(void) {
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    ck_assert_int_eq(system(command), 0);
}

static char *in_folder(const char *name) {
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

START_TEST(written_bytes_are_read_back) {
    char *bytes = NULL;
    size_t size = 0;
    ck_assert_ok(nn_file_write(in_folder("a"), "one\0two", 7));
    ck_assert_ok(nn_file_read(in_folder("a"), 7, &bytes, &size));
    ck_assert_uint_eq(size, 7);
    ck_assert_int_eq(memcmp(bytes, "one\0two", 8), 0);
    nn_free(bytes);
    ck_assert_ok(nn_file_write(in_folder("a"), "", 0));
    ck_assert_ok(nn_file_read(in_folder("a"), 0, &bytes, &size));
    ck_assert_uint_eq(size, 0);
    nn_free(bytes);
    ck_assert_int_eq(count_entries(), 1);
}
END_TEST

START_TEST(the_old_file_stays_until_commit) {
    nn_new_file file;
    char *bytes = NULL;
    ck_assert_ok(nn_file_write(in_folder("a"), "old", 3));
    ck_assert_int_eq(chmod(in_folder("a"), 0640), 0);
    ck_assert_ok(nn_new_file_open(in_folder("a"), &file));
    fputs("new", file.stream);
    fflush(file.stream);
    ck_assert_ok(nn_file_read(in_folder("a"), 10, &bytes, NULL));
    ck_assert_str_eq(bytes, "old");
    nn_free(bytes);
    nn_new_file_discard(&file);
    ck_assert_int_eq(count_entries(), 1);

    ck_assert_ok(nn_new_file_open(in_folder("a"), &file));
    fputs("new", file.stream);
    ck_assert_ok(nn_new_file_commit(&file));
    ck_assert_ok(nn_file_read(in_folder("a"), 10, &bytes, NULL));
    ck_assert_str_eq(bytes, "new");
    nn_free(bytes);
    struct stat info;
    ck_assert_int_eq(stat(in_folder("a"), &info), 0);
    ck_assert_uint_eq(info.st_mode & 0777, 0640);
}
END_TEST

START_TEST(errors_name_the_file) {
    char *bytes = NULL;
    ck_assert_ok(nn_file_write(in_folder("a"), "0123456789", 10));
    ck_assert_fails(nn_file_read(in_folder("a"), 9, &bytes, NULL), NNOPT_BAD_INPUT, "10 bytes");
    ck_assert_fails(nn_file_read(in_folder("none"), 9, &bytes, NULL), NNOPT_IO, "No such file");
    ck_assert_fails(nn_file_read(folder, 9, &bytes, NULL), NNOPT_IO, "not a regular file");
    ck_assert_fails(nn_file_write(in_folder("x/y"), "", 0), NNOPT_IO, "x/y");
    ck_assert_fails(nn_file_write(folder, "", 0), NNOPT_IO, "directory");
    ck_assert_fails(nn_file_write("/dev/full", "text", 4), NNOPT_IO, "No space left");
    ck_assert_ok(nn_file_write("/dev/null", "text", 4));
}
END_TEST

START_TEST(cache_paths_make_their_folder) {
    char *path = NULL;
    setenv("XDG_CACHE_HOME", in_folder("deep/cache"), 1);
    ck_assert_ok(nn_cache_path("file", &path));
    ck_assert_str_eq(path, in_folder("deep/cache/nnopt/file"));
    ck_assert_ok(nn_file_write(path, "x", 1));
    nn_free(path);
    setenv("XDG_CACHE_HOME", "/dev/null", 1);
    ck_assert_fails(nn_cache_path("file", &path), NNOPT_IO, "/dev/null");
    unsetenv("XDG_CACHE_HOME");
    unsetenv("HOME");
    ck_assert_fails(nn_cache_path("file", &path), NNOPT_IO, "no cache folder");
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("file");
    TCase *cases = tcase_create("file");
    tcase_add_checked_fixture(cases, make_folder, remove_folder);
    tcase_add_test(cases, written_bytes_are_read_back);
    tcase_add_test(cases, the_old_file_stays_until_commit);
    tcase_add_test(cases, errors_name_the_file);
    tcase_add_test(cases, cache_paths_make_their_folder);
    suite_add_tcase(suite, cases);
    return suite;
}
