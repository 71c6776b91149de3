/* ra_net_lock.h - lwIP's core lock, taken around raw API calls. Private to firmware/net.
 *
 * Under NO_SYS there is one thread and nothing to lock. With threads lwIP must be built with
 * LWIP_TCPIP_CORE_LOCKING (its default): without it the raw API belongs to lwIP's own thread.
 */
#ifndef RA_NET_LOCK_H
#define RA_NET_LOCK_H

#include <lwip/opt.h>

#if NO_SYS
#define RA_NET_LOCK() ((void)0)
#define RA_NET_UNLOCK() ((void)0)
#else
#include <lwip/tcpip.h>
#if !LWIP_TCPIP_CORE_LOCKING
#error "firmware/net needs an lwIP with NO_SYS or LWIP_TCPIP_CORE_LOCKING"
#endif
#define RA_NET_LOCK() LOCK_TCPIP_CORE()
#define RA_NET_UNLOCK() UNLOCK_TCPIP_CORE()
#endif

#if !LWIP_TCP || !LWIP_UDP || !LWIP_DNS || !LWIP_IPV4
#error "firmware/net needs an lwIP with LWIP_IPV4, LWIP_TCP, LWIP_UDP and LWIP_DNS"
#endif

#endif
