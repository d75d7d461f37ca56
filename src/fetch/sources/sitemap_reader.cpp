#include "fetch/sources/sitemap_reader.hpp"

#include <fmt/format.h>

#include <expat.h>

#include <new>
#include <utility>

namespace fanout::fetch {
namespace {

constexpr char namespace_separator = ' ';  // between a namespace and a name: in neither

std::string_view trimmed_text(std::string_view text) {
  constexpr std::string_view blank = " \t\r\n";
  const auto first = text.find_first_not_of(blank);
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(blank) - first + 1);
}

/// The name of an element of a sitemap. Many are written without its namespace, or with an older one's.
std::string_view own_name(std::string_view name) {
  const auto space = name.find(namespace_separator);
  if (space == name.npos) return name;
  const auto uri = name.substr(0, space);
  const bool own = uri.find("sitemap/0.") != uri.npos && uri.find("sitemap-") == uri.npos;
  return own ? name.substr(space + 1) : std::string_view();
}

}  // namespace

class sitemap_reader::implementation {
 public:
  implementation() : parser_(XML_ParserCreateNS(nullptr, namespace_separator)) {
    if (!parser_) throw std::bad_alloc();
    XML_SetUserData(parser_.get(), this);
    XML_SetElementHandler(parser_.get(), &begin_element, &end_element);
    XML_SetCharacterDataHandler(parser_.get(), &characters);
    XML_SetEntityDeclHandler(parser_.get(), &entity);
  }

  void parse(std::string_view bytes, bool last, std::vector<sitemap_entry>& found) {
    fed_ += bytes.size();
    if (fed_ > most_bytes) throw sitemap_error(fmt::format("it is larger than {} MiB", most_bytes >> 20));
    found_ = &found;
    const auto status = XML_Parse(parser_.get(), bytes.data(), static_cast<int>(bytes.size()), last);
    if (!problem_.empty()) throw sitemap_error(problem_);
    if (status == XML_STATUS_ERROR)
      throw sitemap_error(fmt::format("line {}: {}", line(), XML_ErrorString(XML_GetErrorCode(parser_.get()))));
  }

 private:
  std::uint64_t line() const noexcept {
#if XML_MAJOR_VERSION > 2 || XML_MINOR_VERSION >= 9
    return XML_GetCurrentLineNumber64(parser_.get());
#else
    return XML_GetCurrentLineNumber(parser_.get());
#endif
  }

  static implementation& of(void* data) { return *static_cast<implementation*>(data); }

  static void begin_element(void* data, const XML_Char* name, const XML_Char**) {
    implementation& self = of(data);
    const auto own = own_name(name);
    if (++self.depth_ > most_depth) return self.stop("its elements are too deep in one another");
    if (self.depth_ == 1 && own != "urlset" && own != "sitemapindex")
      return self.stop(fmt::format("it is no sitemap: it begins with <{}>", name));
    if (self.depth_ == 1) self.entry_.is_sitemap = own == "sitemapindex";
    self.inside_ = self.depth_ == 3 ? own : std::string_view();
    if (self.inside_ != "loc" && self.inside_ != "lastmod") self.inside_ = {};
    // The text of it lies in the parser.
    self.text_of_ = self.inside_ == "loc"  ? &self.entry_.location
                    : self.inside_.empty() ? nullptr
                                           : &self.entry_.last_modified;
  }
  static void end_element(void* data, const XML_Char*) {
    implementation& self = of(data);
    self.text_of_ = nullptr;
    if (self.depth_-- != 2) return;
    sitemap_entry made{std::string(trimmed_text(self.entry_.location)), self.entry_.is_sitemap,
                       std::string(trimmed_text(self.entry_.last_modified))};
    self.entry_.location.clear();
    self.entry_.last_modified.clear();
    if (!made.location.empty()) self.found_->push_back(std::move(made));
  }
  static void characters(void* data, const XML_Char* text, int size) {
    implementation& self = of(data);
    if (self.text_of_ == nullptr) return;
    self.text_of_->append(text, static_cast<std::size_t>(size));
    if (self.text_of_->size() > most_location_bytes) self.stop("one of its URLs is too long");
  }
  static void entity(void* data, const XML_Char*, int, const XML_Char*, int, const XML_Char*, const XML_Char*,
                     const XML_Char*, const XML_Char*) {
    of(data).stop("it declares entities");
  }

  void stop(std::string why) {
    if (problem_.empty()) problem_ = std::move(why);
    XML_StopParser(parser_.get(), XML_FALSE);
  }

  struct freer {
    void operator()(XML_Parser parser) const noexcept { XML_ParserFree(parser); }
  };
  std::unique_ptr<XML_ParserStruct, freer> parser_;
  std::vector<sitemap_entry>* found_ = nullptr;
  sitemap_entry entry_;
  std::string_view inside_;
  std::string* text_of_ = nullptr;
  std::string problem_;
  std::uint64_t fed_ = 0;
  int depth_ = 0;
};

sitemap_reader::sitemap_reader() : implementation_(std::make_unique<implementation>()) {}
sitemap_reader::~sitemap_reader() = default;

void sitemap_reader::feed(std::string_view bytes, std::vector<sitemap_entry>& found) {
  while (!bytes.empty()) {
    const auto piece = bytes.substr(0, 1 << 20);
    implementation_->parse(piece, false, found);
    bytes.remove_prefix(piece.size());
  }
}
void sitemap_reader::finish(std::vector<sitemap_entry>& found) {
  implementation_->parse({}, true, found);
}

}  // namespace fanout::fetch
