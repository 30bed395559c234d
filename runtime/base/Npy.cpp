//===- Npy.cpp - NumPy's array files --------------------------------------===//
#include "runtime/base/Npy.h"

#include "runtime/base/AtomicFile.h"
#include "runtime/base/MappedFile.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace ft {

namespace {

constexpr std::string_view kMagic("\x93NUMPY", 6);
constexpr size_t kMaxRank = 32; // NumPy's own limit when the format was made

struct Element {
  std::string_view descr;
  DType dtype;  // in memory
  int64_t size; // in the file
};
constexpr Element kElements[] = {
    {"<f4", DType::F32, 4}, {"<f2", DType::F16, 2}, {"<f8", DType::F64, 8},
    {"<i4", DType::I32, 4}, {"<i8", DType::I64, 8}, {"<i2", DType::I32, 2},
    {"|i1", DType::I8, 1},  {"|u1", DType::U8, 1},  {"|b1", DType::Bool, 1}};

struct Header {
  std::string descr;
  bool fortranOrder = false;
  std::vector<int64_t> shape;
  size_t dataBegin = 0;
};

/// Reads the literals of the header's Python dictionary.
class HeaderParser {
public:
  explicit HeaderParser(std::string_view text) : text_(text) {}

  bool parse(Header &header) {
    bool descr = false, order = false, shape = false;
    if (!take('{'))
      return false;
    while (!take('}')) {
      std::string key;
      if (!string(key) || !take(':'))
        return false;
      bool *seen = key == "descr"           ? &descr
                   : key == "fortran_order" ? &order
                   : key == "shape"         ? &shape
                                            : nullptr;
      if (!seen || *seen)
        return false;
      *seen = true;
      bool read = seen == &descr   ? descrValue(header.descr)
                  : seen == &order ? boolean(header.fortranOrder)
                                   : tuple(header.shape);
      if (!read || (!take(',') && peek() != '}'))
        return false;
    }
    return descr && order && shape && peek() == '\0';
  }

private:
  char peek() {
    size_t next = text_.find_first_not_of(" \t\n\r", at_);
    at_ = next == text_.npos ? text_.size() : next;
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  bool take(char c) {
    if (peek() != c)
      return false;
    ++at_;
    return true;
  }
  bool word(std::string_view expected) {
    peek();
    if (text_.substr(at_, expected.size()) != expected)
      return false;
    at_ += expected.size();
    return true;
  }
  bool string(std::string &value) {
    char quote = peek();
    if (quote != '\'' && quote != '"')
      return false;
    size_t end = text_.find(quote, at_ + 1);
    if (end == text_.npos)
      return false;
    value = text_.substr(at_ + 1, end - at_ - 1);
    at_ = end + 1;
    return true;
  }
  /// A type string; a list of fields is skipped and read as "record".
  bool descrValue(std::string &value) {
    if (peek() != '[')
      return string(value);
    size_t end = text_.rfind(']');
    if (end == text_.npos || end < at_)
      return false;
    value = "record";
    at_ = end + 1;
    return true;
  }
  bool boolean(bool &value) {
    value = word("True");
    return value || word("False");
  }
  bool tuple(std::vector<int64_t> &values) {
    if (!take('('))
      return false;
    while (!take(')')) {
      int64_t value = 0;
      size_t digits = 0;
      for (char c = peek(); c >= '0' && c <= '9'; c = text_[at_], ++digits) {
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, c - '0', &value))
          return false;
        if (++at_ >= text_.size())
          return false;
      }
      if (!digits || (!take(',') && peek() != ')'))
        return false;
      values.push_back(value);
    }
    return values.size() <= kMaxRank;
  }

  std::string_view text_;
  size_t at_ = 0;
};

StatusOr<Header> parseHeader(std::string_view file) {
  if (file.size() < 10 || file.substr(0, 6) != kMagic)
    return corrupt("it does not start as an .npy file; save it with "
                   "numpy.save");
  int major = uint8_t(file[6]);
  if (major < 1 || major > 3)
    return unsupported("it has format version " + std::to_string(major) +
                       "; versions 1 to 3 are read");
  size_t lengthBytes = major == 1 ? 2 : 4;
  size_t begin = 8 + lengthBytes, length = 0;
  if (file.size() < begin)
    return corrupt("it ends inside its header");
  for (size_t i = lengthBytes; i-- > 0;)
    length = length << 8 | uint8_t(file[8 + i]);
  if (length > file.size() - begin)
    return corrupt("it ends inside its header");
  Header header;
  if (!HeaderParser(file.substr(begin, length)).parse(header))
    return corrupt("its header is not the dictionary of descr, fortran_order "
                   "and shape that numpy.save writes");
  header.dataBegin = begin + length;
  return header;
}

StatusOr<Element> findElement(const std::string &descr) {
  for (const Element &element : kElements)
    if (descr == element.descr || (element.size == 1 && descr.size() == 3 &&
                                   descr.substr(1) == element.descr.substr(1)))
      return element;
  if (descr == "|O" || descr == "O")
    return unsupported("it holds Python objects; save an array of numbers, for "
                       "example with .astype(numpy.float32)");
  if (!descr.empty() && descr[0] == '>')
    return unsupported("its elements '" + descr +
                       "' are big-endian; convert it with "
                       ".astype(dtype.newbyteorder('<'))");
  return unsupported("its elements are '" + descr +
                     "'; expected f2, f4, f8, i1, i2, i4, i8, u1 or bool");
}

/// The file's bytes as elements of `element.dtype`.
std::vector<std::byte> widen(std::string_view data, const Element &element) {
  if (element.size == dtypeSize(element.dtype)) {
    auto *bytes = reinterpret_cast<const std::byte *>(data.data());
    return {bytes, bytes + data.size()};
  }
  std::vector<std::byte> result(data.size() * 2);
  for (size_t i = 0; i * 2 < data.size(); ++i) {
    int16_t narrow;
    std::memcpy(&narrow, data.data() + i * 2, 2);
    int32_t wide = narrow;
    std::memcpy(result.data() + i * 4, &wide, 4);
  }
  return result;
}

/// Column-major elements to row-major.
void transposeFortran(Array &array) {
  size_t size = size_t(dtypeSize(array.dtype));
  size_t rank = array.shape.size();
  std::vector<std::byte> result(array.bytes.size());
  std::vector<int64_t> index(rank);
  for (size_t to = 0; to < result.size(); to += size) {
    size_t from = 0;
    for (size_t axis = rank; axis-- > 0;)
      from = from * size_t(array.shape[axis]) + size_t(index[axis]);
    std::memcpy(&result[to], &array.bytes[from * size], size);
    for (size_t axis = rank; axis-- > 0;) {
      if (++index[axis] < array.shape[axis])
        break;
      index[axis] = 0;
    }
  }
  array.bytes = std::move(result);
}

StatusOr<Array> parseNpy(std::string_view file) {
  FT_ASSIGN_OR_RETURN(Header header, parseHeader(file));
  FT_ASSIGN_OR_RETURN(Element element, findElement(header.descr));
  std::string_view data = file.substr(header.dataBegin);
  uint64_t bytes = uint64_t(element.size);
  bool overflow = false;
  for (int64_t extent : header.shape)
    overflow |= __builtin_mul_overflow(bytes, uint64_t(extent), &bytes);
  if (overflow || bytes != data.size())
    return corrupt(
        "its shape needs " + (overflow ? "too many" : std::to_string(bytes)) +
        " bytes of elements, the file has " + std::to_string(data.size()));
  Array array{element.dtype, header.shape, widen(data, element)};
  if (header.fortranOrder && array.shape.size() > 1)
    transposeFortran(array);
  return array;
}

std::string_view descrOf(DType dtype) {
  for (const Element &element : kElements)
    if (element.dtype == dtype && element.size == dtypeSize(dtype))
      return element.descr;
  return "<f4";
}

std::string headerFor(const Array &array) {
  std::string header = "{'descr': '" + std::string(descrOf(array.dtype)) +
                       "', 'fortran_order': False, 'shape': (";
  for (int64_t extent : array.shape)
    header += std::to_string(extent) + ", ";
  header += "), }";
  // Elements start on a multiple of 64, the header ends with a newline.
  size_t unpadded = kMagic.size() + 4 + header.size() + 1;
  header.append((64 - unpadded % 64) % 64, ' ');
  header += '\n';
  std::string length{char(header.size() & 0xff), char(header.size() >> 8)};
  return std::string(kMagic) + std::string("\x01\x00", 2) + length + header;
}

std::vector<std::byte> bf16ToF32(const std::vector<std::byte> &bytes) {
  std::vector<std::byte> result(bytes.size() * 2);
  for (size_t i = 0; i * 2 < bytes.size(); ++i) {
    uint16_t narrow;
    std::memcpy(&narrow, bytes.data() + i * 2, 2);
    float wide = ::ft::bf16ToF32(narrow);
    std::memcpy(result.data() + i * 4, &wide, 4);
  }
  return result;
}

} // namespace

StatusOr<Array> readNpy(const std::string &path) {
  FT_ASSIGN_OR_RETURN(MappedFile file, MappedFile::open(path));
  auto array = parseNpy(file.text());
  if (!array.ok())
    return array.status().withContext("'" + path + "'");
  return array;
}

Status writeNpy(const std::string &path, const Array &array) {
  std::vector<std::byte> widened;
  const std::vector<std::byte> *bytes = &array.bytes;
  if (array.dtype == DType::BF16) {
    widened = bf16ToF32(array.bytes);
    bytes = &widened;
  }
  std::string header = headerFor(array);
  std::array<std::string_view, 2> pieces = {
      header, {reinterpret_cast<const char *>(bytes->data()), bytes->size()}};
  return writeFileAtomically(path, pieces);
}

} // namespace ft
