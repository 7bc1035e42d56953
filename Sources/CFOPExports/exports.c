#include "CFOPExports.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

// LibTorch's: raises `message` as a C++ exception unless the condition holds.
void aoti_torch_check(bool condition, const char* function, const char* file, uint32_t line, const char* message);

// Both are Swift's (FOPExports).
void fop_register_operators(void);
char* fop_run_operator(int32_t number, uint64_t* stack);

// Runs when the library is loaded.
__attribute__((constructor)) static void fop_loaded(void) { fop_register_operators(); }

// A failure comes back as text, and only here becomes torch's exception: it passes through C frames alone, as Swift's
// own cannot be unwound.
static void run(int32_t number, uint64_t* stack) {
    char* failure = fop_run_operator(number, stack);
    if (!failure) return;
    char text[4096];
    snprintf(text, sizeof text, "%s", failure);
    free(failure);
    aoti_torch_check(false, "fop", "fop", 0, text);
}

// The dispatcher calls a bare function, which has to know which operator it is.
#define KERNEL(n) \
    static void kernel_##n(uint64_t* stack, uint64_t arguments, uint64_t results) { run(n, stack); }
#define TEN(macro, tens) \
    macro(tens##0) macro(tens##1) macro(tens##2) macro(tens##3) macro(tens##4) macro(tens##5) macro(tens##6) \
    macro(tens##7) macro(tens##8) macro(tens##9)
#define ALL(macro) TEN(macro, ) TEN(macro, 1) TEN(macro, 2) TEN(macro, 3)
ALL(KERNEL)

#define NAME(n) kernel_##n,
static const fop_kernel kernels[fop_kernel_capacity] = {ALL(NAME)};

fop_kernel fop_kernel_at(int32_t number) {
    return number >= 0 && number < fop_kernel_capacity ? kernels[number] : NULL;
}
