#include <cstdio>

#include "app/commands.h"
#include "app/wiring.h"

namespace codeapi {

int ConfigCommand() {
  const auto settings = LoadSettings();
  if (!settings) {
    std::fprintf(stderr, "codeapi: %s\n", settings.error().message.c_str());
    return 1;
  }
  std::fputs(settings->Describe().c_str(), stdout);
  return 0;
}

}  // namespace codeapi
