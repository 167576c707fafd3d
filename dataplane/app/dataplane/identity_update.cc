#include "dataplane/app/dataplane/identity_update.h"

#include <fmt/format.h>

namespace weir::appliance {
namespace {

using Request = nlohmann::json;

constexpr size_t kBootBytesMax = 64;

// Null where there is none, or another kind of value.
const std::string* TextIn(const Request& object, const char* key) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(key);
  return found == object.end() ? nullptr : found->get_ptr<const std::string*>();
}

base::Result<bool> Flag(const Request& request, const char* key) {
  const auto found = request.find(key);
  if (found == request.end()) return false;
  if (!found->is_boolean()) return base::Error{fmt::format("\"{}\" must be true or false", key)};
  return found->get<bool>();
}

// Null where there is none; fails where it is no list, or too long.
base::Result<const Request*> List(const Request& request, const char* key) {
  const auto found = request.find(key);
  if (found == request.end()) return static_cast<const Request*>(nullptr);
  if (!found->is_array() || found->size() > IdentityUpdate::kEntriesMax) {
    return base::Error{
        fmt::format("\"{}\" must be a list of up to {} entries", key, IdentityUpdate::kEntriesMax)};
  }
  return &*found;
}

base::Status TakeSet(const Request& request, IdentityUpdate& update) {
  const auto list = List(request, "set");
  if (!list) return list.error();
  if (*list == nullptr) return {};
  update.set.reserve((*list)->size());
  for (const Request& entry : **list) {
    const std::string* ip = TextIn(entry, "ip");
    const std::string* account = TextIn(entry, "account");
    if (ip == nullptr || account == nullptr) {
      return base::Error{R"("set" must be a list of {"ip":"…","account":"…"})"};
    }
    const auto prefix = base::IpPrefix::Parse(*ip);
    if (!prefix) return base::Error{fmt::format("\"set\": {}", prefix.error().message)};
    if (account->empty() || account->size() > IdentityUpdate::kAccountBytesMax) {
      return base::Error{fmt::format("\"set\": an account has 1 to {} bytes, that of {} has {}",
                                     IdentityUpdate::kAccountBytesMax, prefix->ToString(),
                                     account->size())};
    }
    update.set.emplace_back(*prefix, *account);
  }
  return {};
}

base::Status TakeRemove(const Request& request, IdentityUpdate& update) {
  const auto list = List(request, "remove");
  if (!list) return list.error();
  if (*list == nullptr) return {};
  if (update.full && !(*list)->empty()) {
    return base::Error{"\"remove\" has no place in a full update"};
  }
  for (const Request& entry : **list) {
    const auto* text = entry.get_ptr<const std::string*>();
    if (text == nullptr) return base::Error{"\"remove\" must be a list of addresses and prefixes"};
    const auto prefix = base::IpPrefix::Parse(*text);
    if (!prefix) return base::Error{fmt::format("\"remove\": {}", prefix.error().message)};
    update.remove.push_back(*prefix);
  }
  return {};
}

}  // namespace

base::Result<IdentityUpdate> IdentityUpdate::Parse(const Request& request) {
  IdentityUpdate update;
  const std::string* boot = TextIn(request, "boot");
  if (boot == nullptr || boot->empty() || boot->size() > kBootBytesMax) {
    return base::Error{fmt::format("\"boot\" must be a word of up to {} bytes", kBootBytesMax)};
  }
  update.boot = *boot;
  const auto seq = request.find("seq");
  if (seq == request.end() || !seq->is_number_unsigned()) {
    return base::Error{"\"seq\" must be a number"};
  }
  update.seq = seq->get<uint64_t>();
  for (const auto& [key, out] : {std::pair{"full", &update.full}, std::pair{"first", &update.first},
                                 std::pair{"last", &update.last}}) {
    const auto flag = Flag(request, key);
    if (!flag) return flag.error();
    *out = *flag;
  }
  if (auto taken = TakeSet(request, update); !taken) return taken.error();
  if (auto taken = TakeRemove(request, update); !taken) return taken.error();
  return update;
}

}  // namespace weir::appliance
