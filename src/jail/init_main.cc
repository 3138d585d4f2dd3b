#include "jail/init.h"

int main() {
  return codeapi::RunCellInit();
}
