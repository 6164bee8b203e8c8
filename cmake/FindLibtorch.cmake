# Finds libtorch in the folder LIBTORCH (the one that holds include/ and lib/: an unpacked libtorch archive, or
# site-packages/torch of a wheel) and makes the targets
#   libtorch::cpu   headers, libtorch_cpu.so, libc10.so: builds and runs without a CUDA toolkit
#   libtorch::cuda  libtorch::cpu plus libtorch_cuda.so; only where that library's own CUDA libraries are there too
# The wheel's own find_package(Torch) insists on nvcc; these targets need no toolkit.
find_path(Libtorch_INCLUDE_DIR torch/csrc/api/include/torch/torch.h
          PATHS ${LIBTORCH}/include NO_DEFAULT_PATH)
find_library(Libtorch_CPU_LIBRARY torch_cpu PATHS ${LIBTORCH}/lib NO_DEFAULT_PATH)
find_library(Libtorch_C10_LIBRARY c10 PATHS ${LIBTORCH}/lib NO_DEFAULT_PATH)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Libtorch
  REQUIRED_VARS Libtorch_INCLUDE_DIR Libtorch_CPU_LIBRARY Libtorch_C10_LIBRARY
  REASON_FAILURE_MESSAGE
  "no libtorch in LIBTORCH='${LIBTORCH}'. `make build` installs the pinned one, or pass -DLIBTORCH=<folder with include/ and lib/>.")

if(Libtorch_FOUND AND NOT TARGET libtorch::cpu)
  # The CUDA runtime that libtorch_cpu.so itself names lives beside the wheel, in nvidia/*/lib.
  file(GLOB Libtorch_RUNTIME_DIRS ${LIBTORCH}/../nvidia/*/lib)
  add_library(libtorch::cpu INTERFACE IMPORTED)
  target_include_directories(libtorch::cpu SYSTEM INTERFACE
    ${Libtorch_INCLUDE_DIR} ${Libtorch_INCLUDE_DIR}/torch/csrc/api/include)
  target_compile_definitions(libtorch::cpu INTERFACE FMT_HEADER_ONLY)
  target_link_libraries(libtorch::cpu INTERFACE ${Libtorch_CPU_LIBRARY} ${Libtorch_C10_LIBRARY})
  set(rpath_dirs ${LIBTORCH}/lib ${Libtorch_RUNTIME_DIRS})
  foreach(dir ${rpath_dirs})
    target_link_options(libtorch::cpu INTERFACE "LINKER:-rpath,${dir}" "LINKER:-rpath-link,${dir}")
  endforeach()

  find_library(Libtorch_CUDA_LIBRARY torch_cuda PATHS ${LIBTORCH}/lib NO_DEFAULT_PATH)
  find_library(Libtorch_C10_CUDA_LIBRARY c10_cuda PATHS ${LIBTORCH}/lib NO_DEFAULT_PATH)
  file(GLOB Libtorch_CUBLAS ${LIBTORCH}/../nvidia/*/lib/libcublas.so*)
  if(Libtorch_CUDA_LIBRARY AND (Libtorch_CUBLAS OR EXISTS ${LIBTORCH}/lib/libcublas.so.13))
    add_library(libtorch::cuda INTERFACE IMPORTED)
    # Nothing refers to libtorch_cuda.so by symbol: its kernels register themselves when it is loaded.
    target_link_options(libtorch::cuda INTERFACE
      "LINKER:--no-as-needed,${Libtorch_CUDA_LIBRARY},${Libtorch_C10_CUDA_LIBRARY},--as-needed")
    target_link_libraries(libtorch::cuda INTERFACE libtorch::cpu)
  endif()
endif()
