#include "ra_net_host.h"

#include <string.h>

size_t ra_net_host_copy(char to[RA_HOST_MAX + 1], const char *host)
{
    size_t size = strlen(host);
    if (size > 0 && host[size - 1] == '.') {
        size--;
    }
    if (size <= RA_HOST_MAX) {
        memcpy(to, host, size);
        to[size] = '\0';
    }
    return size;
}
