#include "Error.hpp"

#include <malloc.h>

#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Weverything"
#include <ATen/detail/CUDAHooksInterface.h>
#include <torch/version.h>
#pragma clang diagnostic pop

namespace {

at::Generator new_generator(const c10::Device& device, uint64_t seed) {
    if (device.is_cpu()) return at::make_generator<at::CPUGeneratorImpl>(seed);
    auto generator = at::globalContext().defaultGenerator(device).clone();
    generator.set_current_seed(seed);
    return generator;
}

}  // namespace

extern "C" int32_t fop_generator_new(const char* device, uint64_t seed, AtenGeneratorOpaque** result) {
    return fop::guarded([&] { *result = fop::handle(new_generator(c10::Device(device), seed)); });
}

extern "C" void fop_generator_delete(AtenGeneratorOpaque* generator) {
    delete reinterpret_cast<at::Generator*>(generator);
}

extern "C" int32_t fop_generator_set_seed(AtenGeneratorOpaque* generator, uint64_t seed) {
    return fop::guarded([&] { fop::generator(generator).set_current_seed(seed); });
}

extern "C" int32_t fop_generator_get_state(AtenGeneratorOpaque* generator, AtenTensorOpaque** result) {
    return fop::guarded([&] { *result = fop::handle(fop::generator(generator).get_state()); });
}

extern "C" int32_t fop_generator_set_state(AtenGeneratorOpaque* generator, AtenTensorOpaque* state) {
    return fop::guarded([&] { fop::generator(generator).set_state(fop::tensor(state)); });
}

extern "C" int32_t fop_generator_default(const char* device, AtenGeneratorOpaque** result) {
    return fop::guarded([&] { *result = fop::handle(at::globalContext().defaultGenerator(c10::Device(device))); });
}

extern "C" void fop_keep_freed_memory(void) {
    mallopt(M_MMAP_MAX, 0);  // large blocks come from the heap, which keeps them
    mallopt(M_TRIM_THRESHOLD, INT32_MAX);
    mallopt(M_TOP_PAD, 64 << 20);
}

extern "C" int64_t fop_allocated_bytes(void) {
    const auto info = mallinfo2();
    return static_cast<int64_t>(info.uordblks + info.hblkhd);
}

extern "C" const char* fop_torch_version(void) { return TORCH_VERSION; }

extern "C" int32_t fop_set_num_threads(int32_t count) {
    return fop::guarded([&] { at::set_num_threads(count); });
}

extern "C" int32_t fop_get_num_threads(void) { return at::get_num_threads(); }

extern "C" int32_t fop_cuda_device_count(void) {
    int32_t count = 0;
    fop::guarded([&] { count = at::hasCUDA() ? at::detail::getCUDAHooks().deviceCount() : 0; });
    return count;
}
