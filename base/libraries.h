/* Libraries that nnopt can be built without. */
#ifndef NN_BASE_LIBRARIES_H
#define NN_BASE_LIBRARIES_H

#include "base/status.h"

typedef enum nn_library_index {
    NN_LIBRARY_NONE, /* nothing is needed */
    NN_LIBRARY_PCRE2,
    NN_LIBRARY_UNISTRING,
    NN_LIBRARY_JPEG,
    NN_LIBRARY_PNG,
    NN_LIBRARY_WEBP,
    NN_LIBRARY_TIFF,
    NN_LIBRARY_OPENJPEG,
    NN_LIBRARY_COUNT,
} nn_library_index;

typedef struct nn_library {
    const char *name;
    const char *purpose;
    const char *absent; /* why this build lacks it; NULL: it is there */
} nn_library;

extern const nn_library nn_libraries[NN_LIBRARY_COUNT];

/* NN_UNSUPPORTED where the library is absent: "needs PCRE2, which was not found when nnopt was
 * built". */
nn_status nn_library_check(nn_library_index index);

#endif
