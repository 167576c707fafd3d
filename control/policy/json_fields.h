// Fields of a JSON object from outside, read without exceptions: a field that is missing or of
// another type reads as the fallback.
//
// Pure; any thread.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

namespace weir::control::policy {

// The member, or an empty object's null.
inline const nlohmann::json& JsonMember(const nlohmann::json& object, const char* key) {
  static const nlohmann::json kNull;
  if (!object.is_object()) return kNull;
  const auto found = object.find(key);
  return found == object.end() ? kNull : *found;
}

inline std::string JsonText(const nlohmann::json& object, const char* key) {
  const nlohmann::json& member = JsonMember(object, key);
  return member.is_string() ? member.get<std::string>() : std::string();
}

// Counters arrive as unsigned; anything negative or no number reads as 0.
inline uint64_t JsonCount(const nlohmann::json& object, const char* key) {
  const nlohmann::json& member = JsonMember(object, key);
  if (member.is_number_unsigned()) return member.get<uint64_t>();
  if (!member.is_number_integer()) return 0;
  const auto value = member.get<int64_t>();
  return value < 0 ? 0 : static_cast<uint64_t>(value);
}

inline double JsonNumber(const nlohmann::json& object, const char* key) {
  const nlohmann::json& member = JsonMember(object, key);
  return member.is_number() ? member.get<double>() : 0;
}

inline bool JsonBool(const nlohmann::json& object, const char* key) {
  const nlohmann::json& member = JsonMember(object, key);
  return member.is_boolean() && member.get<bool>();
}

// A JSON text whose foreign bytes cannot make it fail: bytes that are not UTF-8 become U+FFFD.
inline std::string JsonDump(const nlohmann::json& value) {
  return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace weir::control::policy
