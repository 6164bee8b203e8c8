# Enables CUDA where a working nvcc is found, so that oar_add_library takes the *.cu of its folder too. Kernels use raw
# pointers and no header of libtorch; the CUDA runtime is linked statically. Without nvcc nothing is lost but speed.
if(NOT DEFINED ENV{CUDACXX})
  find_program(OAR_NVCC nvcc HINTS ENV CUDA_HOME PATHS /usr/local/cuda PATH_SUFFIXES bin)
  mark_as_advanced(OAR_NVCC)
  if(OAR_NVCC)
    set(ENV{CUDACXX} ${OAR_NVCC})
  endif()
endif()
if(DEFINED ENV{CUDACXX})
  if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
    set(CMAKE_CUDA_ARCHITECTURES 80-real 90)  # A100, H100; newer ones compile the code of 90 when they load it
  endif()
  include(CheckLanguage)
  check_language(CUDA)
  if(CMAKE_CUDA_COMPILER)
    enable_language(CUDA)
    set(CMAKE_CUDA_STANDARD 17)  # Debian's own toolkit knows no C++20
    set(CMAKE_CUDA_STANDARD_REQUIRED ON)
    set(CMAKE_CUDA_COMPILER_LAUNCHER ${CMAKE_CXX_COMPILER_LAUNCHER})
  endif()
endif()
