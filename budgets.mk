# Limits in bytes that `make size` compares the images with. Whoever raises one shows it in the diff.
#   BOARD.FIGURE[.PART] = BYTES     figure: code data bss ddr stack (computed) measured (stack) ram

# emcraft-sf2: 256 KiB of code memory, 64 KiB of eSRAM with the stack in it.
emcraft-sf2.code = 253952
emcraft-sf2.ram = 65536
emcraft-sf2.stack = 12800
emcraft-sf2.measured = 12800
emcraft-sf2.ddr = 102400

# The parts, with some room to move in.
emcraft-sf2.code.wolfSSL = 67584
emcraft-sf2.code.lwIP = 25600
emcraft-sf2.code.picohttpparser = 2048
emcraft-sf2.code.crypto = 15360
emcraft-sf2.code.firmware = 19456
emcraft-sf2.code.firmware/appliance = 2048
emcraft-sf2.code.firmware/config = 6144
emcraft-sf2.code.firmware/console = 24064
emcraft-sf2.code.firmware/enroll = 24576
emcraft-sf2.code.firmware/http = 8192
emcraft-sf2.code.firmware/net = 4608
emcraft-sf2.code.firmware/pki = 22528
emcraft-sf2.code.firmware/renewal = 26624
emcraft-sf2.code.firmware/store = 13312
emcraft-sf2.code.boards/emcraft-sf2 = 5120
emcraft-sf2.bss.boards/emcraft-sf2 = 46080

# The same board with https, see the Makefile: one protocol each, TLS's arena in the DDR.
# 512 bytes less than there are: it fails before an image does not fit.
emcraft-sf2-tls.code = 261632
emcraft-sf2-tls.ram = 65536
emcraft-sf2-tls.stack = 15616
emcraft-sf2-tls.measured = 15616
emcraft-sf2-tls.ddr = 169984
emcraft-sf2-tls.code.wolfSSL = 102400
emcraft-sf2-tls.code.crypto = 17408
emcraft-sf2-tls.code.firmware/http = 9216
emcraft-sf2-tls.code.firmware/enroll = 7168
emcraft-sf2-est.code = 261632
emcraft-sf2-est.ram = 65536
emcraft-sf2-est.stack = 15616
emcraft-sf2-est.measured = 15616
emcraft-sf2-est.ddr = 169984
emcraft-sf2-est.code.wolfSSL = 102400
emcraft-sf2-est.code.crypto = 17408
emcraft-sf2-est.code.firmware/http = 9216
emcraft-sf2-est.code.firmware/enroll = 6144

# Counts that tests/bench/check_counts.py compares (one renewal of the pair, RSA-2048, with its old
# keys). In per cent: 100 is what the bare wolfSSL operations execute, or the bytes that are kept.
# `make bench` shows the aims beside them.
bench.same.work = 109
bench.same.step = 108
bench.same.flash = 131
bench.same.erases = 0
bench.same.round-trips = 4
bench.same.connections = 2
bench.same.boot = 164000
bench.same.boot-renewed = 198000

# What tests/bench/check_tls.py compares: instructions of the longest step of a handshake, without and
# with a client key of RSA-2048, and bytes of stack and of TLS's arena, the largest of all its servers.
bench.tls.step = 24700000
bench.tls.step-rsa = 51000000
bench.tls.stack = 13312
bench.tls.arena = 39936
