/* What operators share when they infer: checks of types and axes, sizes that are known in part,
 * values that compute shapes. */
#ifndef NN_FAMILY_INFER_H
#define NN_FAMILY_INFER_H

#include "ops/family/types.h"
#include "ops/op.h"

/* ---- types ---- */

/* Known types of inputs first .. last (last -1: to the end) must be in the set / agree. */
nn_status nn_check_types(const nn_node_view *node, int first, int last, nn_type_set set);
nn_status nn_check_same_types(const nn_node_view *node, int first, int last);
/* The type of input `index`, NONE when absent or unknown. */
nn_type nn_in_type(const nn_node_view *node, int index);
/* True when the inputs first .. last (-1: to the end) that are present have this type. */
bool nn_in_types_are(const nn_node_view *node, int first, int last, nn_type type);

/* ---- outputs ---- */

/* Writes the fact of output `index` where it is wanted; refuses sizes whose product overflows. */
nn_status nn_set_output(const nn_node_view *node, int index, nn_type type, int rank,
                        const int64_t *dims);
/* Output 0 has the type and dims of input 0; `same`: the elements too, as far as they are known. */
nn_status nn_infer_like(const nn_node_view *node);
nn_status nn_infer_same(const nn_node_view *node);

/* ---- axes ---- */

/* -rank <= axis < rank, made not negative. */
nn_status nn_check_axis(const nn_node_view *node, int64_t axis, int rank, int *out);
/* The same for a list, as flags per axis; repeated axes are refused. */
nn_status nn_check_axes(const nn_node_view *node, const int64_t *axes, int64_t count, int rank,
                        bool flags[NN_MAX_RANK]);

/* ---- integer lists: attributes before some version, inputs after ---- */

/* A list as far as it is known: `count` -1 when even its length is not. */
typedef struct nn_list {
    int count;
    bool present;
    bool known; /* all of it */
    int64_t values[2 * NN_MAX_RANK];
} nn_list;

/* Attribute `name` (refused when longer than `limit`). */
nn_status nn_list_attribute(const nn_node_view *node, const nn_attrs *attrs, const char *name,
                            int limit, nn_list *out);
/* Input `index`: an int32 or int64 vector or scalar. */
nn_status nn_list_input(const nn_node_view *node, int index, int limit, nn_list *out);
/* The same from the tensor itself, in run. */
nn_status nn_list_tensor(const nn_node_view *node, const nn_tensor *tensor, const char *what,
                         int limit, nn_list *out);

/* ---- one number, given as an input ---- */

/* Input `index` must have one element, as far as its shape is known. */
nn_status nn_check_scalar(const nn_node_view *node, int index);
/* True with the integer that input `index` is known to be; an absent input is `fallback`. */
bool nn_scalar_input(const nn_node_view *node, int index, int64_t fallback, int64_t *out);
/* The integer in a tensor of one element, in run; absent: `fallback`. */
int64_t nn_scalar_tensor(const nn_call *call, int index, int64_t fallback);

/* ---- sizes and elements that are known in part ---- */

/* An element of a value that computes shapes. */
typedef enum nn_element_kind {
    NN_ELEMENT_UNKNOWN,
    NN_ELEMENT_NUMBER,
    NN_ELEMENT_SYMBOL
} nn_element_kind;
typedef struct nn_element {
    nn_element_kind kind;
    int64_t value; /* the number, or the symbol as a dim */
} nn_element;

/* How many elements the fact tracks: of an integer of rank 0 or 1, -1 when nothing is known. */
int nn_elements_count(const nn_fact *fact);
nn_element nn_elements_get(const nn_fact *fact, int index);
/* Elements of outputs; negative numbers are kept as unknown. Call after nn_set_output. */
void nn_elements_begin(nn_fact *fact, int count);
void nn_elements_set(nn_fact *fact, int index, nn_element element);

nn_element nn_element_of_dim(int64_t dim);
int64_t nn_dim_of_element(nn_element element); /* unknown for negative numbers too */
nn_element nn_element_number(int64_t value);
/* Known results only where they hold whatever the symbols are: s * 1, s + 0, s / s. */
nn_element nn_element_add(nn_element a, nn_element b);
nn_element nn_element_subtract(nn_element a, nn_element b);
nn_element nn_element_multiply(nn_element a, nn_element b);
nn_element nn_element_divide(nn_element a, nn_element b);

int64_t nn_dim_multiply(int64_t a, int64_t b);
int64_t nn_dim_add(int64_t a, int64_t b);
/* Product of dims[first .. last-1]. */
int64_t nn_dims_product(const int64_t *dims, int first, int last);

#endif
