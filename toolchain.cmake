# Cross compiler for the Cortex-M boards; the flags follow from RA_BOARD.
#   cmake -S . -B build/emcraft-sf2 -DCMAKE_TOOLCHAIN_FILE=toolchain.cmake -DRA_BOARD=emcraft-sf2
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR arm)
set(CMAKE_C_COMPILER arm-none-eabi-gcc)
set(CMAKE_ASM_COMPILER arm-none-eabi-gcc)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES RA_BOARD)

set(RA_CPU_emcraft-sf2 -mcpu=cortex-m3 -mthumb)
set(RA_CPU_mps2-an386 -mcpu=cortex-m4 -mthumb -mfloat-abi=soft --specs=picolibc.specs)
if(NOT DEFINED RA_CPU_FLAGS AND DEFINED RA_CPU_${RA_BOARD})
    set(RA_CPU_FLAGS ${RA_CPU_${RA_BOARD}})
endif()
list(JOIN RA_CPU_FLAGS " " CMAKE_C_FLAGS_INIT)
set(CMAKE_ASM_FLAGS_INIT "${CMAKE_C_FLAGS_INIT}")

set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
