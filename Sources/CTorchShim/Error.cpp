#include "Error.hpp"

namespace {
thread_local std::string last_error;
}

void fop::set_last_error(const std::string& text) { last_error = text; }

extern "C" const char* fop_last_error(void) { return last_error.c_str(); }
