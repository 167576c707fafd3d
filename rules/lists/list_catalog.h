// Where the compiler gets what the lists of a policy hold. Const and safe from any thread.
#pragma once

#include <memory>
#include <string>

#include "dataplane/base/result.h"
#include "rules/lists/list_content.h"
#include "rules/model/policy_text.h"

namespace weir::rules {

struct LoadedList {
  std::shared_ptr<const ListContent> content;
  std::string digest;   // SHA-256 of its bytes, in hex
  std::string warning;  // one sentence about it, or none
};

class ListCatalog {
 public:
  virtual ~ListCatalog() = default;

  // `rules_file`: where the list is defined. The message says what is wrong in one line.
  virtual base::Result<LoadedList> Load(const ListDefinition& list,
                                        const std::string& rules_file) const = 0;
};

}  // namespace weir::rules
