// How a C++ exception becomes a status and a text.
#pragma once

#include <exception>
#include <string>

namespace fop {

void set_last_error(const std::string& text);

/// Runs `body`; 0, or 1 with the exception's text kept.
template <typename Body>
int guarded(const Body& body);

}  // namespace fop

#include "Torch.hpp"

namespace fop {

template <typename Body>
int guarded(const Body& body) {
    try {
        body();
        return 0;
    } catch (const c10::Error& error) {
        set_last_error(error.what_without_backtrace());
    } catch (const std::exception& error) {
        set_last_error(error.what());
    } catch (...) {
        set_last_error("unknown C++ exception");
    }
    return 1;
}

}  // namespace fop
