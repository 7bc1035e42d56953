// LibTorch's stable C ABI, as exported by libtorch_cpu.so from 2.10 on: the part of it that this package uses,
// declared again so that no C++ header reaches a Swift target. Names, types and ownership are LibTorch's:
// torch/csrc/stable/c/shim.h and torch/csrc/inductor/aoti_torch/c/shim.h in its distribution.
#ifndef CTORCH_H
#define CTORCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct AtenTensorOpaque* AtenTensorHandle;
typedef struct AtenGeneratorOpaque* AtenGeneratorHandle;
typedef struct StableListOpaque* StableListHandle;
typedef struct StringOpaque* StringHandle;
typedef struct TorchLibraryOpaque* TorchLibraryHandle;
typedef int32_t AOTITorchError;  // 0 is success
typedef uint64_t StableIValue;

// Operators. The stack holds the arguments in the schema's order; tensor, list, string and optional arguments are
// owned and consumed. Results replace them from index 0 on and are owned by the caller.
AOTITorchError torch_call_dispatcher(
    const char* name, const char* overload, StableIValue* stack, uint64_t extension_build_version);
uint64_t aoti_torch_abi_version(void);

// Operators with a number among their arguments, which the stack above cannot carry.
AOTITorchError aoti_torch_aten_subtract_Tensor(
    AtenTensorHandle self, AtenTensorHandle other, double alpha, AtenTensorHandle* result);
AOTITorchError aoti_torch_aten_fill__Scalar(AtenTensorHandle self, double value);
AOTITorchError aoti_torch_scalar_to_tensor_float32(float value, AtenTensorHandle* result);
AOTITorchError aoti_torch_scalar_to_tensor_float64(double value, AtenTensorHandle* result);
AOTITorchError aoti_torch_scalar_to_tensor_int64(int64_t value, AtenTensorHandle* result);

// Lists and strings on the stack.
AOTITorchError torch_new_list_reserve_size(size_t size, StableListHandle* result);
AOTITorchError torch_list_push_back(StableListHandle list, StableIValue element);
AOTITorchError torch_list_size(StableListHandle list, size_t* size);
AOTITorchError torch_list_get_item(StableListHandle list, size_t index, StableIValue* element);
AOTITorchError torch_delete_list(StableListHandle list);
AOTITorchError torch_new_string_handle(const char* data, size_t length, StringHandle* handle);
AOTITorchError torch_delete_string(StringHandle handle);
AOTITorchError torch_string_length(StringHandle handle, size_t* length);
AOTITorchError torch_string_c_str(StringHandle handle, const char** data);

// Tensors.
AOTITorchError aoti_torch_new_tensor_handle(AtenTensorHandle original, AtenTensorHandle* result);
AOTITorchError aoti_torch_new_uninitialized_tensor(AtenTensorHandle* result);
AOTITorchError aoti_torch_delete_tensor_object(AtenTensorHandle tensor);
AOTITorchError aoti_torch_is_defined(AtenTensorHandle tensor, bool* result);
AOTITorchError aoti_torch_get_dim(AtenTensorHandle tensor, int64_t* result);
AOTITorchError aoti_torch_get_numel(AtenTensorHandle tensor, int64_t* result);
AOTITorchError aoti_torch_get_sizes(AtenTensorHandle tensor, int64_t** borrowed);
AOTITorchError aoti_torch_get_strides(AtenTensorHandle tensor, int64_t** borrowed);
AOTITorchError aoti_torch_get_storage_offset(AtenTensorHandle tensor, int64_t* result);
AOTITorchError aoti_torch_get_storage_size(AtenTensorHandle tensor, int64_t* bytes);
AOTITorchError aoti_torch_get_dtype(AtenTensorHandle tensor, int32_t* result);
AOTITorchError aoti_torch_get_device_type(AtenTensorHandle tensor, int32_t* result);
AOTITorchError aoti_torch_get_device_index(AtenTensorHandle tensor, int32_t* result);
AOTITorchError aoti_torch_is_contiguous(AtenTensorHandle tensor, bool* result);
AOTITorchError aoti_torch_get_data_ptr(AtenTensorHandle tensor, void** borrowed);
AOTITorchError aoti_torch_create_tensor_from_blob(
    void* data, int64_t ndim, const int64_t* sizes, const int64_t* strides, int64_t storage_offset, int32_t dtype,
    int32_t device_type, int32_t device_index, AtenTensorHandle* result);
AOTITorchError aoti_torch_empty_strided(
    int64_t ndim, const int64_t* sizes, const int64_t* strides, int32_t dtype, int32_t device_type,
    int32_t device_index, AtenTensorHandle* result);
AOTITorchError torch_set_requires_grad(AtenTensorHandle tensor, bool requires_grad);
AOTITorchError torch_parse_device_string(const char* text, uint32_t* type, int32_t* index);

// Grad mode and threads.
bool aoti_torch_grad_mode_is_enabled(void);
void aoti_torch_grad_mode_set_enabled(bool enabled);
AOTITorchError torch_get_num_threads(uint32_t* count);

// Codes of data types and devices.
int32_t aoti_torch_dtype_uint8(void);
int32_t aoti_torch_dtype_int8(void);
int32_t aoti_torch_dtype_int16(void);
int32_t aoti_torch_dtype_int32(void);
int32_t aoti_torch_dtype_int64(void);
int32_t aoti_torch_dtype_float16(void);
int32_t aoti_torch_dtype_bfloat16(void);
int32_t aoti_torch_dtype_float32(void);
int32_t aoti_torch_dtype_float64(void);
int32_t aoti_torch_dtype_bool(void);
int32_t aoti_torch_device_type_cpu(void);
int32_t aoti_torch_device_type_cuda(void);
int32_t aoti_torch_device_type_meta(void);
int32_t aoti_torch_device_type_mps(void);

// Stops the program where it is called, as a failed precondition does.
__attribute__((noreturn)) static inline void ctorch_trap(void) { __builtin_trap(); }

// Registration of operators (the wheel).
AOTITorchError aoti_torch_library_init_fragment(
    const char* ns, const char* file, uint32_t line, TorchLibraryHandle* result);
AOTITorchError aoti_torch_library_init_impl(
    const char* ns, const char* key, const char* file, uint32_t line, TorchLibraryHandle* result);
AOTITorchError aoti_torch_library_def(TorchLibraryHandle library, const char* schema);
AOTITorchError torch_library_impl(
    TorchLibraryHandle library, const char* name, void (*kernel)(StableIValue*, uint64_t, uint64_t),
    uint64_t extension_build_version);

#ifdef __cplusplus
}
#endif

#endif
