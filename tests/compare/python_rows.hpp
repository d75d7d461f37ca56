#pragma once

#include <string_view>

/// \file
/// Reports with rows of Python, as `to_json` and `python::rows` make them.
namespace fanout::test {

inline constexpr std::string_view primes_beside_python = R"({"workloads":[{"name":"cpu","best":"threads:2","rows":[
  {"engine":"fanout","shape":"threads:2","wall_s":0.5,"speedup":1.98,"error":null},
  {"engine":"python","shape":"sync","wall_s":1.0,"speedup":1,"error":null,"peak_rss_bytes":10485760,
   "interpreter":{"path":"python3","version":"3.11","gil":true,"library":null}},
  {"engine":"python","shape":"threads:2","wall_s":1.03,"speedup":0.97,"error":null,
   "interpreter":{"path":"python3","version":"3.11","gil":true,"library":null}},
  {"engine":"python","shape":"threads:2","wall_s":0.52,"speedup":1.9,"error":null,
   "interpreter":{"path":"python3t","version":"3.14","gil":false,"library":null}}]}]})";

inline constexpr std::string_view pages_beside_python = R"({"workloads":[{"name":"io","best":"async:5","rows":[
  {"engine":"python","shape":"sync","wall_s":2.0,"speedup":1,"error":null,
   "interpreter":{"path":"python3","version":"3.11","gil":true,"library":"requests 2.34"}},
  {"engine":"python","shape":"threads:5","wall_s":0.4,"speedup":5,"error":null,
   "interpreter":{"path":"python3","version":"3.11","gil":true,"library":"requests 2.34"}},
  {"engine":"python","shape":"async:5","wall_s":0.4,"speedup":5,"error":null,
   "interpreter":{"path":"python3","version":"3.11","gil":true,"library":"aiohttp 3.14"}},
  {"engine":"python","shape":"threads:5","wall_s":0.5,"speedup":4,"error":null,
   "interpreter":{"path":"a/python3t","version":"3.14","gil":false,"library":"urllib"}}]}]})";

}  // namespace fanout::test
