/* board.h - the emcraft-sf2 board, as main.c and the self-test see it.
 *
 * Board: SmartFusion2 M2S, Cortex-M3, code in eNVM (256 KiB), 64 KiB eSRAM,
 * DDR for network buffers only, S25FL128P (s25sl12801) SPI NOR of 16 MiB, MSS
 * Ethernet, UART0 as the console at 115200 8N1.
 *
 * State: static, one instance, set up by board_init. Everything is called from
 * one thread, never from an interrupt. No call waits, unless it says so.
 */
#ifndef BOARD_H
#define BOARD_H

#include <stdint.h>

struct hal;

/* The store's place in the NOR flash: the last 512 KiB, clear of a boot loader
 * or fabric image at the start of the part. Both are settings of the build
 * (RA_BOARD_STORE_OFFSET, a multiple of 64 KiB; RA_BOARD_STORE_SECTORS, >= 2);
 * moving them on a device in the field loses its store. */
#ifndef RA_BOARD_STORE_OFFSET
#define RA_BOARD_STORE_OFFSET 0xf80000u
#endif
#ifndef RA_BOARD_STORE_SECTORS
#define RA_BOARD_STORE_SECTORS 8u
#endif

/* Station address. A product takes its own from its label or its boot loader;
 * this one is locally administered. */
#ifndef RA_BOARD_MAC
#define RA_BOARD_MAC 0x02, 0x52, 0x41, 0x00, 0x00, 0x01
#endif

/* Sets up timer, UART, flash and Ethernet, and enables interrupts. Waits up to
 * 5 s for the flash when a reset came during an erase, else under 1 ms. */
void board_init(void);

/* Fills `hal` with this board's devices. Call after board_init. */
void board_hal(struct hal *hal);

/* 1 when the flash part answered with the expected JEDEC id, else 0; `id` gets
 * what it answered. With 0 every flash call reports HAL_FLASH_FAILED. */
int board_flash_present(uint32_t *id);

/* Sleeps (WFI) until `ms` milliseconds have passed, serial input or an Ethernet
 * frame is waiting, or room came free in a serial queue that had refused bytes.
 * May return early, never late by more than an interrupt. 0 returns at once. */
void board_idle(uint32_t ms);

/* A free-running count at BOARD_CYCLES_HZ since board_init; wraps after 5800
 * years. Under `qemu -icount shift=N` one instruction is 2^N ns, so
 * instructions = cycles * 10 / 2^N (N >= 4 keeps the count exact to 1). Without
 * icount it is time, not work. */
#define BOARD_CYCLES_HZ 100000000u
uint64_t board_cycles(void);

/* Deepest use of the stack in bytes since the start or the last
 * board_stack_repaint, found by the paint it overwrote (a frame that leaves
 * words untouched at its low end counts short by them); and the stack's size. */
uint32_t board_stack_used(void);
uint32_t board_stack_size(void);
void board_stack_repaint(void);

/* Writes text and waits until it is in the UART: for the banner and the last
 * words of a fault, where nothing else runs. "\n" is sent as CR LF. */
void board_print(const char *text);
void board_print_hex(uint32_t value);
void board_print_dec(uint32_t value);

/* Restarts the device; does not return. */
void board_reset(void) __attribute__((noreturn));

/* ---- semihosting: with RA_BOARD_SEMIHOSTING only ----
 *
 * What a debugger or emulator lends to a test. The words of its command line
 * (`-semihosting-config ...,arg="..."`) are NAME or NAME=VALUE, separated by
 * blanks:
 *   key=FILE       32 bytes: the device key. Without it there is none.
 *   entropy=FILE   noise source instead of /dev/urandom; at its end it fails.
 *   exit-on-reset  a reset ends the emulation with code 0 instead.
 * Before either, a line "stack N of M bytes" gives board_stack_used.
 * A self-test or benchmark image reads its own words with board_word. */
#ifdef RA_BOARD_SEMIHOSTING
void board_semihost_init(void);
void board_semihost_hal(struct hal *hal);
/* The value of word `name` into `value` (cut at `size` - 1, always ended).
 * Returns 1, or 0 when the word is absent; a word without "=" has value "". */
int board_word(const char *name, char *value, uint32_t size);
/* Ends the emulation with an exit code, 0 .. 255. */
void board_exit(uint32_t code) __attribute__((noreturn));
#endif

#endif
