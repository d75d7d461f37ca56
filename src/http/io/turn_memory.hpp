#pragma once

#include <fanout/async/detail/parked_handler.hpp>

#include <boost/system/error_code.hpp>

#include <array>
#include <cstddef>
#include <new>

/// \file
/// Turns of the loop that cost no allocation.
namespace fanout::http {

/// Memory for one posted turn at a time. Asio keeps the memory of two turns; but a turn is posted for each socket that
/// is ready, and dozens are in one look. What does not fit here, or comes while it is in use, is allocated.
class turn_memory {
 public:
  turn_memory() = default;
  turn_memory(const turn_memory&) = delete;
  turn_memory& operator=(const turn_memory&) = delete;

  void* allocate(std::size_t bytes) {
    if (in_use_ || bytes > bytes_.size()) return ::operator new(bytes);
    in_use_ = true;
    return bytes_.data();
  }
  void deallocate(void* place, std::size_t bytes) noexcept {
    if (place != bytes_.data()) return ::operator delete(place, bytes);
    in_use_ = false;
  }

 private:
  alignas(std::max_align_t) std::array<std::byte, 112> bytes_;
  bool in_use_ = false;
};

/// An allocator on that, for Asio.
template <class T>
class turn_allocator {
 public:
  using value_type = T;
  explicit turn_allocator(turn_memory& from) noexcept : from_(&from) {}
  template <class Other>
  turn_allocator(const turn_allocator<Other>& other) noexcept : from_(other.from_) {}

  T* allocate(std::size_t count) {
    static_assert(alignof(T) <= alignof(std::max_align_t));
    return static_cast<T*>(from_->allocate(count * sizeof(T)));
  }
  void deallocate(T* place, std::size_t count) noexcept { from_->deallocate(place, count * sizeof(T)); }
  friend bool operator==(const turn_allocator&, const turn_allocator&) = default;

 private:
  template <class>
  friend class turn_allocator;
  turn_memory* from_;
};

/// A turn whose memory lies beside the handler that it resumes. Asio gives the memory back before it calls the turn, or
/// destroys it, which may be the end of both.
class socket_turn : public detail::parked_turn<boost::system::error_code> {
 public:
  using allocator_type = turn_allocator<void>;

  socket_turn(detail::parked_handler<boost::system::error_code>& parked, turn_memory& memory,
              boost::system::error_code with) noexcept
      : parked_turn(parked, with), memory_(&memory) {}
  allocator_type get_allocator() const noexcept { return allocator_type(*memory_); }

 private:
  turn_memory* memory_;
};

}  // namespace fanout::http
