#include "dataplane/respond/withheld.h"

namespace weir::respond {

std::string_view WithheldName(Withheld reason) {
  switch (reason) {
    case Withheld::kNoConversation:
      return "no_conversation";
    case Withheld::kUnanswerable:
      return "unanswerable";
    case Withheld::kEncapsulated:
      return "encapsulated";
    case Withheld::kRate:
      return "rate";
    case Withheld::kBudget:
      return "budget";
    case Withheld::kNoRoom:
      return "no_room";
    case Withheld::kCount:
      break;
  }
  return "unknown";
}

}  // namespace weir::respond
