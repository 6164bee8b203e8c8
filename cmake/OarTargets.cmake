# What all our code is compiled with: warnings; sanitizers if asked for.
add_library(oar_compile_options INTERFACE)
target_compile_options(oar_compile_options INTERFACE "$<$<COMPILE_LANGUAGE:CXX>:-Wall;-Wextra>")
if(OAR_SANITIZE STREQUAL address)
  # vptr checks would ask libtorch for type information that it keeps to itself.
  set(sanitizers -fsanitize=address,undefined -fno-sanitize=vptr)
elseif(OAR_SANITIZE STREQUAL thread)
  set(sanitizers -fsanitize=thread)
elseif(OAR_SANITIZE)
  message(FATAL_ERROR "OAR_SANITIZE is \"${OAR_SANITIZE}\"; accepted: address, thread, or nothing")
endif()
if(OAR_SANITIZE)
  target_compile_options(oar_compile_options INTERFACE
    "$<$<COMPILE_LANGUAGE:CXX>:${sanitizers};-fno-sanitize-recover=all;-fno-omit-frame-pointer;-O1>")
  target_link_options(oar_compile_options INTERFACE ${sanitizers})
endif()

# libtorch's headers, parsed once for all targets that say PRECOMPILED, which halves their time: most of their sources
# should include <torch/types.h>, as the headers cost others two seconds each. Every source still includes what it uses;
# -DCMAKE_DISABLE_PRECOMPILE_HEADERS=ON shows one that does not.
file(CONFIGURE OUTPUT precompiled.cpp CONTENT "")
add_library(oar_precompiled STATIC ${CMAKE_BINARY_DIR}/precompiled.cpp)
target_link_libraries(oar_precompiled PRIVATE libtorch::cpu oar_compile_options)
target_precompile_headers(oar_precompiled PRIVATE
  <torch/types.h> <torch/nn/module.h> <fmt/format.h> <filesystem> <functional> <map> <span> <string> <vector>)

# oar_add_library(<folder> [PRECOMPILED] LINK <targets>): one static library `oar_<folder>` (alias oar::<folder>) of every
# source in the calling folder and below. Headers are included from the top of the tree: #include "orders/order_policy.h".
# Where nvcc is found, *.cu are taken too, and OAR_HAVE_CUDA_KERNELS tells the sources and their users.
function(oar_add_library name)
  cmake_parse_arguments(ARG "PRECOMPILED" "" "LINK" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS *.cpp *.S)
  add_library(oar_${name} STATIC ${sources})
  add_library(oar::${name} ALIAS oar_${name})
  target_include_directories(oar_${name} PUBLIC ${CMAKE_SOURCE_DIR})
  target_link_libraries(oar_${name} PUBLIC ${ARG_LINK} PRIVATE oar_compile_options)
  if(ARG_PRECOMPILED)
    target_precompile_headers(oar_${name} REUSE_FROM oar_precompiled)
  endif()
  if(CMAKE_CUDA_COMPILER)
    file(GLOB_RECURSE kernels CONFIGURE_DEPENDS *.cu)
    if(kernels)
      target_sources(oar_${name} PRIVATE ${kernels})
      target_compile_definitions(oar_${name} PUBLIC OAR_HAVE_CUDA_KERNELS)
    endif()
  endif()
endfunction()

# oar_add_program(<name> <sources> [PRECOMPILED] LINK <targets>): a program, with libtorch's CUDA where libtorch has it.
function(oar_add_program name)
  cmake_parse_arguments(ARG "PRECOMPILED" "" "LINK" ${ARGN})
  add_executable(${name} ${ARG_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PRIVATE ${ARG_LINK} libtorch::libtorch oar_compile_options)
  if(ARG_PRECOMPILED)
    target_precompile_headers(${name} REUSE_FROM oar_precompiled)
  endif()
endfunction()

# oar_add_test(<folder> [PRECOMPILED] [NAME <name>] LINK <targets>): one test program `<name>_test` of every
# tests/<folder>/*_test.cpp, where <name> is the folder's last part unless given;
# each TEST is one ctest entry. A test that trains a network has `Trains` in its name: the sanitizers leave it out.
# Tests run at the top of the tree, so OAR_SOURCE_DIR is "." in every clone, and clones share ccache's objects.
function(oar_add_test folder)
  cmake_parse_arguments(ARG "PRECOMPILED" "NAME" "LINK" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${folder}/*_test.cpp)
  if(NOT sources)
    return()
  endif()
  get_filename_component(name ${folder} NAME)
  if(ARG_NAME)
    set(name ${ARG_NAME})
  endif()
  if(ARG_PRECOMPILED)
    list(APPEND sources PRECOMPILED)
  endif()
  oar_add_program(${name}_test ${sources} LINK ${ARG_LINK} GTest::gmock GTest::gtest_main)
  target_compile_definitions(${name}_test PRIVATE OAR_SOURCE_DIR=".")
  gtest_discover_tests(${name}_test
    TEST_PREFIX ${folder}. WORKING_DIRECTORY ${CMAKE_SOURCE_DIR} DISCOVERY_MODE PRE_TEST DISCOVERY_TIMEOUT 60
    # One thread each, and none that waits by spinning: the other processors run other tests.
    PROPERTIES ENVIRONMENT OMP_WAIT_POLICY=PASSIVE ENVIRONMENT_MODIFICATION OMP_NUM_THREADS=set:1 TIMEOUT 1200)
endfunction()

# oar_add_benchmark(<name> [PRECOMPILED] LINK <targets>): the Google Benchmark program `<name>_benchmark` of
# tests/benchmarks/<name>_benchmark.cpp, where OAR_BUILD_BENCHMARKS asks for it.
function(oar_add_benchmark name)
  if(NOT OAR_BUILD_BENCHMARKS)
    return()
  endif()
  cmake_parse_arguments(ARG "PRECOMPILED" "" "LINK" ${ARGN})
  set(sources benchmarks/${name}_benchmark.cpp)
  if(ARG_PRECOMPILED)
    list(APPEND sources PRECOMPILED)
  endif()
  oar_add_program(${name}_benchmark ${sources} LINK ${ARG_LINK} benchmark::benchmark)
endfunction()
