# cmake -DSOURCE_DIR=<top of the tree> -DHEADER=<file to write> -P GitVersion.cmake
#
# Writes OAR_GIT_COMMIT (40 hex digits) and OAR_GIT_TREE_CLEAN ("true", "false") into HEADER; both are "unknown" where
# SOURCE_DIR is not the top of a git tree, has no commit yet, or git is not there. An unchanged header is not touched.
set(commit "unknown")
set(clean "unknown")
find_program(GIT git)
if(GIT)
  # Sources unpacked inside somebody else's tree must not take that tree's commit for their own.
  execute_process(COMMAND ${GIT} rev-parse --show-toplevel WORKING_DIRECTORY ${SOURCE_DIR}
                  OUTPUT_VARIABLE top OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  file(REAL_PATH ${SOURCE_DIR} real_source)
  if(top STREQUAL real_source)
    execute_process(COMMAND ${GIT} rev-parse --verify HEAD WORKING_DIRECTORY ${SOURCE_DIR}
                    RESULT_VARIABLE no_commit OUTPUT_VARIABLE head OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
    execute_process(COMMAND ${GIT} --no-optional-locks status --porcelain WORKING_DIRECTORY ${SOURCE_DIR}
                    RESULT_VARIABLE no_status OUTPUT_VARIABLE changes ERROR_QUIET)
    if(no_commit EQUAL 0 AND no_status EQUAL 0)
      set(commit ${head})
      if(changes STREQUAL "")
        set(clean "true")
      else()
        set(clean "false")
      endif()
    endif()
  endif()
endif()

set(text "#pragma once\n\n#define OAR_GIT_COMMIT \"${commit}\"\n#define OAR_GIT_TREE_CLEAN \"${clean}\"\n")
set(before "")
if(EXISTS ${HEADER})
  file(READ ${HEADER} before)
endif()
if(NOT before STREQUAL text)
  file(WRITE ${HEADER} "${text}")
endif()
