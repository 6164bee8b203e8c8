# What all our code is compiled with: warnings; sanitizers if asked for.
add_library(oar_compile_options INTERFACE)
target_compile_options(oar_compile_options INTERFACE "$<$<COMPILE_LANGUAGE:CXX>:-Wall;-Wextra>")
if(OAR_SANITIZE)
  # vptr checks would ask libtorch for type information that it keeps to itself.
  set(sanitizers -fsanitize=address,undefined -fno-sanitize=vptr)
  target_compile_options(oar_compile_options INTERFACE
    "$<$<COMPILE_LANGUAGE:CXX>:${sanitizers};-fno-sanitize-recover=all;-fno-omit-frame-pointer;-O1>")
  target_link_options(oar_compile_options INTERFACE ${sanitizers})
endif()

# oar_add_library(<folder> LINK <targets>): one static library `oar_<folder>` (alias oar::<folder>) of every source in the
# calling folder and below. Headers are included from the top of the tree: #include "orders/order_policy.h".
# Where nvcc is found, *.cu are taken too, and OAR_HAVE_CUDA_KERNELS tells the sources and their users.
function(oar_add_library name)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS *.cpp *.S)
  add_library(oar_${name} STATIC ${sources})
  add_library(oar::${name} ALIAS oar_${name})
  target_include_directories(oar_${name} PUBLIC ${CMAKE_SOURCE_DIR})
  target_link_libraries(oar_${name} PUBLIC ${ARG_LINK} PRIVATE oar_compile_options)
  if(CMAKE_CUDA_COMPILER)
    file(GLOB_RECURSE kernels CONFIGURE_DEPENDS *.cu)
    if(kernels)
      target_sources(oar_${name} PRIVATE ${kernels})
      target_compile_definitions(oar_${name} PUBLIC OAR_HAVE_CUDA_KERNELS)
    endif()
  endif()
endfunction()

# oar_add_program(<name> <sources> LINK <targets>): a program, with libtorch's CUDA where libtorch has it.
function(oar_add_program name)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  add_executable(${name} ${ARG_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PRIVATE ${ARG_LINK} libtorch::libtorch oar_compile_options)
endfunction()

# oar_add_test(<folder> LINK <targets>): one test program `<last part>_test` of every tests/<folder>/*_test.cpp; each TEST is
# one ctest entry. A test that trains a network has `Trains` in its name: the sanitizers leave it out.
function(oar_add_test folder)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${folder}/*_test.cpp)
  if(NOT sources)
    return()
  endif()
  get_filename_component(name ${folder} NAME)
  oar_add_program(${name}_test ${sources} LINK ${ARG_LINK} GTest::gmock GTest::gtest_main)
  target_compile_definitions(${name}_test PRIVATE OAR_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  gtest_discover_tests(${name}_test
    TEST_PREFIX ${folder}. DISCOVERY_MODE PRE_TEST DISCOVERY_TIMEOUT 60
    # One thread each, and none that waits by spinning: the other processors run other tests.
    PROPERTIES ENVIRONMENT OMP_WAIT_POLICY=PASSIVE ENVIRONMENT_MODIFICATION OMP_NUM_THREADS=set:1 TIMEOUT 300)
endfunction()
