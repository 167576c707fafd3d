#include "dataplane/app/dataplane/respond_settings.h"

namespace weir::appliance {
namespace {

respond::DnsAnswer DnsAnswerOf(base::DnsAnswerMode mode) {
  switch (mode) {
    case base::DnsAnswerMode::kNone:
      return respond::DnsAnswer::kNone;
    case base::DnsAnswerMode::kNxDomain:
      return respond::DnsAnswer::kNxDomain;
    case base::DnsAnswerMode::kSinkhole:
      return respond::DnsAnswer::kSinkhole;
    case base::DnsAnswerMode::kRefused:
      return respond::DnsAnswer::kRefused;
  }
  return respond::DnsAnswer::kNone;
}

}  // namespace

base::Result<respond::Settings> MakeRespondSettings(const base::Config& config) {
  const base::RespondConfig& from = config.respond;
  respond::Settings settings;
  settings.dns = DnsAnswerOf(from.dns);
  settings.sinkhole_ipv4 = from.sinkhole_ipv4;
  settings.sinkhole_ipv6 = from.sinkhole_ipv6;
  settings.dns_ttl_s = from.dns_ttl_s;
  settings.http_page = from.http == base::HttpAnswerMode::kPage;
  settings.portal = config.accounts.portal;
  settings.per_source_per_second = from.per_source_per_second;
  settings.total_per_second = from.total_per_second;
  if (from.block_page.empty()) return settings;
  auto page = respond::BlockPage::Load(from.block_page);
  if (!page) return base::Error{"[respond] block_page: " + page.error().message};
  settings.block_page = std::make_shared<const respond::BlockPage>(std::move(*page));
  return settings;
}

}  // namespace weir::appliance
