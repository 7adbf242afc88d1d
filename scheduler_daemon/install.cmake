# What `cmake --install` puts where, of component `daemon`. The configuration goes among the documents as an example:
# /etc/paella/paellad.toml belongs to the machine's administrator.
include(GNUInstallDirs)

foreach(program paellad paellactl)
  if(TARGET ${program})
    install(TARGETS ${program} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT daemon)
  endif()
endforeach()
install(FILES config/paellad.toml DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT daemon)

# The unit names files by their installed paths, and the prefix is known only when installing (--prefix).
install(CODE "
  set(PAELLA_BIN_FOLDER \"\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_BINDIR}\")
  set(PAELLA_DOC_FOLDER \"\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_DOCDIR}\")
  configure_file(\"${CMAKE_CURRENT_SOURCE_DIR}/systemd/paellad@.service\"
                 \"${CMAKE_CURRENT_BINARY_DIR}/paellad@.service\" @ONLY)
  file(INSTALL \"${CMAKE_CURRENT_BINARY_DIR}/paellad@.service\"
       DESTINATION \"\${CMAKE_INSTALL_PREFIX}/lib/systemd/system\")"
  COMPONENT daemon)
