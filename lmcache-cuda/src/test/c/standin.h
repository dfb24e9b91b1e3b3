// What the two stand-ins share. The table of calls, faults and violations lives in the stand-in of libcuda.
#include <stddef.h>

// Counts a call and answers with the code that a test planned for it, or 0.
int standin_enter(const char *call);

// Notes a breach of the library's rules, which the test reads at its end.
void standin_violation(const char *format, ...);

// Whether the range lies within one live allocation of device memory.
int standin_is_device(const void *address, size_t bytes);

// Whether a context is current on this thread.
int standin_has_context(void);

// Called by the stand-in of libcufile, so that freeing registered memory is noticed.
extern int (*standin_is_registered)(const void *address, size_t bytes);
