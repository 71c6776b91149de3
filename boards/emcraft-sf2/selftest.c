/* selftest.c - proves the drivers of emcraft-sf2, one command a line on the
 * serial port. Each command ends with a line "ok NAME ..." or "FAIL NAME ...".
 * tests/e2e/board_sf2.py drives it under QEMU; a person can on real hardware.
 *
 *   timer            rate of timer 1 against SysTick, length of an idle wait
 *   wrap             100 s of idling, past two wraps of the 32-bit counter
 *   flash            geometry, refusals, erase, program, neighbours; leaves a mark
 *   flash-check      the mark is still there
 *   ethernet         ARP with the gateway 10.0.2.2, overflow of the receive ring
 *   fetch PORT       DHCP, then all bytes that 10.0.2.2 gives on a TCP port, by lwIP
 *   link             ok when the link is up
 *   stack            the high-water mark
 *   echo N           takes N bytes after a pause of 300 ms, answers their FNV-1a
 *   text N           sends N numbered lines by the serial driver
 *   entropy, key     what the board has
 *   fault WHAT       bus undef stack xn below: must end in the fault report
 *   reset, exit N
 */
#include <string.h>

#include "board.h"
#include "hal.h"
#include "selftest.h"

#define SYST_CSR (*(volatile uint32_t *)0xe000e010u)
#define SYST_RVR (*(volatile uint32_t *)0xe000e014u)
#define SYST_CVR (*(volatile uint32_t *)0xe000e018u)
#define CORE_HZ 142000000u

#define MARK_AT (3u * 65536u)
#define SECTOR 65536u

int main(void);

static struct hal hal;
static uint8_t buffer[HAL_ETHERNET_FRAME_MAX];
static char line[64];

static uint32_t elapsed_ms(uint64_t from)
{
    return (uint32_t)((board_cycles() - from) / (BOARD_CYCLES_HZ / 1000u));
}

static void value(const char *name, uint32_t n)
{
    board_print(name);
    board_print_dec(n);
}

void selftest_add(struct selftest_sum *sum, const uint8_t *p, uint32_t size)
{
    uint32_t i;

    for (i = 0; i < size; i++) {
        sum->fnv = (sum->fnv ^ p[i]) * 16777619u;
    }
    sum->size += size;
}

static void print_fnv(const uint8_t *p, uint32_t size)
{
    struct selftest_sum sum = {0, FNV_START};

    selftest_add(&sum, p, size);
    board_print(" fnv ");
    board_print_hex(sum.fnv);
}

static uint32_t number(const char *text)
{
    uint32_t n = 0;

    for (; *text >= '0' && *text <= '9'; text++) {
        n = n * 10u + (uint32_t)(*text - '0');
    }
    return n;
}

/* ---- timer ---- */

/* Core clocks that SysTick counts in 20 ms of timer 1. */
static uint32_t core_clocks(void)
{
    uint64_t start;
    uint32_t core;

    SYST_RVR = 0xffffffu;
    SYST_CVR = 0;
    SYST_CSR = 5;
    start = board_cycles();
    core = SYST_CVR;
    while (board_cycles() - start < BOARD_CYCLES_HZ / 50u) {
    }
    core = (core - SYST_CVR) & 0xffffffu;
    SYST_CSR = 0;
    return core;
}

static const char *test_timer(void)
{
    const uint32_t expected = CORE_HZ / 50u;
    uint64_t outer;
    uint64_t inner;
    uint64_t last;
    uint64_t ms;
    uint32_t core = 0;
    uint32_t i;
    uint32_t idle;

    /* An emulator that is held up between two reads spoils one try, not all. */
    for (i = 0; i < 10u && (core < expected / 100u * 99u || core > expected / 100u * 101u); i++) {
        core = core_clocks();
    }
    value(" core clocks in 20 ms: ", core);
    if (i == 10u) {
        return "timer 1 does not count at its rate";
    }
    last = board_cycles();
    for (i = 0; i < 10000u; i++) {
        uint64_t now = board_cycles();

        if (now < last) {
            return "time went back";
        }
        last = now;
    }
    outer = board_cycles();
    ms = hal.clock.monotonic_ms(hal.clock.dev);
    inner = board_cycles();
    board_idle(50);
    idle = elapsed_ms(inner);
    ms = hal.clock.monotonic_ms(hal.clock.dev) - ms;
    value(", idle of 50 ms took ", idle);
    if (idle < 50u || idle > 2000u) {
        return "idle returned too early or too late";
    }
    if (ms < idle || ms > elapsed_ms(outer) + 1u) {
        return "milliseconds and counts disagree";
    }
    if (hal.clock.wall_s(hal.clock.dev) != HAL_CLOCK_UNKNOWN) {
        return "this board cannot know the time";
    }
    return NULL;
}

static const char *test_wrap(void)
{
    uint64_t start = board_cycles();
    uint64_t last = start;
    uint32_t waits = 0;

    while (elapsed_ms(start) < 100000u) {
        uint64_t now;

        board_idle(30000);
        now = board_cycles();
        waits++;
        if (now < last || now - last > 31ull * BOARD_CYCLES_HZ) {
            return "time jumped";
        }
        last = now;
    }
    value(" waits of 30 s: ", waits);
    return waits == 4u ? NULL : "an idle wait ended early";
}

/* ---- flash ---- */

static int flash_wait(int status)
{
    uint64_t start = board_cycles();

    while (status == HAL_FLASH_BUSY) {
        status = hal.flash.poll(hal.flash.dev);
        if (elapsed_ms(start) > 10000u) {
            return HAL_FLASH_FAILED;
        }
    }
    return status;
}

static int flash_erase(uint32_t sector)
{
    return flash_wait(hal.flash.erase(hal.flash.dev, sector)) == HAL_FLASH_DONE;
}

static int flash_program(uint32_t at, const uint8_t *from, uint32_t size)
{
    return flash_wait(hal.flash.program(hal.flash.dev, at, from, size)) == HAL_FLASH_DONE;
}

static int flash_holds(uint32_t at, const uint8_t *expected, uint32_t size)
{
    uint8_t got[256];

    return hal.flash.read(hal.flash.dev, at, got, size) == HAL_FLASH_DONE &&
           memcmp(got, expected, size) == 0;
}

static int flash_blank(uint32_t at, uint32_t size)
{
    uint32_t done;
    uint32_t i;

    for (done = 0; done < size; done += 1024u) {
        if (hal.flash.read(hal.flash.dev, at + done, buffer, 1024u) != HAL_FLASH_DONE) {
            return 0;
        }
        for (i = 0; i < 1024u; i++) {
            if (buffer[i] != 0xffu) {
                return 0;
            }
        }
    }
    return 1;
}

static void mark(uint8_t page[256])
{
    uint32_t i;

    for (i = 0; i < 256u; i++) {
        page[i] = (uint8_t)(i ^ 0x5au);
    }
}

static const char *flash_refusals(const uint8_t page[256])
{
    static const struct {
        uint32_t at, size;
    } bad[] = {{1, 16},          {8, 16},           {0, 8},
               {0, 0},           {0, 17},           {240, 32},
               {0, 272},         {0, 512},          {SECTOR - 16, 32},
               {8 * SECTOR, 16}, {0xfffffff0u, 32}, {0xf80000u, 256}};
    const uint32_t end = hal.flash.sector_size * hal.flash.sector_count;
    uint32_t i;

    for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (hal.flash.program(hal.flash.dev, bad[i].at, page, bad[i].size) != HAL_FLASH_FAILED) {
            value(" case ", i);
            return "a bad program was not refused";
        }
    }
    if (hal.flash.erase(hal.flash.dev, hal.flash.sector_count) != HAL_FLASH_FAILED ||
        hal.flash.erase(hal.flash.dev, 0xffffffffu) != HAL_FLASH_FAILED ||
        hal.flash.erase(hal.flash.dev, 0x10000u) != HAL_FLASH_FAILED) {
        return "a bad erase was not refused";
    }
    if (hal.flash.read(hal.flash.dev, end - 1u, buffer, 2) != HAL_FLASH_FAILED ||
        hal.flash.read(hal.flash.dev, 0xffffffffu, buffer, 2) != HAL_FLASH_FAILED ||
        hal.flash.read(hal.flash.dev, end - 1u, buffer, 1) != HAL_FLASH_DONE) {
        return "the bounds of a read are wrong";
    }
    return NULL;
}

static const char *test_flash(void)
{
    uint8_t page[256];
    uint8_t other[256];
    const char *bad;
    uint64_t start;
    uint32_t id;
    uint32_t at;
    int status;

    if (!board_flash_present(&id) || id != 0x012018u) {
        return "the JEDEC id is wrong";
    }
    if (hal.flash.sector_size != SECTOR || hal.flash.sector_count != 8u ||
        hal.flash.program_unit != 16u || hal.flash.program_max != 256u ||
        hal.flash.erased != 0xffu) {
        return "the geometry is wrong";
    }
    mark(page);
    bad = flash_refusals(page);
    if (bad != NULL) {
        return bad;
    }

    /* Neighbours of sector 1: their last and first page keep what they hold. */
    if (!flash_erase(0) || !flash_erase(2) || !flash_program(SECTOR - 256u, page, 256) ||
        !flash_program(2u * SECTOR, page, 256)) {
        return "erase or program of a neighbour failed";
    }
    if (!flash_erase(1) || !flash_blank(SECTOR, SECTOR)) {
        return "an erased sector is not blank";
    }
    if (!flash_program(SECTOR, page, 16) || !flash_program(SECTOR + 16u, page + 16, 240) ||
        !flash_program(2u * SECTOR - 256u, page, 256)) {
        return "program failed";
    }
    if (!flash_holds(SECTOR, page, 256) || !flash_holds(2u * SECTOR - 256u, page, 256) ||
        !flash_blank(SECTOR + 1024u, SECTOR - 2048u)) {
        return "programmed bytes read back wrong";
    }
    /* Bits do not go from 0 to 1: the driver notices. */
    memset(other, 0xa5, sizeof other);
    if (flash_program(SECTOR, other, 256)) {
        return "programming over programmed bytes was called done";
    }
    if (!flash_erase(1) || !flash_blank(SECTOR, SECTOR) || !flash_holds(SECTOR - 256u, page, 256) ||
        !flash_holds(2u * SECTOR, page, 256)) {
        return "an erase touched its neighbours";
    }

    /* While an operation is under way nothing else is accepted. */
    status = hal.flash.program(hal.flash.dev, SECTOR, page, 256);
    if (status != HAL_FLASH_BUSY || hal.flash.erase(hal.flash.dev, 0) != HAL_FLASH_FAILED ||
        hal.flash.read(hal.flash.dev, 0, buffer, 1) != HAL_FLASH_FAILED ||
        flash_wait(status) != HAL_FLASH_DONE || !flash_holds(SECTOR - 256u, page, 256)) {
        return "an operation was accepted while another was under way";
    }

    for (at = 0; at < 3u; at++) {
        if (!flash_erase(at)) {
            return "erase failed";
        }
    }
    if (!flash_erase(3) || !flash_program(MARK_AT, page, 256)) {
        return "the mark cannot be written";
    }
    start = board_cycles();
    (void)hal.flash.read(hal.flash.dev, 0, buffer, 1024);
    value(" cycles for 1 KiB read: ", (uint32_t)(board_cycles() - start));
    return NULL;
}

static const char *test_flash_check(void)
{
    uint8_t page[256];

    mark(page);
    return flash_holds(MARK_AT, page, 256) ? NULL : "the mark is gone";
}

/* ---- Ethernet ---- */

#define ARP_SIZE 60u

static void arp_request(uint8_t frame[ARP_SIZE])
{
    static const uint8_t head[] = {0x08, 0x06, 0, 1, 0x08, 0, 6, 4, 0, 1};
    static const uint8_t own[] = {10, 0, 2, 15};
    static const uint8_t gateway[] = {10, 0, 2, 2};

    memset(frame, 0, ARP_SIZE);
    memset(frame, 0xff, 6);
    memcpy(frame + 6, hal.ethernet.mac, 6);
    memcpy(frame + 12, head, sizeof head);
    memcpy(frame + 22, hal.ethernet.mac, 6);
    memcpy(frame + 28, own, sizeof own);
    memcpy(frame + 38, gateway, sizeof gateway);
}

/* Takes one frame; 1 when it is the gateway's ARP reply to us. */
static int arp_reply(uint32_t *size)
{
    static const uint8_t head[] = {0x08, 0x06, 0, 1, 0x08, 0, 6, 4, 0, 2};
    static const uint8_t gateway[] = {0x52, 0x55, 10, 0, 2, 2, 10, 0, 2, 2};

    *size = hal.ethernet.receive(hal.ethernet.dev, buffer, sizeof buffer);
    return *size >= 42u && memcmp(buffer, hal.ethernet.mac, 6) == 0 &&
           memcmp(buffer + 12, head, sizeof head) == 0 &&
           memcmp(buffer + 22, gateway, sizeof gateway) == 0;
}

static int arp_once(const uint8_t frame[ARP_SIZE])
{
    uint64_t start = board_cycles();
    uint32_t size;

    if (!hal.ethernet.send(hal.ethernet.dev, frame, ARP_SIZE)) {
        return 0;
    }
    while (elapsed_ms(start) < 2000u) {
        if (arp_reply(&size)) {
            return 1;
        }
        if (size == 0u) {
            board_idle(5);
        }
    }
    return 0;
}

static const char *test_ethernet(void)
{
    uint8_t frame[ARP_SIZE];
    uint32_t round;
    uint32_t i;
    uint32_t size;
    uint32_t replies = 0;

    arp_request(frame);
    if (!hal.ethernet.link_up(hal.ethernet.dev)) {
        return "the link is down";
    }
    if (hal.ethernet.send(hal.ethernet.dev, frame, HAL_ETHERNET_FRAME_MAX + 1u) ||
        hal.ethernet.send(hal.ethernet.dev, frame, 0)) {
        return "a frame of a wrong size was sent";
    }
    if (!arp_once(frame)) {
        return "no ARP reply from 10.0.2.2";
    }
    for (round = 0; round < 5u; round++) {
        uint64_t start = board_cycles();

        /* More replies than the ring holds, none of them taken. */
        for (i = 0; i < 50u + round; i++) {
            while (!hal.ethernet.send(hal.ethernet.dev, frame, ARP_SIZE)) {
                if (elapsed_ms(start) > 2000u) {
                    return "sending stopped";
                }
            }
        }
        start = board_cycles();
        while (elapsed_ms(start) < 20u) {
            if (arp_reply(&size)) {
                replies++;
                start = board_cycles();
            }
        }
        if (!arp_once(frame)) {
            return "no reply after an overflow";
        }
    }
    value(" replies kept of 260: ", replies);
    return replies >= 5u * 8u ? NULL : "too few frames were kept";
}

static const char *test_link(void)
{
    return hal.ethernet.link_up(hal.ethernet.dev) ? NULL : "down";
}

#ifdef SELFTEST_NET
static const char *test_fetch(uint32_t port)
{
    struct selftest_sum sum = {0, FNV_START};
    const char *bad = selftest_fetch(&hal, (uint16_t)port, &sum);

    value(" bytes ", sum.size);
    board_print(" fnv ");
    board_print_hex(sum.fnv);
    return bad;
}
#endif

/* ---- serial ---- */

static const char *test_echo(uint32_t size)
{
    uint64_t start = board_cycles();
    struct selftest_sum sum = {0, FNV_START};

    board_print("send\n");
    while (elapsed_ms(start) < 300u) {
    }
    while (sum.size < size) {
        const uint32_t left = size - sum.size;
        uint32_t n = hal.serial.read(hal.serial.dev, buffer, left < 100u ? left : 100u);

        selftest_add(&sum, buffer, n);
        if (n == 0u) {
            board_idle(100);
            if (elapsed_ms(start) > 10000u) {
                value(" got ", sum.size);
                return "bytes are missing";
            }
        }
    }
    board_print(" fnv ");
    board_print_hex(sum.fnv);
    return NULL;
}

static const char *test_text(uint32_t lines)
{
    uint64_t start = board_cycles();
    uint32_t i;
    uint32_t idle = 0;

    for (i = 0; i < lines; i++) {
        uint8_t text[] = "line 00000 abcdefghijklmnopqrstuvwxyz\r\n";
        uint32_t done = 0;
        uint32_t digit;
        uint32_t n = i;

        for (digit = 9; digit >= 5u; digit--) {
            text[digit] = (uint8_t)('0' + n % 10u);
            n /= 10u;
        }
        while (done < sizeof text - 1u) {
            uint32_t taken =
                hal.serial.write(hal.serial.dev, text + done, (uint32_t)sizeof text - 1u - done);

            done += taken;
            if (taken == 0u) {
                board_idle(1000);
                idle++;
            }
            if (elapsed_ms(start) > 20000u) {
                return "the line stopped";
            }
        }
    }
    value(" waits ", idle);
    return NULL;
}

/* ---- the rest ---- */

static __attribute__((noinline)) uint32_t stack_eater(uint32_t seed)
{
    volatile uint8_t room[3000];
    uint32_t i;

    for (i = 0; i < sizeof room; i++) {
        room[i] = (uint8_t)(seed + i);
    }
    return room[seed % sizeof room];
}

static const char *test_stack(void)
{
    uint32_t before;
    uint32_t after;

    board_stack_repaint();
    before = board_stack_used();
    (void)stack_eater(before);
    after = board_stack_used();
    value(" used before ", before);
    value(" after ", after);
    value(" of ", board_stack_size());
    if (before == 0u || before > 2000u || after < before + 2500u || after > before + 3300u) {
        return "the mark does not follow the stack";
    }
    board_stack_repaint();
    after = board_stack_used(); /* an interrupt may come in between */
    return after >= before && after < before + 200u ? NULL : "repaint does not repeat";
}

static const char *test_entropy(void)
{
    uint8_t a[32];
    uint8_t b[32];

    if (hal.entropy.read(hal.entropy.dev, a, sizeof a) < 0) {
        board_print(" none");
        return NULL;
    }
    if (hal.entropy.read(hal.entropy.dev, b, sizeof b) != (int)sizeof b) {
        return "short";
    }
    print_fnv(a, sizeof a);
    return memcmp(a, b, sizeof a) != 0 ? NULL : "the same twice";
}

static const char *test_key(void)
{
    uint8_t key[HAL_DEVICE_KEY_SIZE];

    if (!hal.device_key.read(hal.device_key.dev, key)) {
        board_print(" none");
        return NULL;
    }
    print_fnv(key, sizeof key);
    return NULL;
}

static uint16_t returns[] = {0x4770}; /* bx lr, in the eSRAM */

static const char *test_fault(const char *what)
{
    if (strcmp(what, "bus") == 0) {
        *(volatile uint32_t *)0x5fff0000u = 1;
    } else if (strcmp(what, "undef") == 0) {
        __asm volatile("udf #0");
    } else if (strcmp(what, "stack") == 0) {
        __asm volatile("1: push {r0-r7}\n\tb 1b");
    } else if (strcmp(what, "xn") == 0) {
        __asm volatile("blx %0" : : "r"((uintptr_t)returns | 1u) : "lr", "memory");
    } else if (strcmp(what, "below") == 0) {
        *(volatile uint32_t *)0x1ffffffcu = 1;
    } else {
        return "bus undef stack xn below";
    }
    return "it did not fault";
}

static void run(char *command)
{
    char *argument = strchr(command, ' ');
    const char *bad = "no such command";

    if (argument != NULL) {
        *argument++ = '\0';
    } else {
        argument = command + strlen(command);
    }
    if (strcmp(command, "timer") == 0) {
        bad = test_timer();
    } else if (strcmp(command, "wrap") == 0) {
        bad = test_wrap();
    } else if (strcmp(command, "flash") == 0) {
        bad = test_flash();
    } else if (strcmp(command, "flash-check") == 0) {
        bad = test_flash_check();
    } else if (strcmp(command, "ethernet") == 0) {
        bad = test_ethernet();
    } else if (strcmp(command, "link") == 0) {
        bad = test_link();
#ifdef SELFTEST_NET
    } else if (strcmp(command, "fetch") == 0) {
        bad = test_fetch(number(argument));
#endif
    } else if (strcmp(command, "stack") == 0) {
        bad = test_stack();
    } else if (strcmp(command, "echo") == 0) {
        bad = test_echo(number(argument));
    } else if (strcmp(command, "text") == 0) {
        bad = test_text(number(argument));
    } else if (strcmp(command, "entropy") == 0) {
        bad = test_entropy();
    } else if (strcmp(command, "key") == 0) {
        bad = test_key();
    } else if (strcmp(command, "fault") == 0) {
        bad = test_fault(argument);
    } else if (strcmp(command, "reset") == 0) {
        hal.reset.reset(hal.reset.dev);
#ifdef RA_BOARD_SEMIHOSTING
    } else if (strcmp(command, "exit") == 0) {
        board_exit(number(argument));
#endif
    }
    board_print(bad == NULL ? "\nok " : "\nFAIL ");
    board_print(command);
    if (bad != NULL) {
        board_print(": ");
        board_print(bad);
    }
    board_print("\n");
}

int main(void)
{
    uint32_t size = 0;

    board_init();
    board_hal(&hal);
    board_print("\nPerennial self-test, emcraft-sf2\n");
#ifdef RA_BOARD_SEMIHOSTING
    board_print("*** TEST BOARD: entropy and device key by semihosting ***\n");
#endif
    board_print("ready\n");
    for (;;) {
        uint8_t byte;

        board_idle(10000);
        while (hal.serial.read(hal.serial.dev, &byte, 1) == 1u) {
            if (byte == '\r' || byte == '\n') {
                line[size] = '\0';
                if (size != 0u) {
                    run(line);
                }
                size = 0;
            } else if (size < sizeof line - 1u) {
                line[size++] = (char)byte;
            }
        }
        /* A frame nobody asked for must not keep the board awake. */
        (void)hal.ethernet.receive(hal.ethernet.dev, buffer, sizeof buffer);
    }
}
