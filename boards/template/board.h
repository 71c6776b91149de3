/* board.h - what main.c needs of the board. */
#ifndef BOARD_H
#define BOARD_H

#include <stdint.h>

struct hal;

/* Brings the hardware up. Once, before the others. */
void board_init(void);

/* Fills `hal` with this board's devices. */
void board_hal(struct hal *hal);

/* Sleeps for at most `ms` milliseconds; ends early when a byte or a frame has arrived. */
void board_idle(uint32_t ms);

#endif
