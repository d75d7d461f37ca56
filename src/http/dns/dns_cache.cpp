#include "http/dns/dns_cache.hpp"

#include <utility>

namespace fanout::http {
namespace {

constexpr std::size_t most_kept = 16 * 1024;

}  // namespace

std::string dns_cache::key(std::string_view host, family kind) {
  std::string result;
  result.reserve(host.size() + 1);
  result.append(host).push_back(static_cast<char>(kind));
  return result;
}

std::shared_ptr<const dns_answer> dns_cache::find(std::string_view host, family kind, time now) {
  const auto found = entries_.find(key(host, kind));
  if (found == entries_.end()) return nullptr;
  if (now < found->second.until) return found->second.answer;
  entries_.erase(found);
  return nullptr;
}

void dns_cache::keep(std::string_view host, family kind, std::shared_ptr<const dns_answer> answer, time until,
                     time now) {
  if (until <= now) return;
  if (entries_.size() >= most_kept) std::erase_if(entries_, [&](const auto& each) { return each.second.until <= now; });
  if (entries_.size() >= most_kept) entries_.clear();
  entries_.insert_or_assign(key(host, kind), entry{std::move(answer), until});
}

}  // namespace fanout::http
