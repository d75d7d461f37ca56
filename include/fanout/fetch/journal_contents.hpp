#pragma once

#include <fanout/fetch/done_set.hpp>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

/// \file
/// What a journal says: which job it is of, and what of it is done.
namespace fanout::fetch {

/// What makes a job the same job: its input, the options that change its result, its shard. Texts for humans.
using job_identity = std::vector<std::pair<std::string, std::string>>;

/// What differs, for a message ("shard is 2/8, and was 1/8"); empty: nothing.
std::string difference(const job_identity& was, const job_identity& is);

/// A file that is no journal, or cannot be read, or does not fit the output beside it.
class journal_error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A journal as it was read.
struct journal_contents {
  job_identity identity;
  std::string boot_id;  ///< of the system that began it
  done_set done;        ///< those that failed included
  done_set failed;
  std::uint64_t sink_part = 0;    ///< the file of the sink that was written to (0 if there is but one)
  std::uint64_t sink_length = 0;  ///< its bytes that belong to what is done
  std::uint64_t length = 0;       ///< bytes of the journal that are whole
  std::uint64_t torn = 0;         ///< bytes behind them, which a crash left
};

}  // namespace fanout::fetch
