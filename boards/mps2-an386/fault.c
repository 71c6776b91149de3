/* Ends the run with code 125 on any fault; picolibc's own handler waits for ever. */
#include <stdint.h>

void arm_hardfault_isr(void);
void arm_memmanage_isr(void);
void arm_busfault_isr(void);
void arm_usagefault_isr(void);

enum { SYS_WRITE0 = 0x04, SYS_EXIT_EXTENDED = 0x20, ADP_STOPPED_APPLICATION_EXIT = 0x20026 };
enum { FAULT_EXIT_CODE = 125 };

static void semihost(uint32_t operation, const void *argument)
{
    register uint32_t r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
}

void arm_hardfault_isr(void)
{
    static const uint32_t end[2] = {ADP_STOPPED_APPLICATION_EXIT, FAULT_EXIT_CODE};
    semihost(SYS_WRITE0, "fault: the image ended in an exception\n");
    for (;;) {
        semihost(SYS_EXIT_EXTENDED, end);
    }
}

void arm_memmanage_isr(void)
{
    arm_hardfault_isr();
}

void arm_busfault_isr(void)
{
    arm_hardfault_isr();
}

void arm_usagefault_isr(void)
{
    arm_hardfault_isr();
}
