# What `cmake --install` puts in place beside the programs: documents, examples and the systemd units.
include(GNUInstallDirs)

# `cmake --install` may be given another prefix, so whole paths are known only then.
foreach(folder BINDIR DATADIR DOCDIR)
  install(CODE "get_filename_component(${folder} \"${CMAKE_INSTALL_${folder}}\" ABSOLUTE BASE_DIR \"\${CMAKE_INSTALL_PREFIX}\")")
endforeach()

# Of an older version a file may be left that this one does not have.
install(CODE [[file(REMOVE_RECURSE "$ENV{DESTDIR}${DATADIR}/tfunnel/examples" "$ENV{DESTDIR}${DOCDIR}")]])

# The documents point to each other, so they keep their places.
foreach(document README.md client/README.md proxy/README.md common/README.md examples/README.md tests/README.md
    proto/PROTOCOL.md LICENSE)
  get_filename_component(folder ${document} DIRECTORY)
  install(FILES ${document} DESTINATION ${CMAKE_INSTALL_DOCDIR}/${folder})
endforeach()

install(FILES common/app/tfunnel.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES common/app/tfunnel.conf.5 DESTINATION ${CMAKE_INSTALL_MANDIR}/man5)
if(NOT PROXY_ONLY)
  install(FILES common/app/tfunnel-doctor.1 common/app/tfunnel-run.1 common/app/tfunnel-status.1 common/app/tfunnel-up.1
    DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
endif()

set(examples_folder ${CMAKE_INSTALL_DATADIR}/tfunnel/examples)
install(FILES examples/authorized_keys DESTINATION ${examples_folder})
if(NOT PROXY_ONLY)
  install(PROGRAMS examples/coproc-over-ssh.sh examples/gateway.sh examples/return-rules.sh examples/rules-iptables.sh
    examples/rules-nft.sh examples/serial-line.sh examples/socat-over-ssh.sh DESTINATION ${examples_folder})
  install(FILES examples/rules-common.sh DESTINATION ${examples_folder})
  # The units name the programs as they stand after an installation without any setting. Its place is where systemd looks
  # for units of programs that no package brought, and of those that one did.
  foreach(unit tfunnel.service tfunnel@.service)
    install(CODE "set(unit \"${PROJECT_SOURCE_DIR}/examples/${unit}\")\nset(made \"${PROJECT_BINARY_DIR}/${unit}\")")
    install(CODE [[
      file(READ "${unit}" text)
      string(REPLACE /usr/local/bin/ "${BINDIR}/" text "${text}")
      string(REPLACE /usr/local/share/ "${DATADIR}/" text "${text}")
      file(WRITE "${made}" "${text}")
    ]])
    install(FILES ${PROJECT_BINARY_DIR}/${unit} DESTINATION lib/systemd/system)
  endforeach()
endif()
