#include "base/tensor.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

bool nn_dims_count(const int64_t *dims, int rank, int64_t *out) {
    int64_t count = 1;
    bool has_zero = false;
    for (int i = 0; i < rank; i++) {
        if (dims[i] < 0) return false;
        if (dims[i] == 0)
            has_zero = true;
        else if (!nn_mul_size(count, dims[i], &count))
            return false;
    }
    *out = has_zero ? 0 : count;
    return true;
}

bool nn_dims_equal(const int64_t *a, int rank_a, const int64_t *b, int rank_b) {
    if (rank_a != rank_b) return false;
    for (int i = 0; i < rank_a; i++)
        if (a[i] != b[i]) return false;
    return true;
}

const char *nn_dims_text(const int64_t *dims, int rank, char *buffer, size_t size) {
    if (rank < 0) {
        snprintf(buffer, size, "unknown rank");
        return buffer;
    }
    if (rank == 0) {
        snprintf(buffer, size, "scalar");
        return buffer;
    }
    size_t used = 0;
    buffer[0] = '\0';
    for (int i = 0; i < rank && used < size; i++) {
        const char *separator = i == 0 ? "" : "x";
        int written = dims[i] >= 0 ? snprintf(buffer + used, size - used, "%s%lld", separator,
                                              (long long)dims[i])
                                   : snprintf(buffer + used, size - used, "%s?", separator);
        used += (size_t)written;
    }
    return buffer;
}

int64_t nn_tensor_count(const nn_tensor *tensor) {
    int64_t count = 0;
    return nn_dims_count(tensor->dims, tensor->rank, &count) ? count : 0;
}

int64_t nn_tensor_bytes(const nn_tensor *tensor) {
    int64_t bytes = 0;
    return nn_type_bytes(tensor->type, nn_tensor_count(tensor), &bytes) ? bytes : 0;
}

int64_t nnopt_tensor_count(const nnopt_tensor *tensor) {
    return nn_tensor_count(tensor);
}
int64_t nnopt_tensor_bytes(const nnopt_tensor *tensor) {
    return nn_tensor_bytes(tensor);
}

nn_status nn_tensor_init(nn_tensor *tensor, nn_type type, const int64_t *dims, int rank) {
    int64_t count, bytes;
    if (rank < 0 || rank > NN_MAX_RANK)
        return nn_fail(NN_UNSUPPORTED, "rank %d is over the limit of %d", rank, (int)NN_MAX_RANK);
    if (!nn_dims_count(dims, rank, &count) || !nn_type_bytes(type, count, &bytes)) {
        char text[256];
        return nn_fail(NN_BAD_INPUT, "shape %s has too many elements",
                       nn_dims_text(dims, rank, text, sizeof text));
    }
    memset(tensor, 0, sizeof *tensor);
    tensor->type = type;
    tensor->rank = rank;
    for (int i = 0; i < rank; i++) tensor->dims[i] = dims[i];
    if (bytes == 0) return NN_OK;
    tensor->data = nn_alloc_zero((size_t)bytes);
    if (tensor->data == NULL) return nn_fail_memory((size_t)bytes);
    for (int64_t i = 0; type == NNOPT_STRING && i < count; i++)
        ((const char **)tensor->data)[i] = "";
    return NN_OK;
}

/* Containers in containers are as deep as the types of the model say. */
void nn_tensor_zero(nn_tensor *tensor) {
    int64_t bytes = nn_tensor_bytes(tensor);
    if (bytes > 0) memset(tensor->data, 0, (size_t)bytes);
}

void nn_tensor_clear(nn_tensor *tensor) {
    nn_tensor *items = tensor->data;
    if (nn_type_is_container(tensor->type) && items != NULL)
        for (int64_t i = 0; i < tensor->dims[0]; i++) nn_tensor_clear(&items[i]);
    nn_free(tensor->data);
    memset(tensor, 0, sizeof *tensor);
}

static nn_status copy_texts(const nn_tensor *from, nn_tensor *to) {
    int64_t count = nn_tensor_count(from);
    const char *const *texts = from->data;
    size_t size = (size_t)count * sizeof(char *);
    for (int64_t i = 0; i < count; i++) size += strlen(texts[i]) + 1;
    const char **block = nn_alloc(size);
    if (block == NULL) return nn_fail_memory(size);
    char *text = (char *)(block + count);
    for (int64_t i = 0; i < count; i++) {
        size_t length = strlen(texts[i]) + 1;
        memcpy(text, texts[i], length);
        block[i] = text;
        text += length;
    }
    to->data = block;
    return NN_OK;
}

static nn_status copy_items(const nn_tensor *from, nn_tensor *to) {
    const nn_tensor *items = from->data;
    nn_status status = nn_tensor_init(to, from->type, from->dims, from->rank);
    for (int64_t i = 0; status == NN_OK && i < from->dims[0]; i++)
        status = nn_tensor_copy(&items[i], &((nn_tensor *)to->data)[i]);
    if (status != NN_OK) nn_tensor_clear(to);
    return status;
}

nn_status nn_tensor_copy(const nn_tensor *from, nn_tensor *to) {
    *to = *from;
    to->data = NULL;
    if (nn_tensor_count(from) == 0) return NN_OK;
    if (nn_type_is_container(from->type)) return copy_items(from, to);
    if (from->type == NNOPT_STRING) {
        nn_status status = copy_texts(from, to);
        if (status != NN_OK) nn_tensor_clear(to);
        return status;
    }
    size_t bytes = (size_t)nn_tensor_bytes(from);
    to->data = nn_alloc(bytes);
    if (to->data == NULL) {
        nn_tensor_clear(to);
        return nn_fail_memory(bytes);
    }
    memcpy(to->data, from->data, bytes);
    return NN_OK;
}

nn_status nn_tensor_own_texts(nn_tensor *tensor) {
    void *pointers = tensor->data;
    if (pointers == NULL) return NN_OK;
    NN_TRY(copy_texts(tensor, tensor));
    nn_free(pointers);
    return NN_OK;
}

/* ---- storage and blobs ---- */

nn_storage *nn_storage_retain(nn_storage *storage) {
    atomic_fetch_add(&storage->references, 1);
    return storage;
}

void nn_storage_release(nn_storage *storage) {
    if (storage != NULL && atomic_fetch_sub(&storage->references, 1) == 1)
        storage->release(storage);
}

static _Atomic uint64_t next_blob_id = 1;

static nn_status blob_new(nn_blob **out) {
    nn_blob *blob = nn_alloc_zero(sizeof *blob);
    if (blob == NULL) return nn_fail_memory(sizeof *blob);
    atomic_init(&blob->references, 1);
    pthread_mutex_init(&blob->lock, NULL);
    blob->id = atomic_fetch_add(&next_blob_id, 1);
    *out = blob;
    return NN_OK;
}

nn_status nn_blob_create(nn_type type, const int64_t *dims, int rank, nn_blob **out) {
    nn_blob *blob;
    NN_TRY(blob_new(&blob));
    nn_status status = nn_tensor_init(&blob->tensor, type, dims, rank);
    if (status != NN_OK) {
        nn_free(blob);
        return status;
    }
    *out = blob;
    return NN_OK;
}

nn_status nn_blob_copy(const nn_tensor *value, nn_blob **out) {
    nn_blob *blob;
    NN_TRY(blob_new(&blob));
    nn_status status = nn_tensor_copy(value, &blob->tensor);
    if (status != NN_OK) {
        nn_free(blob);
        return status;
    }
    *out = blob;
    return NN_OK;
}

nn_status nn_blob_wrap(const nn_tensor *view, nn_storage *storage, nn_blob **out) {
    nn_blob *blob;
    NN_TRY(blob_new(&blob));
    blob->tensor = *view;
    blob->storage = nn_storage_retain(storage);
    *out = blob;
    return NN_OK;
}

nn_status nn_blob_derive(nn_type type, const int64_t *dims, int rank, nn_recipe *recipe,
                         nn_blob **out) {
    nn_blob *blob;
    nn_status status = blob_new(&blob);
    if (status != NN_OK) {
        recipe->destroy(recipe);
        return status;
    }
    blob->tensor = (nn_tensor){.type = type, .rank = rank};
    memcpy(blob->tensor.dims, dims, (size_t)rank * sizeof *dims);
    blob->recipe = recipe;
    *out = blob;
    return NN_OK;
}

nn_blob *nn_blob_retain(nn_blob *blob) {
    atomic_fetch_add(&blob->references, 1);
    return blob;
}

void nn_blob_release(nn_blob *blob) {
    if (blob == NULL || atomic_fetch_sub(&blob->references, 1) != 1) return;
    if (blob->storage != NULL)
        nn_storage_release(blob->storage);
    else
        nn_tensor_clear(&blob->tensor);
    if (blob->recipe != NULL) blob->recipe->destroy(blob->recipe);
    nn_free(blob->aligned.data);
    pthread_mutex_destroy(&blob->lock);
    nn_free(blob);
}

bool nn_tensor_is_aligned(const nn_tensor *tensor) {
    int64_t bits = nn_type_is_container(tensor->type) ? 64 : nn_type_bits(tensor->type);
    uintptr_t unit = bits < 16 ? 1 : bits > 64 ? 8 : (uintptr_t)bits / 8;
    return (uintptr_t)tensor->data % unit == 0;
}

bool nn_blob_is_ready(const nn_blob *blob) {
    return blob->recipe == NULL && nn_tensor_is_aligned(&blob->tensor);
}

/* ---- blocks of pins ---- */

enum {
    SPARES = 4, /* for as many threads */
    LEAST_SPARE = 256 << 10,
    SPARE_FACTOR = 8, /* a pin that stays must not hold a block so many times larger */
};

typedef struct pin_block {
    void *data;
    size_t bytes;
} pin_block;

static pthread_mutex_t spare_lock = PTHREAD_MUTEX_INITIALIZER;
static pin_block spares[SPARES];

static pin_block take_block(size_t bytes) {
    pin_block out = {NULL, 0};
    pthread_mutex_lock(&spare_lock);
    for (int i = 0; i < SPARES && out.data == NULL; i++) {
        if (spares[i].bytes < bytes || spares[i].bytes / SPARE_FACTOR > bytes) continue;
        out = spares[i];
        spares[i] = (pin_block){NULL, 0};
    }
    pthread_mutex_unlock(&spare_lock);
    return out.data != NULL ? out : (pin_block){nn_alloc(bytes), bytes};
}

static void give_block(pin_block block) {
    pthread_mutex_lock(&spare_lock);
    for (int i = 0; i < SPARES && block.bytes >= LEAST_SPARE; i++) {
        if (spares[i].bytes >= block.bytes) continue;
        pin_block smaller = spares[i];
        spares[i] = block;
        block = smaller;
    }
    pthread_mutex_unlock(&spare_lock);
    nn_free(block.data);
}

void nn_blob_drop_spares(void) {
    pthread_mutex_lock(&spare_lock);
    for (int i = 0; i < SPARES; i++) {
        nn_free(spares[i].data);
        spares[i] = (pin_block){NULL, 0};
    }
    pthread_mutex_unlock(&spare_lock);
}

/* ---- pins ---- */

/* Makes what pins ask for. Lock held. */
static nn_status make_aligned(nn_blob *blob) {
    const size_t bytes = (size_t)nn_tensor_bytes(&blob->tensor);
    nn_status status = NN_OK;
    pin_block block = {NULL, 0};
    if (bytes > 0) block = take_block(bytes);
    if (bytes > 0 && block.data == NULL) return nn_fail_memory(bytes);
    blob->aligned = blob->tensor;
    blob->aligned.data = block.data;
    blob->aligned_capacity = block.bytes;
    if (bytes == 0) return NN_OK;
    if (blob->recipe != NULL) {
        const int64_t count = nn_tensor_count(&blob->tensor);
        status = blob->recipe->make(blob->recipe, 0, count, blob->aligned.data);
        if (status != NN_OK) nn_tensor_clear(&blob->aligned);
    } else {
        memcpy(blob->aligned.data, blob->tensor.data, bytes);
        nn_blob_drop_pages(blob);
    }
    return status;
}

nn_status nn_blob_pin(nn_blob *blob, const nn_tensor **out) {
    if (nn_blob_is_ready(blob)) {
        *out = &blob->tensor;
        return NN_OK;
    }
    pthread_mutex_lock(&blob->lock);
    nn_status status = blob->pins == 0 ? make_aligned(blob) : NN_OK;
    if (status == NN_OK) {
        blob->pins++;
        *out = &blob->aligned;
    }
    pthread_mutex_unlock(&blob->lock);
    return status;
}

void nn_blob_unpin(nn_blob *blob) {
    if (nn_blob_is_ready(blob)) return;
    pthread_mutex_lock(&blob->lock);
    if (--blob->pins == 0) {
        if (blob->aligned.data != NULL)
            give_block((pin_block){blob->aligned.data, blob->aligned_capacity});
        blob->aligned = (nn_tensor){0};
    }
    pthread_mutex_unlock(&blob->lock);
}

/* ---- pages of a mapped file ---- */

/* A fault brings in the pages around it, too, up to this many bytes on either side. */
enum { FAULT_AROUND = 64 << 10 };

static bool is_mapped(const nn_blob *blob) {
    return blob->storage != NULL && blob->storage->is_mapped && blob->tensor.data != NULL;
}

/* `advice` for the whole pages of the mapping within [from, from + bytes). */
static void advise(const nn_blob *blob, uintptr_t from, size_t bytes, int advice) {
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    const uintptr_t first = (uintptr_t)blob->storage->base, limit = first + blob->storage->size;
    uintptr_t begin = (from > first ? from : first) / page * page;
    uintptr_t end = (from + bytes < limit ? from + bytes : limit) / page * page;
    if (end > begin) madvise((void *)begin, end - begin, advice);
}

const char *nn_blob_view(const nn_blob *blob, int64_t begin, int64_t count) {
    const size_t size = (size_t)nn_type_bits(blob->tensor.type) / 8;
    const char *out = (const char *)blob->tensor.data + (size_t)begin * size;
#ifdef MADV_POPULATE_READ
    if (is_mapped(blob)) advise(blob, (uintptr_t)out, (size_t)count * size, MADV_POPULATE_READ);
#else
    (void)count;
#endif
    return out;
}

void nn_blob_drop_view(const nn_blob *blob, int64_t begin, int64_t count) {
    if (!is_mapped(blob)) return;
    const size_t size = (size_t)nn_type_bits(blob->tensor.type) / 8;
    const uintptr_t from = (uintptr_t)blob->tensor.data + (size_t)begin * size;
    advise(blob, from - FAULT_AROUND, (size_t)count * size + FAULT_AROUND, MADV_DONTNEED);
}

void nn_blob_drop_pages(const nn_blob *blob) {
    if (!is_mapped(blob)) return;
    advise(blob, (uintptr_t)blob->tensor.data, (size_t)nn_tensor_bytes(&blob->tensor),
           MADV_DONTNEED);
}

nn_status nn_blob_read(const nn_blob *blob, int64_t begin, int64_t count, void *room,
                       const void **out) {
    *out = room;
    if (blob->recipe != NULL) return blob->recipe->make(blob->recipe, begin, count, room);
    const char *from = nn_blob_view(blob, begin, count);
    if (!is_mapped(blob) && nn_blob_is_ready(blob)) {
        *out = from;
        return NN_OK;
    }
    memcpy(room, from, (size_t)count * (size_t)nn_type_bits(blob->tensor.type) / 8);
    nn_blob_drop_view(blob, begin, count);
    return NN_OK;
}
