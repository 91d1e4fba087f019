/* Tensors, element types, shape facts. */
#ifndef NN_TENSOR_H
#define NN_TENSOR_H

#include "base/memory.h"

#include <pthread.h>

typedef nnopt_type nn_type;
typedef nnopt_tensor nn_tensor;

enum { NN_MAX_RANK = NNOPT_MAX_RANK };

/* ---- element types (base/types.c) ---- */

int nn_type_bits(nn_type type); /* of an element (a string: of its pointer); 0: none, containers */
bool nn_type_is_plain(nn_type type); /* its elements are their bits: neither string nor container */
bool nn_type_is_container(nn_type type);
bool nn_type_is_float(nn_type type); /* any floating type, also under 32 bits */
bool nn_type_is_integer(nn_type type);
bool nn_type_is_signed(nn_type type);
/* Bytes of `count` elements, packed types rounded up; false on overflow. */
bool nn_type_bytes(nn_type type, int64_t count, int64_t *out);
/* The bits of element `index` of packed data (2, 4, 6 bits, lowest bits first), or a byte. */
unsigned nn_packed_get(const void *data, int bits, int64_t index);
void nn_packed_set(void *data, int bits, int64_t index, unsigned code);
/* Runs that begin at a byte: one code a byte. The bits behind the last packed one become zero. */
void nn_unpack(const void *data, int bits, uint8_t *codes, int64_t count);
void nn_pack(const uint8_t *codes, int bits, void *data, int64_t count);

float nn_half_to_float(uint16_t bits);
uint16_t nn_float_to_half(float value); /* round to nearest even */
float nn_bfloat16_to_float(uint16_t bits);
uint16_t nn_float_to_bfloat16(float value); /* round to nearest even, NaN kept */

/* Floating types of at most 8 bits (base/small_float.c): float8, float6, float4, float8e8m0. */
bool nn_type_is_small_float(nn_type type);

/* How numbers beyond the ends of a small type are stored, and which power of two a float8e8m0
 * becomes. The default of the standard is all zero. */
typedef struct nn_float_rules {
    bool overflow; /* to infinity where the type has it, else to NaN; false: to the largest value */
    enum { NN_SCALE_UP, NN_SCALE_DOWN, NN_SCALE_NEAREST } scale; /* ties away from zero */
} nn_float_rules;

/* `code`: the element's bits. Rounds to nearest even. Types without NaN make it zero; float8e8m0
 * takes the magnitude of a negative number, and the smallest value for less (`overflow`: NaN). */
float nn_small_to_float(nn_type type, unsigned code);
const float *nn_small_float_table(nn_type type); /* the values of all codes */
unsigned nn_float_to_small(nn_type type, float value, nn_float_rules rules);
/* Towards the odd neighbour where inexact: rounding the result to a type of at most 11 bits of
 * precision gives what rounding the double once gives. */
float nn_double_to_float_odd(double value);

/* Element i as double / int64, and storing one, for any numeric type with conversion as C does,
 * saturating for float to integer and to small types. For setup code, never for inner loops of
 * kernels. */
double nn_tensor_get(const nn_tensor *tensor, int64_t index);
int64_t nn_tensor_get_int(const nn_tensor *tensor, int64_t index);
void nn_tensor_set(nn_tensor *tensor, int64_t index, double value);

/* ---- tensors ---- */

int64_t nn_tensor_count(const nn_tensor *tensor); /* product of dims; shapes were checked before */
int64_t nn_tensor_bytes(const nn_tensor *tensor);
/* Product of dims with overflow check; false on overflow or a negative dim. */
bool nn_dims_count(const int64_t *dims, int rank, int64_t *out);
bool nn_dims_equal(const int64_t *a, int rank_a, const int64_t *b, int rank_b);
/* "1x3x224x224", "scalar"; unknown dims "?"; returns buffer. */
const char *nn_dims_text(const int64_t *dims, int rank, char *buffer, size_t size);
/* Allocates data for a tensor of this type and shape: zeros, empty strings, or elements of no type.
 * Clear frees it, with the elements of a container. */
nn_status nn_tensor_init(nn_tensor *tensor, nn_type type, const int64_t *dims, int rank);
void nn_tensor_clear(nn_tensor *tensor);
void nn_tensor_zero(nn_tensor *tensor); /* all bits of the data, which may be NULL when empty */
/* A copy that owns all it holds: texts stand in the block of the pointers to them, elements of
 * containers are copies. `to` is overwritten; cleared after a failure. */
nn_status nn_tensor_copy(const nn_tensor *from, nn_tensor *to);
/* Gives an allocated tensor of strings texts of its own, wherever its pointers led. */
nn_status nn_tensor_own_texts(nn_tensor *tensor);

/* How a blob that holds no data makes them each time that they are wanted. */
typedef struct nn_recipe {
    /* Writes elements [begin, begin + count), in order; any thread. */
    nn_status (*make)(const struct nn_recipe *self, int64_t begin, int64_t count, void *out);
    void (*destroy)(struct nn_recipe *self);
} nn_recipe;

/* A tensor that several graphs, plans and threads share; immutable after creation. */
typedef struct nn_blob {
    _Atomic int64_t references;
    uint64_t id;                /* unique in the process; keys caches */
    nn_tensor tensor;           /* data may be unaligned while it points into a mapped file */
    struct nn_storage *storage; /* what keeps data alive; NULL: the blob's own heap block */
    nn_recipe *recipe;          /* tensor.data is NULL, pins make it; NULL: it is there */
    pthread_mutex_t lock;       /* over what follows */
    nn_tensor aligned;          /* what pins ask for, where `tensor` itself will not do */
    size_t aligned_capacity;    /* bytes of its block */
    int64_t pins;
} nn_blob;

/* A mapped file (or other owner of bytes) that blobs point into. */
typedef struct nn_storage {
    _Atomic int64_t references;
    void (*release)(struct nn_storage *self); /* called when the last reference goes */
    void *base;
    size_t size;
    bool is_mapped; /* a file mapping: dropped pages come back from the file */
} nn_storage;

nn_storage *nn_storage_retain(nn_storage *storage);
void nn_storage_release(nn_storage *storage);

/* A new blob with own zeroed data to be filled before it is shared; one reference. */
nn_status nn_blob_create(nn_type type, const int64_t *dims, int rank, nn_blob **out);
/* A new blob with a copy of a value of any type; one reference. */
nn_status nn_blob_copy(const nn_tensor *value, nn_blob **out);
/* A blob over bytes inside `storage`, which it retains. */
nn_status nn_blob_wrap(const nn_tensor *view, nn_storage *storage, nn_blob **out);
/* A blob whose data exist only while it is pinned. Takes the recipe, also on failure. */
nn_status nn_blob_derive(nn_type type, const int64_t *dims, int rank, nn_recipe *recipe,
                         nn_blob **out);
nn_blob *nn_blob_retain(nn_blob *blob);
void nn_blob_release(nn_blob *blob); /* NULL allowed */
/* Can the data be read as they are, without a pin? */
bool nn_blob_is_ready(const nn_blob *blob);
/* The blob's tensor with data aligned to its elements: its own, or a copy that is made by the first
 * pin and freed by the last unpin (the mapped pages it was made from are dropped). Any thread. */
nn_status nn_blob_pin(nn_blob *blob, const nn_tensor **out);
void nn_blob_unpin(nn_blob *blob); /* once per successful pin */
/* Where elements from `begin` on of a blob without a recipe lie, at any address, their pages of a
 * mapped file brought in for `count` of them; and lets the kernel drop those pages. */
const char *nn_blob_view(const nn_blob *blob, int64_t begin, int64_t count);
void nn_blob_drop_view(const nn_blob *blob, int64_t begin, int64_t count);
/* Elements [begin, begin + count) of a blob whose elements are whole bytes, without a pin: where
 * they lie, or in `room`, which has place for them, when they are made or come from a mapped file,
 * whose pages are dropped at once. For whoever goes through a large constant piece by piece. */
nn_status nn_blob_read(const nn_blob *blob, int64_t begin, int64_t count, void *room,
                       const void **out);
/* Frees the blocks that unpins of large blobs leave for the next pins: new pages cost more than
 * what is written into them. For whoever has pinned one blob after another. */
void nn_blob_drop_spares(void);
bool nn_tensor_is_aligned(const nn_tensor *tensor);
/* Lets the kernel drop the mapped pages of this blob (they come back from the file when read); does
 * nothing for blobs that are not in a file mapping. */
void nn_blob_drop_pages(const nn_blob *blob);

/* ---- shape facts: what is known of a value before it exists ---- */

/* A dimension is a known size (>= 0), unknown, or a symbol: equal symbols are equal sizes. */
enum { NN_DIM_UNKNOWN = -1 };
static inline int64_t nn_dim_symbol(int index) {
    return -2 - (int64_t)index;
}
static inline bool nn_dim_is_known(int64_t dim) {
    return dim >= 0;
}
static inline bool nn_dim_is_symbol(int64_t dim) {
    return dim <= -2;
}
static inline int nn_dim_symbol_index(int64_t dim) {
    return (int)(-2 - dim);
}

enum { NN_RANK_UNKNOWN = -1, NN_FACT_ELEMENTS = NN_MAX_RANK };

typedef struct nn_fact {
    nn_type type; /* NNOPT_TYPE_NONE: unknown */
    int rank;     /* NN_RANK_UNKNOWN, or the number of dims */
    int64_t dims[NN_MAX_RANK];
    /* The value itself when it is known, else NULL; borrowed. Aligned to its elements whenever a
     * kernel or a descriptor sees it. */
    const nn_tensor *constant;
    /* Integer values of rank 0 or 1 whose elements are partly known (shapes being computed):
     * element_count >= 0, each element a dim as above. -1: nothing known. */
    int element_count;
    int64_t elements[NN_FACT_ELEMENTS];
} nn_fact;

nn_fact nn_fact_unknown(void);
nn_fact nn_fact_make(nn_type type, int rank, const int64_t *dims);
nn_fact nn_fact_of_tensor(const nn_tensor *tensor, bool constant);
bool nn_fact_is_concrete(const nn_fact *fact); /* type, rank and all dims known */
/* Count of elements, or -1 when not all dims are known or the product overflows. */
int64_t nn_fact_count(const nn_fact *fact);
int64_t nn_fact_bytes(const nn_fact *fact); /* -1 as above */
/* Element i of an integer vector or scalar from constant or elements; false when not known. */
bool nn_fact_element(const nn_fact *fact, int64_t index, int64_t *out);
const char *nn_fact_text(const nn_fact *fact, char *buffer, size_t size); /* "float32 1x?x8" */
/* Numpy broadcasting of two shapes with unknown dims; false when they cannot broadcast. */
bool nn_broadcast_dims(const int64_t *a, int rank_a, const int64_t *b, int rank_b, int64_t *out,
                       int *out_rank);

#endif
