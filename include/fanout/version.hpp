#pragma once

/// \file
/// Which fanout this is. Before 1.0 a minor version may change the interface.

#define FANOUT_VERSION_MAJOR 0
#define FANOUT_VERSION_MINOR 1
#define FANOUT_VERSION_PATCH 0

/// One number that grows: 10,000 for each major version, 100 for each minor one.
#define FANOUT_VERSION_NUMBER (FANOUT_VERSION_MAJOR * 10000 + FANOUT_VERSION_MINOR * 100 + FANOUT_VERSION_PATCH)
