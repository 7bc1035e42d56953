// What the stable C ABI lacks: autograd, generators, a fast way into the dispatcher. No mathematics.
// Tied to the LibTorch version it is compiled against. Every function that can fail returns 0, or 1 with the text in
// fop_last_error(). Tensor handles are those of the stable ABI: arguments are borrowed, results are owned by the
// caller.
#ifndef CTORCH_SHIM_H
#define CTORCH_SHIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct AtenTensorOpaque;
struct AtenOperatorEntry;

/// The text of the calling thread's last failure.
const char* fop_last_error(void);

/// A number argument: kind 0 is a double, 1 an integer, by its bits. The stack holds the address of one.
struct fop_number {
    int64_t kind;
    uint64_t bits;
};

/// Calls an operator on a stack like torch_call_dispatcher's, but tensors and generators are borrowed, numbers are
/// taken, and the resolved operator is kept in *slot for ever. `count` and `results` are what the caller put on the
/// stack and will take off it: a wrong number is an error, and so are tensors left behind. Lists, strings and optionals
/// are consumed, also on failure; those of an operator that does not exist stay.
int32_t fop_call_operator(
    const char* name, const char* overload, uint64_t* stack, uint64_t count, uint64_t results,
    struct AtenOperatorEntry** slot);

/// The derivatives of `outputs`, weighted by `output_gradients` (null, or null entries: ones), with respect to
/// `inputs`. results[i] is null where an input has no part in the outputs and `allow_unused` is set.
int32_t fop_grad(
    struct AtenTensorOpaque* const* outputs, struct AtenTensorOpaque* const* output_gradients, size_t output_count,
    struct AtenTensorOpaque* const* inputs, size_t input_count, bool retain_graph, bool create_graph,
    bool allow_unused, struct AtenTensorOpaque** results);

/// Called during the backward pass with the gradient of the tapped tensor; owns `gradient`.
typedef void (*fop_tap_callback)(void* context, struct AtenTensorOpaque* gradient);
/// Called when the graph that holds the tap goes.
typedef void (*fop_tap_release)(void* context);

/// An identity in the graph: hands the gradient that passes to the callback. It is visited whenever a gradient with
/// respect to `anchor` is asked for.
int32_t fop_tap(
    struct AtenTensorOpaque* tensor, struct AtenTensorOpaque* anchor, fop_tap_callback callback,
    fop_tap_release release, void* context, struct AtenTensorOpaque** result);

bool fop_requires_grad(struct AtenTensorOpaque* tensor);

/// How many handles and graphs refer to the tensor: for tests of leaks.
int64_t fop_use_count(struct AtenTensorOpaque* tensor);

/// What fop_autocast_enter found, for fop_autocast_leave.
struct fop_autocast {
    int32_t device_type;
    int32_t dtype;
    bool enabled;
};
/// Lets the calling thread's operators choose their own precision on a kind of device (0 CPU, 1 CUDA), or, with a
/// negative `dtype`, no longer.
int32_t fop_autocast_enter(int32_t device_type, int32_t dtype, struct fop_autocast* previous);
void fop_autocast_leave(struct fop_autocast previous);
/// Whether they choose it.
bool fop_autocast_is_enabled(int32_t device_type);

struct AtenGeneratorOpaque;
/// A generator of random numbers for a device ("cpu", "cuda:0"), seeded.
int32_t fop_generator_new(const char* device, uint64_t seed, struct AtenGeneratorOpaque** result);
void fop_generator_delete(struct AtenGeneratorOpaque* generator);
int32_t fop_generator_set_seed(struct AtenGeneratorOpaque* generator, uint64_t seed);
/// The state as a byte tensor.
int32_t fop_generator_get_state(struct AtenGeneratorOpaque* generator, struct AtenTensorOpaque** result);
int32_t fop_generator_set_state(struct AtenGeneratorOpaque* generator, struct AtenTensorOpaque* state);
/// A new reference to the generator that operators use when none is given.
int32_t fop_generator_default(const char* device, struct AtenGeneratorOpaque** result);

/// Makes the C allocator keep large freed blocks instead of returning them to the kernel.
void fop_keep_freed_memory(void);
/// How many bytes the C allocator has handed out and not got back: for tests of leaks.
int64_t fop_allocated_bytes(void);
const char* fop_torch_version(void);
int32_t fop_set_num_threads(int32_t count);
int32_t fop_get_num_threads(void);
int32_t fop_cuda_device_count(void);

#ifdef __cplusplus
}
#endif

#endif
