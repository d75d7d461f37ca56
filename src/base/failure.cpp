#include <fanout/base/failure.hpp>

#include "base/throw_locations.hpp"

#include <boost/core/demangle.hpp>

#include <cxxabi.h>

#include <array>
#include <cstring>
#include <utility>

namespace fanout {
namespace {

constexpr std::array<std::pair<failure_kind, std::string_view>, 15> kind_names{{
    {failure_kind::dns, "dns"},
    {failure_kind::connect, "connect"},
    {failure_kind::tls, "tls"},
    {failure_kind::timeout, "timeout"},
    {failure_kind::protocol, "protocol"},
    {failure_kind::status, "status"},
    {failure_kind::too_large, "too_large"},
    {failure_kind::refused_by_policy, "refused_by_policy"},
    {failure_kind::invalid_request, "invalid_request"},
    {failure_kind::digest_mismatch, "digest_mismatch"},
    {failure_kind::opted_out, "opted_out"},
    {failure_kind::cancelled, "cancelled"},
    {failure_kind::worker_died, "worker_died"},
    {failure_kind::cannot_start, "cannot_start"},
    {failure_kind::task_failed, "task_failed"},
}};

std::string current_exception_type() {
  const std::type_info* type = abi::__cxa_current_exception_type();
  return type ? boost::core::demangle(type->name()) : "unknown";
}

/// Where the exception being handled was thrown, if this program keeps that.
std::string current_exception_site(const std::exception_ptr& current) {
  if (!detail::throw_location) return {};
  const void* thrown = nullptr;
  static_assert(sizeof current == sizeof thrown, "an exception_ptr is a pointer to the exception object");
  // NOLINTNEXTLINE(bugprone-undefined-memory-manipulation): read only, and the static_assert says what it is
  std::memcpy(static_cast<void*>(&thrown), static_cast<const void*>(&current), sizeof thrown);
  return detail::throw_location(thrown);
}

}  // namespace

std::string_view to_string(failure_kind kind) noexcept {
  for (const auto& [value, name] : kind_names)
    if (value == kind) return name;
  return "unknown";
}

std::optional<failure_kind> parse_failure_kind(std::string_view name) noexcept {
  for (const auto& [value, known] : kind_names)
    if (known == name) return value;
  return std::nullopt;
}

failure current_failure() {
  failure result;
  result.exception = std::current_exception();
  result.type = current_exception_type();
  result.where = current_exception_site(result.exception);
  try {
    throw;
  } catch (const error& thrown) {
    auto exception = std::move(result.exception);
    auto type = std::move(result.type);
    auto where = std::move(result.where);
    result = thrown.failure();
    result.exception = std::move(exception);
    if (result.type.empty()) result.type = std::move(type);
    if (result.where.empty()) result.where = std::move(where);
  } catch (const std::exception& thrown) {
    result.message = thrown.what();
  } catch (...) {
    result.message = "an exception of type " + result.type;
  }
  return result;
}

void detail::throw_failure(const failure& reason) {
  if (reason.exception) std::rethrow_exception(reason.exception);
  throw error(reason);
}

}  // namespace fanout
