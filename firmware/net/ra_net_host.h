/* ra_net_host.h - a host's name as lwIP's DNS client takes it. Private to firmware/net. */
#ifndef RA_NET_HOST_H
#define RA_NET_HOST_H

#include <stddef.h>

#include "ra_limits.h"

/* Copies a name or dotted address, without a dot at its end: lwIP would send an empty label for
 * that one. Returns the size without the end; above RA_HOST_MAX nothing was copied. */
size_t ra_net_host_copy(char to[RA_HOST_MAX + 1], const char *host);

#endif
