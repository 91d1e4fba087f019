/* nnopt: load an ONNX model, profile it, find the bottleneck, optimise it, prove the result,
 * compare.
 *
 * This is the library's only public header. Conventions, everywhere:
 *   - Fallible functions return nnopt_status, results come last and are written only on success.
 *     After a failure nnopt_last_error() is one line that names file, node, rule and value.
 *   - create/load/open give an object to the caller, who ends it with the destroy function of its
 *     type (NULL is accepted). get borrows: the pointer lives as long as its owner.
 *   - Models are immutable once loaded and may be shared between threads. A session serves one
 *     thread at a time. Other objects belong to one thread at a time.
 *   - The library prints nothing and never ends the process. Sizes are in bytes, times in
 *     seconds unless a name says otherwise; strings are UTF-8.
 */
#ifndef NNOPT_H
#define NNOPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#    define NNOPT_API __attribute__((visibility("default")))
#else
#    define NNOPT_API
#endif

/* ---- status ------------------------------------------------------------------------------ */

typedef enum nnopt_status {
    NNOPT_OK = 0,
    NNOPT_USAGE,       /* an argument or option is wrong, or two contradict each other */
    NNOPT_BAD_INPUT,   /* a model or data file breaks a rule of its format or of ONNX */
    NNOPT_UNSUPPORTED, /* valid, but this build has no kernel, operator or device for it */
    NNOPT_NO_MEMORY,   /* an allocation failed */
    NNOPT_IO,          /* a file could not be read or written */
    NNOPT_CHECK,       /* a check did not hold: no candidate met the goal, a proof failed */
    NNOPT_INTERRUPTED, /* nnopt_interrupt() was called; results so far are valid */
    NNOPT_INTERNAL,    /* a defect of nnopt */
} nnopt_status;

/* The message of the last failure on this thread, never NULL; valid until the next failure on it.
 */
NNOPT_API const char *nnopt_last_error(void);
NNOPT_API const char *nnopt_status_name(nnopt_status status);
NNOPT_API const char *nnopt_version(void);

/* ---- process-wide hooks ------------------------------------------------------------------- */

/* Memory for everything the library allocates. Set before any other call. allocate returns at least
 * `size` bytes aligned to `alignment` (a power of two) or NULL; it may be called from any thread.
 */
typedef struct nnopt_allocator {
    void *(*allocate)(size_t size, size_t alignment, void *user);
    void (*release)(void *memory, void *user);
    void *user;
} nnopt_allocator;
NNOPT_API void nnopt_set_allocator(const nnopt_allocator *allocator); /* NULL: the C library's */

typedef enum nnopt_log_level { NNOPT_LOG_WARNING, NNOPT_LOG_INFO, NNOPT_LOG_DEBUG } nnopt_log_level;
typedef void (*nnopt_log_function)(nnopt_log_level level, const char *message, void *user);
NNOPT_API void nnopt_set_logger(nnopt_log_function log,
                                void *user); /* NULL: silent (the default) */

/* Called from the thread that runs a long function, at most some ten times a second. `total` is 0
 * where it is not known. `message` is a line worth keeping (a candidate judged), or NULL. */
typedef void (*nnopt_progress_function)(const char *stage, double done, double total,
                                        const char *message, void *user);
NNOPT_API void nnopt_set_progress(nnopt_progress_function progress, void *user);

/* Asks the long function that runs, or else the next one, to stop soon with NNOPT_INTERRUPTED. Safe in
 * a signal handler. */
NNOPT_API void nnopt_interrupt(void);

/* ---- tensors ------------------------------------------------------------------------------ */

/* The numbers are those of ONNX TensorProto.DataType. */
typedef enum nnopt_type {
    NNOPT_TYPE_NONE = 0,
    NNOPT_FLOAT = 1,
    NNOPT_UINT8 = 2,
    NNOPT_INT8 = 3,
    NNOPT_UINT16 = 4,
    NNOPT_INT16 = 5,
    NNOPT_INT32 = 6,
    NNOPT_INT64 = 7,
    NNOPT_STRING = 8,
    NNOPT_BOOL = 9,
    NNOPT_FLOAT16 = 10,
    NNOPT_DOUBLE = 11,
    NNOPT_UINT32 = 12,
    NNOPT_UINT64 = 13,
    NNOPT_COMPLEX64 = 14,
    NNOPT_COMPLEX128 = 15,
    NNOPT_BFLOAT16 = 16,
    NNOPT_FLOAT8E4M3FN = 17,
    NNOPT_FLOAT8E4M3FNUZ = 18,
    NNOPT_FLOAT8E5M2 = 19,
    NNOPT_FLOAT8E5M2FNUZ = 20,
    NNOPT_UINT4 = 21,
    NNOPT_INT4 = 22,
    NNOPT_FLOAT4E2M1 = 23,
    NNOPT_FLOAT8E8M0 = 24,
    NNOPT_UINT2 = 25,
    NNOPT_INT2 = 26,
    NNOPT_FLOAT6E2M3 = 27,
    NNOPT_FLOAT6E3M2 = 28,
    /* Containers: `data` is an array of nnopt_tensor, as many as dims[0] says; rank is 1. */
    NNOPT_SEQUENCE = 64, /* tensors or maps */
    NNOPT_OPTIONAL = 65, /* none or one */
    NNOPT_MAP = 66,      /* two: the keys (integers or strings, rank 1), and their values */
} nnopt_type;

enum { NNOPT_MAX_RANK = 12 };

/* A dense row-major array. Types under one byte are packed, lowest bits first, and only the whole
 * tensor is padded to a byte. Elements of NNOPT_STRING are `const char *`, UTF-8, ended by a zero.
 * `data` may be NULL only when the tensor has no elements. */
typedef struct nnopt_tensor {
    nnopt_type type;
    int rank; /* 0: a scalar */
    int64_t dims[NNOPT_MAX_RANK];
    void *data;
} nnopt_tensor;

NNOPT_API const char *nnopt_type_name(nnopt_type type); /* "float32", "int8", ... as numpy says */
NNOPT_API int64_t nnopt_tensor_count(const nnopt_tensor *tensor); /* elements */
NNOPT_API int64_t nnopt_tensor_bytes(const nnopt_tensor *tensor);

/* ---- options ------------------------------------------------------------------------------ */

/* Long functions take options by name, the same names that the command line has ("max-drop",
 * "threads"), so that a library user and a command line user can say the same things. NULL stands
 * for all defaults. Unknown names and malformed values are refused where they are used. */
typedef struct nnopt_options nnopt_options;

typedef enum nnopt_option_kind {
    NNOPT_OPTION_FLAG,   /* present or absent */
    NNOPT_OPTION_INT,    /* a whole number */
    NNOPT_OPTION_NUMBER, /* a real number */
    NNOPT_OPTION_TEXT,
    NNOPT_OPTION_CHOICE, /* one of `choices` */
    NNOPT_OPTION_TIME,   /* seconds, or with a suffix ms, s, m, h */
} nnopt_option_kind;

typedef struct nnopt_option_spec {
    const char *name; /* without dashes */
    nnopt_option_kind kind;
    const char *metavar;     /* "N", "FILE"; NULL for a flag */
    const char *fallback;    /* the default as text; NULL: none */
    const char *choices;     /* "static|dynamic|weights"; NULL unless a choice */
    double minimum, maximum; /* bounds of INT, NUMBER, TIME, when maximum > minimum */
    bool repeatable;
    const char *help; /* one line */
} nnopt_option_spec;

NNOPT_API nnopt_status nnopt_options_create(nnopt_options **out);
NNOPT_API void nnopt_options_destroy(nnopt_options *options);
/* Adds a value (a repeatable option keeps all, others the last); NULL as value sets a flag. */
NNOPT_API nnopt_status nnopt_options_set(nnopt_options *options, const char *name,
                                         const char *value);
/* The options a function takes, by its name without "nnopt_": "quantize", "bench", "session",
 * "dataset". NULL with *count 0 for an unknown name. */
NNOPT_API const nnopt_option_spec *nnopt_option_specs(const char *function, size_t *count);
/* The name nearest to a mistyped `word`, or NULL when none is near. */
NNOPT_API const char *nnopt_nearest_name(const char *word, const char *const *names, size_t count);

/* ---- reports ------------------------------------------------------------------------------ */

/* What a function found and did: a tree of records whose schema is docs/report-schema.md. */
typedef struct nnopt_report nnopt_report;

NNOPT_API void nnopt_report_destroy(nnopt_report *report);
/* The document as JSON text / as text for a terminal of `columns` columns; `all` shows every row,
 * `colour` uses ANSI colours. The caller frees the text with nnopt_text_destroy(). */
NNOPT_API nnopt_status nnopt_report_json(const nnopt_report *report, char **out);
NNOPT_API nnopt_status nnopt_report_text(const nnopt_report *report, int columns, bool all,
                                         bool colour, char **out);
NNOPT_API void nnopt_text_destroy(char *text);
/* Writes the report in the form the file's suffix names: .json .html .csv .trace.json. */
NNOPT_API nnopt_status nnopt_report_write(const nnopt_report *report, const char *path);
/* Those suffixes; NULL ends the list. */
NNOPT_API const char *const *nnopt_report_suffixes(void);
/* Reads back what nnopt_report_write wrote as JSON. */
NNOPT_API nnopt_status nnopt_report_load(const char *path, nnopt_report **out);
/* A number by key path: "total_ms", "results[0].latency_ms.median". */
NNOPT_API nnopt_status nnopt_report_number(const nnopt_report *report, const char *path,
                                           double *out);
/* Adds a text to the head of the document, as "command" (the line that reproduces it). */
NNOPT_API nnopt_status nnopt_report_annotate(nnopt_report *report, const char *key,
                                             const char *text);

/* ---- models ------------------------------------------------------------------------------- */

typedef struct nnopt_model nnopt_model;

typedef struct nnopt_value_info {
    const char *name;
    nnopt_type type;
    int rank;                            /* -1: not known */
    int64_t dims[NNOPT_MAX_RANK];        /* -1: not fixed */
    const char *symbols[NNOPT_MAX_RANK]; /* the symbol of a dimension that is not fixed, or NULL */
} nnopt_value_info;

/* Loads an ONNX file: memory-mapped, checked, functions inlined, shapes inferred. Operators nnopt
 * does not know load too; nnopt_inspect lists them and a session refuses them. */
NNOPT_API nnopt_status nnopt_model_load(const char *path, nnopt_model **out);
/* The same from memory, which is copied. External data is refused. */
NNOPT_API nnopt_status nnopt_model_parse(const void *bytes, size_t size, nnopt_model **out);
/* Writes standard ONNX to a temporary file beside `path` and renames it. */
NNOPT_API nnopt_status nnopt_model_save(const nnopt_model *model, const char *path);
NNOPT_API void nnopt_model_destroy(nnopt_model *model);
NNOPT_API size_t nnopt_model_input_count(const nnopt_model *model);
NNOPT_API size_t nnopt_model_output_count(const nnopt_model *model);
NNOPT_API void nnopt_model_input(const nnopt_model *model, size_t index, nnopt_value_info *out);
NNOPT_API void nnopt_model_output(const nnopt_model *model, size_t index, nnopt_value_info *out);
NNOPT_API const char *nnopt_model_metadata(const nnopt_model *model, const char *key); /* or NULL */

/* ---- data --------------------------------------------------------------------------------- */

/* A list of feeds for a model; how arrays become feeds is told in docs/cli.md ("Data"). */
typedef struct nnopt_dataset nnopt_dataset;

/* Opens .npz, .npy, a test_data_set folder (or a folder of them), an image file or folder, a .wav,
 * for `model`.
 * Options "dataset": batch, dim, shapes, image size and normalisation, labels. */
NNOPT_API nnopt_status nnopt_dataset_open(const nnopt_model *model, const char *path,
                                          const nnopt_options *options, nnopt_dataset **out);
/* Seeded random inputs: floats N(0,1), integers and bools 0 or 1. */
NNOPT_API nnopt_status nnopt_dataset_random(const nnopt_model *model, uint64_t seed,
                                            int64_t samples, const nnopt_options *options,
                                            nnopt_dataset **out);
/* Arrays of the caller's, copied; names are the model's inputs and optionally "labels". */
NNOPT_API nnopt_status nnopt_dataset_create(const nnopt_model *model, const char *const *names,
                                            const nnopt_tensor *arrays, size_t count,
                                            const nnopt_options *options, nnopt_dataset **out);
NNOPT_API void nnopt_dataset_destroy(nnopt_dataset *dataset);
NNOPT_API int64_t nnopt_dataset_samples(const nnopt_dataset *dataset);

/* ---- sessions ----------------------------------------------------------------------------- */

typedef struct nnopt_session nnopt_session;

/* Options "session": device, threads, precision, and how kernels are chosen. Fails with the list of every operator that has no
 * kernel. The session keeps the model alive. */
NNOPT_API nnopt_status nnopt_session_create(nnopt_model *model, const nnopt_options *options,
                                            nnopt_session **out);
NNOPT_API void nnopt_session_destroy(nnopt_session *session);
/* Runs once. `inputs` stand in the order of the model's inputs and are only read. `outputs` (as
 * many as the model has) are filled with tensors that the session owns, valid until its next run or
 * end. The first run of new input shapes plans; later ones of the same shapes allocate nothing. */
NNOPT_API nnopt_status nnopt_session_run(nnopt_session *session, const nnopt_tensor *inputs,
                                         size_t input_count, nnopt_tensor *outputs);

/* ---- the loop: look, run, measure ---------------------------------------------------------- */

NNOPT_API nnopt_status nnopt_inspect(const nnopt_model *model, const nnopt_options *options,
                                     nnopt_report **out);
/* Runs every feed; `path` (NULL: none) is OUT.npz, or a folder ending in '/' for output_N.pb. */
NNOPT_API nnopt_status nnopt_run(nnopt_model *model, nnopt_dataset *data,
                                 const nnopt_options *options, const char *path,
                                 nnopt_report **out);
/* Runs each model found under `paths` against its test_data_set_* folders, each in a child process. A
 * case that fails is no failure of the function: the report counts "passed", "failed", "skipped". */
NNOPT_API nnopt_status nnopt_test(const char *const *paths, size_t count,
                                  const nnopt_options *options, nnopt_report **out);
/* Quality of `model` on labelled data, or against `base` (NULL: none). */
NNOPT_API nnopt_status nnopt_eval(nnopt_model *model, nnopt_model *base, nnopt_dataset *data,
                                  const nnopt_options *options, nnopt_report **out);
/* End-to-end latency, models interleaved. `data` NULL: random inputs. `names` label the results. On
 * NNOPT_INTERRUPTED, *out holds what was measured, or NULL when nothing was. */
NNOPT_API nnopt_status nnopt_bench(nnopt_model *const *models, const char *const *names,
                                   size_t count, nnopt_dataset *data, const nnopt_options *options,
                                   nnopt_report **out);
NNOPT_API nnopt_status nnopt_profile(nnopt_model *model, nnopt_dataset *data,
                                     const nnopt_options *options, nnopt_report **out);
/* Before/after: models[0] is the base, rows are keyed by its nodes. */
NNOPT_API nnopt_status nnopt_compare(nnopt_model *const *models, const char *const *names,
                                     size_t count, nnopt_dataset *data,
                                     const nnopt_options *options, nnopt_report **out);

/* ---- the loop: optimise --------------------------------------------------------------------- */

/* Each gives a new model that shares unchanged weights with the old one, and the report of what it
 * did and refused. `calib` may be NULL where the technique can do without. */
NNOPT_API nnopt_status nnopt_quantize(nnopt_model *model, nnopt_dataset *calib,
                                      const nnopt_options *options, nnopt_model **out,
                                      nnopt_report **report);
NNOPT_API nnopt_status nnopt_prune(nnopt_model *model, nnopt_dataset *calib,
                                   const nnopt_options *options, nnopt_model **out,
                                   nnopt_report **report);
NNOPT_API nnopt_status nnopt_separate(nnopt_model *model, nnopt_dataset *calib,
                                      const nnopt_options *options, nnopt_model **out,
                                      nnopt_report **report);
/* Batch size and threads for latency or throughput, with the measured curve. On NNOPT_INTERRUPTED,
 * *report holds the points so far, or NULL when there is none. */
NNOPT_API nnopt_status nnopt_tune(nnopt_model *model, nnopt_dataset *data,
                                  const nnopt_options *options, nnopt_report **report);
/* Searches over the techniques under an accuracy budget. On NNOPT_INTERRUPTED, *report
 * holds what was tried (NULL: nothing was) and *out the best so far (NULL: none is better). */
NNOPT_API nnopt_status nnopt_optimize(nnopt_model *model, nnopt_dataset *data, nnopt_dataset *calib,
                                      const nnopt_options *options, nnopt_model **out,
                                      nnopt_report **report);

/* ---- tables and machine ---------------------------------------------------------------------- */

/* The operators, and the kernels of each; this machine: CPU, ISA, BLAS, roofline. Option "doctor":
 * measure. Records only; render them with nnopt_report_text. */
NNOPT_API nnopt_status nnopt_list_ops(const nnopt_options *options, nnopt_report **out);
NNOPT_API nnopt_status nnopt_list_kernels(const nnopt_options *options, nnopt_report **out);
NNOPT_API nnopt_status nnopt_doctor(const nnopt_options *options, nnopt_report **out);
/* Where an optimised model came from: parent, passes, calibration, measured numbers. */
NNOPT_API nnopt_status nnopt_explain(const nnopt_model *model, nnopt_report **out);

#ifdef __cplusplus
}
#endif

#endif
