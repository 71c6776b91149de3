/* arch/cc.h - lwIP's view of the compiler and the board.
 *
 * A board with these files provides the functions declared here; firmware/net/
 * ra_net_setup.c does it for those that use it (together with lwIP's own sys_now).
 */
#ifndef ARCH_CC_H
#define ARCH_CC_H

#include <limits.h>
#include <stdint.h>
#include <sys/types.h> /* ssize_t */

/* Says to lwIP that ssize_t is there; strict C hides it from <limits.h>. */
#ifndef SSIZE_MAX
#define SSIZE_MAX LONG_MAX
#endif

/* 32 random bits. */
uint32_t ra_lwip_random(void);

/* No text leaves lwIP, so no printf comes in. */
#define LWIP_PLATFORM_DIAG(x) ((void)0)
#define LWIP_PLATFORM_ASSERT(x) __builtin_trap()

#define LWIP_NO_UNISTD_H 1
#define LWIP_NO_CTYPE_H 1
#define LWIP_TIMEVAL_PRIVATE 0
#define LWIP_ERR_T int8_t
#ifdef __BYTE_ORDER__
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define BYTE_ORDER BIG_ENDIAN
#else
#define BYTE_ORDER LITTLE_ENDIAN
#endif
#endif

/* Each pool is a section .bss.lwip_pool.NAME, so that a linker script can put some or all of them
 * into other memory. The start-up code need not clear it. */
#define LWIP_DECLARE_MEMORY_ALIGNED(variable_name, size)                                           \
    uint8_t variable_name[size]                                                                    \
        __attribute__((aligned(MEM_ALIGNMENT), section(".bss.lwip_pool." #variable_name)))

#endif
