// PolicyText to CompiledPolicy: names resolved, rules put in the order in which they count,
// indexed. Called off the workers, by the owner of the policy.
#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "dataplane/base/result.h"
#include "dataplane/base/siphash.h"
#include "rules/compile/app_catalog.h"
#include "rules/compile/compiled_policy.h"
#include "rules/lists/list_catalog.h"
#include "rules/model/policy_text.h"

namespace weir::rules {

// What becomes of a flow that no rule decides when an end inside has an address that is nobody's.
enum class UnknownAddress : uint8_t {
  kAllow,
  kDrop,
  kReject,
  kPortal,  // rejected, but an HTTP request in clear text is sent to the portal
};
// The rule that says so, behind all others.
inline constexpr std::string_view kUnknownAddressId = "unknown-address";

struct CompileOptions {
  Mode mode = Mode::kEnforce;  // a rule's own `mode` goes before it
  uint32_t version = 0;
  base::WallTime now;  // rules whose `until` is not after it are left out, with a warning

  // Null where no classifier is at hand (`rules check` in control): application and category names
  // are then not looked at; each is a warning, and the result is not complete() and must not be
  // installed.
  const AppCatalog* apps = nullptr;

  // Asked once for each list that a rule is about. Null where none is at hand: then lists are not
  // looked at, as applications above.
  const ListCatalog* lists = nullptr;

  // Of the hash that names are found by. Drawn anew for each policy where it is not set.
  std::optional<base::HashKey> name_secret = std::nullopt;

  UnknownAddress unknown = UnknownAddress::kAllow;

  // Different names that a policy may have.
  size_t names_max = kNamesMax;
};

// Fails when any rule names an unknown application, or a list cannot be had, or a keyword is too
// short or too long, or there are too many names or keywords; nothing is ever left out in silence.
// The message has a line for each fault, as ParsePolicy's.
base::Result<std::shared_ptr<const CompiledPolicy>> Compile(const PolicyText& text,
                                                            const CompileOptions& options);

}  // namespace weir::rules
