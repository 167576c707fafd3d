#include "dataplane/classify/ndpi_names.h"

#include <algorithm>
#include <cctype>

#include "dataplane/classify/ndpi_api.h"
#include "dataplane/classify/ndpi_module.h"

namespace weir::classify {
namespace {

bool SameIgnoringCase(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](unsigned char x, unsigned char y) {
    return std::tolower(x) == std::tolower(y);
  });
}

// Number 0 is "Unknown" or "Unspecified" in both lists, which is no answer.
std::optional<uint16_t> Find(const std::vector<std::string>& names, std::string_view wanted) {
  for (size_t number = 1; number < names.size(); ++number) {
    if (SameIgnoringCase(names[number], wanted)) return static_cast<uint16_t>(number);
  }
  return std::nullopt;
}

std::vector<std::string> WithoutFirst(const std::vector<std::string>& names) {
  std::vector<std::string> known;
  for (size_t number = 1; number < names.size(); ++number) {
    if (!names[number].empty()) known.push_back(names[number]);
  }
  return known;
}

std::string Owned(const char* text) { return text == nullptr ? std::string() : std::string(text); }

}  // namespace

base::Result<std::shared_ptr<const NdpiNames>> NdpiNames::Create() {
  auto module = NdpiModule::Create();
  if (!module.ok()) return module.error();
  std::shared_ptr<NdpiNames> names(new NdpiNames());
  const unsigned count = ndpi_get_num_supported_protocols((*module)->get());
  for (unsigned number = 0; number < count; ++number) {
    names->apps_.push_back(
        Owned(ndpi_get_proto_name((*module)->get(), static_cast<uint16_t>(number))));
  }
  for (unsigned number = 0; number < NDPI_PROTOCOL_NUM_CATEGORIES; ++number) {
    names->categories_.push_back(Owned(
        ndpi_category_get_name((*module)->get(), static_cast<ndpi_protocol_category_t>(number))));
  }
  names->LayOut();
  return std::shared_ptr<const NdpiNames>(std::move(names));
}

void NdpiNames::LayOut() {
  starts_.reserve(apps_.size() * apps_.size() + 1);
  for (const std::string& master : apps_) {
    for (const std::string& app : apps_) {
      starts_.push_back(static_cast<uint32_t>(pairs_.size()));
      pairs_.append(master).append(".").append(app);
    }
  }
  starts_.push_back(static_cast<uint32_t>(pairs_.size()));
  pairs_.shrink_to_fit();
}

std::optional<uint16_t> NdpiNames::FindApp(std::string_view name) const {
  return Find(apps_, name);
}

std::optional<uint16_t> NdpiNames::FindCategory(std::string_view name) const {
  return Find(categories_, name);
}

std::vector<std::string> NdpiNames::AppNames() const { return WithoutFirst(apps_); }

std::vector<std::string> NdpiNames::CategoryNames() const { return WithoutFirst(categories_); }

std::string_view NdpiNames::AppName(const Label& label) const {
  if (label.master >= apps_.size() || label.app >= apps_.size() || !label.known()) return {};
  if (label.app == 0) return apps_[label.master];
  if (label.master == 0 || label.master == label.app) return apps_[label.app];
  const size_t pair = size_t{label.master} * apps_.size() + label.app;
  return std::string_view(pairs_).substr(starts_[pair], starts_[pair + 1] - starts_[pair]);
}

std::string_view NdpiNames::CategoryName(uint16_t category) const {
  if (category == 0 || category >= categories_.size()) return {};
  return categories_[category];
}

}  // namespace weir::classify
