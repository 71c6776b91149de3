/* sf2_board.h - what the files of this board share with each other only. */
#ifndef SF2_BOARD_H
#define SF2_BOARD_H

#include <stdint.h>

struct hal_clock;
struct hal_ethernet;
struct hal_flash;
struct hal_serial;

void sf2_timer_init(void);
void sf2_uart_init(void);
void sf2_flash_init(void);
void sf2_emac_init(void);

void sf2_timer_hal(struct hal_clock *clock);
void sf2_uart_hal(struct hal_serial *serial);
void sf2_flash_hal(struct hal_flash *flash);
void sf2_emac_hal(struct hal_ethernet *ethernet);

/* Interrupt handlers, named in the vector table. */
void sf2_uart_irq(void);
void sf2_emac_irq(void);
void sf2_timer1_irq(void);
void sf2_timer2_irq(void);

/* Whether the main loop has something to fetch: then board_idle does not sleep.
 * Called with interrupts masked. */
int sf2_uart_pending(void);
int sf2_emac_pending(void);

/* The last act of a fault: reset, or the end of the emulation. */
void sf2_fault_end(void) __attribute__((noreturn));

static inline uint32_t sf2_lock(void)
{
    uint32_t primask;

    __asm volatile("mrs %0, primask\n\tcpsid i" : "=r"(primask) : : "memory");
    return primask;
}

static inline void sf2_unlock(uint32_t primask)
{
    __asm volatile("msr primask, %0" : : "r"(primask) : "memory");
}

/* Orders stores to DMA memory before the store that starts the DMA. */
static inline void sf2_barrier(void)
{
    __asm volatile("dmb" : : : "memory");
}

#endif
