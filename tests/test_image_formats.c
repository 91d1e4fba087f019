/* Decoders of images in memory: what they take, and bytes that lie. */
#include "base/image.h"
#include "base/libraries.h"
#include "tests/support/runner.h"

#include <stdio.h>
#include <stdlib.h>

/* Red, green; blue, white: what each file below says. */
static const uint8_t pixels[12] = {255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255};

#define BMP_HEAD(offset, info)                                                                     \
    "BM\0\0\0\0\0\0\0\0" offset "\0\0\0" info "\0\0\0\2\0\0\0\2\0\0\0\1\0"
#define NO_MORE "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"

typedef struct image_bytes {
    const char *bytes;
    size_t size;
} image_bytes;

#define IMAGE(text)                                                                                \
    { text, sizeof text - 1 }
static const image_bytes images[] = {
    IMAGE("P3\n# four\n2 2\n255\n255 0 0  0 255 0\n0 0 255  255 255 255\n"),
    IMAGE("P6 2 2 255\n\xff\0\0\0\xff\0\0\0\xff\xff\xff\xff"),
    IMAGE("P6 2 2 65535\n\xff\xff\0\0\0\0\0\0\xff\xff\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff\xff"
          "\xff"),
    IMAGE(BMP_HEAD("\x36", "\x28") "\x18\0\0\0\0\0" NO_MORE "\xff\0\0\xff\xff\xff\0\0"
                                   "\0\0\xff\0\xff\0\0\0"),
    IMAGE(BMP_HEAD("\x36", "\x28") "\x20\0\0\0\0\0" NO_MORE "\xff\0\0\0\xff\xff\xff\0"
                                   "\0\0\xff\0\0\xff\0\0"),
    IMAGE(BMP_HEAD("\x36", "\x28") "\x10\0\0\0\0\0" NO_MORE "\x1f\0\xff\x7f"
                                   "\0\x7c\xe0\x03"),
    IMAGE(BMP_HEAD("\x46", "\x28") "\x04\0\0\0\0\0" NO_MORE
                                   "\0\0\xff\0\0\xff\0\0\xff\0\0\0\xff\xff\xff\0"
                                   "\x23\0\0\0\x01\0\0\0"),
};

START_TEST(plain_formats_are_read) {
    const image_bytes *test = &images[_i];
    nn_image image;
    ck_assert_ok(nn_image_decode(test->bytes, test->size, &image));
    ck_assert_int_eq(image.width, 2);
    ck_assert_int_eq(image.height, 2);
    ck_assert(memcmp(image.pixels, pixels, sizeof pixels) == 0);
    nn_image_clear(&image);
    /* Cut off anywhere, the image is refused, but for white space at the end. */
    char *copy = malloc(test->size + 1);
    ck_assert_ptr_nonnull(copy);
    for (size_t size = 0; size + 4 < test->size; size++) {
        char *exact = realloc(copy, size + 1); /* so that reading beyond is found */
        ck_assert_ptr_nonnull(exact);
        copy = exact;
        memcpy(copy, test->bytes, size);
        ck_assert_int_eq(nn_image_decode(copy, size, &image), NNOPT_BAD_INPUT);
    }
    free(copy);
}
END_TEST

START_TEST(gray_and_bits_become_colours) {
    static const uint8_t gray[] = "P5 2 1 3\n\0\2", bits[] = "P4 9 1\n\x40\x80",
                         text[] = "P1 2 1 01";
    nn_image image;
    ck_assert_ok(nn_image_decode(gray, sizeof gray - 1, &image));
    ck_assert(memcmp(image.pixels, "\0\0\0\xaa\xaa\xaa", 6) == 0);
    nn_image_clear(&image);
    ck_assert_ok(nn_image_decode(bits, sizeof bits - 1, &image));
    for (int i = 0; i < 9; i++) ck_assert_int_eq(image.pixels[3 * i], i == 1 || i == 8 ? 0 : 255);
    nn_image_clear(&image);
    ck_assert_ok(nn_image_decode(text, sizeof text - 1, &image));
    ck_assert(memcmp(image.pixels, "\xff\xff\xff\0\0\0", 6) == 0);
    nn_image_clear(&image);
}
END_TEST

START_TEST(lies_are_refused) {
    nn_image image;
    ck_assert_fails(nn_image_decode("P6 65000 65000 255\n", 19, &image), NNOPT_BAD_INPUT,
                    "65000x65000 pixels");
    ck_assert_fails(nn_image_decode("P6 2 2 0\n", 9, &image), NNOPT_BAD_INPUT, "samples to 0");
    ck_assert_fails(nn_image_decode("P3 1 1 7 8 0 0", 14, &image), NNOPT_BAD_INPUT,
                    "a sample is 8 of 7");
    char bytes[] = BMP_HEAD("\x36", "\x28") "\x18\0\1\0\0\0" NO_MORE;
    ck_assert_fails(nn_image_decode(bytes, sizeof bytes - 1, &image), NNOPT_UNSUPPORTED,
                    "compression 1");
    ck_assert_fails(nn_image_decode("", 0, &image), NNOPT_BAD_INPUT, "neither a JPEG");
    ck_assert_fails(nn_image_decode("hello", 5, &image), NNOPT_BAD_INPUT, "neither a JPEG");
}
END_TEST

/* The libraries get damaged copies of the standard's smallest headers. */
START_TEST(damaged_headers_of_libraries_are_refused) {
    static const image_bytes heads[] = {
        IMAGE("RIFF\x1a\0\0\0WEBPVP8L\x0d\0\0\0\x2f\xff\xff\xff\xff\x07\x10\x11\x11\x88\x88"),
        IMAGE("II*\0\x08\0\0\0\1\0\0\1\4\0\1\0\0\0\xff\xff\0\0\0\0\0\0"),
        IMAGE("\xff\x4f\xff\x51\0\x29\0\0\0\0\xff\xff\0\0\xff\xff\0\0\0\0\0\0\0\0\xff\xff\0\0\xff"
              "\xff\0\0\0\0\0\0\0\0\0\1\7\1\1"),
        IMAGE("\0\0\0\x0cjP  \r\n\x87\n\0\0\0\0"),
    };
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        for (size_t size = 12; size <= heads[i].size; size++) {
            nn_image image;
            char *copy = malloc(size);
            ck_assert_ptr_nonnull(copy);
            memcpy(copy, heads[i].bytes, size);
            ck_assert_int_ne(nn_image_decode(copy, size, &image), NNOPT_OK);
            free(copy);
        }
    }
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("image formats");
    TCase *tcase = tcase_create("decoders");
    tcase_add_loop_test(tcase, plain_formats_are_read, 0, (int)(sizeof images / sizeof *images));
    tcase_add_test(tcase, gray_and_bits_become_colours);
    tcase_add_test(tcase, lies_are_refused);
    tcase_add_test(tcase, damaged_headers_of_libraries_are_refused);
    suite_add_tcase(suite, tcase);
    return suite;
}
