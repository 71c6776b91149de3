/* sf2_regs.h - the registers of the SmartFusion2 (M2S) that this board uses.
 *
 * Source: Microsemi UG0331, SmartFusion2 Microcontroller Subsystem User Guide,
 * and ARM DDI 0403 (ARMv7-M) for the core's own. Only what the drivers touch.
 */
#ifndef SF2_REGS_H
#define SF2_REGS_H

#include <stdint.h>

#define SF2_REG(base, offset) (*(volatile uint32_t *)((uintptr_t)(base) + (uintptr_t)(offset)))

/* Peripheral clock of UART, SPI and timers. A board whose fabric design sets
 * another APB clock changes this one number. */
#define SF2_PCLK_HZ 100000000u

/* Interrupt numbers; the vector table in startup.c ends with the last of them. */
#define SF2_IRQ_UART0 10u
#define SF2_IRQ_EMAC 12u
#define SF2_IRQ_TIMER1 14u
#define SF2_IRQ_TIMER2 15u
#define SF2_IRQ_COUNT 16u

/* UART0: a 16550 with a register every four bytes. */
#define SF2_UART0 0x40000000u
#define UART_RBR SF2_REG(SF2_UART0, 0x00) /* read: receive            */
#define UART_THR SF2_REG(SF2_UART0, 0x00) /* write: transmit          */
#define UART_DLL SF2_REG(SF2_UART0, 0x00) /* while LCR.DLAB           */
#define UART_DLM SF2_REG(SF2_UART0, 0x04)
#define UART_IER SF2_REG(SF2_UART0, 0x04)
#define UART_IIR SF2_REG(SF2_UART0, 0x08)
#define UART_FCR SF2_REG(SF2_UART0, 0x08)
#define UART_LCR SF2_REG(SF2_UART0, 0x0c)
#define UART_LSR SF2_REG(SF2_UART0, 0x14)
#define UART_IER_RX 0x01u
#define UART_IER_TX 0x02u
#define UART_LSR_DATA 0x01u
#define UART_LSR_THRE 0x20u
#define UART_LSR_IDLE 0x40u
#define UART_FIFO_SIZE 16u

/* SPI0, the NOR flash on chip select 0. */
#define SF2_SPI0 0x40001000u
#define SPI_CONTROL SF2_REG(SF2_SPI0, 0x00)
#define SPI_DFSIZE SF2_REG(SF2_SPI0, 0x04)
#define SPI_STATUS SF2_REG(SF2_SPI0, 0x08)
#define SPI_RX SF2_REG(SF2_SPI0, 0x10)
#define SPI_TX SF2_REG(SF2_SPI0, 0x14)
#define SPI_CLKGEN SF2_REG(SF2_SPI0, 0x18)
#define SPI_SELECT SF2_REG(SF2_SPI0, 0x1c)
#define SPI_CONTROL_ENABLE (1u << 0)
#define SPI_CONTROL_MASTER (1u << 1)
#define SPI_CONTROL_COUNT(n) ((uint32_t)(n) << 8) /* frames of one command, 1 .. 65535 */
#define SPI_CONTROL_SPS (1u << 26)                /* chip select held for the count    */
#define SPI_CONTROL_CLKMODE (1u << 28)            /* clock = PCLK / (2 * (CLKGEN + 1)) */
#define SPI_CONTROL_BIGFIFO (1u << 29)
#define SPI_CONTROL_RESET (1u << 31)
#define SPI_STATUS_RX_EMPTY (1u << 6)
#define SPI_FIFO_SIZE 32u /* with BIGFIFO and 8-bit frames */

/* Timers 1 and 2: 32-bit down-counters at PCLK. */
#define SF2_TIMERS 0x40004000u
#define TIMER1_VALUE SF2_REG(SF2_TIMERS, 0x00)
#define TIMER1_LOAD SF2_REG(SF2_TIMERS, 0x04)
#define TIMER1_CONTROL SF2_REG(SF2_TIMERS, 0x0c)
#define TIMER1_RAW SF2_REG(SF2_TIMERS, 0x10) /* reached zero; write 1 to clear */
#define TIMER2_LOAD SF2_REG(SF2_TIMERS, 0x1c)
#define TIMER2_CONTROL SF2_REG(SF2_TIMERS, 0x24)
#define TIMER2_RAW SF2_REG(SF2_TIMERS, 0x28)
#define TIMER_ENABLE 0x1u
#define TIMER_ONE_SHOT 0x2u
#define TIMER_INTERRUPT 0x4u

/* Ethernet MAC. */
#define SF2_EMAC 0x40041000u
#define EMAC_CFG1 SF2_REG(SF2_EMAC, 0x00)
#define EMAC_CFG2 SF2_REG(SF2_EMAC, 0x04)
#define EMAC_FRAME_MAX SF2_REG(SF2_EMAC, 0x10)
#define EMAC_MII_CMD SF2_REG(SF2_EMAC, 0x24)
#define EMAC_MII_ADDR SF2_REG(SF2_EMAC, 0x28)
#define EMAC_MII_STATUS SF2_REG(SF2_EMAC, 0x30)
#define EMAC_MII_BUSY SF2_REG(SF2_EMAC, 0x34)
#define EMAC_STATION1 SF2_REG(SF2_EMAC, 0x40) /* octets 1 to 4, first in the top byte */
#define EMAC_STATION2 SF2_REG(SF2_EMAC, 0x44) /* octets 5 and 6 in the top half       */
#define EMAC_FIFO_CFG0 SF2_REG(SF2_EMAC, 0x48)
#define EMAC_TX_CONTROL SF2_REG(SF2_EMAC, 0x180)
#define EMAC_TX_DESC SF2_REG(SF2_EMAC, 0x184)
#define EMAC_TX_STATUS SF2_REG(SF2_EMAC, 0x188)
#define EMAC_RX_CONTROL SF2_REG(SF2_EMAC, 0x18c)
#define EMAC_RX_DESC SF2_REG(SF2_EMAC, 0x190)
#define EMAC_RX_STATUS SF2_REG(SF2_EMAC, 0x194)
#define EMAC_IRQ_MASK SF2_REG(SF2_EMAC, 0x198)
#define EMAC_CFG1_TX 0x1u
#define EMAC_CFG1_RX 0x4u
#define EMAC_CFG1_RESET (1u << 31)
#define EMAC_CFG2_FULL_DUPLEX 0x1u
#define EMAC_CFG2_CRC_PAD 0x6u
#define EMAC_CFG2_NIBBLE 0x100u /* MII nibble mode, 10/100 Mbit/s */
#define EMAC_CFG2_PREAMBLE_7 0x7000u
#define EMAC_FIFO_ENABLE_ALL 0x1f00u
#define EMAC_DMA_RUN 0x1u
#define EMAC_TX_SENT 0x1u
#define EMAC_TX_UNDERRUN 0x2u
#define EMAC_RX_RECEIVED 0x1u
#define EMAC_RX_OVERFLOW 0x4u
#define EMAC_IRQ_RX (1u << 4)
#define EMAC_IRQ_RX_OVERFLOW (1u << 6)
#define EMAC_DESC_EMPTY (1u << 31)
#define EMAC_DESC_SIZE 0x7ffu

/* The core: NVIC, system control block, MPU. */
#define NVIC_ENABLE0 SF2_REG(0xe000e100u, 0)
#define SCB_VTOR SF2_REG(0xe000ed08u, 0)
#define SCB_AIRCR SF2_REG(0xe000ed0cu, 0)
#define SCB_CFSR SF2_REG(0xe000ed28u, 0)
#define SCB_HFSR SF2_REG(0xe000ed2cu, 0)
#define SCB_MMFAR SF2_REG(0xe000ed34u, 0)
#define SCB_BFAR SF2_REG(0xe000ed38u, 0)
#define SCB_AIRCR_SYSRESETREQ 0x05fa0004u
#define MPU_CONTROL SF2_REG(0xe000ed94u, 0)
#define MPU_BASE SF2_REG(0xe000ed9cu, 0)
#define MPU_ATTR SF2_REG(0xe000eda0u, 0)

#endif
