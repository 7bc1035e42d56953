// What Swift cannot do for itself in a library that torch loads.
#ifndef CFOPEXPORTS_H
#define CFOPEXPORTS_H

#include <stdint.h>

/// How many operators can be registered.
enum { fop_kernel_capacity = 40 };

/// The kernel that runs the operator of this number through `fop_run_operator`.
typedef void (*fop_kernel)(uint64_t* stack, uint64_t arguments, uint64_t results);
fop_kernel fop_kernel_at(int32_t number);

#endif
