// Settings of causeway's in an MPI_Info.
#include "info.hpp"

#include <log.hpp>

#include <algorithm>
#include <vector>

namespace causeway::mpi {

namespace {

/// An error for the first key that looks like a setting of causeway's and is not allowed.
template <class Check>
Status check_keys(MPI_Info info, const Check& check) {
  if (info == MPI_INFO_NULL) return {};
  int keys = 0;
  PMPI_Info_get_nkeys(info, &keys);
  for (int i = 0; i < keys; ++i) {
    char key[MPI_MAX_INFO_KEY + 1] = "";
    PMPI_Info_get_nthkey(info, i, key);
    if (!std::string(key).starts_with("causeway_")) continue;
    const auto setting =
        std::ranges::find_if(settings(), [&](const Setting& s) { return info_key(s) == key; });
    if (setting == settings().end()) {
      return Status::error(ErrorKind::kInfo, "info has no setting '%s'", key);
    }
    CAUSEWAY_TRY(check(*setting));
  }
  return {};
}

Lookup values_of(MPI_Info info) {
  return [info](const std::string& key) -> std::optional<std::string> {
    if (info == MPI_INFO_NULL) return std::nullopt;
    char value[MPI_MAX_INFO_VAL + 1] = "";
    int found = 0;
    PMPI_Info_get(info, key.c_str(), MPI_MAX_INFO_VAL, value, &found);
    return found != 0 ? std::optional<std::string>(value) : std::nullopt;
  };
}

}  // namespace

Status read_config(MPI_Info info, Config* config) {
  CAUSEWAY_TRY(check_keys(info, [](const Setting&) { return Status(); }));
  return load_config(values_of(info), environment, config);
}

Status warn_of_other_settings(MPI_Info info, const Config& config, int rank) {
  if (info == MPI_INFO_NULL) return {};
  CAUSEWAY_TRY(check_keys(info, [](const Setting&) { return Status(); }));
  std::vector<Difference> differences;
  CAUSEWAY_TRY(find_differences(values_of(info), config, &differences));
  for (const Difference& difference : differences) {
    if (rank != 0) break;
    log(LogLevel::kWarn,
        "the communicator is attached with %s = '%s', and keeps it: '%s' is asked for by a later "
        "MPIX_Comm_attach",
        difference.key.c_str(), difference.value.c_str(), difference.asked.c_str());
  }
  return {};
}

Status read_plan_settings(MPI_Info info, PlanSettings* settings) {
  CAUSEWAY_TRY(check_keys(info, [](const Setting& setting) {
    if (setting.of_plans) return Status();
    return Status::error(ErrorKind::kInfo,
                         "info has '%s', which a communicator has and a plan cannot have otherwise",
                         info_key(setting).c_str());
  }));
  return load_plan_settings(values_of(info), settings);
}

}  // namespace causeway::mpi
