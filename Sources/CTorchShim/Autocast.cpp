#include "Error.hpp"

#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Weverything"
#include <ATen/autocast_mode.h>
#pragma clang diagnostic pop

namespace autocast = at::autocast;

extern "C" int32_t fop_autocast_enter(int32_t device_type, int32_t dtype, fop_autocast* previous) {
    return fop::guarded([&] {
        const auto device = static_cast<at::DeviceType>(device_type);
        *previous = {
            device_type, static_cast<int32_t>(autocast::get_autocast_dtype(device)),
            autocast::is_autocast_enabled(device)};
        // Casts of weights that are kept are found by the weight alone, whatever their type.
        if (dtype >= 0 && dtype != previous->dtype) autocast::clear_cache();
        autocast::set_autocast_enabled(device, dtype >= 0);
        if (dtype >= 0) autocast::set_autocast_dtype(device, static_cast<at::ScalarType>(dtype));
        autocast::increment_nesting();
    });
}

extern "C" void fop_autocast_leave(fop_autocast previous) {
    const auto device = static_cast<at::DeviceType>(previous.device_type);
    // Nor are they of use after the outermost scope: the next step changes the weights.
    const bool is_outermost = autocast::decrement_nesting() == 0;
    if (is_outermost || static_cast<int32_t>(autocast::get_autocast_dtype(device)) != previous.dtype) {
        autocast::clear_cache();
    }
    autocast::set_autocast_enabled(device, previous.enabled);
    autocast::set_autocast_dtype(device, static_cast<at::ScalarType>(previous.dtype));
}

extern "C" bool fop_autocast_is_enabled(int32_t device_type) {
    return autocast::is_autocast_enabled(static_cast<at::DeviceType>(device_type));
}
