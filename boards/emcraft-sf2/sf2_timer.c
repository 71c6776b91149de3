/* sf2_timer.c - monotonic time from the free-running timer 1, wake-up by timer 2. */
#include "board.h"
#include "hal_clock.h"
#include "sf2_board.h"
#include "sf2_regs.h"

_Static_assert(BOARD_CYCLES_HZ == SF2_PCLK_HZ, "timer 1 counts at PCLK");

static volatile uint32_t wraps;   /* times timer 1 reached zero */
static volatile uint32_t expired; /* timer 2 reached zero       */

void sf2_timer_init(void)
{
    /* A reset of the core need not stop the timers. */
    TIMER1_CONTROL = 0;
    TIMER2_CONTROL = 0;
    TIMER1_RAW = 1;
    TIMER2_RAW = 1;
    wraps = 0;
    TIMER1_LOAD = 0xffffffffu;
    TIMER1_CONTROL = TIMER_ENABLE | TIMER_INTERRUPT;
    NVIC_ENABLE0 = (1u << SF2_IRQ_TIMER1) | (1u << SF2_IRQ_TIMER2);
}

void sf2_timer1_irq(void)
{
    TIMER1_RAW = 1;
    wraps++;
}

void sf2_timer2_irq(void)
{
    TIMER2_CONTROL = 0;
    TIMER2_RAW = 1;
    expired = 1;
}

uint64_t board_cycles(void)
{
    uint32_t lock = sf2_lock();
    uint32_t high = wraps;
    uint32_t value = TIMER1_VALUE;

    /* The counter may pass zero with its interrupt held off: then the flag is
     * up, and only a value read after the flag belongs to the next round. */
    if ((TIMER1_RAW & 1u) != 0u) {
        value = TIMER1_VALUE;
        high++;
    }
    sf2_unlock(lock);
    return ((uint64_t)high << 32) | (0xffffffffu - value);
}

static uint64_t monotonic_ms(void *dev)
{
    (void)dev;
    return board_cycles() / (BOARD_CYCLES_HZ / 1000u);
}

/* The part's RTC needs a battery and a crystal in the fabric design; this board
 * has neither. */
static int64_t wall_s(void *dev)
{
    (void)dev;
    return HAL_CLOCK_UNKNOWN;
}

void sf2_timer_hal(struct hal_clock *clock)
{
    clock->monotonic_ms = monotonic_ms;
    clock->wall_s = wall_s;
    clock->dev = 0;
}

void board_idle(uint32_t ms)
{
    const uint32_t longest_ms = 0xffffffffu / (BOARD_CYCLES_HZ / 1000u);
    uint32_t lock;

    if (ms == 0) {
        return;
    }
    if (ms > longest_ms) {
        ms = longest_ms;
    }
    expired = 0;
    TIMER2_LOAD = ms * (BOARD_CYCLES_HZ / 1000u);
    TIMER2_CONTROL = TIMER_ENABLE | TIMER_ONE_SHOT | TIMER_INTERRUPT;
    /* With interrupts masked, one that comes between the test and WFI stays
     * pending and ends the WFI; its handler runs at the unlock. */
    lock = sf2_lock();
    while (!expired && !sf2_uart_pending() && !sf2_emac_pending()) {
        __asm volatile("dsb\n\twfi" : : : "memory");
        sf2_unlock(lock);
        __asm volatile("isb" : : : "memory");
        lock = sf2_lock();
    }
    sf2_unlock(lock);
    TIMER2_CONTROL = 0;
    TIMER2_RAW = 1;
}
