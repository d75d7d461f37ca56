#pragma once

#include <fanout/http/text.hpp>
