# Installed in a later commit, with the package files.
