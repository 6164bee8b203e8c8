# oar_add_library(<folder> LINK <targets>): one static library `oar_<folder>` (alias oar::<folder>) of every source in the
# calling folder. Headers are included from the top of the tree: #include "orders/order_policy.h".
function(oar_add_library name)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS *.cpp *.S)
  if(NOT sources)  # FIXME-founder: until every folder has its sources
    file(WRITE ${CMAKE_CURRENT_BINARY_DIR}/empty.cpp "")
    set(sources ${CMAKE_CURRENT_BINARY_DIR}/empty.cpp)
  endif()
  add_library(oar_${name} STATIC ${sources})
  add_library(oar::${name} ALIAS oar_${name})
  target_include_directories(oar_${name} PUBLIC ${CMAKE_SOURCE_DIR})
  target_compile_features(oar_${name} PUBLIC cxx_std_20)
  target_compile_options(oar_${name} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra>)
  target_link_libraries(oar_${name} PUBLIC ${ARG_LINK})
  if(OAR_SANITIZE)
    target_compile_options(oar_${name} PUBLIC $<$<COMPILE_LANGUAGE:CXX>:-fsanitize=address,undefined -fno-omit-frame-pointer>)
    target_link_options(oar_${name} PUBLIC -fsanitize=address,undefined)
  endif()
endfunction()

# oar_add_test(<folder> LINK <targets>): one test program `<last part>_test` of every tests/<folder>/*_test.cpp; each TEST is
# one ctest entry.
function(oar_add_test folder)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${folder}/*_test.cpp)
  if(NOT sources)
    return()
  endif()
  get_filename_component(name ${folder} NAME)
  add_executable(${name}_test ${sources})
  target_compile_options(${name}_test PRIVATE -Wall -Wextra)
  target_link_libraries(${name}_test PRIVATE ${ARG_LINK} GTest::gmock GTest::gtest_main)
  target_compile_definitions(${name}_test PRIVATE OAR_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  gtest_discover_tests(${name}_test
    TEST_PREFIX ${folder}. DISCOVERY_MODE PRE_TEST DISCOVERY_TIMEOUT 60
    PROPERTIES ENVIRONMENT "OMP_WAIT_POLICY=PASSIVE" TIMEOUT 300)
endfunction()
