//===- Png.cpp - PNG files through libpng ---------------------------------===//
//
// libpng leaves by longjmp: functions that call setjmp hold nothing that has a
// destructor, and what outlives the jump belongs to their callers.
//
//===----------------------------------------------------------------------===//
#include "runtime/image/Picture.h"

#include <png.h>

#include <algorithm>
#include <csetjmp>
#include <cstring>
#include <memory>

namespace ft::image {

namespace {

/// The bytes libpng reads, and what it says where it gives up.
struct Input {
  std::string_view bytes;
  size_t at = 0;
  bool short_ = false;
  char message[128] = "";
};

void readBytes(png_structp png, png_bytep to, size_t count) {
  auto *input = static_cast<Input *>(png_get_io_ptr(png));
  if (count > input->bytes.size() - input->at) {
    input->short_ = true;
    png_error(png, "cut short");
  }
  std::memcpy(to, input->bytes.data() + input->at, count);
  input->at += count;
}

[[noreturn]] void onError(png_structp png, png_const_charp message) {
  auto *input = static_cast<Input *>(png_get_error_ptr(png));
  std::snprintf(input->message, sizeof input->message, "%s", message);
  png_longjmp(png, 1);
}

void onWarning(png_structp, png_const_charp) {}

struct Reader {
  png_structp png = nullptr;
  png_infop info = nullptr;
  explicit Reader(Input &input) {
    png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &input, onError,
                                 onWarning);
    if (!png)
      return;
    info = png_create_info_struct(png);
    png_set_read_fn(png, &input, readBytes);
    png_set_user_limits(png, 0x7fffffff, 0x7fffffff);
  }
  Reader(const Reader &) = delete;
  ~Reader() { png_destroy_read_struct(&png, &info, nullptr); }
};

} // namespace

bool isPng(std::string_view bytes) {
  return bytes.starts_with("\x89PNG\r\n\x1a\n");
}

static bool readHeader(Reader &reader) {
  if (setjmp(png_jmpbuf(reader.png)))
    return false;
  png_read_info(reader.png, reader.info);
  return true;
}

/// Asks for 8-bit RGB, but for 16-bit grey, which comes as it is.
static bool startRows(Reader &reader, int *passes) {
  if (setjmp(png_jmpbuf(reader.png)))
    return false;
  png_structp png = reader.png;
  png_byte type = png_get_color_type(png, reader.info);
  png_byte depth = png_get_bit_depth(png, reader.info);
  bool wideGrey = type == PNG_COLOR_TYPE_GRAY && depth == 16;
  if (type == PNG_COLOR_TYPE_PALETTE)
    png_set_palette_to_rgb(png);
  if (type == PNG_COLOR_TYPE_GRAY && depth < 8)
    png_set_expand_gray_1_2_4_to_8(png);
  if (!wideGrey) {
    png_set_strip_16(png);
    png_set_strip_alpha(png);
    if (!(type & PNG_COLOR_MASK_COLOR))
      png_set_gray_to_rgb(png);
  }
  *passes = png_set_interlace_handling(png);
  png_read_update_info(png, reader.info);
  return true;
}

static bool readRows(Reader &reader, int passes, uint8_t *to, size_t rowBytes,
                     int64_t height) {
  if (setjmp(png_jmpbuf(reader.png)))
    return false;
  for (int pass = 0; pass < passes; ++pass)
    for (int64_t y = 0; y < height; ++y)
      png_read_row(reader.png, to + size_t(y) * rowBytes, nullptr);
  return true;
}

/// What stands behind the pixels; damage there costs the pixels nothing.
static void readEnd(Reader &reader) {
  if (!setjmp(png_jmpbuf(reader.png)))
    png_read_end(reader.png, reader.info);
}

static void readMetadata(Reader &reader, Metadata &metadata) {
  png_bytep exif = nullptr;
  png_uint_32 size = 0;
  if (png_get_eXIf_1(reader.png, reader.info, &size, &exif) && exif)
    metadata.exif.assign(reinterpret_cast<char *>(exif), size);
  png_textp texts = nullptr;
  int count = png_get_text(reader.png, reader.info, &texts, nullptr);
  for (int i = 0; i < count; ++i)
    if (std::string_view(texts[i].key) == "XML:com.adobe.xmp" && texts[i].text)
      metadata.xmp = texts[i].text;
}

/// Big-endian levels, those above 255 as 255.
static void fromWideGrey(const std::vector<uint8_t> &levels, Picture &picture) {
  for (size_t i = 0; i < levels.size() / 2; ++i) {
    uint8_t level = levels[2 * i] ? 255 : levels[2 * i + 1];
    std::fill_n(picture.rgb.begin() + int64_t(i) * 3, 3, level);
  }
}

StatusOr<Picture> decodePng(std::string_view bytes, Metadata &metadata) {
  Input input{bytes};
  Reader reader(input);
  if (!reader.info)
    return resourceExhausted("no memory to read a PNG");
  auto damaged = [&] {
    return corrupt(input.short_
                       ? std::string("the PNG is cut short")
                       : "the PNG is damaged: " + std::string(input.message));
  };
  if (!readHeader(reader))
    return damaged();
  int64_t height = png_get_image_height(reader.png, reader.info);
  int64_t width = png_get_image_width(reader.png, reader.info);
  FT_ASSIGN_OR_RETURN(Picture picture, makePicture(height, width));
  int passes = 1;
  if (!startRows(reader, &passes))
    return damaged();
  size_t rowBytes = png_get_rowbytes(reader.png, reader.info);
  bool wideGrey = png_get_bit_depth(reader.png, reader.info) == 16;
  if (rowBytes != size_t(width) * (wideGrey ? 2 : 3))
    return unsupported("the PNG has pixels of an unknown kind");
  std::vector<uint8_t> levels(wideGrey ? size_t(height) * rowBytes : 0);
  uint8_t *to = wideGrey ? levels.data() : picture.rgb.data();
  if (!readRows(reader, passes, to, rowBytes, height))
    return damaged();
  if (wideGrey)
    fromWideGrey(levels, picture);
  readEnd(reader);
  readMetadata(reader, metadata);
  return picture;
}

} // namespace ft::image
