# Limits in bytes that `make size` compares the images with. Whoever raises one shows it in the diff.
#   BOARD.FIGURE[.PART] = BYTES     figure: code data bss ddr stack (computed) measured (stack) ram

# emcraft-sf2: 256 KiB of code memory, 64 KiB of eSRAM with the stack in it.
emcraft-sf2.code = 262144
emcraft-sf2.ram = 65536
emcraft-sf2.stack = 24576
emcraft-sf2.measured = 24576
emcraft-sf2.ddr = 65536
