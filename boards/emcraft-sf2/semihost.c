/* semihost.c - what the debugger or emulator lends to a test: entropy, a device
 * key, an exit code. Built only with RA_BOARD_SEMIHOSTING, never for a product:
 * the calls below are breakpoints, and a device key in a file seals nothing.
 *
 * Source: Arm, Semihosting for AArch32 and AArch64, release 3.0.
 */
#include <string.h>

#include "board.h"
#include "hal.h"
#include "sf2_board.h"

#define SYS_OPEN 0x01u
#define SYS_CLOSE 0x02u
#define SYS_READ 0x06u
#define SYS_GET_CMDLINE 0x15u
#define SYS_EXIT_EXTENDED 0x20u
#define OPEN_READ_BINARY 1u
#define EXIT_APPLICATION 0x20026u
#define EXIT_FAULT 125u
#define WORD_SIZE 200u

static struct {
    char line[512];
    int entropy; /* file handle, -1 when there is none */
} semihost;

static int call(uint32_t operation, const void *arguments)
{
    register uint32_t r0 __asm("r0") = operation;
    register uint32_t r1 __asm("r1") = (uint32_t)(uintptr_t)arguments;

    __asm volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return (int)r0;
}

static int file_open(const char *name)
{
    const uint32_t arguments[3] = {(uint32_t)(uintptr_t)name, OPEN_READ_BINARY,
                                   (uint32_t)strlen(name)};

    return call(SYS_OPEN, arguments);
}

static void file_close(int file)
{
    const uint32_t arguments[1] = {(uint32_t)file};

    (void)call(SYS_CLOSE, arguments);
}

/* Bytes read. */
static uint32_t file_read(int file, void *to, uint32_t size)
{
    const uint32_t arguments[3] = {(uint32_t)file, (uint32_t)(uintptr_t)to, size};
    int missing = call(SYS_READ, arguments);

    return missing < 0 || (uint32_t)missing > size ? 0u : size - (uint32_t)missing;
}

int board_word(const char *name, char *value, uint32_t size)
{
    const char *p = semihost.line;
    const size_t name_size = strlen(name);

    while (*p != '\0') {
        size_t word = strcspn(p, " ");

        if (word >= name_size && memcmp(p, name, name_size) == 0 &&
            (word == name_size || p[name_size] == '=')) {
            size_t n = word > name_size ? word - name_size - 1u : 0u;

            if (n >= size) {
                n = size - 1u;
            }
            memcpy(value, p + word - (word > name_size ? word - name_size - 1u : 0u), n);
            value[n] = '\0';
            return 1;
        }
        p += word;
        p += strspn(p, " ");
    }
    return 0;
}

void board_exit(uint32_t code)
{
    const uint32_t arguments[2] = {EXIT_APPLICATION, code};

    for (;;) {
        (void)call(SYS_EXIT_EXTENDED, arguments);
    }
}

void sf2_fault_end(void)
{
    board_exit(EXIT_FAULT);
}

static int entropy_read(void *dev, uint8_t *to, uint32_t size)
{
    (void)dev;
    if (semihost.entropy < 0 || file_read(semihost.entropy, to, size) != size) {
        return -1;
    }
    return (int)size;
}

static int device_key_read(void *dev, uint8_t key[HAL_DEVICE_KEY_SIZE])
{
    char name[WORD_SIZE];
    int file;
    uint32_t n;

    (void)dev;
    if (!board_word("key", name, sizeof name)) {
        return 0;
    }
    file = file_open(name);
    if (file < 0) {
        return 0;
    }
    n = file_read(file, key, HAL_DEVICE_KEY_SIZE);
    file_close(file);
    return n == HAL_DEVICE_KEY_SIZE;
}

static void reset_or_exit(void *dev)
{
    char value[2];

    (void)dev;
    /* What `make size` reads as the measured stack. */
    board_print("\nstack ");
    board_print_dec(board_stack_used());
    board_print(" of ");
    board_print_dec(board_stack_size());
    board_print(" bytes\n");
    if (board_word("exit-on-reset", value, sizeof value)) {
        board_exit(0);
    }
    board_reset();
}

void board_semihost_init(void)
{
    char name[WORD_SIZE];
    uint32_t arguments[2] = {(uint32_t)(uintptr_t)semihost.line, sizeof semihost.line};

    if (call(SYS_GET_CMDLINE, arguments) != 0) {
        semihost.line[0] = '\0';
    }
    semihost.line[sizeof semihost.line - 1u] = '\0';
    semihost.entropy = file_open(board_word("entropy", name, sizeof name) ? name : "/dev/urandom");
}

void board_semihost_hal(struct hal *hal)
{
    hal->entropy.read = entropy_read;
    hal->device_key.read = device_key_read;
    hal->reset.reset = reset_or_exit;
}
