#include "base/libraries.h"

/* The build says NN_HAS_X as 1, or as 0 with the reason in NN_X_ABSENT. */
#if NN_HAS_PCRE2
#    define NN_PCRE2_ABSENT NULL
#endif
#if NN_HAS_UNISTRING
#    define NN_UNISTRING_ABSENT NULL
#endif
#if NN_HAS_JPEG
#    define NN_JPEG_ABSENT NULL
#endif
#if NN_HAS_PNG
#    define NN_PNG_ABSENT NULL
#endif
#if NN_HAS_WEBP
#    define NN_WEBP_ABSENT NULL
#endif
#if NN_HAS_TIFF
#    define NN_TIFF_ABSENT NULL
#endif
#if NN_HAS_OPENJPEG
#    define NN_OPENJPEG_ABSENT NULL
#endif

const nn_library nn_libraries[NN_LIBRARY_COUNT] = {
    [NN_LIBRARY_NONE] = {"", "", NULL},
    [NN_LIBRARY_PCRE2] = {"PCRE2", "RegexFullMatch", NN_PCRE2_ABSENT},
    [NN_LIBRARY_UNISTRING] = {"libunistring", "StringNormalizer", NN_UNISTRING_ABSENT},
    [NN_LIBRARY_JPEG] = {"libjpeg", "JPEG images", NN_JPEG_ABSENT},
    [NN_LIBRARY_PNG] = {"libpng", "PNG images", NN_PNG_ABSENT},
    [NN_LIBRARY_WEBP] = {"libwebp", "WebP images", NN_WEBP_ABSENT},
    [NN_LIBRARY_TIFF] = {"libtiff", "TIFF images", NN_TIFF_ABSENT},
    [NN_LIBRARY_OPENJPEG] = {"OpenJPEG", "JPEG 2000 images", NN_OPENJPEG_ABSENT},
};

nn_status nn_library_check(nn_library_index index) {
    if (nn_libraries[index].absent == NULL) return NN_OK;
    return nn_fail(NN_UNSUPPORTED, "needs %s, which was %s when nnopt was built",
                   nn_libraries[index].name, nn_libraries[index].absent);
}
