# Install lib/<package>/<name>, a Python program that calls main() of a module.
function(install_executable name module)
  set(EXECUTABLE_MODULE ${module})
  configure_file(cmake/executable.py.in ${CMAKE_CURRENT_BINARY_DIR}/executables/${name} @ONLY)
  install(
    PROGRAMS ${CMAKE_CURRENT_BINARY_DIR}/executables/${name}
    DESTINATION lib/${PROJECT_NAME}
  )
endfunction()
