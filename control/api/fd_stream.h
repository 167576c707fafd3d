// A connected socket as a stream for Boost.Beast, where every wait ends at a deadline.
//
// Beast's own streams time out only in asynchronous calls; a thread a connection is simpler to
// read, and bounded here by the server's limit on connections. One thread owns a stream. Also used
// by weirctl, so it needs nothing but headers.
#pragma once

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/system/error_code.hpp>
#include <cerrno>

#include "dataplane/base/time.h"

namespace weir::control::api {

class FdStream {
 public:
  explicit FdStream(int fd) : fd_(fd) {}  // not owned

  int fd() const { return fd_; }

  // All reads and writes together end at this time from now.
  void ExpireAfter(int64_t ms) { end_ns_ = base::MonoNow().ns + ms * base::kNsPerMs; }

  template <typename MutableBuffers>
  size_t read_some(const MutableBuffers& buffers, boost::system::error_code& error) {
    error = {};
    const auto end = boost::asio::buffer_sequence_end(buffers);
    for (auto it = boost::asio::buffer_sequence_begin(buffers); it != end; ++it) {
      const boost::asio::mutable_buffer buffer(*it);
      if (buffer.size() > 0) return Receive(buffer, error);
    }
    return 0;
  }

  template <typename ConstBuffers>
  size_t write_some(const ConstBuffers& buffers, boost::system::error_code& error) {
    error = {};
    std::array<iovec, kGatherMax> parts;
    size_t count = 0;
    const auto end = boost::asio::buffer_sequence_end(buffers);
    for (auto it = boost::asio::buffer_sequence_begin(buffers); it != end && count < kGatherMax;
         ++it) {
      const boost::asio::const_buffer buffer(*it);
      if (buffer.size() > 0) parts[count++] = {const_cast<void*>(buffer.data()), buffer.size()};
    }
    return count == 0 ? 0 : Send(parts.data(), count, error);
  }

  // Beast asks for the throwing forms too.
  template <typename MutableBuffers>
  size_t read_some(const MutableBuffers& buffers) {
    boost::system::error_code error;
    const size_t bytes = read_some(buffers, error);
    if (error) throw boost::system::system_error(error);
    return bytes;
  }
  template <typename ConstBuffers>
  size_t write_some(const ConstBuffers& buffers) {
    boost::system::error_code error;
    const size_t bytes = write_some(buffers, error);
    if (error) throw boost::system::system_error(error);
    return bytes;
  }

 private:
  static constexpr size_t kGatherMax = 16;

  size_t Receive(const boost::asio::mutable_buffer& buffer, boost::system::error_code& error) {
    for (;;) {
      const ssize_t got = ::recv(fd_, buffer.data(), buffer.size(), MSG_DONTWAIT);
      if (got > 0) return static_cast<size_t>(got);
      if (got == 0) {
        error = boost::asio::error::eof;
        return 0;
      }
      if (!WaitAfter(errno, POLLIN, error)) return 0;
    }
  }

  size_t Send(iovec* parts, size_t count, boost::system::error_code& error) {
    msghdr message{};
    message.msg_iov = parts;
    message.msg_iovlen = count;
    for (;;) {
      const ssize_t sent = ::sendmsg(fd_, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
      if (sent >= 0) return static_cast<size_t>(sent);
      if (!WaitAfter(errno, POLLOUT, error)) return 0;
    }
  }

  // True when the call may be tried again.
  bool WaitAfter(int failed, short events, boost::system::error_code& error) const {
    if (failed == EINTR) return true;
    if (failed != EAGAIN) {
      error.assign(failed, boost::system::system_category());
      return false;
    }
    const int64_t left_ms = (end_ns_ - base::MonoNow().ns) / base::kNsPerMs;
    pollfd waiting{fd_, events, 0};
    if (left_ms > 0 && ::poll(&waiting, 1, static_cast<int>(left_ms)) != 0) return true;
    error = boost::asio::error::timed_out;
    return false;
  }

  int fd_;
  int64_t end_ns_ = 0;
};

}  // namespace weir::control::api
