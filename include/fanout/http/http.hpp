#pragma once

#include <fanout/http/auth.hpp>
#include <fanout/http/body_source.hpp>
#include <fanout/http/client.hpp>
#include <fanout/http/client_options.hpp>
#include <fanout/http/cookies.hpp>
#include <fanout/http/exchange_observer.hpp>
#include <fanout/http/forms.hpp>
#include <fanout/http/headers.hpp>
#include <fanout/http/request.hpp>
#include <fanout/http/response.hpp>
#include <fanout/http/response_stream.hpp>
#include <fanout/http/url.hpp>

/// \file
/// The whole room `http`.
