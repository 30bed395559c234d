//===- Status.h - errors as values ------------------------------*- C++ -*-===//
//
// A Status is success or one sentence for the user: what failed, where, what
// was expected, what was found, and the remedy. The runtime and the plan layer
// throw nothing and abort on nothing a user can cause.
//
//===----------------------------------------------------------------------===//
#ifndef FT_RUNTIME_BASE_STATUS_H
#define FT_RUNTIME_BASE_STATUS_H

#include <cassert>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace ft {

/// The kind of an error; it decides what a caller may try next.
enum class StatusCode {
  Ok,
  InvalidArgument,   // the caller asked for something impossible
  NotFound,          // a file, tensor, device or symbol does not exist
  Corrupt,           // a file's bytes contradict its format
  Unsupported,       // understood, but not built or not possible here
  OutOfRange,        // beyond a declared bound (vocabulary, cache, batch)
  ResourceExhausted, // memory, disk or pages ran out
  DeadlineExceeded,  // a wait passed its deadline
  Cancelled,         // the user or another rank ended the work
  Internal,          // a vendor library or the system failed
};

/// Success or an error; success is a null pointer and costs nothing to copy.
class [[nodiscard]] Status {
public:
  Status() = default;
  Status(StatusCode code, std::string message)
      : error_(std::make_shared<const Error>(Error{code, std::move(message)})) {
    assert(code != StatusCode::Ok && "an error needs an error code");
  }
  static Status success() { return {}; }

  bool ok() const { return !error_; }
  StatusCode code() const { return error_ ? error_->code : StatusCode::Ok; }
  /// The sentence without a trailing full stop; empty on success.
  const std::string &message() const {
    static const std::string empty;
    return error_ ? error_->message : empty;
  }
  /// The same error with `context` and ": " in front of the sentence.
  Status withContext(const std::string &context) const {
    return ok() ? *this : Status(code(), context + ": " + message());
  }

private:
  struct Error {
    StatusCode code;
    std::string message;
  };
  std::shared_ptr<const Error> error_;
};

inline Status invalidArgument(std::string message) {
  return {StatusCode::InvalidArgument, std::move(message)};
}
inline Status notFound(std::string message) {
  return {StatusCode::NotFound, std::move(message)};
}
inline Status corrupt(std::string message) {
  return {StatusCode::Corrupt, std::move(message)};
}
inline Status unsupported(std::string message) {
  return {StatusCode::Unsupported, std::move(message)};
}
inline Status outOfRange(std::string message) {
  return {StatusCode::OutOfRange, std::move(message)};
}
inline Status resourceExhausted(std::string message) {
  return {StatusCode::ResourceExhausted, std::move(message)};
}
inline Status deadlineExceeded(std::string message) {
  return {StatusCode::DeadlineExceeded, std::move(message)};
}
inline Status cancelled(std::string message) {
  return {StatusCode::Cancelled, std::move(message)};
}
inline Status internalError(std::string message) {
  return {StatusCode::Internal, std::move(message)};
}

/// A value or the Status that says why there is none.
template <typename T> class [[nodiscard]] StatusOr {
public:
  StatusOr(T value) : value_(std::move(value)) {}
  StatusOr(Status status) : status_(std::move(status)) {
    assert(!status_.ok() && "a StatusOr without a value needs an error");
  }
  template <typename U, typename = std::enable_if_t<
                            std::is_convertible_v<U &&, T> &&
                            !std::is_same_v<std::decay_t<U>, Status> &&
                            !std::is_same_v<std::decay_t<U>, StatusOr>>>
  StatusOr(U &&value) : value_(std::forward<U>(value)) {}

  bool ok() const { return value_.has_value(); }
  const Status &status() const { return status_; }
  T &operator*() & { return *value_; }
  const T &operator*() const & { return *value_; }
  T &&operator*() && { return std::move(*value_); }
  T *operator->() { return &*value_; }
  const T *operator->() const { return &*value_; }

private:
  std::optional<T> value_;
  Status status_;
};

} // namespace ft

#define FT_CONCAT_INNER(a, b) a##b
#define FT_CONCAT(a, b) FT_CONCAT_INNER(a, b)

/// Return the Status of `expr` from this function unless it is success.
#define FT_RETURN_IF_ERROR(expr)                                               \
  do {                                                                         \
    if (::ft::Status ftStatus = (expr); !ftStatus.ok())                        \
      return ftStatus;                                                         \
  } while (false)

/// Declare `decl` with the value of the StatusOr `expr`, or return its Status.
#define FT_ASSIGN_OR_RETURN(decl, expr)                                        \
  FT_ASSIGN_OR_RETURN_IMPL(FT_CONCAT(ftOr, __LINE__), decl, expr)
#define FT_ASSIGN_OR_RETURN_IMPL(tmp, decl, expr)                              \
  auto tmp = (expr);                                                           \
  if (!tmp.ok())                                                               \
    return tmp.status();                                                       \
  decl = *std::move(tmp)

#endif // FT_RUNTIME_BASE_STATUS_H
