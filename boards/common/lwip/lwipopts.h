/* lwipopts.h - lwIP as our boards use it: one client, IPv4, no threads, no heap.
 *
 * Every buffer comes from a fixed pool (lwippools.h and the MEMP_ numbers below);
 * when one is empty the call fails and is tried again. Figures for a Cortex-M3 are in
 * docs/porting.md. An appliance with its own lwIP has its own file of this name.
 */
#ifndef LWIPOPTS_H
#define LWIPOPTS_H

#include <stdint.h>

/* ---- one thread, timers polled, nothing from an interrupt ---- */
#define NO_SYS 1
#define SYS_LIGHTWEIGHT_PROT 0
#define LWIP_NETCONN 0
#define LWIP_SOCKET 0
#define LWIP_TIMERS 1

/* ---- memory ---- */
#define MEM_LIBC_MALLOC 0
#define MEMP_MEM_MALLOC 0
#define MEM_USE_POOLS 1
#define MEM_USE_POOLS_TRY_BIGGER_POOL 1
#define MEMP_USE_CUSTOM_POOLS 1
#if UINTPTR_MAX > 0xffffffffu
#define MEM_ALIGNMENT 8
#else
#define MEM_ALIGNMENT 4
#endif

#define MEMP_NUM_TCP_PCB 4        /* one in use, others in TIME-WAIT (recycled when needed) */
#define MEMP_NUM_TCP_PCB_LISTEN 1 /* of a server: ra_net_listen                             */
#define MEMP_NUM_TCP_SEG 12
#define MEMP_NUM_UDP_PCB 4 /* DHCP, two for DNS, SNTP */
#define MEMP_NUM_PBUF 2    /* references to constant data: none of ours */
#define MEMP_NUM_SYS_TIMEOUT (LWIP_NUM_SYS_TIMEOUT_INTERNAL + 1)

/* One buffer holds one whole frame (ra_netif needs that). Four carry a full window, five at
 * most wait for the application (RA_NET_PBUFS_MAX), the rest is for ARP, DNS and DHCP. */
#define PBUF_POOL_SIZE 10
#define PBUF_POOL_BUFSIZE 1520

/* ---- protocols ---- */
#define LWIP_IPV4 1
#define LWIP_IPV6 0
#define LWIP_ARP 1
#define LWIP_ICMP 1
#define LWIP_RAW 0
#define LWIP_UDP 1
#define LWIP_TCP 1
#define LWIP_DHCP 1
#define LWIP_DNS 1
#define LWIP_AUTOIP 0
#define LWIP_IGMP 0
#define LWIP_HAVE_LOOPIF 0
#define LWIP_NETIF_LOOPBACK 0
#define LWIP_SINGLE_NETIF 1
#define LWIP_NETIF_HOSTNAME 1
#define LWIP_NETIF_STATUS_CALLBACK 0
#define LWIP_NETIF_LINK_CALLBACK 0

/* No fragment is made and none is put together: nothing we speak needs one. */
#define IP_FRAG 0
#define IP_REASSEMBLY 0
#define IP_OPTIONS_ALLOWED 0
#define LWIP_BROADCAST_PING 0
#define LWIP_MULTICAST_PING 0

#define ARP_TABLE_SIZE 6
#define ARP_QUEUEING 0
#define ETHARP_SUPPORT_STATIC_ENTRIES 0

/* Probing an offered address takes seconds; the DHCP server has done it. */
#define LWIP_DHCP_DOES_ACD_CHECK 0
#define LWIP_DHCP_BOOTP_FILE 0
#define LWIP_DHCP_GET_NTP_SRV 0

/* Random ids and source ports (LWIP_DNS_SECURE stays as it is: all of them). */
#define DNS_TABLE_SIZE 3
#define DNS_MAX_SERVERS 2
#define DNS_MAX_SOURCE_PORTS 2
#define DNS_MAX_NAME_LENGTH 129 /* RA_HOST_MAX and the end */

#define TCP_MSS 1460
#define TCP_WND (4 * TCP_MSS)
#define TCP_SND_BUF (2 * TCP_MSS)
#define TCP_SND_QUEUELEN 8
#define TCP_QUEUE_OOSEQ 0 /* a lost segment is sent again; nothing waits for it in RAM */
#define TCP_SYNMAXRTX 4   /* 15 s without an answer */
#define TCP_MAXRTX 8
#define TCP_LISTEN_BACKLOG 0
#define LWIP_TCP_TIMESTAMPS 0
#define LWIP_TCP_SACK_OUT 0

/* ---- hooks ---- */
#define LWIP_RAND() ra_lwip_random()
/* Initial sequence numbers nobody outside can guess (RFC 9293 3.4.1). Old segments are no worry:
 * each connection has a fresh random port too. */
#define LWIP_HOOK_TCP_ISN(local_ip, local_port, remote_ip, remote_port) ra_lwip_random()

/* ---- checks ---- */
/* A Linux program has room for asserts and counters; a release on a board has neither. */
#if defined(__linux__)
#define LWIP_STATS 1
#define MEMP_STATS 1
#define LWIP_STATS_DISPLAY 0
#define LWIP_STATS_LARGE 1
#else
#define LWIP_STATS 0
#ifdef NDEBUG
#define LWIP_NOASSERT 1
#endif
#endif

#endif
