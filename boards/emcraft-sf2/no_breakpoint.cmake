# Fails when an image holds a BKPT instruction: semihosting in a product halts it.
execute_process(COMMAND ${OBJDUMP} -d ${IMAGE} OUTPUT_VARIABLE code RESULT_VARIABLE result)
if(NOT result EQUAL 0 OR NOT code MATCHES "sf2_start")
    message(FATAL_ERROR "${IMAGE} cannot be disassembled")
endif()
if(code MATCHES "[^\n]*[ \t]bkpt[ \t][^\n]*")
    message(FATAL_ERROR "${IMAGE} has a breakpoint instruction: ${CMAKE_MATCH_0}")
endif()
