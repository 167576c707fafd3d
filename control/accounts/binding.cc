#include "control/accounts/binding.h"

namespace weir::control::accounts {

std::string_view BindingSourceName(BindingSource source) {
  switch (source) {
    case BindingSource::kNone:
      return "";
    case BindingSource::kRegistry:
      return "registry";
    case BindingSource::kDhcp:
      return "dhcp";
    case BindingSource::kRadius:
      return "radius";
    case BindingSource::kPortal:
      return "portal";
  }
  return "";
}

std::string_view ConfidenceName(Confidence confidence) {
  switch (confidence) {
    case Confidence::kStanding:
      return "standing";
    case Confidence::kDerived:
      return "derived";
    case Confidence::kTold:
      return "told";
  }
  return "";
}

}  // namespace weir::control::accounts
