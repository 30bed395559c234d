//===- Jpeg.cpp - JPEG files through libjpeg ------------------------------===//
//
// libjpeg leaves by longjmp: functions that call setjmp hold nothing that has a
// destructor, and what outlives the jump belongs to their callers.
//
//===----------------------------------------------------------------------===//
#include "runtime/image/Picture.h"

#include <csetjmp>
#include <cstddef>
#include <cstdio>
#include <cstring>

#include <jerror.h>
#include <jpeglib.h>

namespace ft::image {

namespace {

struct Errors {
  jpeg_error_mgr base; // first: libjpeg knows this part only
  jmp_buf leave;
  bool short_ = false;
  char message[JMSG_LENGTH_MAX] = "";
};

[[noreturn]] void onError(j_common_ptr common) {
  auto *errors = reinterpret_cast<Errors *>(common->err);
  errors->base.format_message(common, errors->message);
  std::longjmp(errors->leave, 1);
}

/// libjpeg invents what is missing at the end; here that is an error.
void onMessage(j_common_ptr common, int level) {
  auto *errors = reinterpret_cast<Errors *>(common->err);
  if (level < 0 && errors->base.msg_code == JWRN_JPEG_EOF)
    errors->short_ = true;
}

struct Reader {
  Errors errors;
  jpeg_decompress_struct jpeg;
  Reader() {
    std::memset(&jpeg, 0, sizeof jpeg);
    jpeg.err = jpeg_std_error(&errors.base);
    errors.base.error_exit = onError;
    errors.base.emit_message = onMessage;
  }
  Reader(const Reader &) = delete;
  ~Reader() { jpeg_destroy_decompress(&jpeg); }
};

} // namespace

bool isJpeg(std::string_view bytes) {
  return bytes.starts_with("\xff\xd8\xff");
}

static bool readHeader(Reader &reader, std::string_view bytes) {
  if (setjmp(reader.errors.leave))
    return false;
  jpeg_create_decompress(&reader.jpeg);
  jpeg_mem_src(&reader.jpeg,
               reinterpret_cast<const unsigned char *>(bytes.data()),
               static_cast<unsigned long>(bytes.size()));
  jpeg_save_markers(&reader.jpeg, JPEG_APP0 + 1, 0xffff);
  jpeg_read_header(&reader.jpeg, TRUE);
  return true;
}

static bool readRows(Reader &reader, uint8_t *to, size_t rowBytes) {
  if (setjmp(reader.errors.leave))
    return false;
  jpeg_start_decompress(&reader.jpeg);
  while (reader.jpeg.output_scanline < reader.jpeg.output_height) {
    JSAMPROW row = to + size_t(reader.jpeg.output_scanline) * rowBytes;
    jpeg_read_scanlines(&reader.jpeg, &row, 1);
    if (reader.errors.short_)
      return false;
  }
  return true;
}

static void readMetadata(const Reader &reader, Metadata &metadata) {
  using namespace std::literals;
  constexpr auto exif = "Exif\0\0"sv, xmp = "http://ns.adobe.com/xap/1.0/\0"sv;
  for (auto *marker = reader.jpeg.marker_list; marker; marker = marker->next) {
    std::string_view data(reinterpret_cast<const char *>(marker->data),
                          marker->data_length);
    if (data.starts_with(exif) && metadata.exif.empty())
      metadata.exif = data.substr(exif.size());
    if (data.starts_with(xmp) && metadata.xmp.empty())
      metadata.xmp = data.substr(xmp.size());
  }
}

/// a * b / 255, rounded, as Pillow computes it.
static int share(int a, int b) {
  int product = a * b + 128;
  return ((product >> 8) + product) >> 8;
}

/// The inks are written inverted, as Adobe's programs do it: light.
static void fromCmyk(const std::vector<uint8_t> &light, Picture &picture) {
  for (size_t i = 0; i < light.size() / 4; ++i) {
    int white = light[4 * i + 3];
    for (size_t c = 0; c < 3; ++c) {
      int ink = 255 - light[4 * i + c];
      picture.rgb[3 * i + c] = uint8_t(white - share(ink, white));
    }
  }
}

StatusOr<Picture> decodeJpeg(std::string_view bytes, Metadata &metadata) {
  Reader reader;
  auto damaged = [&] {
    return corrupt(reader.errors.short_
                       ? std::string("the JPEG is cut short")
                       : "the JPEG is damaged: " +
                             std::string(reader.errors.message));
  };
  if (!readHeader(reader, bytes))
    return damaged();
  jpeg_decompress_struct &jpeg = reader.jpeg;
  FT_ASSIGN_OR_RETURN(Picture picture,
                      makePicture(jpeg.image_height, jpeg.image_width));
  readMetadata(reader, metadata);
  bool cmyk = jpeg.num_components == 4;
  if (!cmyk && jpeg.num_components != 1 && jpeg.num_components != 3)
    return unsupported("the JPEG has " + std::to_string(jpeg.num_components) +
                       " components; 1, 3 and 4 are read");
  jpeg.out_color_space = cmyk ? JCS_CMYK : JCS_RGB;
  size_t width = size_t(picture.width) * (cmyk ? 4 : 3);
  std::vector<uint8_t> light(cmyk ? size_t(picture.height) * width : 0);
  if (!readRows(reader, cmyk ? light.data() : picture.rgb.data(), width))
    return damaged();
  if (cmyk)
    fromCmyk(light, picture);
  return picture;
}

} // namespace ft::image
