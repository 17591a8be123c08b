# The runtime's sources, for every build system on top of CMake. plr_sources(RESULT VARIANT...) sets RESULT to the list
# with the portable kernels and those of the variants, plr_capabilities(RESULT VARIANT...) to what the build must define
# PLR_VARIANT_CAPABILITIES as.
set(PLR_ROOT ${CMAKE_CURRENT_LIST_DIR}/..)

function(plr_sources result)
    file(GLOB sources CONFIGURE_DEPENDS ${PLR_ROOT}/src/*.c ${PLR_ROOT}/src/kernels/*.c)
    foreach(variant portable ${ARGN})
        file(GLOB kernels CONFIGURE_DEPENDS ${PLR_ROOT}/src/kernels/${variant}/*.[cS])
        if(NOT kernels)
            message(FATAL_ERROR "the runtime has no kernel variant ${variant}")
        endif()
        list(APPEND sources ${kernels})
    endforeach()
    set(${result} ${sources} PARENT_SCOPE)
endfunction()

function(plr_capabilities result)
    set(capabilities 0)
    foreach(variant ${ARGN})
        string(TOUPPER ${variant} name)
        string(APPEND capabilities "|PLR_CAPABILITY_${name}")
    endforeach()
    set(${result} "(${capabilities})" PARENT_SCOPE)
endfunction()
