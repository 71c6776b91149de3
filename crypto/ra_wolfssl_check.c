#include "ra_wolfssl_check.h"

#ifdef RA_TEST_ALLOC_TRAP
unsigned ra_wolfssl_alloc_count;

void *ra_wolfssl_alloc_trap(size_t size)
{
    (void)size;
    ra_wolfssl_alloc_count++;
    return NULL;
}
#else
/* ISO C wants a declaration in every file. */
extern int ra_wolfssl_checked_;
#endif
