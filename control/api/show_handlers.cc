#include "control/api/handlers.h"
#include "control/api/log_text.h"
#include "control/api/views.h"
#include "control/policy/json_fields.h"

namespace weir::control::api {
namespace {

using nlohmann::json;

constexpr uint64_t kFlowsShownMax = 10'000;  // as the data plane limits it

// Members of the data plane's `stats`.
Reply ShowStats(const Parts& parts, std::initializer_list<const char*> members) {
  const auto stats = parts.policy.dataplane().Call({{"cmd", "stats"}});
  if (!stats.ok()) return DataplaneError(stats);
  json object = json::object();
  for (const char* member : members) object[member] = policy::JsonMember(stats.body, member);
  return JsonReply(object);
}

Reply ShowAnswer(const Parts& parts, const json& question) {
  auto answer = parts.policy.dataplane().Call(question);
  if (!answer.ok()) return DataplaneError(answer);
  answer.body.erase("ok");
  return JsonReply(answer.body);
}

Reply ShowFlows(const Parts& parts, const Request& request) {
  const auto limit = QueryNumber(request, "limit", 100, kFlowsShownMax);
  if (!limit) return ErrorReply(400, limit.error().message);
  auto answer = parts.policy.dataplane().Call({{"cmd", "flows"}, {"limit", *limit}});
  if (!answer.ok()) return DataplaneError(answer);
  Operation operation;
  operation.action = "show flows";
  operation.outcome = "done";
  operation.rows = static_cast<int64_t>(policy::JsonMember(answer.body, "flows").size());
  if (auto failed = LogOperation(parts, request, operation)) return *failed;
  answer.body.erase("ok");
  return JsonReply(answer.body);
}

Reply ShowAccounts(const Parts& parts, const Request& request) {
  const ingest::Counters counters = parts.ingest.counters();
  json object{{"registry", parts.config.accounts.registry.string()},
              {"registry_rows", parts.directory.registry_rows()},
              {"joined", counters.accounts_joined},
              {"unknown", counters.accounts_unknown}};
  const std::string account = request.QueryText("account");
  if (account.empty()) return JsonReply(object);
  object["account"] = account;
  object["addresses"] = json::array();
  for (const base::IpPrefix& ip : parts.directory.AddressesOf(account, base::WallNow())) {
    object["addresses"].push_back(ip.ToString());
  }
  Operation operation;
  operation.action = "show accounts";
  operation.target = account;
  operation.outcome = "done";
  operation.rows = static_cast<int64_t>(object["addresses"].size());
  if (auto failed = LogOperation(parts, request, operation)) return *failed;
  return JsonReply(object);
}

// Who put the rule there, when it is a block.
void AddBlock(const Parts& parts, json& answer) {
  const std::string id = policy::JsonText(policy::JsonMember(answer, "rule"), "id");
  const auto block = parts.policy.blocks().Find(id);
  if (block.ok() && *block) answer["block"] = ToJson(**block);
}

// The addresses whose owner an answer to why tells.
int64_t OwnersTold(const json& answer) {
  int64_t told = 0;
  for (const char* end : {"src_owner", "dst_owner"}) {
    const json& owner = policy::JsonMember(answer, end);
    const bool has_groups = !policy::JsonMember(owner, "groups").empty();
    if (has_groups || !policy::JsonText(owner, "account").empty()) told++;
  }
  return told;
}

// What the data plane is asked of a flow.
base::Result<json> ToQuestion(const Request& request) {
  json question{{"cmd", "why"}, {"proto", "tcp"}};
  for (const char* name : {"src", "dst"}) {
    const std::string text = request.QueryText(name);
    if (text.empty()) continue;
    const auto address = base::IpAddress::Parse(text);
    if (!address) return base::Error{std::string(name) + ": " + address.error().message};
    question[name] = text;
  }
  const std::string host_name = request.QueryText("name");
  if (!host_name.empty()) question["name"] = host_name;
  if (!question.contains("src") || (!question.contains("dst") && host_name.empty())) {
    return base::Error{"why wants src, and dst or name"};
  }
  const auto port = QueryNumber(request, "port", 0, 65'535);
  if (!port) return port.error();
  question["port"] = *port;
  if (const std::string proto = request.QueryText("proto"); !proto.empty())
    question["proto"] = proto;
  if (const std::string mac = request.QueryText("mac"); !mac.empty()) {
    if (const auto address = base::MacAddress::Parse(mac); !address) {
      return base::Error{"mac: " + address.error().message};
    }
    question["mac"] = mac;
  }
  if (!request.QueryText("vlan").empty()) {
    const auto vlan = QueryNumber(request, "vlan", 0, 4094);
    if (!vlan) return vlan.error();
    question["vlan"] = *vlan;
  }
  return question;
}

}  // namespace

Reply GetShow(const Parts& parts, const Request& request) {
  const std::string& what = request.PathValue("what");
  if (what == "ports") return ShowStats(parts, {"ports"});
  if (what == "workers") return ShowStats(parts, {"workers", "flows", "classifier"});
  if (what == "drops") return ShowStats(parts, {"dropped", "verdicts"});
  if (what == "coverage") return ShowStats(parts, {"coverage", "streams"});
  if (what == "flows") return ShowFlows(parts, request);
  if (what == "rules") return ShowAnswer(parts, {{"cmd", "rules"}});
  if (what == "accounts") return ShowAccounts(parts, request);
  return ErrorReply(404,
                    "there is no show '" + what +
                        "'; there are ports, workers, flows, accounts, rules, drops, coverage");
}

Reply GetWhy(const Parts& parts, const Request& request) {
  const auto question = ToQuestion(request);
  if (!question) return ErrorReply(400, question.error().message);
  auto answer = parts.policy.dataplane().Call(*question);
  if (!answer.ok()) return DataplaneError(answer);
  answer.body.erase("ok");
  AddBlock(parts, answer.body);
  // It tells whose the addresses are.
  Operation operation;
  operation.action = "why";
  operation.target = LogQuery(request);
  operation.outcome = "done: " + policy::JsonText(answer.body, "verdict");
  operation.rows = OwnersTold(answer.body);
  if (auto failed = LogOperation(parts, request, operation)) return *failed;
  return JsonReply(answer.body);
}

}  // namespace weir::control::api
