// Sets the Swift side up when the program is loaded, before any tensor exists: the gate that operators go through must
// not change while other threads use it.

// In Sources/Torch/Runtime/TorchRuntime.swift.
extern "C" void fop_swift_start(void) __attribute__((weak));

namespace {

__attribute__((constructor)) void start() {
    if (fop_swift_start) fop_swift_start();
}

}  // namespace
