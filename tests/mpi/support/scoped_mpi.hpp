// MPI's objects, each freed at the end of a scope.
#pragma once

#include <mpi.h>

#include <initializer_list>
#include <string>
#include <utility>

namespace causeway::test {

/// Settings for MPIX_Comm_attach, without the "causeway_" that each key begins with; an empty value
/// is left out.
using Settings = std::initializer_list<std::pair<const char*, std::string>>;

/// Owns a communicator whose errors are returned.
class ScopedComm {
 public:
  explicit ScopedComm(MPI_Comm owned) : comm_(owned) {
    if (comm_ != MPI_COMM_NULL) MPI_Comm_set_errhandler(comm_, MPI_ERRORS_RETURN);
  }
  ~ScopedComm() { free(); }
  ScopedComm(ScopedComm&& other) noexcept : comm_(std::exchange(other.comm_, MPI_COMM_NULL)) {}
  ScopedComm& operator=(ScopedComm&&) = delete;

  /// Collective over comm.
  static ScopedComm dup(MPI_Comm comm) {
    MPI_Comm made = MPI_COMM_NULL;
    MPI_Comm_dup(comm, &made);
    return ScopedComm(made);
  }
  /// Collective over comm.
  static ScopedComm split(MPI_Comm comm, int color, int key) {
    MPI_Comm made = MPI_COMM_NULL;
    MPI_Comm_split(comm, color, key, &made);
    return ScopedComm(made);
  }

  operator MPI_Comm() const { return comm_; }  // NOLINT: stands for what it owns
  int rank() const {
    int rank = 0;
    MPI_Comm_rank(comm_, &rank);
    return rank;
  }
  int size() const {
    int size = 0;
    MPI_Comm_size(comm_, &size);
    return size;
  }

  /// Collective over the communicator.
  void free() {
    if (comm_ != MPI_COMM_NULL) MPI_Comm_free(&comm_);
  }

 private:
  MPI_Comm comm_;
};

/// While it lives, errors of a communicator are returned.
class ErrorsReturned {
 public:
  explicit ErrorsReturned(MPI_Comm comm) : comm_(comm) {
    MPI_Comm_get_errhandler(comm_, &before_);
    MPI_Comm_set_errhandler(comm_, MPI_ERRORS_RETURN);
  }
  ~ErrorsReturned() {
    MPI_Comm_set_errhandler(comm_, before_);
    MPI_Errhandler_free(&before_);
  }
  ErrorsReturned(const ErrorsReturned&) = delete;
  ErrorsReturned& operator=(const ErrorsReturned&) = delete;

 private:
  MPI_Comm comm_;
  MPI_Errhandler before_ = MPI_ERRHANDLER_NULL;
};

/// Owns an info object with settings.
class ScopedInfo {
 public:
  ScopedInfo(Settings settings) {
    MPI_Info_create(&info_);
    for (const auto& [name, value] : settings) {
      if (!value.empty()) set(std::string("causeway_") + name, value);
    }
  }
  ~ScopedInfo() { MPI_Info_free(&info_); }
  ScopedInfo(const ScopedInfo&) = delete;
  ScopedInfo& operator=(const ScopedInfo&) = delete;

  void set(const std::string& key, const std::string& value) {
    MPI_Info_set(info_, key.c_str(), value.c_str());
  }
  operator MPI_Info() const { return info_; }  // NOLINT: stands for what it owns

 private:
  MPI_Info info_ = MPI_INFO_NULL;
};

/// Holds a datatype: owns one that it was made of, only names a predefined one.
class ScopedType {
 public:
  static ScopedType predefined(MPI_Datatype type) { return {type, false}; }
  static ScopedType contiguous(int count, MPI_Datatype of) {
    MPI_Datatype made = MPI_DATATYPE_NULL;
    MPI_Type_contiguous(count, of, &made);
    return committed(made);
  }
  static ScopedType dup(MPI_Datatype of) {
    MPI_Datatype made = MPI_DATATYPE_NULL;
    MPI_Type_dup(of, &made);
    return committed(made);
  }
  /// Takes a type that the caller has made.
  static ScopedType committed(MPI_Datatype made) {
    MPI_Type_commit(&made);
    return {made, true};
  }
  static ScopedType uncommitted(MPI_Datatype made) { return {made, true}; }

  ~ScopedType() {
    if (owned_) MPI_Type_free(&type_);
  }
  ScopedType(ScopedType&& other) noexcept
      : type_(other.type_), owned_(std::exchange(other.owned_, false)) {}
  ScopedType& operator=(ScopedType&&) = delete;

  operator MPI_Datatype() const { return type_; }  // NOLINT: stands for what it holds

 private:
  ScopedType(MPI_Datatype type, bool owned) : type_(type), owned_(owned) {}

  MPI_Datatype type_;
  bool owned_;
};

}  // namespace causeway::test
