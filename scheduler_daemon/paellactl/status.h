// `paellactl status`: what paellad's status document says, for people or as it is.
#ifndef PAELLA_SCHEDULER_DAEMON_PAELLACTL_STATUS_H_
#define PAELLA_SCHEDULER_DAEMON_PAELLACTL_STATUS_H_

#include <nlohmann/json.hpp>
#include <string>

#include "scheduler_daemon/paellactl/control_client.h"

namespace paella::paellactl {

// What an older or newer daemon does not say, or says in another type, is shown as "-".
std::string DescribeStatus(const nlohmann::json& document);

// The text to print; `failed` with the reason if there is none.
Answer Status(const std::vector<std::string>& paths, bool as_json,
              std::chrono::milliseconds timeout = kAnswerTimeout);

}  // namespace paella::paellactl

#endif  // PAELLA_SCHEDULER_DAEMON_PAELLACTL_STATUS_H_
