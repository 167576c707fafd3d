// What a request asks of the sessions. Pure; any thread.
#pragma once

#include "control/api/message.h"
#include "control/audit/query.h"
#include "dataplane/base/result.h"

namespace weir::control::api {

// account, ip, name, port, rule, from, to, at, limit, cursor, order of the request's query; the
// error names the one that is wrong. A name may be written as people do: in Unicode, in capitals,
// with a dot at its end.
base::Result<audit::Query> ToSessionQuery(const Request& request);

}  // namespace weir::control::api
