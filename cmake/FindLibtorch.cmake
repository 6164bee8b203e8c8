# Finds libtorch in the folder LIBTORCH (the one that holds include/ and lib/: an unpacked libtorch archive, or
# site-packages/torch of a wheel) and makes the targets
#   libtorch::cpu       headers, libtorch_cpu.so, libc10.so: builds and runs without a CUDA toolkit
#   libtorch::cuda      libtorch::cpu and libtorch_cuda.so; only where every library that this one needs is there too
#   libtorch::libtorch  what programs link: libtorch::cuda if there is one, else libtorch::cpu
# Libraries of ours link libtorch::cpu: they name no CUDA symbol. The wheel's own find_package(Torch) insists on nvcc;
# these targets need no toolkit.
foreach(part include/torch/csrc/api/include/torch/torch.h lib/libtorch_cpu.so lib/libc10.so)
  if(NOT EXISTS ${LIBTORCH}/${part})
    list(APPEND Libtorch_MISSING ${part})
  endif()
endforeach()
if(EXISTS ${LIBTORCH}/include/torch/headeronly/version.h)
  file(STRINGS ${LIBTORCH}/include/torch/headeronly/version.h Libtorch_VERSION REGEX "\"[0-9.]+\"")
  string(REGEX REPLACE ".*\"([0-9.]+)\".*" "\\1" Libtorch_VERSION "${Libtorch_VERSION}")
endif()
if(NOT Libtorch_MISSING)
  set(Libtorch_LIBRARY ${LIBTORCH}/lib/libtorch_cpu.so)
endif()
list(JOIN Libtorch_MISSING ", " Libtorch_MISSING)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Libtorch REQUIRED_VARS Libtorch_LIBRARY VERSION_VAR Libtorch_VERSION
  REASON_FAILURE_MESSAGE
  "LIBTORCH='${LIBTORCH}' has no ${Libtorch_MISSING}. `make build` fetches the pinned one. Or pass -DLIBTORCH=<folder with include/ and lib/>.")

if(Libtorch_FOUND AND NOT TARGET libtorch::cpu)
  add_library(libtorch::cpu INTERFACE IMPORTED)
  target_include_directories(libtorch::cpu SYSTEM INTERFACE
    ${LIBTORCH}/include ${LIBTORCH}/include/torch/csrc/api/include)
  target_compile_definitions(libtorch::cpu INTERFACE FMT_HEADER_ONLY)
  target_link_libraries(libtorch::cpu INTERFACE ${LIBTORCH}/lib/libtorch_cpu.so ${LIBTORCH}/lib/libc10.so)
  # The CUDA runtime that libtorch_cpu.so of a wheel names lives beside the wheel, in nvidia/*/lib.
  file(GLOB Libtorch_RUNTIME_DIRS ${LIBTORCH}/../nvidia/*/lib)
  foreach(dir ${LIBTORCH}/lib ${Libtorch_RUNTIME_DIRS})
    file(REAL_PATH ${dir} dir)
    target_link_options(libtorch::cpu INTERFACE LINKER:-rpath,${dir} LINKER:-rpath-link,${dir})
  endforeach()

  add_library(libtorch::libtorch INTERFACE IMPORTED)
  set(Libtorch_CUDA_FOUND FALSE)
  if(EXISTS ${LIBTORCH}/lib/libtorch_cuda.so)
    execute_process(COMMAND ldd ${LIBTORCH}/lib/libtorch_cuda.so OUTPUT_VARIABLE needed ERROR_QUIET)
    if(needed AND NOT needed MATCHES "not found")
      set(Libtorch_CUDA_FOUND TRUE)
    endif()
  endif()
  if(Libtorch_CUDA_FOUND)
    add_library(libtorch::cuda INTERFACE IMPORTED)
    # Nothing refers to libtorch_cuda.so by symbol: its kernels register themselves when it is loaded.
    target_link_options(libtorch::cuda INTERFACE
      LINKER:--no-as-needed,${LIBTORCH}/lib/libtorch_cuda.so,${LIBTORCH}/lib/libc10_cuda.so,--as-needed)
    target_link_libraries(libtorch::cuda INTERFACE libtorch::cpu)
    target_link_libraries(libtorch::libtorch INTERFACE libtorch::cuda)
  else()
    target_link_libraries(libtorch::libtorch INTERFACE libtorch::cpu)
  endif()
endif()
