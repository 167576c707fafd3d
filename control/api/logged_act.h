// What somebody does through the API, in the operations log before it is done and after: an entry
// "begun", and one of what became of it. What cannot be written down is not done.
//
// Made by a handler, on its connection's thread; goes into the stream of a long answer with it.
#pragma once

#include <optional>
#include <string>

#include "control/api/api.h"

namespace weir::control::api {

class LoggedAct {
 public:
  // `operation`: what and to what; the reason of the request, unless it has one.
  LoggedAct(const Parts& parts, const Request& request, Operation operation);

  // The refusal, 503, when the log cannot be written: nothing may be done then.
  std::optional<Reply> Begin();
  // For what must not wait for a disk, nor be stopped by one (docs/decisions/0029): the system log
  // has that it begins. That the log could not be written is said by End().
  void BeginUnlogged();

  // What is known only when it is done, its target or rows, goes here before the end.
  Operation& operation() { return operation_; }

  // Writes what became of it. An error says that it was done and is not written down; the system
  // log has it then.
  base::Status Finish(const std::string& outcome);
  // The same, and the reply. It becomes a 500 by such an error, or, begun unlogged, has the fault
  // as "not_logged".
  Reply End(const std::string& outcome, Reply reply);
  // It was refused, or with a status from 500 on has failed: the reply says why, and the log the
  // first line of it.
  Reply EndWithError(unsigned status, const std::string& error);

 private:
  base::Status Append(const std::string& outcome);
  void Alarm(const std::string& line) const;
  std::string Line() const;  // who does what to what, and why

  const Parts parts_;
  Operation operation_;
  bool unlogged_ = false;
};

}  // namespace weir::control::api
