#include "base/image_parts.h"

#if NN_HAS_JPEG
#    include <stdio.h>

#    include <jpeglib.h>
#    include <setjmp.h>

typedef struct jpeg_errors {
    struct jpeg_error_mgr base;
    jmp_buf jump;
    char message[JMSG_LENGTH_MAX];
} jpeg_errors;

static void jpeg_failed(j_common_ptr info) {
    jpeg_errors *errors = (jpeg_errors *)info->err;
    errors->base.format_message(info, errors->message);
    longjmp(errors->jump, 1);
}

static void jpeg_silent(j_common_ptr info) {
    (void)info;
}

/* Everything that libjpeg touches, so that nothing of it is a local that longjmp may spoil. */
typedef struct jpeg_reader {
    struct jpeg_decompress_struct info;
    jpeg_errors errors;
    nn_image *out;
    nn_status status;
} jpeg_reader;

static void decode(jpeg_reader *self) {
    struct jpeg_decompress_struct *info = &self->info;
    jpeg_read_header(info, TRUE);
    if (info->jpeg_color_space == JCS_CMYK || info->jpeg_color_space == JCS_YCCK) {
        self->status = nn_fail(NN_UNSUPPORTED, "an image in CMYK colours");
        return;
    }
    self->status = nn_image_init(self->out, info->image_width, info->image_height);
    if (self->status != NN_OK) return;
    info->out_color_space = JCS_RGB;
    jpeg_start_decompress(info);
    while (info->output_scanline < info->output_height) {
        JSAMPROW row =
            self->out->pixels + (size_t)info->output_scanline * (size_t)self->out->width * 3;
        jpeg_read_scanlines(info, &row, 1);
    }
    jpeg_finish_decompress(info);
    if (self->errors.base.num_warnings > 0)
        self->status = nn_fail(NN_BAD_INPUT, "the data is damaged or truncated");
}

nn_status nn_image_decode_jpeg(const uint8_t *bytes, size_t size, nn_image *out) {
    jpeg_reader *self = nn_alloc_zero(sizeof *self);
    if (self == NULL) return nn_fail_memory(sizeof *self);
    self->out = out;
    self->info.err = jpeg_std_error(&self->errors.base);
    self->errors.base.error_exit = jpeg_failed;
    self->errors.base.output_message = jpeg_silent;
    if (setjmp(self->errors.jump) == 0) {
        jpeg_create_decompress(&self->info);
        jpeg_mem_src(&self->info, bytes, (unsigned long)size);
        decode(self);
    } else {
        self->status = nn_fail(NN_BAD_INPUT, "%s", self->errors.message);
    }
    nn_status status = self->status;
    jpeg_destroy_decompress(&self->info);
    nn_free(self);
    return status;
}
#else
#    include "base/libraries.h"

nn_status nn_image_decode_jpeg(const uint8_t *bytes, size_t size, nn_image *out) {
    (void)bytes;
    (void)size;
    (void)out;
    return nn_library_check(NN_LIBRARY_JPEG);
}
#endif
