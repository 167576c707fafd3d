#include "rules/lists/json_records.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

namespace weir::rules {
namespace {

using Json = nlohmann::json;

// What both readers do not care about. The library calls these names.
class Events {
 public:
  using number_integer_t = Json::number_integer_t;
  using number_unsigned_t = Json::number_unsigned_t;
  using number_float_t = Json::number_float_t;
  using string_t = Json::string_t;
  using binary_t = Json::binary_t;

  bool binary(binary_t& /*value*/) { return true; }
  bool parse_error(size_t position, const std::string& /*token*/,
                   const Json::exception& /*fault*/) {
    fault_at_ = position;
    return false;
  }
  std::optional<size_t> fault_at() const { return fault_at_; }

 private:
  std::optional<size_t> fault_at_;
};

class RecordReader : public Events {
 public:
  RecordReader(const JsonShape& shape, const std::function<bool(JsonRecord)>& take)
      : shape_(shape), take_(take), values_(shape.fields.size()) {}

  bool null() { return true; }
  bool boolean(bool value) { return Scalar(value ? "true" : "false"); }
  bool number_integer(number_integer_t value) { return Scalar(std::to_string(value)); }
  bool number_unsigned(number_unsigned_t value) { return Scalar(std::to_string(value)); }
  bool number_float(number_float_t /*value*/, const string_t& text) { return Scalar(text); }
  bool string(string_t& value) {
    if (Place() == kFieldArray) {
      (values_[array_field_] += value) += ',';
      return true;
    }
    return Scalar(value);
  }

  bool start_object(size_t /*elements*/) {
    Enter(false);
    if (Place() == shape_.record) {
      field_.reset();
      for (std::string& value : values_) value.clear();
    }
    return true;
  }
  bool key(string_t& key) {
    next_ = key.empty() ? kJsonIgnored : Step(key);
    if (Place() != shape_.record) return true;
    field_.reset();
    for (size_t i = 0; i < shape_.fields.size(); ++i) {
      if (shape_.fields[i] == key) field_ = i;
    }
    return true;
  }
  bool end_object() {
    const bool is_record = Place() == shape_.record;
    Leave();
    return !is_record || take_(values_);
  }

  bool start_array(size_t /*elements*/) {
    if (Place() == shape_.record && field_) {
      array_field_ = *field_;
      values_[array_field_].clear();
      next_ = kFieldArray;
    }
    Enter(true);
    return true;
  }
  bool end_array() {
    Leave();
    return true;
  }

 private:
  static constexpr JsonPlace kFieldArray = 255;
  // No format nests what it means as deep as this.
  static constexpr size_t kDepthMax = 12;

  JsonPlace Place() const {
    return depth_ == 0 || depth_ > kDepthMax ? kJsonIgnored : places_[depth_ - 1];
  }

  JsonPlace Step(std::string_view key) const {
    for (const JsonStep& step : shape_.steps) {
      if (step.from == Place() && step.key == key) return step.to;
    }
    return kJsonIgnored;
  }

  void Enter(bool is_array) {
    const bool in_array = depth_ > 0 && depth_ <= kDepthMax && is_array_[depth_ - 1];
    const JsonPlace place = depth_ == 0 ? kJsonRoot : in_array ? Step({}) : next_;
    if (depth_ < kDepthMax) {
      places_[depth_] = place;
      is_array_[depth_] = is_array;
    }
    ++depth_;
    next_ = kJsonIgnored;
  }

  void Leave() {
    --depth_;
    next_ = kJsonIgnored;
  }

  bool Scalar(std::string_view value) {
    if (Place() == shape_.record && field_) values_[*field_] = value;
    return true;
  }

  const JsonShape& shape_;
  const std::function<bool(JsonRecord)>& take_;
  std::vector<std::string> values_;
  std::array<JsonPlace, kDepthMax> places_{};
  std::array<bool, kDepthMax> is_array_{};
  size_t depth_ = 0;
  JsonPlace next_ = kJsonIgnored;  // of the value behind the key that came last
  std::optional<size_t> field_;
  size_t array_field_ = 0;
};

class KeyFinder : public Events {
 public:
  explicit KeyFinder(std::span<const std::string_view> keys) : keys_(keys) {}
  std::string_view found() const { return found_; }

  bool null() { return true; }
  bool boolean(bool /*value*/) { return true; }
  bool number_integer(number_integer_t /*value*/) { return true; }
  bool number_unsigned(number_unsigned_t /*value*/) { return true; }
  bool number_float(number_float_t /*value*/, const string_t& /*text*/) { return true; }
  bool string(string_t& /*value*/) { return true; }

  bool start_object(size_t /*elements*/) {
    ++depth_;
    if (object_depth_ == 0) object_depth_ = depth_;
    return object_depth_ <= 2;
  }
  bool end_object() { return depth_-- != object_depth_; }
  bool start_array(size_t /*elements*/) {
    ++depth_;
    return true;
  }
  bool end_array() { return --depth_ != 0; }
  bool key(string_t& key) {
    if (depth_ != object_depth_) return true;
    const auto found = std::find(keys_.begin(), keys_.end(), key);
    if (found == keys_.end()) return true;
    found_ = *found;
    return false;
  }

 private:
  std::span<const std::string_view> keys_;
  std::string_view found_;
  size_t depth_ = 0;
  size_t object_depth_ = 0;  // of the object whose keys are looked at; 0: none yet
};

}  // namespace

base::Status ReadJsonRecords(std::string_view text, const JsonShape& shape,
                             const std::function<bool(JsonRecord)>& take) {
  RecordReader reader(shape, take);
  Json::sax_parse(text.begin(), text.end(), &reader);
  if (!reader.fault_at()) return {};
  return base::Error{"the JSON is broken or breaks off at byte " +
                     std::to_string(*reader.fault_at())};
}

std::string_view FindJsonKey(std::string_view text, std::span<const std::string_view> keys) {
  KeyFinder finder(keys);
  Json::sax_parse(text.begin(), text.end(), &finder, Json::input_format_t::json, false);
  return finder.found();
}

}  // namespace weir::rules
