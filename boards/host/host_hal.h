/* host_hal.h - the devices of the host board: one Linux process as an appliance.
 *
 * serial     standard input and output; a terminal is put into raw mode and back at exit
 * flash      a file, mapped into memory, under the strict rules of nor_model.h; who breaks one
 *            ends the process
 * ethernet   libslirp in this process: the network 10.0.2.0/24 with a DHCP server, the
 *            gateway 10.0.2.2 behind which this machine's 127.0.0.1 answers, and a DNS
 *            relay at 10.0.2.3. No privileges; TCP is the firmware's own
 * clock      CLOCK_MONOTONIC; wall time unknown unless --time gives it
 * entropy    getrandom
 * reset      starts the same program again on the same file
 *
 * For main.c, for tests and for tools like provision.c, which need the flash and the
 * device key but no network. One instance for each process; one thread. Heap, files and
 * signals are used freely here: this is a board, not the firmware.
 */
#ifndef HOST_HAL_H
#define HOST_HAL_H

#include <stdbool.h>
#include <stdint.h>

#include "hal.h"

struct host_options {
    const char *flash;    /* file; NULL: no file, the flash is forgotten at exit */
    uint32_t sector_size; /* geometry, see hal_flash.h                           */
    uint32_t sectors;
    uint32_t unit;
    uint32_t page;
    uint32_t erased;        /* 0xff or 0x00                                        */
    uint32_t busy_polls;    /* polls that say busy after each program or erase     */
    uint32_t cut_before;    /* the power goes before the Nth flash operation, 0: never */
    uint32_t cut_after;     /* ... after it                                        */
    uint32_t cut_in;        /* ... in the middle: some of its bits are done        */
    bool trace_flash;       /* each operation on a line of standard error          */
    const char *device_key; /* file of 32 bytes; NULL: none                        */
    const char *entropy;    /* file instead of getrandom; "none": it has failed    */
    bool wall_known;
    int64_t wall;        /* Unix seconds at the start                           */
    uint32_t speed;      /* the board's clock runs this many times faster       */
    uint32_t watchdog;   /* seconds without `feed` until the process is ended, 0: none */
    bool exit_on_reset;  /* exit with 0 instead of starting again               */
    bool network;        /* false: the cable is out, for ever                   */
    bool restricted;     /* nothing outside the emulated network answers        */
    const char *forward; /* ADDRESS:PORT:COMMAND, see slirp's guestfwd          */
    const char *serve;   /* PORT:GUESTPORT, see slirp's hostfwd             */
    const char *capture; /* pcap file of all frames                             */
    char *const *argv;   /* to start again                                      */
};

#define HOST_EXIT_CUT 137 /* as after SIGKILL: the power was cut                     */
#define HOST_EXIT_USAGE 64
#define HOST_EXIT_WATCHDOG 134
#define HOST_EXIT_RULE 70 /* the firmware broke a rule of hal_flash.h          */

/* The defaults: the flash of the emcraft-sf2 board, a network, no device key. */
void host_options_default(struct host_options *o);

/* Reads one option at argv[*at] with its value and moves *at behind it. 1 = done, 0 = not
 * one of ours (the caller may have its own), -1 = wrong, said on standard error. Texts are
 * not copied. Before the first: host_options_default, and o->argv for restarts. */
int host_options_read(struct host_options *o, int argc, char *const argv[], int *at);

/* One line for each option, for --help. */
const char *host_options_help(void);

/* Opens the devices and fills `hal`, which points into this module. 0, or -1 after saying on
 * standard error why not. A missing flash file is made, all erased; one of another size
 * is refused. At exit the terminal is restored; the flash file needs no closing. */
int host_hal_open(const struct host_options *o, struct hal *hal);

/* Waits until `ms` of the board's milliseconds have passed, a byte came on the serial line
 * or a frame arrived, and does the network's work; 0 does what is there and returns. The
 * main loop calls it between two steps. A SIGINT, SIGTERM or SIGHUP ends the process here.
 * SIGUSR1 pulls the network cable and SIGUSR2 puts it back. */
void host_hal_wait(uint32_t ms);

/* Program and erase operations started so far: what --cut-before and --cut-after count. */
uint32_t host_flash_operations(void);

#endif
