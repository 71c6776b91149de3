/* sf2_uart.c - UART0 as the console: both directions through rings and one interrupt. */
#include "board.h"
#include "hal_serial.h"
#include "sf2_board.h"
#include "sf2_regs.h"

#ifndef RA_BOARD_BAUD
#define RA_BOARD_BAUD 115200u
#endif

/* Powers of two. The rings stay in the eSRAM: passwords come in by them. */
#define RX_SIZE 512u
#define TX_SIZE 512u

static struct {
    volatile uint8_t rx[RX_SIZE];
    volatile uint8_t tx[TX_SIZE];
    volatile uint32_t rx_in, rx_out; /* count on; the ring index is the count modulo its size */
    volatile uint32_t tx_in, tx_out;
    volatile uint32_t tx_refused; /* a write found too little room */
} uart;

static uint32_t rx_used(void)
{
    return uart.rx_in - uart.rx_out;
}

static uint32_t tx_used(void)
{
    return uart.tx_in - uart.tx_out;
}

void sf2_uart_init(void)
{
    const uint32_t divisor = (SF2_PCLK_HZ + 8u * RA_BOARD_BAUD) / (16u * RA_BOARD_BAUD);

    UART_IER = 0;
    UART_LCR = 0x83u; /* 8N1, divisor visible */
    UART_DLL = divisor & 0xffu;
    UART_DLM = divisor >> 8;
    UART_LCR = 0x03u;
    UART_FCR = 0x07u; /* FIFOs on and emptied, interrupt from the first byte */
    UART_IER = UART_IER_RX;
    NVIC_ENABLE0 = 1u << SF2_IRQ_UART0;
}

void sf2_uart_irq(void)
{
    uint32_t enable = UART_IER;

    (void)UART_IIR; /* reading it withdraws a transmit interrupt */
    while (rx_used() < RX_SIZE && (UART_LSR & UART_LSR_DATA) != 0u) {
        uart.rx[uart.rx_in % RX_SIZE] = (uint8_t)UART_RBR;
        uart.rx_in++;
    }
    /* With the ring full the bytes stay in the FIFO and the sender is held off
     * where the line can do that; uart_read turns the interrupt on again. */
    if (rx_used() == RX_SIZE) {
        enable &= ~UART_IER_RX;
    }
    if ((enable & UART_IER_TX) != 0u && (UART_LSR & UART_LSR_THRE) != 0u) {
        uint32_t n;

        for (n = 0; n < UART_FIFO_SIZE && tx_used() != 0u; n++) {
            UART_THR = uart.tx[uart.tx_out % TX_SIZE];
            uart.tx_out++;
        }
        if (tx_used() == 0u) {
            enable &= ~UART_IER_TX;
        }
    }
    UART_IER = enable;
}

static uint32_t uart_read(void *dev, uint8_t *to, uint32_t size)
{
    uint32_t n;
    uint32_t lock;

    (void)dev;
    for (n = 0; n < size && rx_used() != 0u; n++) {
        to[n] = uart.rx[uart.rx_out % RX_SIZE];
        uart.rx_out++;
    }
    if (n != 0u) {
        lock = sf2_lock();
        UART_IER |= UART_IER_RX;
        sf2_unlock(lock);
    }
    return n;
}

static uint32_t uart_write(void *dev, const uint8_t *from, uint32_t size)
{
    uint32_t n;
    uint32_t lock;

    (void)dev;
    for (n = 0; n < size && tx_used() < TX_SIZE; n++) {
        uart.tx[uart.tx_in % TX_SIZE] = from[n];
        uart.tx_in++;
    }
    uart.tx_refused = n < size;
    if (n != 0u) {
        lock = sf2_lock();
        UART_IER |= UART_IER_TX;
        sf2_unlock(lock);
    }
    return n;
}

int sf2_uart_pending(void)
{
    return rx_used() != 0u || (uart.tx_refused != 0u && tx_used() <= TX_SIZE / 2u);
}

void sf2_uart_hal(struct hal_serial *serial)
{
    serial->read = uart_read;
    serial->write = uart_write;
    serial->dev = 0;
}

/* Straight to the UART: works with interrupts masked and with the rings in any state. */
static void put(uint8_t byte)
{
    while ((UART_LSR & UART_LSR_THRE) == 0u) {
    }
    UART_THR = byte;
}

void board_print(const char *text)
{
    uint32_t lock = sf2_lock();

    while (tx_used() != 0u && tx_used() <= TX_SIZE) {
        put(uart.tx[uart.tx_out % TX_SIZE]);
        uart.tx_out++;
    }
    for (; *text != '\0'; text++) {
        if (*text == '\n') {
            put('\r');
        }
        put((uint8_t)*text);
    }
    sf2_unlock(lock);
}

void board_print_hex(uint32_t value)
{
    char text[9];
    uint32_t i;

    for (i = 0; i < 8u; i++) {
        text[i] = "0123456789abcdef"[(value >> (28u - 4u * i)) & 15u];
    }
    text[8] = '\0';
    board_print(text);
}

void board_print_dec(uint32_t value)
{
    char text[11];
    char *p = text + sizeof text - 1;

    *p = '\0';
    do {
        *--p = (char)('0' + value % 10u);
        value /= 10u;
    } while (value != 0u);
    board_print(p);
}
