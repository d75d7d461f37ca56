#pragma once

/// \file
/// Everything a program usually needs. A program without HTTP includes <fanout/core.hpp>, and one that only calls `map`
/// with blocking tasks <fanout/core/map.hpp>, which compiles in less than half the time.

#include <fanout/compare/compare.hpp>
#include <fanout/core.hpp>
#include <fanout/http/http.hpp>
