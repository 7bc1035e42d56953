// LibTorch's C++ headers with their warnings off, and the handles of the stable ABI as the tensors they are.
#pragma once

#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Weverything"
#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/csrc/autograd/variable.h>
#pragma clang diagnostic pop

#include "include/CTorchShim.h"

namespace fop {

inline at::Tensor& tensor(AtenTensorOpaque* handle) { return *reinterpret_cast<at::Tensor*>(handle); }

inline AtenTensorOpaque* handle(at::Tensor value) {
    return reinterpret_cast<AtenTensorOpaque*>(new at::Tensor(std::move(value)));
}

inline at::Generator& generator(AtenGeneratorOpaque* handle) { return *reinterpret_cast<at::Generator*>(handle); }

inline AtenGeneratorOpaque* handle(at::Generator value) {
    return reinterpret_cast<AtenGeneratorOpaque*>(new at::Generator(std::move(value)));
}

}  // namespace fop
