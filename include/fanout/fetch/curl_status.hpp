#pragma once

#include <fanout/fetch/exchange.hpp>

/// \file
/// Exit statuses as curl has them.
namespace fanout::fetch {

/// The exit status of curl for what became of a request (curl(1), "EXIT CODES"): 0 for any response, but 22 for one of
/// 400 and above if `fail`; 6 no such host, 7 no connection, 28 timeout, 35 and 60 TLS and its certificates, 47
/// redirects, 56 a response that breaks off, 63 too large, 3 a URL that is none.
int curl_exit_status(const record& result, bool fail);

}  // namespace fanout::fetch
