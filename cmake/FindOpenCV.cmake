# Finds OpenCV's core, imgproc and imgcodecs and makes the targets opencv_core, opencv_imgproc and opencv_imgcodecs.
# Debian ships OpenCVConfig.cmake only with the package of all modules, which pulls in a desktop; these three need none.
find_path(OpenCV_INCLUDE_DIR opencv2/core.hpp PATH_SUFFIXES opencv4)
foreach(module core imgproc imgcodecs)
  find_library(OpenCV_${module}_LIBRARY opencv_${module})
  list(APPEND OpenCV_LIBRARY_VARIABLES OpenCV_${module}_LIBRARY)
endforeach()
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(OpenCV REQUIRED_VARS OpenCV_INCLUDE_DIR ${OpenCV_LIBRARY_VARIABLES})
if(OpenCV_FOUND AND NOT TARGET opencv_core)
  foreach(module core imgproc imgcodecs)
    add_library(opencv_${module} UNKNOWN IMPORTED)
    set_target_properties(opencv_${module} PROPERTIES
      IMPORTED_LOCATION ${OpenCV_${module}_LIBRARY}
      INTERFACE_INCLUDE_DIRECTORIES ${OpenCV_INCLUDE_DIR})
  endforeach()
endif()
