/* host_private.h - between the files of the host board. */
#ifndef HOST_PRIVATE_H
#define HOST_PRIVATE_H

#include <poll.h>
#include <stddef.h>

#include "host_hal.h"

/* "perennial-host: " WHAT and, unless errno is 0, its text. */
void host_complain(const char *what, const char *about);
void host_restore_terminal(void);

/* ---- host_flash.c ---- */
int host_flash_open(const struct host_options *o, struct hal_flash *hal);

/* ---- host_net.c ---- */
#define HOST_FDS 256

int host_net_open(const struct host_options *o, struct hal_ethernet *hal);
/* Adds slirp's descriptors to fds[from ..]; the new count. *wait_ms (real time) may be lowered. */
nfds_t host_net_fill(struct pollfd fds[HOST_FDS], nfds_t from, uint32_t *wait_ms);
/* After poll(): what came of them. */
void host_net_handle(const struct pollfd fds[HOST_FDS], int poll_result);
int host_net_pending(void); /* frames wait for the firmware */
void host_net_cable(int in);

#endif
