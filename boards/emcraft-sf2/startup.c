/* startup.c - vector table, reset, memory protection, stack paint, faults. */
#include <stdint.h>

#include "board.h"
#include "sf2_board.h"
#include "sf2_regs.h"

/* From emcraft-sf2.ld. */
extern uint32_t __stack_limit[], __stack_top[];
extern uint32_t __data_load[], __data_start[], __data_end[];
extern uint32_t __bss_start[], __bss_end[];
extern uint32_t __ddr_bss_start[], __ddr_bss_end[];

#define STACK_PAINT 0xc5c5c5c5u
#define FAULT_STACK_WORDS 96u

int main(void);
void Reset_Handler(void);
void sf2_start(void) __attribute__((noreturn));
void sf2_fault_entry(void);
void sf2_fault_report(const uint32_t *frame) __attribute__((noreturn));

/* A fault may come from the stack's end, so its report runs on one of its own. */
uint32_t sf2_fault_stack[FAULT_STACK_WORDS] __attribute__((aligned(8)));

typedef void (*vector)(void);

struct vector_table {
    uint32_t *stack;
    vector system[15];
    vector irq[SF2_IRQ_COUNT];
};

/* Interrupts that are never enabled have the fault entry too: one that comes
 * all the same is reported with its number instead of ignored. */
__attribute__((section(".vectors"), used)) static const struct vector_table vectors = {
    .stack = __stack_top,
    .system = {Reset_Handler, sf2_fault_entry, sf2_fault_entry, sf2_fault_entry, sf2_fault_entry,
               sf2_fault_entry, sf2_fault_entry, sf2_fault_entry, sf2_fault_entry, sf2_fault_entry,
               sf2_fault_entry, sf2_fault_entry, sf2_fault_entry, sf2_fault_entry, sf2_fault_entry},
    .irq = {sf2_fault_entry, sf2_fault_entry, sf2_fault_entry, sf2_fault_entry, sf2_fault_entry,
            sf2_fault_entry, sf2_fault_entry, sf2_fault_entry, sf2_fault_entry, sf2_fault_entry,
            sf2_uart_irq, sf2_fault_entry, sf2_emac_irq, sf2_fault_entry, sf2_timer1_irq,
            sf2_timer2_irq},
};

_Static_assert(SF2_IRQ_UART0 == 10 && SF2_IRQ_EMAC == 12 && SF2_IRQ_TIMER1 == 14 &&
                   SF2_IRQ_TIMER2 == 15,
               "the vector table above is in this order");

static inline uint32_t *stack_pointer(void)
{
    uint32_t *sp;

    __asm volatile("mov %0, sp" : "=r"(sp));
    return sp;
}

/* Region: base | valid | number; attributes: XN(28) AP(26:24) C(17) S(18) size enable.
 * The eSRAM never executes. The stack grows down to the eSRAM's first byte and
 * the megabyte below it faults, however far a frame jumps; so an overflow
 * writes over nothing. DDR is execute-never by the default map. */
static void mpu_init(void)
{
    MPU_BASE = 0x20000000u | 0x10u | 0u;
    MPU_ATTR = (1u << 28) | (3u << 24) | (1u << 17) | (1u << 18) | (15u << 1) | 1u;
    MPU_BASE = 0x1ff00000u | 0x10u | 1u;
    MPU_ATTR = (1u << 28) | (0u << 24) | (19u << 1) | 1u;
    MPU_CONTROL = 0x5u; /* on, default map elsewhere, off inside a fault */
    __asm volatile("dsb\n\tisb" : : : "memory");
}

/* Volatile, so that the compiler does not make a call of memset of it, whose
 * own frame the paint would cover. Eight words a turn: this is most of what the
 * start-up executes. */
static inline void fill(volatile uint32_t *p, volatile uint32_t *end, uint32_t with)
{
    while (end - p >= 8) {
        p[0] = with;
        p[1] = with;
        p[2] = with;
        p[3] = with;
        p[4] = with;
        p[5] = with;
        p[6] = with;
        p[7] = with;
        p += 8;
    }
    while (p < end) {
        *p++ = with;
    }
}

void board_stack_repaint(void)
{
    fill(__stack_limit, stack_pointer() - 16, STACK_PAINT); /* fill has a frame too */
}

uint32_t board_stack_size(void)
{
    return (uint32_t)((uintptr_t)__stack_top - (uintptr_t)__stack_limit);
}

uint32_t board_stack_used(void)
{
    const volatile uint32_t *p = __stack_limit;

    while (p < __stack_top && *p == STACK_PAINT) {
        p++;
    }
    return (uint32_t)((uintptr_t)__stack_top - (uintptr_t)p);
}

/* Sets what a reset sets, for a boot loader or a debugger that comes by a jump. */
__attribute__((naked)) void Reset_Handler(void)
{
    __asm volatile("cpsid i\n\t"
                   "ldr r0, =__stack_top\n\t"
                   "mov sp, r0\n\t"
                   "b sf2_start\n\t"
                   ".ltorg");
}

void sf2_start(void)
{
    const uint32_t *from = __data_load;
    uint32_t *to;

    SCB_VTOR = (uint32_t)(uintptr_t)&vectors;
    for (to = __data_start; to < __data_end; to++) {
        *to = *from++;
    }
    fill(__bss_start, __bss_end, 0);
    fill(__ddr_bss_start, __ddr_bss_end, 0);
    board_stack_repaint();
    mpu_init();
    (void)main();
    board_reset();
}

/* Exception entry with whatever stack is left: keep the frame's address, move
 * to the fault stack. */
__attribute__((naked)) void sf2_fault_entry(void)
{
    __asm volatile("cpsid i\n\t"
                   "mov r0, sp\n\t"
                   "ldr r2, =sf2_fault_stack + %c0\n\t"
                   "mov sp, r2\n\t"
                   "b sf2_fault_report\n\t"
                   ".ltorg"
                   :
                   : "i"(FAULT_STACK_WORDS * 4u));
}

static void report(const char *name, uint32_t value)
{
    board_print(name);
    board_print_hex(value);
}

void sf2_fault_report(const uint32_t *frame)
{
    uint32_t ipsr;

    __asm volatile("mrs %0, ipsr" : "=r"(ipsr));
    report("\nFAULT exception=", ipsr);
    /* After a stack overflow there is no frame to read. */
    if (frame >= __stack_limit && frame + 8 <= __stack_top) {
        report(" pc=", frame[6]);
        report(" lr=", frame[5]);
    } else {
        report(" stack overflow, sp=", (uint32_t)(uintptr_t)frame);
    }
    report(" cfsr=", SCB_CFSR);
    report(" hfsr=", SCB_HFSR);
    report(" mmfar=", SCB_MMFAR);
    report(" bfar=", SCB_BFAR);
    board_print("\n");
    sf2_fault_end();
}
