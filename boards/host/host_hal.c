#include "host_hal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "host_private.h"

static struct {
    struct host_options o;
    uint64_t start_ms;
    int input_ended;
    int terminal;
    struct termios saved;
    int entropy; /* descriptor, -1: getrandom, -2: failed */
    uint8_t key[HAL_DEVICE_KEY_SIZE];
    int have_key;
} host;

static volatile sig_atomic_t stop_signal;
static volatile sig_atomic_t cable_signal; /* 1: pulled, 2: put back */

void host_complain(const char *what, const char *about)
{
    int e = errno;
    fprintf(stderr, "perennial-host: %s%s%s%s%s\n", what, about != NULL ? " " : "",
            about != NULL ? about : "", e != 0 ? ": " : "", e != 0 ? strerror(e) : "");
}

/* ---- options ---- */

void host_options_default(struct host_options *o)
{
    memset(o, 0, sizeof *o);
    o->sector_size = 65536;
    o->sectors = 8;
    o->unit = 16;
    o->page = 256;
    o->erased = 0xff;
    o->speed = 1;
    o->network = true;
}

const char *host_options_help(void)
{
    return "  --flash FILE          the flash; made when missing (default: in memory only)\n"
           "  --sector-size N       bytes of a sector (65536)\n"
           "  --sectors N           number of sectors (8)\n"
           "  --unit N              bytes of a program unit (16)\n"
           "  --page N              bytes of a page (256)\n"
           "  --erased N            value of an erased byte: 0xff or 0 (0xff)\n"
           "  --busy-polls N        polls that say busy after each operation (0)\n"
           "  --cut-before N        power cut before the Nth program or erase: exit code 137\n"
           "  --cut-after N         power cut after it\n"
           "  --cut-in N            power cut in the middle of it\n"
           "  --trace-flash         print each program and erase on standard error\n"
           "  --device-key FILE     32 bytes (default: none, the store is not sealed)\n"
           "  --entropy FILE        noise from a file; `none`: the source has failed\n"
           "  --time T              wall time at start, Unix seconds or `now` (default: unknown)\n"
           "  --speed N             the board's clock runs N times faster\n"
           "  --watchdog S          end after S seconds without a sign of life\n"
           "  --exit-on-reset       a reset ends the program with code 0\n"
           "  --no-network          no cable\n"
           "  --restrict            nothing outside the emulated network answers\n"
           "  --forward A:P:CMD     connections to address A port P go to a command\n"
           "  --serve PORT:P        connections to 127.0.0.1 port PORT go to the appliance's port "
           "P\n"
           "  --capture FILE        all frames, as pcap\n";
}

static int number(const char *name, const char *text, uint32_t *out)
{
    char *end;
    unsigned long v;
    errno = 0;
    v = strtoul(text, &end, 0);
    if (errno != 0 || end == text || *end != '\0' || text[0] == '-' || v > UINT32_MAX) {
        errno = 0;
        host_complain("not a number:", name);
        return -1;
    }
    *out = (uint32_t)v;
    return 1;
}

int host_options_read(struct host_options *o, int argc, char *const argv[], int *at)
{
    const struct {
        const char *name;
        uint32_t *number;
        const char **text;
        bool *flag;
        bool value;
    } table[] = {
        {"--flash", NULL, &o->flash, NULL, false},
        {"--sector-size", &o->sector_size, NULL, NULL, false},
        {"--sectors", &o->sectors, NULL, NULL, false},
        {"--unit", &o->unit, NULL, NULL, false},
        {"--page", &o->page, NULL, NULL, false},
        {"--erased", &o->erased, NULL, NULL, false},
        {"--busy-polls", &o->busy_polls, NULL, NULL, false},
        {"--cut-before", &o->cut_before, NULL, NULL, false},
        {"--cut-after", &o->cut_after, NULL, NULL, false},
        {"--cut-in", &o->cut_in, NULL, NULL, false},
        {"--trace-flash", NULL, NULL, &o->trace_flash, true},
        {"--device-key", NULL, &o->device_key, NULL, false},
        {"--entropy", NULL, &o->entropy, NULL, false},
        {"--speed", &o->speed, NULL, NULL, false},
        {"--watchdog", &o->watchdog, NULL, NULL, false},
        {"--exit-on-reset", NULL, NULL, &o->exit_on_reset, true},
        {"--no-network", NULL, NULL, &o->network, false},
        {"--restrict", NULL, NULL, &o->restricted, true},
        {"--forward", NULL, &o->forward, NULL, false},
        {"--serve", NULL, &o->serve, NULL, false},
        {"--capture", NULL, &o->capture, NULL, false},
    };
    const char *name = argv[*at];
    const char *value = *at + 1 < argc ? argv[*at + 1] : NULL;
    bool is_time = strcmp(name, "--time") == 0;
    size_t i = 0;

    while (i < sizeof table / sizeof table[0] && strcmp(name, table[i].name) != 0) {
        i++;
    }
    if (i == sizeof table / sizeof table[0] && !is_time) {
        return 0;
    }
    if (!is_time && table[i].flag != NULL) {
        *table[i].flag = table[i].value;
        *at += 1;
        return 1;
    }
    if (value == NULL) {
        errno = 0;
        host_complain("a value is missing after", name);
        return -1;
    }
    *at += 2;
    if (is_time) {
        char *end = NULL;
        errno = 0;
        o->wall = strcmp(value, "now") == 0 ? (int64_t)time(NULL) : strtoll(value, &end, 10);
        o->wall_known = true;
        if (errno != 0 || (end != NULL && (end == value || *end != '\0'))) {
            errno = 0;
            host_complain("not a time:", value);
            return -1;
        }
        return 1;
    }
    if (table[i].text != NULL) {
        *table[i].text = value;
        return 1;
    }
    if (table[i].number == NULL || number(name, value, table[i].number) < 0) {
        return -1;
    }
    if (o->speed == 0) {
        o->speed = 1;
    }
    return 1;
}

/* ---- clock ---- */

static uint64_t real_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000u + (uint64_t)t.tv_nsec / 1000000u;
}

static uint64_t clock_monotonic(void *dev)
{
    (void)dev;
    return (real_ms() - host.start_ms) * host.o.speed;
}

static int64_t clock_wall(void *dev)
{
    if (!host.o.wall_known) {
        return HAL_CLOCK_UNKNOWN;
    }
    return host.o.wall + (int64_t)(clock_monotonic(dev) / 1000u);
}

/* ---- entropy, device key ---- */

static int entropy_read(void *dev, uint8_t *to, uint32_t size)
{
    ssize_t got;
    (void)dev;
    if (host.entropy == -2) {
        return -1;
    }
    if (host.entropy >= 0) {
        got = read(host.entropy, to, size);
        return got > 0 ? (int)got : -1;
    }
    got = getrandom(to, size, GRND_NONBLOCK);
    if (got < 0) {
        return errno == EAGAIN || errno == EINTR ? 0 : -1;
    }
    return (int)got;
}

static int key_read(void *dev, uint8_t key[HAL_DEVICE_KEY_SIZE])
{
    (void)dev;
    if (!host.have_key) {
        return 0;
    }
    memcpy(key, host.key, sizeof host.key);
    return 1;
}

static int load_key(const char *file)
{
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    uint8_t more;
    ssize_t got;
    if (fd < 0) {
        host_complain("cannot open the device key", file);
        return -1;
    }
    got = read(fd, host.key, sizeof host.key);
    if (got != (ssize_t)sizeof host.key || read(fd, &more, 1) != 0) {
        errno = 0;
        host_complain("not 32 bytes:", file);
        (void)close(fd);
        return -1;
    }
    (void)close(fd);
    host.have_key = 1;
    return 0;
}

/* ---- serial ----
 *
 * poll() before each read and write instead of O_NONBLOCK: that flag would stay on the terminal
 * of the shell that started us. */

static int ready(int fd, short events)
{
    struct pollfd p = {.fd = fd, .events = events, .revents = 0};
    return poll(&p, 1, 0) == 1 && (p.revents & (events | POLLHUP)) != 0;
}

static uint32_t serial_read(void *dev, uint8_t *to, uint32_t size)
{
    ssize_t got;
    (void)dev;
    if (host.input_ended || size == 0 || !ready(STDIN_FILENO, POLLIN)) {
        return 0;
    }
    got = read(STDIN_FILENO, to, size);
    if (got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN)) {
        host.input_ended = 1; /* the line is silent from now on; the appliance goes on */
    }
    return got > 0 ? (uint32_t)got : 0;
}

static uint32_t serial_write(void *dev, const uint8_t *from, uint32_t size)
{
    ssize_t put;
    (void)dev;
    if (size == 0 || !ready(STDOUT_FILENO, POLLOUT)) {
        return 0;
    }
    /* A pipe that is ready takes PIPE_BUF bytes without waiting. */
    put = write(STDOUT_FILENO, from, size < 512 ? size : 512);
    if (put < 0 && errno == EPIPE) {
        return size; /* nobody listens */
    }
    return put > 0 ? (uint32_t)put : 0;
}

void host_restore_terminal(void)
{
    if (host.terminal) {
        (void)tcsetattr(STDIN_FILENO, TCSANOW, &host.saved);
    }
}

static void raw_terminal(void)
{
    struct termios t;
    if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &host.saved) != 0) {
        return;
    }
    t = host.saved;
    /* Signals stay: Ctrl-C ends the program. */
    t.c_iflag &= (tcflag_t) ~(ICRNL | INLCR | IGNCR | ISTRIP | IXON);
    t.c_oflag &= (tcflag_t)~OPOST;
    t.c_lflag &= (tcflag_t) ~(ECHO | ICANON | IEXTEN);
    host.terminal = tcsetattr(STDIN_FILENO, TCSANOW, &t) == 0;
    (void)atexit(host_restore_terminal);
}

/* ---- watchdog, reset, signals ---- */

static void on_stop(int sig)
{
    stop_signal = sig;
}

static void on_cable(int sig)
{
    cable_signal = sig == SIGUSR1 ? 1 : 2;
}

static void on_watchdog(int sig)
{
    static const char text[] = "perennial-host: watchdog\n";
    (void)sig;
    (void)!write(STDERR_FILENO, text, sizeof text - 1);
    _exit(HOST_EXIT_WATCHDOG);
}

static void watchdog_feed(void *dev)
{
    (void)dev;
    (void)alarm(host.o.watchdog);
}

static void reset(void *dev)
{
    (void)dev;
    (void)fflush(NULL);
    (void)alarm(0);
    host_restore_terminal();
    if (host.o.exit_on_reset || host.o.argv == NULL) {
        _exit(0);
    }
    (void)execv("/proc/self/exe", host.o.argv);
    host_complain("cannot start again", NULL);
    _exit(1);
}

static void set_signals(void)
{
    struct sigaction a;
    memset(&a, 0, sizeof a);
    (void)sigemptyset(&a.sa_mask);
    a.sa_handler = on_stop;
    (void)sigaction(SIGINT, &a, NULL);
    (void)sigaction(SIGTERM, &a, NULL);
    (void)sigaction(SIGHUP, &a, NULL);
    a.sa_handler = on_cable;
    (void)sigaction(SIGUSR1, &a, NULL);
    (void)sigaction(SIGUSR2, &a, NULL);
    a.sa_handler = on_watchdog;
    (void)sigaction(SIGALRM, &a, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
}

/* ---- the whole ---- */

int host_hal_open(const struct host_options *o, struct hal *hal)
{
    memset(&host, 0, sizeof host);
    memset(hal, 0, sizeof *hal);
    host.o = *o;
    host.start_ms = real_ms();
    host.entropy = -1;

    if (o->entropy != NULL) {
        host.entropy =
            strcmp(o->entropy, "none") == 0 ? -2 : open(o->entropy, O_RDONLY | O_CLOEXEC);
        if (host.entropy == -1) {
            host_complain("cannot open", o->entropy);
            return -1;
        }
    }
    if (o->device_key != NULL && load_key(o->device_key) != 0) {
        return -1;
    }
    if (host_flash_open(o, &hal->flash) != 0 || host_net_open(o, &hal->ethernet) != 0) {
        return -1;
    }
    hal->clock.monotonic_ms = clock_monotonic;
    hal->clock.wall_s = clock_wall;
    hal->entropy.read = entropy_read;
    hal->serial.read = serial_read;
    hal->serial.write = serial_write;
    hal->device_key.read = key_read;
    if (o->watchdog != 0) {
        hal->watchdog.feed = watchdog_feed;
        watchdog_feed(NULL);
    }
    hal->reset.reset = reset;
    set_signals();
    raw_terminal();
    return 0;
}

void host_hal_wait(uint32_t ms)
{
    struct pollfd fds[HOST_FDS];
    nfds_t n = 0;
    uint32_t wait = host.o.speed == 1 ? ms : (ms + host.o.speed - 1) / host.o.speed;
    int result;

    if (stop_signal != 0) {
        (void)fflush(NULL);
        exit(128 + stop_signal);
    }
    if (cable_signal != 0) {
        host_net_cable(cable_signal == 2);
        cable_signal = 0;
    }
    if (!host.input_ended) {
        fds[n].fd = STDIN_FILENO;
        fds[n].events = POLLIN;
        fds[n].revents = 0;
        n++;
    }
    if (host_net_pending()) {
        wait = 0;
    }
    n = host_net_fill(fds, n, &wait);
    result = poll(fds, n, wait > 60000u ? 60000 : (int)wait);
    host_net_handle(fds, result);
}
