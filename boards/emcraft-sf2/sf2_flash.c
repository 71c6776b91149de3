/* sf2_flash.c - hal_flash on the SPI NOR S25FL128P (s25sl12801) behind SPI0.
 *
 * The part erases 64 KiB (0xD8) and programs up to 256 bytes of one page
 * (0x02); past a page's end it would wrap. It clears its write latch after each
 * operation, so each gets its own WREN, and the latch is read back: an
 * operation that the part would ignore is refused here. The part reports no
 * failure of its own, so a finished program is read back and compared; an
 * erase is left to the store, which reads its sectors anyway.
 *
 * program_unit is 16: this part can do single bytes, its ECC successors
 * (S25FL-S) cannot add to a unit of 16.
 */
#include <string.h>

#include "board.h"
#include "hal_flash.h"
#include "sf2_board.h"
#include "sf2_regs.h"

#define JEDEC_ID 0x012018u
#define PART_SIZE 0x1000000u
#define SECTOR_SIZE 0x10000u
#define PAGE_SIZE 256u
#define PROGRAM_UNIT 16u
#define REGION_SIZE (RA_BOARD_STORE_SECTORS * SECTOR_SIZE)

_Static_assert(RA_BOARD_STORE_OFFSET % SECTOR_SIZE == 0, "the store starts at a sector");
_Static_assert(RA_BOARD_STORE_SECTORS >= 2, "the store needs two sectors or more");
_Static_assert(RA_BOARD_STORE_OFFSET <= PART_SIZE &&
                   REGION_SIZE <= PART_SIZE - RA_BOARD_STORE_OFFSET,
               "the store ends inside the flash part");

#define OP_WREN 0x06u
#define OP_RDSR 0x05u
#define OP_RDID 0x9fu
#define OP_READ 0x03u
#define OP_PROGRAM 0x02u
#define OP_ERASE_64K 0xd8u
#define STATUS_WIP 0x01u
#define STATUS_WEL 0x02u

/* Twice what the data sheet allows the part (page 3 ms, sector 3 s), in cycles. */
#define PROGRAM_TIMEOUT (BOARD_CYCLES_HZ / 1000u * 6u)
#define ERASE_TIMEOUT (BOARD_CYCLES_HZ * 6ull)
#define START_TIMEOUT (BOARD_CYCLES_HZ * 5ull)

#define COMMAND_MAX 4u      /* opcode and address                             */
#define READ_MAX 0x8000u    /* one command's frame count has 16 bits          */
#define BURST SPI_FIFO_SIZE /* frames in flight at most: the receive FIFO    */

_Static_assert(PROGRAM_UNIT <= BURST && COMMAND_MAX <= BURST, "a burst fits the FIFO");

static struct {
    uint32_t id;
    uint64_t started;
    uint64_t timeout;
    const uint8_t *from; /* the page under way, for the comparison; NULL for an erase */
    uint32_t at;
    uint32_t size;
    int status;
} nor;

/* Starts one command of `frames` bytes in all; chip select falls with the first
 * and rises after the last. The count is taken over while the SPI is off. */
static void spi_begin(uint32_t frames)
{
    const uint32_t control = SPI_CONTROL_MASTER | SPI_CONTROL_SPS | SPI_CONTROL_CLKMODE |
                             SPI_CONTROL_BIGFIFO | SPI_CONTROL_COUNT(frames);

    SPI_CONTROL = control;
    SPI_CONTROL = control | SPI_CONTROL_ENABLE;
}

__attribute__((always_inline)) static inline uint8_t spi_take(void)
{
    while ((SPI_STATUS & SPI_STATUS_RX_EMPTY) != 0u) {
    }
    return (uint8_t)SPI_RX;
}

/* Sends `size` bytes, at most BURST, and keeps what comes back in `in` (NULL: dropped). */
static void spi_burst(const uint8_t *out, uint8_t *in, uint32_t size)
{
    uint32_t i;

    for (i = 0; i < size; i++) {
        SPI_TX = out[i];
    }
    for (i = 0; i < size; i++) {
        uint8_t byte = spi_take();

        if (in != NULL) {
            in[i] = byte;
        }
    }
}

/* The boot reads flash by the KiB: eight bytes a turn halve its instructions. */
static void spi_receive(uint8_t *to, uint32_t size)
{
    while (size >= 8u) {
        SPI_TX = 0;
        SPI_TX = 0;
        SPI_TX = 0;
        SPI_TX = 0;
        SPI_TX = 0;
        SPI_TX = 0;
        SPI_TX = 0;
        SPI_TX = 0;
        to[0] = spi_take();
        to[1] = spi_take();
        to[2] = spi_take();
        to[3] = spi_take();
        to[4] = spi_take();
        to[5] = spi_take();
        to[6] = spi_take();
        to[7] = spi_take();
        to += 8;
        size -= 8u;
    }
    while (size >= 4u) {
        SPI_TX = 0;
        SPI_TX = 0;
        SPI_TX = 0;
        SPI_TX = 0;
        to[0] = spi_take();
        to[1] = spi_take();
        to[2] = spi_take();
        to[3] = spi_take();
        to += 4;
        size -= 4u;
    }
    while (size != 0u) {
        SPI_TX = 0;
        *to++ = spi_take();
        size--;
    }
}

static void spi_command(uint32_t op, uint32_t address)
{
    SPI_TX = op;
    SPI_TX = address >> 16 & 0xffu;
    SPI_TX = address >> 8 & 0xffu;
    SPI_TX = address & 0xffu;
    (void)spi_take();
    (void)spi_take();
    (void)spi_take();
    (void)spi_take();
}

static uint32_t read_status(void)
{
    const uint8_t out[2] = {OP_RDSR, 0};
    uint8_t in[2];

    spi_begin(sizeof out);
    spi_burst(out, in, sizeof out);
    return in[1];
}

static int write_enable(void)
{
    const uint8_t out[1] = {OP_WREN};

    spi_begin(sizeof out);
    spi_burst(out, NULL, sizeof out);
    return (read_status() & (STATUS_WEL | STATUS_WIP)) == STATUS_WEL;
}

static void read_part(uint32_t address, uint8_t *to, uint32_t size)
{
    while (size != 0u) {
        uint32_t part = size < READ_MAX ? size : READ_MAX;

        spi_begin(COMMAND_MAX + part);
        spi_command(OP_READ, address);
        spi_receive(to, part);
        address += part;
        to += part;
        size -= part;
    }
}

void sf2_flash_init(void)
{
    const uint8_t out[4] = {OP_RDID, 0, 0, 0};
    uint8_t in[4];
    uint64_t start = board_cycles();

    SPI_CONTROL = SPI_CONTROL_RESET;
    SPI_CONTROL = SPI_CONTROL_MASTER; /* out of reset and off: frame size and clock can be set */
    SPI_DFSIZE = 8;
    SPI_CLKGEN = 1; /* PCLK / 4: 25 MHz, READ goes up to 40 MHz */
    SPI_SELECT = 1;

    /* A reset of the processor does not stop an erase that the part had begun,
     * and until it ends the part answers nothing but its status. */
    while ((read_status() & STATUS_WIP) != 0u && board_cycles() - start < START_TIMEOUT) {
    }
    spi_begin(sizeof out);
    spi_burst(out, in, sizeof out);
    nor.id = (uint32_t)in[1] << 16 | (uint32_t)in[2] << 8 | in[3];
    nor.status = HAL_FLASH_DONE;
}

int board_flash_present(uint32_t *id)
{
    *id = nor.id;
    return nor.id == JEDEC_ID;
}

/* Whether [at, at + size) is inside the region and the part can take a command. */
static int ready(uint32_t at, uint32_t size)
{
    return nor.id == JEDEC_ID && nor.status != HAL_FLASH_BUSY && at <= REGION_SIZE &&
           size <= REGION_SIZE - at;
}

static int flash_read(void *dev, uint32_t at, void *to, uint32_t size)
{
    (void)dev;
    if (!ready(at, size)) {
        return HAL_FLASH_FAILED;
    }
    read_part(RA_BOARD_STORE_OFFSET + at, to, size);
    return HAL_FLASH_DONE;
}

static void started(const uint8_t *from, uint32_t at, uint32_t size, uint64_t timeout)
{
    nor.from = from;
    nor.at = at;
    nor.size = size;
    nor.timeout = timeout;
    nor.started = board_cycles();
    nor.status = HAL_FLASH_BUSY;
}

static int flash_program(void *dev, uint32_t at, const void *from, uint32_t size)
{
    uint32_t done;

    (void)dev;
    if (!ready(at, size) || size == 0u || at % PROGRAM_UNIT != 0u || size % PROGRAM_UNIT != 0u ||
        at / PAGE_SIZE != (at + size - 1u) / PAGE_SIZE || !write_enable()) {
        return HAL_FLASH_FAILED;
    }
    spi_begin(COMMAND_MAX + size);
    spi_command(OP_PROGRAM, RA_BOARD_STORE_OFFSET + at);
    for (done = 0; done < size; done += PROGRAM_UNIT) {
        spi_burst((const uint8_t *)from + done, NULL, PROGRAM_UNIT);
    }
    started(from, at, size, PROGRAM_TIMEOUT);
    return HAL_FLASH_BUSY;
}

static int flash_erase(void *dev, uint32_t sector)
{
    (void)dev;
    if (sector >= RA_BOARD_STORE_SECTORS || !ready(0, 0) || !write_enable()) {
        return HAL_FLASH_FAILED;
    }
    /* The address is a sector's first byte: some parts, and the emulated one,
     * erase from the given address and not from the sector it lies in. */
    spi_begin(COMMAND_MAX);
    spi_command(OP_ERASE_64K, RA_BOARD_STORE_OFFSET + sector * SECTOR_SIZE);
    started(NULL, sector * SECTOR_SIZE, SECTOR_SIZE, ERASE_TIMEOUT);
    return HAL_FLASH_BUSY;
}

static int page_as_written(void)
{
    uint8_t page[4u * PROGRAM_UNIT];
    uint32_t done;

    for (done = 0; done < nor.size; done += sizeof page) {
        uint32_t part = nor.size - done < sizeof page ? nor.size - done : sizeof page;

        read_part(RA_BOARD_STORE_OFFSET + nor.at + done, page, part);
        if (memcmp(page, nor.from + done, part) != 0) {
            return 0;
        }
    }
    return 1;
}

static int flash_poll(void *dev)
{
    (void)dev;
    if (nor.status != HAL_FLASH_BUSY) {
        return nor.status;
    }
    if ((read_status() & STATUS_WIP) != 0u) {
        if (board_cycles() - nor.started > nor.timeout) {
            nor.status = HAL_FLASH_FAILED;
        }
        return nor.status;
    }
    nor.status = nor.from == NULL || page_as_written() ? HAL_FLASH_DONE : HAL_FLASH_FAILED;
    nor.from = NULL;
    return nor.status;
}

void sf2_flash_hal(struct hal_flash *flash)
{
    flash->sector_size = SECTOR_SIZE;
    flash->sector_count = RA_BOARD_STORE_SECTORS;
    flash->program_unit = PROGRAM_UNIT;
    flash->program_max = PAGE_SIZE;
    flash->erased = 0xff;
    flash->read = flash_read;
    flash->program = flash_program;
    flash->erase = flash_erase;
    flash->poll = flash_poll;
    flash->dev = NULL;
}
